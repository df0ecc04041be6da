use crate::{Kind, Tag};

/// Why received bytes are not a message. Messages and fields have the schema's names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are no protobuf encoding of the schema's message. Fatal.
    #[error("{message} is malformed: {reason}")]
    Malformed {
        /// The innermost message that is broken.
        message: &'static str,
        /// What is broken in it.
        reason: &'static str,
    },
    /// Messages within messages beyond [`Limits::max_depth`](crate::Limits::max_depth). Fatal.
    #[error("{message} is nested more than {limit} levels deep")]
    TooDeep {
        /// The message at the limit.
        message: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The whole frame is longer than [`Limits::max_envelope`](crate::Limits::max_envelope).
    #[error("{message} has {actual} bytes, at most {limit} are accepted")]
    TooLong {
        /// The message that the frame should hold.
        message: &'static str,
        /// The frame's length.
        actual: usize,
        /// The limit.
        limit: usize,
    },
    /// A field is longer than its limit.
    #[error("{message}.{field} has {actual} bytes, at most {limit} are accepted")]
    FieldTooLong {
        /// The message.
        message: &'static str,
        /// Its field.
        field: &'static str,
        /// The field's length.
        actual: usize,
        /// The limit.
        limit: usize,
    },
    /// A list has more elements than [`Limits::max_list`](crate::Limits::max_list).
    #[error("{message}.{field} has more than {limit} elements")]
    ListTooLong {
        /// The message.
        message: &'static str,
        /// The list.
        field: &'static str,
        /// The limit.
        limit: usize,
    },
    /// All lists together have more elements than
    /// [`Limits::max_elements`](crate::Limits::max_elements).
    #[error("{message} has lists of more than {limit} elements together")]
    TooManyElements {
        /// The outermost message.
        message: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A sub-message that must be verified as it came occurs more than once.
    #[error("{message}.{field} occurs more than once")]
    Repeated {
        /// The message.
        message: &'static str,
        /// The sub-message.
        field: &'static str,
    },
    /// An envelope carries more besides its parts than a few bytes, which nobody has signed.
    #[error("{message} carries {excess} bytes that nobody signed, at most {limit} are accepted")]
    Padded {
        /// The message.
        message: &'static str,
        /// The bytes besides its parts.
        excess: usize,
        /// The limit.
        limit: usize,
    },
    /// The envelope has no payload.
    #[error("envelope carries no payload")]
    NoPayload,
    /// The message has no content, or content of a kind that this version does not know.
    #[error("gossip message carries no content of a known kind")]
    NoContent,
    /// A part that the protocol needs is absent or empty.
    #[error("{message}.{field} is missing")]
    Missing {
        /// The message.
        message: &'static str,
        /// The absent part.
        field: &'static str,
    },
    /// A field of fixed length has another one.
    #[error("{message}.{field} has {actual} bytes, not {expected}")]
    WrongLength {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
        /// The field's length.
        actual: usize,
        /// The length it must have.
        expected: usize,
    },
    /// An enumeration has no such value, or the value says that none was set where one is needed.
    #[error("{message}.{field} has the illegal value {value}")]
    UnknownEnum {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
        /// The value received.
        value: i32,
    },
    /// The tag is not the one legal for this content.
    #[error("tag {tag:?} is illegal for {kind}")]
    IllegalTag {
        /// The content.
        kind: Kind,
        /// The tag received.
        tag: Tag,
    },
}

impl DecodeError {
    /// Whether the bytes could not be decoded at all: the two ends do not speak the same language
    /// and the connection must be closed. Otherwise the message is dropped and the connection kept.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Malformed { .. } | Self::TooDeep { .. })
    }
}
