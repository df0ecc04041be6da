//! Identities that the crypto service has refused.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::cx::Cx;
use crate::snapshot::Stores;
use crate::{Config, CryptoError, Instant};

/// What others tell with them is dropped without another check for a while: in a network where somebody's
/// certificate has expired all others tell of that one all the time. By the hash of the identity itself, as
/// anybody may claim a PKI-ID. At most `max_refused`; the oldest goes first.
#[derive(Debug, Default)]
pub(super) struct Refused {
    until: BTreeMap<Hash, Instant>,
    order: VecDeque<(Instant, Hash)>,
}

type Hash = [u8; 32];

impl Refused {
    pub(super) fn stores(&self, config: &Config, stores: &mut Stores) {
        let (refused, max) = (self.until.len(), config.identities.max_refused.get());
        stores.add("identities refused", refused, max);
    }

    /// Was this identity refused a moment ago? Counts it if so.
    pub(super) fn contains(&self, cx: &mut Cx<'_>, identity: &[u8]) -> bool {
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
        cx: &Cx<'_>,
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
        self.order.clear();
    }

    fn remember(&mut self, cx: &Cx<'_>, identity: Hash) {
        let config = &cx.config.identities;
        let until = cx.now + config.refuse_for;
        self.until.insert(identity, until);
        self.order.push_back((until, identity));
        while self.order.front().is_some_and(|(until, _)| {
            *until <= cx.now || self.order.len() > config.max_refused.get()
        }) {
            let Some((until, oldest)) = self.order.pop_front() else {
                return;
            };
            // It may have been refused again since.
            if self.until.get(&oldest) == Some(&until) {
                self.until.remove(&oldest);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.until.len().max(self.order.len())
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
