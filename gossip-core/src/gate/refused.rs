//! Identities that the crypto service has refused.

use bytes::Bytes;

use crate::out::Out;
use crate::recent::Recent;
use crate::snapshot::Stores;
use crate::{Config, CryptoError, Instant};

/// For each refused identity, the time until which messages with it are dropped without another check: after a
/// certificate has expired, all peers go on sending messages with it. The key is the hash of the identity itself, since
/// any peer may claim a PKI-ID. At most `max_refused`.
#[derive(Debug, Default)]
pub(super) struct RefusedIdentities {
    until: Recent<Hash, Instant>,
}

type Hash = [u8; 32];

impl RefusedIdentities {
    pub(super) fn stores(&self, config: &Config, stores: &mut Stores) {
        let (refused, max) = (self.until.len(), config.identities.max_refused.get());
        stores.add("refused identities", refused, max);
    }

    /// Returns whether the identity was refused a moment ago, and counts it then.
    pub(super) fn contains(&self, cx: &mut Out<'_>, identity: &[u8]) -> bool {
        if self.until.is_empty() {
            return false;
        }
        let until = self.until.get(&hash(identity));
        let refused = until.is_some_and(|until| *until > cx.now);
        cx.metrics().identities_refused += u64::from(refused);
        refused
    }

    /// Remembers the verdict, if it concerns the identity and not the message that carried it.
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

    /// Forgets all: the crypto service may accept them now.
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
