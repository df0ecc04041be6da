//! The simulated identity service: identities are text, signatures are keyed hashes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use gossip_core::{
    ChannelId, CryptoError, CryptoJob, CryptoOutcome, Instant, OrgId, PeerId, SelfIdentity,
    Signatures, Signed, ValidIdentity,
};

use crate::block::Orderer;
use crate::rng::derive_seed;

/// The identity `org/peer#generation`. A renewed certificate is the next generation and has its own PKI-ID.
///
/// Names must not contain `/` or `#`.
#[must_use]
pub fn identity(org: &str, peer: &str, generation: u32) -> SelfIdentity {
    let bytes = Bytes::from(format!("{org}/{peer}#{generation}"));
    SelfIdentity {
        peer: pki_id(&bytes),
        org: OrgId::new(org.as_bytes()),
        bytes,
    }
}

/// Makes and verifies signatures for every node of a world.
///
/// A signature is a hash under a key that only this service holds, over the signer's identity and
/// the text: an altered text, another identity or a forged signature fails.
#[derive(Debug)]
pub(crate) struct Crypto {
    key: [u8; 32],
    orderer: Orderer,
    orgs: BTreeSet<OrgId>,
    expiry: BTreeMap<Bytes, Instant>,
    revoked: BTreeSet<Bytes>,
    readers: BTreeMap<ChannelId, BTreeSet<OrgId>>,
    scratch: Vec<u8>,
}

impl Crypto {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            key: derive_seed(seed, "signatures", 0),
            orderer: Orderer::new(seed),
            orgs: BTreeSet::new(),
            expiry: BTreeMap::new(),
            revoked: BTreeSet::new(),
            readers: BTreeMap::new(),
            scratch: Vec::new(),
        }
    }

    pub(crate) fn orderer(&self) -> &Orderer {
        &self.orderer
    }

    pub(crate) fn trust(&mut self, org: OrgId) {
        self.orgs.insert(org);
    }

    pub(crate) fn expire(&mut self, identity: Bytes, at: Instant) {
        self.expiry.insert(identity, at);
    }

    pub(crate) fn revoke(&mut self, identity: Bytes) {
        self.revoked.insert(identity);
    }

    pub(crate) fn set_readers(&mut self, channel: ChannelId, orgs: BTreeSet<OrgId>) {
        self.readers.insert(channel, orgs);
    }

    /// Does a job of the node with identity `own`.
    pub(crate) fn work(&mut self, now: Instant, own: &Bytes, job: &CryptoJob) -> CryptoOutcome {
        match job {
            CryptoJob::Authenticate {
                identity,
                pki_id,
                signed,
            } => {
                let valid = self.validate(now, identity);
                let outcome = valid.and_then(|valid| {
                    valid.check_pki_id(pki_id)?;
                    self.verify(identity, signed)?;
                    Ok(valid)
                });
                CryptoOutcome::Authenticated(outcome)
            }
            CryptoJob::Validate { identity, pki_id } => {
                let outcome = self.validate(now, identity).and_then(|valid| {
                    valid.check_pki_id(pki_id)?;
                    Ok(valid)
                });
                CryptoOutcome::Authenticated(outcome)
            }
            CryptoJob::Verify {
                identity,
                signed,
                channel,
            } => {
                let admitted = channel
                    .as_ref()
                    .map_or(Ok(()), |channel| self.admits(channel, identity));
                CryptoOutcome::Verified(admitted.and_then(|()| self.verify(identity, signed)))
            }
            CryptoJob::VerifyBlock {
                channel,
                seq,
                block,
            } => CryptoOutcome::Verified(self.orderer.verify(channel, *seq, block)),
            CryptoJob::Sign { payload, secret } => CryptoOutcome::Signed(Ok(Signatures {
                payload: self.sign(own, payload),
                secret: secret.as_ref().map(|secret| self.sign(own, secret)),
            })),
        }
    }

    /// Time until an identity expires; `None` if it does not expire.
    pub(crate) fn expires_in(&self, identity: &Bytes, now: Instant) -> Option<Duration> {
        self.expiry.get(identity).map(|at| at.since(now))
    }

    fn validate(&self, now: Instant, identity: &Bytes) -> Result<ValidIdentity, CryptoError> {
        let org = org_of(identity).ok_or(CryptoError::MalformedIdentity)?;
        let org = self.orgs.get(org).cloned().ok_or(CryptoError::Untrusted)?;
        if self.revoked.contains(identity) {
            return Err(CryptoError::Revoked);
        }
        let expires_in = self.expires_in(identity, now);
        if expires_in.is_some_and(|left| left.is_zero()) {
            return Err(CryptoError::Expired);
        }
        Ok(ValidIdentity {
            peer: pki_id(identity),
            org: Some(org),
            expires_in,
        })
    }

    fn admits(&self, channel: &ChannelId, identity: &[u8]) -> Result<(), CryptoError> {
        let org = org_of(identity).ok_or(CryptoError::MalformedIdentity)?;
        match self.readers.get(channel) {
            Some(readers) if !readers.contains(org) => Err(CryptoError::NotAdmitted),
            _ => Ok(()),
        }
    }

    fn verify(&mut self, identity: &[u8], signed: &Signed) -> Result<(), CryptoError> {
        let payload = (&signed.payload, &signed.signature);
        let secret = signed
            .secret
            .as_ref()
            .map(|(text, signature)| (text, signature));
        for (text, signature) in std::iter::once(payload).chain(secret) {
            if self.sign(identity, text) != *signature {
                return Err(CryptoError::BadSignature);
            }
        }
        Ok(())
    }

    pub(crate) fn sign(&mut self, identity: &[u8], text: &[u8]) -> Bytes {
        self.scratch.clear();
        self.scratch
            .extend_from_slice(&(identity.len() as u64).to_le_bytes());
        self.scratch.extend_from_slice(identity);
        self.scratch.extend_from_slice(text);
        Bytes::copy_from_slice(blake3::keyed_hash(&self.key, &self.scratch).as_bytes())
    }
}

