//! Identifiers. Cloning one copies a few bytes or increments a reference count.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Length up to which bytes are stored inline. PKI-IDs are hashes of 32 bytes, so comparing and cloning them follows no
/// pointer.
const INLINE: usize = 38;

/// An immutable byte string that is cloned often.
#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE] },
    Shared(Arc<[u8]>),
}

impl Repr {
    fn new(bytes: &[u8]) -> Self {
        let mut inline = [0; INLINE];
        match (inline.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(start), Ok(len)) => {
                start.copy_from_slice(bytes);
                Self::Inline { len, bytes: inline }
            }
            _ => Self::Shared(bytes.into()),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Shared(bytes) => bytes,
        }
    }

    /// The first eight bytes as a number, which nearly always decides a comparison. Inline bytes are padded with zeros,
    /// so the number of a prefix is never greater.
    #[inline]
    fn start(&self) -> Option<u64> {
        match self {
            Self::Inline { bytes, .. } => {
                bytes.first_chunk().map(|start| u64::from_be_bytes(*start))
            }
            Self::Shared(bytes) => bytes.first_chunk().map(|start| u64::from_be_bytes(*start)),
        }
    }

    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.start()
            .cmp(&other.start())
            .then_with(|| self.as_bytes().cmp(other.as_bytes()))
    }

    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.start() == other.start() && self.as_bytes() == other.as_bytes()
    }
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Repr);

        impl $name {
            /// Copies `bytes` into an identifier.
            #[must_use]
            pub fn new(bytes: &[u8]) -> Self {
                Self(Repr::new(bytes))
            }

            /// The identifier's bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.eq(&other.0)
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.0.cmp(&other.0)
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.as_bytes().hash(state);
            }
        }

        impl Borrow<[u8]> for $name {
            fn borrow(&self) -> &[u8] {
                self.as_bytes()
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self.as_bytes()
            }
        }
    };
}

byte_id! {
    /// The PKI-ID of a peer: for X.509 identities SHA-256(mspid ‖ id_bytes). At most 64 bytes on the wire.
    PeerId
}

byte_id! {
    /// The id of an organisation: for X.509 identities the bytes of the MSP-ID.
    OrgId
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .take(8)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({self})")
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl fmt::Debug for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrgId({self})")
    }
}

impl Endpoint {
    /// An endpoint received from a remote peer: one or more visible ASCII characters. Only the transport knows their
    /// meaning.
    pub(crate) fn from_remote(text: &str) -> Option<Self> {
        let plausible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        plausible.then(|| Self::new(text))
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Copies `text` into an identifier.
            #[must_use]
            pub fn new(text: &str) -> Self {
                Self(text.into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<&Self> for $name {
            fn from(id: &Self) -> Self {
                id.clone()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }
    };
}

text_id! {
    /// The name of a channel. At most 249 bytes on the wire.
    ChannelId
}

text_id! {
    /// An address in the transport's format, by convention `host:port`. At most 256 bytes on the wire.
    Endpoint
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

number_id! {
    /// The id of a transport connection. Chosen by the driver, which never reuses it.
    LinkId
}

number_id! {
    /// The id of a command that awaits an answer. Chosen by the core, answered once by the driver.
    Ticket
}

number_id! {
    /// The id of a request of the application. Chosen by the driver, answered once by the core.
    RequestId
}

/// Proves that a publisher knows a channel's name without revealing it.
pub(crate) type Mac = [u8; 32];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_ordered_by_their_bytes_whether_inline_or_not() {
        let long = [b'b'; 64];
        let texts: [&[u8]; 8] = [
            b"",
            b"\0",
            b"a",
            b"a\0",
            &long[..INLINE],
            &long[..39],
            &long,
            b"c",
        ];
        for left in texts {
            for right in texts {
                let (a, b) = (PeerId::new(left), PeerId::new(right));
                assert_eq!(a.as_bytes(), left);
                assert_eq!(a.cmp(&b), left.cmp(right));
                assert_eq!(a == b, left == right);
            }
        }
    }
}
