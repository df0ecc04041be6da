//! The organisations: a certificate authority per organisation, and a certificate per peer.

use gossip::msp::{
    CertificateAuthority, ChannelDefinition, KeyKind, Organisation, SigningIdentity, Validity,
    X509Service,
};

use super::plan::PeerSpec;
use crate::failure::Failure;

const ORDERERS: &str = "OrdererMSP";

/// Validity of the certificates, which are used during the run only.
const DAYS: u32 = 7;

/// The authorities of all organisations, made for one run.
#[derive(Debug)]
pub(crate) struct Organisations {
    peers: Vec<CertificateAuthority>,
    orderers: CertificateAuthority,
}

impl Organisations {
    /// Makes an authority for each organisation of `specs`, and one for the orderers.
    pub(crate) fn new(specs: &[PeerSpec]) -> Result<Self, Failure> {
        let leaders = specs.iter().filter(|spec| spec.is_leader());
        let peers = leaders
            .map(|spec| authority(&spec.msp))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            peers,
            orderers: authority(ORDERERS)?,
        })
    }

    /// A new identity for an orderer.
    pub(crate) fn orderer(&self) -> Result<SigningIdentity, Failure> {
        self.orderers
            .issue_orderer("orderer0", KeyKind::EcdsaP256, Validity::days(DAYS))
            .map_err(|error| Failure::step("make the orderer's certificate", error))?
            .signing_identity()
            .map_err(|error| Failure::step("use the orderer's certificate", error))
    }

    /// The channel of all organisations without their anchors yet, whose blocks only orderers sign.
    pub(crate) fn channel(&self, name: &str) -> ChannelDefinition {
        let members = self.peers.iter().map(CertificateAuthority::msp_id);
        let channel = ChannelDefinition::new(name).with_orderer_organisation(ORDERERS);
        members.fold(channel, |channel, member| channel.with_member(member, []))
    }

    /// A new identity for a peer, and the service that knows all organisations and `channel`.
    pub(crate) fn service(
        &self,
        spec: &PeerSpec,
        channel: &ChannelDefinition,
    ) -> Result<X509Service, Failure> {
        let failed = |error| Failure::step("set up a peer's identity service", error);
        let own = self.peers[spec.org]
            .issue(&spec.name, KeyKind::EcdsaP256, Validity::days(DAYS))
            .map_err(|error| Failure::step("make a peer's certificate", error))?
            .signing_identity()
            .map_err(failed)?;
        let authorities = self.peers.iter().chain([&self.orderers]);
        let organisations: Vec<Organisation> = authorities
            .map(CertificateAuthority::organisation)
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        let service = X509Service::new(own, organisations).map_err(failed)?;
        service.set_channel(channel).map_err(failed)?;
        Ok(service)
    }
}

fn authority(msp: &str) -> Result<CertificateAuthority, Failure> {
    CertificateAuthority::new(msp, Validity::days(DAYS))
        .map_err(|error| Failure::step("make an organisation's authority", error))
}
