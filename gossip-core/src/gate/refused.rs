//! Identities that the crypto service has refused.

use bytes::Bytes;

use crate::out::Out;
use crate::recent::Recent;
use crate::snapshot::Stores;
use crate::{Config, CryptoError, Instant};

/// Until when what others tell with an identity is dropped without another check: in a network where a certificate has
/// expired all peers tell of it all the time. By the hash of the identity itself, as any peer may claim a PKI-ID. At
/// most `max_refused`.
#[derive(Debug, Default)]
pub(super) struct RefusedIdentities {
    until: Recent<Hash, Instant>,
}

type Hash = [u8; 32];

impl RefusedIdentities {
    pub(super) fn stores(&self, config: &Config, stores: &mut Stores) {
        let (refused, max) = (self.until.len(), config.identities.max_refused.get());
        stores.add("identities refused", refused, max);
    }

    /// Was this identity refused a moment ago? Counts it if so.
    pub(super) fn contains(&self, cx: &mut Out<'_>, identity: &[u8]) -> bool {
        if self.until.is_empty() {
            return false;
        }
        let until = self.until.get(&hash(identity));
        let refused = until.is_some_and(|until| *until > cx.now);
        cx.metrics().identities_refused += u64::from(refused);
        refused
    }

    /// Remembers the verdict on an identity, if it is one on the identity and not on what came with it.
    pub(super) fn note<T>(
        &mut self,
        cx: &Out<'_>,
        identity: &Bytes,
        verdict: &Result<T, CryptoError>,
    ) {
        match verdict {
            Ok(_) if self.until.is_empty() => {}
            Ok(_) => {
                self.until.remove(&hash(identity));
            }
            Err(error) if is_of_identity(*error) => self.remember(cx, hash(identity)),
            Err(_) => {}
        }
    }

    /// The service may judge otherwise now.
    pub(super) fn clear(&mut self) {
        self.until.clear();
    }

    fn remember(&mut self, cx: &Out<'_>, identity: Hash) {
        let config = &cx.config.identities;
        let until = cx.now + config.refuse_for;
        self.until.expire(|until| *until <= cx.now);
        self.until.insert(identity, until, config.max_refused.get());
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.until.len()
    }
}

fn hash(identity: &[u8]) -> Hash {
    *blake3::hash(identity).as_bytes()
}

fn is_of_identity(error: CryptoError) -> bool {
    matches!(
        error,
        CryptoError::MalformedIdentity
            | CryptoError::Expired
            | CryptoError::Revoked
            | CryptoError::Untrusted
    )
}
