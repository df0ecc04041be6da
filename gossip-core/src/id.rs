//! Identifiers. Cloning one copies a few bytes or counts.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Bytes up to this length are kept in place. PKI-IDs are hashes of 32 bytes: comparing and cloning one
/// then follows no pointer.
const IN_PLACE: usize = 38;

/// A byte string that is cloned often and never changed.
#[derive(Clone)]
enum Repr {
    InPlace { len: u8, bytes: [u8; IN_PLACE] },
    Shared(Arc<[u8]>),
}

impl Repr {
    fn new(bytes: &[u8]) -> Self {
        let mut place = [0; IN_PLACE];
        match (place.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(start), Ok(len)) => {
                start.copy_from_slice(bytes);
                Self::InPlace { len, bytes: place }
            }
            _ => Self::Shared(bytes.into()),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::InPlace { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Shared(bytes) => bytes,
        }
    }

    /// The first bytes as a number, which nearly always decides how two identifiers are ordered. What
    /// is kept in place ends with zeros, so an identifier never has a smaller one than its prefix.
    #[inline]
    fn start(&self) -> Option<u64> {
        match self {
            Self::InPlace { bytes, .. } => {
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
    /// A peer's PKI-ID: for X.509 identities SHA-256(mspid ‖ id_bytes). At most 64 bytes on the wire.
    PeerId
}

byte_id! {
    /// An organisation: for X.509 identities the MSP-ID's bytes.
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
    /// What somebody else claims to be an endpoint, and what a transport may be asked to dial: visible ASCII
    /// characters, at least one. What they mean is for the transport to say.
    pub(crate) fn told(text: &str) -> Option<Self> {
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
    /// A channel's name. At most 249 bytes on the wire.
    ChannelId
}

text_id! {
    /// An address as the transport understands it, by convention `host:port`. At most 256 bytes on
    /// the wire.
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
    /// One transport connection. Chosen by the driver, never used twice by it.
    LinkId
}

number_id! {
    /// Work that the core has handed out. Chosen by the core, answered once by the driver.
    Ticket
}

number_id! {
    /// A question of the application. Chosen by the driver, answered once by the core.
    RequestId
}

/// Proves that a publisher knows a channel's name, without telling it.
pub(crate) type Mac = [u8; 32];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_ordered_as_their_bytes_are_whether_kept_in_place_or_not() {
        let long = [b'b'; 64];
        let texts: [&[u8]; 8] = [
            b"",
            b"\0",
            b"a",
            b"a\0",
            &long[..IN_PLACE],
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
