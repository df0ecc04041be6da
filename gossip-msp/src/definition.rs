//! A channel: its member organisations and its orderers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gossip_driver::core::{ChannelId, Endpoint, JoinChannel, OrgId, PeerId};

use crate::{Identity, IdentityError};

/// A channel, defined once for the identity service and for the node: the organisations that take part in it, with
/// their anchor peers, and the orderers that sign its blocks.
///
/// ```
/// use gossip_msp::ChannelDefinition;
///
/// let trade = ChannelDefinition::new("trade")
///     .with_member("Org1MSP", ["peer0.org1.example:7051".into()])
///     .with_member("Org2MSP", [])
///     .with_orderer_organisation("OrdererMSP")
///     .with_required_signatures(2);
/// assert_eq!(trade.membership().members.len(), 2);
/// ```
///
/// [`X509Service::set_channel`](crate::X509Service::set_channel) takes it; a node joins the channel by
/// `gossip.join_channel(trade.id().clone(), trade.membership())`. To change the channel, do both again with a
/// definition of a higher [sequence](Self::with_sequence).
#[derive(Clone, Debug)]
pub struct ChannelDefinition {
    id: ChannelId,
    sequence: u64,
    members: BTreeMap<String, Vec<Endpoint>>,
    orderer_organisations: BTreeSet<String>,
    orderer_certificates: BTreeMap<PeerId, Arc<Identity>>,
    required_signatures: usize,
}

impl ChannelDefinition {
    /// A channel of sequence 1 without members and orderers yet, whose blocks need one signature.
    #[must_use]
    pub fn new(id: impl Into<ChannelId>) -> Self {
        Self {
            id: id.into(),
            sequence: 1,
            members: BTreeMap::new(),
            orderer_organisations: BTreeSet::new(),
            orderer_certificates: BTreeMap::new(),
            required_signatures: 1,
        }
    }

    /// Orders the definitions of one channel: an older one is refused.
    #[must_use]
    pub const fn with_sequence(mut self, sequence: u64) -> Self {
        self.sequence = sequence;
        self
    }

    /// Adds an organisation, whose peers take part in the channel, and the endpoints of its anchor peers, which
    /// peers of other organisations contact first. An organisation that is added again gets further anchors.
    #[must_use]
    pub fn with_member(
        mut self,
        msp_id: impl Into<String>,
        anchors: impl IntoIterator<Item = Endpoint>,
    ) -> Self {
        let known = self.members.entry(msp_id.into()).or_default();
        known.extend(anchors);
        self
    }

    /// Accepts any valid member of this organisation as an orderer.
    ///
    /// Name an organisation of orderers, not one of peers: each of its members can make blocks.
    #[must_use]
    pub fn with_orderer_organisation(mut self, msp_id: impl Into<String>) -> Self {
        self.orderer_organisations.insert(msp_id.into());
        self
    }

    /// Accepts exactly this identity as an orderer, whatever its chain, validity and revocation say.
    ///
    /// # Errors
    /// As of [`Identity::read`].
    pub fn with_orderer_certificate(mut self, identity: &[u8]) -> Result<Self, IdentityError> {
        let identity = Identity::read(identity)?;
        self.orderer_certificates
            .insert(identity.peer_id().clone(), Arc::new(identity));
        Ok(self)
    }

    /// The number of different orderers that must have signed a block; at least 1.
    #[must_use]
    pub const fn with_required_signatures(mut self, required: usize) -> Self {
        self.required_signatures = required;
        self
    }

    /// The channel's name.
    #[must_use]
    pub const fn id(&self) -> &ChannelId {
        &self.id
    }

    /// The member organisations with their anchor peers, as
    /// [`Gossip::join_channel`](gossip_driver::Gossip::join_channel) takes them.
    #[must_use]
    pub fn membership(&self) -> JoinChannel {
        let members = self.members.iter();
        let members = members.map(|(name, anchors)| (OrgId::new(name.as_bytes()), anchors.clone()));
        JoinChannel {
            sequence: self.sequence,
            members: members.collect(),
        }
    }

    pub(crate) const fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(crate) fn admits(&self, msp_id: &str) -> bool {
        self.members.contains_key(msp_id)
    }

    pub(crate) fn has_orderer_organisation(&self, msp_id: &str) -> bool {
        self.orderer_organisations.contains(msp_id)
    }

    /// The pinned orderer with this MSP-ID and this PKI-ID, a hash of MSP-ID and certificate.
    pub(crate) fn pinned_orderer(&self, msp_id: &str, peer_id: &PeerId) -> Option<&Arc<Identity>> {
        self.orderer_certificates
            .get(peer_id)
            .filter(|pinned| pinned.msp_id() == msp_id)
    }

    pub(crate) const fn required_signatures(&self) -> usize {
        self.required_signatures
    }

    /// Every organisation that the definition names.
    pub(crate) fn organisations(&self) -> impl Iterator<Item = &str> {
        let orderers = self.orderer_organisations.iter();
        self.members.keys().chain(orderers).map(String::as_str)
    }

    pub(crate) fn is_complete(&self) -> bool {
        let orderers =
            !self.orderer_organisations.is_empty() || !self.orderer_certificates.is_empty();
        orderers && self.required_signatures > 0
    }
}
