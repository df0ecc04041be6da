use crate::{Kind, Tag};

/// Why received bytes are not a valid message. Messages and fields have the names of the schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not the message's protobuf encoding. Fatal.
    #[error("{message} is malformed: {reason}")]
    Malformed {
        /// The innermost malformed message.
        message: &'static str,
        /// The defect.
        reason: &'static str,
    },
    /// Messages are nested deeper than [`Limits::max_depth`](crate::Limits::max_depth). Fatal.
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
        /// The message that was expected.
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
    /// A sub-message that is verified as received occurs more than once.
    #[error("{message}.{field} occurs more than once")]
    Repeated {
        /// The message.
        message: &'static str,
        /// The sub-message.
        field: &'static str,
    },
    /// An envelope has more unsigned bytes besides its parts than are accepted.
    #[error("{message} carries {excess} unsigned bytes, at most {limit} are accepted")]
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
    /// The message has no content, or content of an unknown kind.
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
    /// A field of fixed length has another length.
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
    /// An enumeration has an unknown value, or none where one is required.
    #[error("{message}.{field} has the illegal value {value}")]
    UnknownEnum {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
        /// The value received.
        value: i32,
    },
    /// The tag is not the legal one for this content.
    #[error("tag {tag:?} is illegal for {kind}")]
    IllegalTag {
        /// The content.
        kind: Kind,
        /// The tag received.
        tag: Tag,
    },
}

impl DecodeError {
    /// Whether the bytes could not be decoded at all: the remote does not speak this protocol and
    /// the connection must be closed. Otherwise the message is dropped and the connection kept.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Malformed { .. } | Self::TooDeep { .. })
    }
}
