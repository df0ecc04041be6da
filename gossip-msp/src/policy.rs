//! The readers of a channel and the signers of its blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gossip_driver::core::PeerId;

use crate::{Identity, IdentityError};

/// The part of a channel's configuration that concerns signatures.
///
/// ```
/// use gossip_msp::ChannelPolicy;
///
/// let policy = ChannelPolicy::new(["Org1MSP", "Org2MSP"])
///     .with_orderer_organisation("OrdererMSP")
///     .with_required_signatures(2);
/// ```
#[derive(Clone, Debug)]
pub struct ChannelPolicy {
    readers: BTreeSet<String>,
    orderer_organisations: BTreeSet<String>,
    orderer_certificates: BTreeMap<PeerId, Arc<Identity>>,
    required_signatures: usize,
}

impl ChannelPolicy {
    /// A policy that admits the members of these organisations as readers. It names no orderer yet
    /// and requires one signature per block.
    #[must_use]
    pub fn new<O: Into<String>>(readers: impl IntoIterator<Item = O>) -> Self {
        Self {
            readers: readers.into_iter().map(Into::into).collect(),
            orderer_organisations: BTreeSet::new(),
            orderer_certificates: BTreeMap::new(),
            required_signatures: 1,
        }
    }

    /// Accepts each valid member of this organisation as an orderer.
    ///
    /// Use an organisation of orderers, not of peers: each of its members can sign blocks.
    #[must_use]
    pub fn with_orderer_organisation(mut self, msp_id: impl Into<String>) -> Self {
        self.orderer_organisations.insert(msp_id.into());
        self
    }

    /// Accepts exactly this identity as an orderer, without a check of chain, validity and
    /// revocation.
    ///
    /// # Errors
    /// The same as [`Identity::read`].
    pub fn with_orderer_certificate(mut self, identity: &[u8]) -> Result<Self, IdentityError> {
        let identity = Identity::read(identity)?;
        self.orderer_certificates
            .insert(identity.peer_id().clone(), Arc::new(identity));
        Ok(self)
    }

    /// Number of different orderers that must have signed a block; at least 1.
    #[must_use]
    pub const fn with_required_signatures(mut self, required: usize) -> Self {
        self.required_signatures = required;
        self
    }

    pub(crate) fn admits(&self, msp_id: &str) -> bool {
        self.readers.contains(msp_id)
    }

    pub(crate) fn has_orderer_organisation(&self, msp_id: &str) -> bool {
        self.orderer_organisations.contains(msp_id)
    }

    /// The pinned orderer with this MSP-ID and PKI-ID. The PKI-ID is a hash of MSP-ID and
    /// certificate.
    pub(crate) fn pinned_orderer(&self, msp_id: &str, peer_id: &PeerId) -> Option<&Arc<Identity>> {
        self.orderer_certificates
            .get(peer_id)
            .filter(|pinned| pinned.msp_id() == msp_id)
    }

    pub(crate) const fn required_signatures(&self) -> usize {
        self.required_signatures
    }

    /// All organisations that the policy names.
    pub(crate) fn organisations(&self) -> impl Iterator<Item = &str> {
        self.readers
            .union(&self.orderer_organisations)
            .map(String::as_str)
    }

    pub(crate) fn is_complete(&self) -> bool {
        let orderers =
            !self.orderer_organisations.is_empty() || !self.orderer_certificates.is_empty();
        orderers && self.required_signatures > 0
    }
}
