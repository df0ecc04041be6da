use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use gossip_core::{ChannelId, CryptoError, OrgId, PeerId, SelfIdentity};

use crate::{MessageCryptoService, SecurityAdvisor};

/// An identity service for tests: it behaves like a real one and costs microseconds, but **its
/// signatures are not secure**.
///
/// An identity is the text `org/name`, at most 64 bytes, and is its own PKI-ID. A signature is a
/// hash keyed by the identity. Every organisation is known, no identity expires, each signer may read
/// each channel, and each block verifies, unless a test says otherwise. Clones share the list of revoked
/// identities.
///
/// ```
/// use gossip_driver::testing::TestCrypto;
/// use gossip_driver::{MessageCryptoService as _, core::CryptoError};
///
/// let (alice, bob) = (TestCrypto::new("org1", "alice"), TestCrypto::new("org1", "bob"));
/// let signature = alice.sign(b"hello")?;
/// let identity = alice.identity().bytes;
/// bob.verify(&identity, &signature, b"hello")?;
/// assert_eq!(bob.verify(&identity, &signature, b"bye"), Err(CryptoError::BadSignature));
/// bob.revoke("org1", "alice");
/// assert_eq!(bob.validate_identity(&identity), Err(CryptoError::Revoked));
/// # Ok::<_, CryptoError>(())
/// ```
#[derive(Clone)]
pub struct TestCrypto {
    org: Arc<str>,
    identity: Bytes,
    known: Option<Arc<BTreeSet<OrgId>>>,
    revoked: Arc<Mutex<BTreeSet<Bytes>>>,
    block_check: Arc<BlockCheck>,
}

type BlockCheck = dyn Fn(&ChannelId, u64, &[u8]) -> bool + Send + Sync;

impl TestCrypto {
    /// The service of the peer `name` of the organisation `org`.
    #[must_use]
    pub fn new(org: &str, name: &str) -> Self {
        Self {
            org: org.into(),
            identity: text(org, name),
            known: None,
            revoked: Arc::default(),
            block_check: Arc::new(|_, _, _| true),
        }
    }

    /// Trusts identities of these organisations only.
    #[must_use]
    pub fn knowing(mut self, orgs: &[&str]) -> Self {
        let orgs = orgs.iter().map(|org| OrgId::new(org.as_bytes()));
        self.known = Some(Arc::new(orgs.collect()));
        self
    }

    /// Decides which blocks verify.
    #[must_use]
    pub fn with_block_check(
        mut self,
        check: impl Fn(&ChannelId, u64, &[u8]) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.block_check = Arc::new(check);
        self
    }

    /// Revokes the identity of `name` of `org`.
    pub fn revoke(&self, org: &str, name: &str) {
        self.revoked().insert(text(org, name));
    }

    /// The own identity, for a [`Config`](gossip_core::Config).
    #[must_use]
    pub fn identity(&self) -> SelfIdentity {
        SelfIdentity {
            peer: PeerId::new(&self.identity),
            org: OrgId::new(self.org.as_bytes()),
            bytes: self.identity.clone(),
        }
    }

    fn revoked(&self) -> MutexGuard<'_, BTreeSet<Bytes>> {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MessageCryptoService for TestCrypto {
    fn own_identity(&self) -> Bytes {
        self.identity.clone()
    }

    fn pki_id(&self, identity: &[u8]) -> Result<PeerId, CryptoError> {
        parse(identity).map(|_| PeerId::new(identity))
    }

    fn validate_identity(&self, identity: &[u8]) -> Result<(), CryptoError> {
        let org = parse(identity)?;
        if self
            .known
            .as_ref()
            .is_some_and(|known| !known.contains(org))
        {
            return Err(CryptoError::Untrusted);
        }
        if self.revoked().contains(identity) {
            return Err(CryptoError::Revoked);
        }
        Ok(())
    }

    fn expires_in(&self, identity: &[u8]) -> Result<Option<Duration>, CryptoError> {
        parse(identity).map(|_| None)
    }

    fn sign(&self, message: &[u8]) -> Result<Bytes, CryptoError> {
        Ok(seal(&self.identity, message))
    }

    fn verify(&self, identity: &[u8], signature: &[u8], message: &[u8]) -> Result<(), CryptoError> {
        parse(identity)?;
        let genuine = seal(identity, message) == signature;
        genuine.then_some(()).ok_or(CryptoError::BadSignature)
    }

    fn verify_by_channel(
        &self,
        _: &ChannelId,
        identity: &[u8],
        signature: &[u8],
        message: &[u8],
    ) -> Result<(), CryptoError> {
        self.verify(identity, signature, message)
    }

    fn verify_block(&self, channel: &ChannelId, seq: u64, block: &[u8]) -> Result<(), CryptoError> {
        let legal = (self.block_check)(channel, seq, block);
        legal.then_some(()).ok_or(CryptoError::BadBlock)
    }
}

impl SecurityAdvisor for TestCrypto {
    fn org_of(&self, identity: &[u8]) -> Option<OrgId> {
        let org = parse(identity).ok()?;
        let known = self.known.as_ref().is_none_or(|known| known.contains(org));
        known.then(|| OrgId::new(org))
    }
}

impl fmt::Debug for TestCrypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCrypto")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

fn text(org: &str, name: &str) -> Bytes {
    format!("{org}/{name}").into()
}

/// The organisation's name.
fn parse(identity: &[u8]) -> Result<&[u8], CryptoError> {
    let slash = identity.iter().position(|byte| *byte == b'/');
    match slash {
        Some(at @ 1..) if at + 1 < identity.len() && identity.len() <= 64 => Ok(&identity[..at]),
        _ => Err(CryptoError::MalformedIdentity),
    }
}

fn seal(identity: &[u8], message: &[u8]) -> Bytes {
    let key = blake3::derive_key("gossip-driver 2025 test signature", identity);
    Bytes::copy_from_slice(blake3::keyed_hash(&key, message).as_bytes())
}
