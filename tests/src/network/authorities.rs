use std::sync::Arc;

use gossip_core::ChannelId;
use gossip_msp::{
    CertificateAuthority, ChannelDefinition, Credentials, KeyKind, Orderer, Organisation, Validity,
    X509Service,
};

/// The channel of every test.
pub const CHANNEL: &str = "trade";

const ORDERERS: &str = "OrdererMSP";

/// The certificate authorities of organisations of peers and of one organisation of orderers.
#[derive(Debug)]
pub struct Authorities {
    peers: Vec<CertificateAuthority>,
    orderers: CertificateAuthority,
    trusted: Vec<Organisation>,
}

impl Authorities {
    /// Authorities of `orgs` organisations of peers, named `Org1MSP` and so on.
    #[must_use]
    pub fn new(orgs: usize) -> Self {
        let make = |name: &str| CertificateAuthority::new(name, Validity::days(30)).unwrap();
        let peers: Vec<_> = (0..orgs).map(|org| make(&Self::msp_id(org))).collect();
        let orderers = make(ORDERERS);
        let all = peers.iter().chain([&orderers]);
        let trusted = all.map(|ca| ca.organisation().unwrap()).collect();
        Self {
            peers,
            orderers,
            trusted,
        }
    }

    /// The MSP-ID of an organisation of peers, counted from 0.
    #[must_use]
    pub fn msp_id(org: usize) -> String {
        format!("Org{}MSP", org + 1)
    }

    /// The number of organisations of peers.
    #[must_use]
    pub fn orgs(&self) -> usize {
        self.peers.len()
    }

    /// The authority of an organisation of peers.
    #[must_use]
    pub fn authority(&self, org: usize) -> &CertificateAuthority {
        &self.peers[org]
    }

    /// A member's certificate and key, valid for a day.
    #[must_use]
    pub fn member(&self, org: usize, name: &str) -> Credentials {
        self.peers[org]
            .issue(name, KeyKind::EcdsaP256, Validity::days(1))
            .unwrap()
    }

    /// The channel with its orderers, and no member yet.
    #[must_use]
    pub fn channel(&self) -> ChannelDefinition {
        ChannelDefinition::new(CHANNEL).with_orderer_organisation(ORDERERS)
    }

    /// The identity service of `member`, which trusts all organisations and knows the channel.
    #[must_use]
    pub fn service(&self, member: &Credentials, channel: &ChannelDefinition) -> X509Service {
        let own = member.signing_identity().unwrap();
        let service = X509Service::new(own, self.trusted.clone()).unwrap();
        service.set_channel(channel).unwrap();
        service
    }

    /// An orderer of the channel, at the beginning of its chain.
    #[must_use]
    pub fn orderer(&self) -> Orderer {
        let issued = self
            .orderers
            .issue_orderer("orderer", KeyKind::EcdsaP256, Validity::days(1));
        let signer = Arc::new(issued.unwrap().signing_identity().unwrap());
        Orderer::new(ChannelId::new(CHANNEL), signer)
    }
}
