//! A network of two organisations of peers and one of orderers.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its part of it"
)]
#![allow(clippy::unwrap_used, reason = "only tests use it")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gossip_driver::core::ChannelId;
use gossip_driver::core::proto::common::Block;
use gossip_msp::{
    BlockError, CertificateAuthority, ChannelDefinition, Clock, Credentials, CutBlock, KeyKind,
    Orderer, Organisation, SigningIdentity, SystemClock, Validity, X509Service,
};
use prost::Message;

pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub fn hour_ago() -> SystemTime {
    SystemTime::now() - DAY / 24
}

pub struct Organisations {
    pub org1: CertificateAuthority,
    pub org2: CertificateAuthority,
    pub orderers: CertificateAuthority,
    pub all: Vec<Organisation>,
}

impl Organisations {
    pub fn new() -> Self {
        let make = |name| {
            let now = SystemTime::now();
            let validity = Validity {
                not_before: now - 5 * DAY,
                not_after: now + 30 * DAY,
            };
            CertificateAuthority::new(name, validity).unwrap()
        };
        let (org1, org2, orderers) = (make("Org1MSP"), make("Org2MSP"), make("OrdererMSP"));
        let all = [&org1, &org2, &orderers]
            .map(|ca| ca.organisation().unwrap())
            .into();
        Self {
            org1,
            org2,
            orderers,
            all,
        }
    }
}

/// The organisations, and the service of one peer of Org1.
pub struct Network {
    pub org1: CertificateAuthority,
    pub org2: CertificateAuthority,
    pub orderers: CertificateAuthority,
    pub service: X509Service,
    all: Vec<Organisation>,
}

impl Network {
    pub fn new() -> Self {
        Self::with_clock(SystemClock)
    }

    pub fn with_clock(clock: impl Clock) -> Self {
        let Organisations {
            org1,
            org2,
            orderers,
            all,
        } = Organisations::new();
        let own = org1
            .issue("own", KeyKind::EcdsaP256, Validity::days(20))
            .unwrap();
        let own = own.signing_identity().unwrap();
        let service = X509Service::with_clock(own, all.clone(), clock).unwrap();
        Self {
            org1,
            org2,
            orderers,
            service,
            all,
        }
    }

    pub fn organisations(&self) -> Vec<Organisation> {
        self.all.clone()
    }

    pub fn member(&self, name: &str) -> Credentials {
        self.org1
            .issue(name, KeyKind::EcdsaP256, Validity::days(1))
            .unwrap()
    }

    pub fn member_of_org2(&self, name: &str) -> Credentials {
        self.org2
            .issue(name, KeyKind::EcdsaP256, Validity::days(1))
            .unwrap()
    }

    pub fn service_of(&self, member: &Credentials) -> X509Service {
        X509Service::new(member.signing_identity().unwrap(), self.all.clone()).unwrap()
    }

    pub fn orderer(&self, name: &str) -> Arc<SigningIdentity> {
        let issued = self
            .orderers
            .issue_orderer(name, KeyKind::EcdsaP256, Validity::days(1));
        Arc::new(issued.unwrap().signing_identity().unwrap())
    }

    /// Configures a channel; returns it with its orderer.
    pub fn channel(&self, name: &str, required: usize) -> (ChannelId, Orderer) {
        let channel = ChannelId::new(name);
        let definition = ChannelDefinition::new(channel.clone())
            .with_member("Org1MSP", [])
            .with_orderer_organisation("OrdererMSP")
            .with_required_signatures(required);
        self.service.set_channel(&definition).unwrap();
        (
            channel.clone(),
            Orderer::new(channel, self.orderer("orderer")),
        )
    }
}

pub fn cut(orderer: &mut Orderer, payloads: &[&[u8]]) -> CutBlock {
    let transactions: Vec<_> = payloads
        .iter()
        .map(|data| orderer.transaction(data).unwrap())
        .collect();
    orderer.cut(&transactions).unwrap()
}

pub fn decode(block: &CutBlock) -> Block {
    Block::decode(block.bytes.clone()).unwrap()
}

pub fn check(service: &X509Service, channel: &ChannelId, block: &Block) -> Result<(), BlockError> {
    let number = block.header.as_ref().map_or(0, |header| header.number);
    service.check_block(channel, number, &block.encode_to_vec())
}
