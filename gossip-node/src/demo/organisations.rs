//! Who takes part: an authority per organisation, and a certificate per peer.

use gossip_driver::core::ChannelId;
use gossip_msp::{
    CertificateAuthority, ChannelPolicy, KeyKind, Organisation, SigningIdentity, Validity,
    X509Service,
};

use super::plan::Seat;
use crate::failure::Failure;

const ORDERERS: &str = "OrdererMSP";

/// Nobody uses the certificates once the demo has ended.
const DAYS: u32 = 7;

/// The authorities of all organisations, made for one run.
#[derive(Debug)]
pub(crate) struct Organisations {
    peers: Vec<CertificateAuthority>,
    orderers: CertificateAuthority,
}

impl Organisations {
    /// Makes an authority for each organisation of `seats`, and one for those who sign blocks.
    pub(crate) fn new(seats: &[Seat]) -> Result<Self, Failure> {
        let leaders = seats.iter().filter(|seat| seat.is_leader());
        let peers = leaders
            .map(|seat| authority(&seat.msp))
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

    /// A new identity for a peer, and its view of everybody else's: all organisations read
    /// `channel`, and only orderers sign its blocks.
    pub(crate) fn service(&self, seat: &Seat, channel: &ChannelId) -> Result<X509Service, Failure> {
        let failed = |error| Failure::step("set up a peer's identity service", error);
        let own = self.peers[seat.org]
            .issue(&seat.name, KeyKind::EcdsaP256, Validity::days(DAYS))
            .map_err(|error| Failure::step("make a peer's certificate", error))?
            .signing_identity()
            .map_err(failed)?;
        let everybody = self.peers.iter().chain([&self.orderers]);
        let organisations: Vec<Organisation> = everybody
            .map(CertificateAuthority::organisation)
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        let readers = self.peers.iter().map(CertificateAuthority::msp_id);
        let policy = ChannelPolicy::new(readers).with_orderer_organisation(ORDERERS);
        let service = X509Service::new(own, organisations).map_err(failed)?;
        service
            .set_channel(channel.clone(), policy)
            .map_err(failed)?;
        Ok(service)
    }
}

fn authority(msp: &str) -> Result<CertificateAuthority, Failure> {
    CertificateAuthority::new(msp, Validity::days(DAYS))
        .map_err(|error| Failure::step("make an organisation's authority", error))
}
