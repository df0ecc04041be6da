use std::io;

use bytes::Bytes;
use gossip_core::{ConfigError, CryptoError, PeerId};
use thiserror::Error;

use crate::endpoint::BadEndpoint;
use crate::peer_book::PeerBookError;

/// Why a node was not started. No task or thread runs then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The identity service cannot read its own identity.
    #[error("the identity service cannot read its own identity: {0}")]
    Identity(CryptoError),
    /// The identity service does not know the organisation of its own identity.
    #[error(
        "the identity service does not know the organisation of its own identity: add it to the known organisations"
    )]
    NoOrganisation,
    /// The configuration has another identity than the identity service.
    #[error(
        "the configuration names the identity {configuration}, but the identity service signs as {service}: leave \
         `Config::identity` to the builder"
    )]
    TwoIdentities {
        /// The configuration's.
        configuration: PeerId,
        /// The service's.
        service: PeerId,
    },
    /// The builder has another network id than the transport.
    #[error(
        "the builder was given the network id \"{}\", but the transport's is \"{}\": give it to the transport only",
        .builder.escape_ascii(), .transport.escape_ascii()
    )]
    TwoNetworks {
        /// The builder's.
        builder: Bytes,
        /// The transport's.
        transport: Bytes,
    },
    /// The transport does not report its address.
    #[error("the transport does not report its address: call `endpoint` on the builder")]
    NoEndpoint,
    /// No peer can dial the endpoint.
    #[error("the endpoint: {0}; call `endpoint` on the builder")]
    Endpoint(BadEndpoint),
    /// No peer can dial the external endpoint.
    #[error("the external endpoint: {0}; call `external_endpoint` on the builder")]
    ExternalEndpoint(BadEndpoint),
    /// A bootstrap peer cannot be dialled.
    #[error("a bootstrap peer: {0}")]
    Bootstrap(BadEndpoint),
    /// The configuration contradicts itself.
    #[error("the configuration cannot be used: {0}")]
    Config(#[from] ConfigError),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes ({0}): set `DriverConfig::seed`")]
    Entropy(String),
    /// The system's clock cannot yield an incarnation.
    #[error("the system's clock is before 1970: set it, or `DriverConfig::incarnation`")]
    Clock,
    /// The peer book failed.
    #[error(transparent)]
    PeerBook(#[from] PeerBookError),
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(#[from] io::Error),
}
