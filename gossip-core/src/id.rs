//! Identifiers. Those that come from the wire are shared byte strings: cloning one is a counter.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The first eight bytes as a number: decides nearly every comparison without following a pointer.
fn prefix(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_be_bytes(first)
}

/// What byte identifiers are looked up by, so that bytes from the wire need not be copied first.
pub(crate) trait ByteKey {
    fn parts(&self) -> (u64, &[u8]);
}

/// Bytes from the wire as a key.
pub(crate) struct RawKey<'a>(u64, &'a [u8]);

impl<'a> RawKey<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(prefix(bytes), bytes)
    }

    pub(crate) fn as_key(&self) -> &(dyn ByteKey + 'a) {
        self
    }
}

impl ByteKey for RawKey<'_> {
    fn parts(&self) -> (u64, &[u8]) {
        (self.0, self.1)
    }
}

impl PartialEq for dyn ByteKey + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn ByteKey + '_ {}

impl PartialOrd for dyn ByteKey + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn ByteKey + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name {
            prefix: u64,
            bytes: Arc<[u8]>,
        }

        impl $name {
            /// Copies `bytes` into an identifier.
            #[must_use]
            pub fn new(bytes: &[u8]) -> Self {
                Self { prefix: prefix(bytes), bytes: bytes.into() }
            }

            /// The identifier's bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.bytes
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.prefix == other.prefix
                    && (Arc::ptr_eq(&self.bytes, &other.bytes) || self.bytes == other.bytes)
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
                self.prefix.cmp(&other.prefix).then_with(|| {
                    if Arc::ptr_eq(&self.bytes, &other.bytes) {
                        return Ordering::Equal;
                    }
                    self.bytes.cmp(&other.bytes)
                })
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.bytes.hash(state);
            }
        }

        impl ByteKey for $name {
            fn parts(&self) -> (u64, &[u8]) {
                (self.prefix, &self.bytes)
            }
        }

        impl<'a> Borrow<dyn ByteKey + 'a> for $name {
            fn borrow(&self) -> &(dyn ByteKey + 'a) {
                self
            }
        }

        impl Borrow<[u8]> for $name {
            fn borrow(&self) -> &[u8] {
                &self.bytes
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.bytes
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
        self.bytes
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
        f.write_str(&String::from_utf8_lossy(&self.bytes))
    }
}

impl fmt::Debug for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrgId({self})")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_ordered_as_their_bytes_are_also_against_raw_keys() {
        let texts: [&[u8]; 8] = [
            b"",
            b"\0",
            b"a",
            b"a\0",
            b"abcdefgh",
            b"abcdefgh\0",
            b"abcdefghi",
            b"b",
        ];
        for left in texts {
            for right in texts {
                let expected = left.cmp(right);
                let (a, b) = (PeerId::new(left), PeerId::new(right));
                assert_eq!(a.cmp(&b), expected);
                assert_eq!(a == b, left == right);
                let key: &dyn ByteKey = a.borrow();
                assert_eq!(key.cmp(RawKey::new(right).as_key()), expected);
            }
        }
    }
}