fn pki_id(identity: &[u8]) -> PeerId {
    PeerId::new(blake3::hash(identity).as_bytes())
}

fn org_of(identity: &[u8]) -> Option<&[u8]> {
    let slash = identity.iter().position(|&byte| byte == b'/')?;
    let hash = identity.iter().position(|&byte| byte == b'#')?;
    let generation = std::str::from_utf8(identity.get(hash + 1..)?).ok()?;
    (slash > 0 && slash + 1 < hash && generation.parse::<u32>().is_ok()).then(|| &identity[..slash])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn service() -> Crypto {
        let mut crypto = Crypto::new(1);
        crypto.trust(OrgId::new(b"org1"));
        crypto
    }

    fn signed(crypto: &mut Crypto, own: &Bytes, text: &'static [u8]) -> Signed {
        let payload = Bytes::from_static(text);
        Signed {
            signature: crypto.sign(own, &payload),
            payload,
            secret: None,
        }
    }

    fn verify(crypto: &mut Crypto, identity: &Bytes, signed: Signed) -> CryptoOutcome {
        let job = CryptoJob::Verify {
            identity: identity.clone(),
            signed,
            channel: None,
        };
        crypto.work(Instant::START, &Bytes::new(), &job)
    }

    #[test]
    fn signatures_hold_only_for_their_text_and_signer() {
        let mut crypto = service();
        let (own, other) = (
            identity("org1", "a", 0).bytes,
            identity("org1", "b", 0).bytes,
        );
        let good = signed(&mut crypto, &own, b"text");
        assert_eq!(
            verify(&mut crypto, &own, good.clone()),
            CryptoOutcome::Verified(Ok(()))
        );
        let bad = CryptoOutcome::Verified(Err(CryptoError::BadSignature));
        assert_eq!(verify(&mut crypto, &other, good.clone()), bad);
        let altered = Signed {
            payload: Bytes::from_static(b"texT"),
            ..good.clone()
        };
        assert_eq!(verify(&mut crypto, &own, altered), bad);
        let secret = Some((Bytes::from_static(b"s"), Bytes::from_static(b"forged")));
        assert_eq!(verify(&mut crypto, &own, Signed { secret, ..good }), bad);
    }

    #[test]
    fn identities_must_be_readable_trusted_unexpired_and_unrevoked() {
        let mut crypto = service();
        let validate = |crypto: &Crypto, identity: &Bytes| {
            crypto
                .validate(Instant::from_millis(5), identity)
                .map(|valid| valid.expires_in)
        };
        let own = identity("org1", "a", 0).bytes;
        assert_eq!(validate(&crypto, &own), Ok(None));
        for text in ["", "org1", "org1/a", "/a#0", "org1/#0", "org1/a#x"] {
            let result = validate(&crypto, &Bytes::from(text));
            assert_eq!(result, Err(CryptoError::MalformedIdentity), "{text}");
        }
        let foreign = identity("org9", "a", 0).bytes;
        assert_eq!(validate(&crypto, &foreign), Err(CryptoError::Untrusted));
        crypto.expire(own.clone(), Instant::from_millis(8));
        assert_eq!(validate(&crypto, &own), Ok(Some(Duration::from_millis(3))));
        crypto.expire(own.clone(), Instant::from_millis(5));
        assert_eq!(validate(&crypto, &own), Err(CryptoError::Expired));
        crypto.revoke(own.clone());
        assert_eq!(validate(&crypto, &own), Err(CryptoError::Revoked));
    }

    #[test]
    fn a_channels_readers_are_enforced() {
        let mut crypto = service();
        let channel = ChannelId::new("c");
        crypto.set_readers(channel.clone(), BTreeSet::from([OrgId::new(b"org2")]));
        let own = identity("org1", "a", 0).bytes;
        let signed = signed(&mut crypto, &own, b"text");
        let job = CryptoJob::Verify {
            identity: own,
            signed,
            channel: Some(channel),
        };
        let outcome = crypto.work(Instant::START, &Bytes::new(), &job);
        assert_eq!(
            outcome,
            CryptoOutcome::Verified(Err(CryptoError::NotAdmitted))
        );
    }
}
