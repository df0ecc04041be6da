//! Building a node.
//!
//! [`Gossip::builder`] returns a [`Builder`]; [`spawn`](Builder::spawn) starts the node. Four parts are required, and
//! the builder's type shows which of them are missing: a runtime ([`MissingRuntime`]), an identity service
//! ([`MissingIdentity`]), a transport ([`MissingTransport`]) and a ledger ([`MissingLedger`]). A builder that lacks
//! one does not compile: "`MissingTransport` is not a transport", and the note says which method to call.

use std::fmt;

use bytes::Bytes;
use gossip_core::{Config, Endpoint, OrgId, PeerId, SelfIdentity};

use crate::config::DriverConfig;
use crate::crypto::{MessageCryptoService, SecurityAdvisor};
use crate::endpoint::EndpointRule;
use crate::error::SpawnError;
use crate::gossip::Gossip;
use crate::ledger::Ledger;
use crate::runtime::Runtime;
use crate::start::{Services, start};
use crate::transport::Transport;

/// A builder without a runtime: call [`Builder::runtime`].
///
/// ```compile_fail,E0277
/// # use gossip_driver::Gossip;
/// # use gossip_driver::testing::{MemLedger, TestCrypto};
/// # use runtime_smol::SmolRuntime;
/// # use transport_mem::MemNetwork;
/// let gossip = Gossip::builder()
///     .identity(TestCrypto::new("org1", "alice"))
///     .transport(MemNetwork::new(1).endpoint(SmolRuntime::global(), "alice").unwrap())
///     .ledger(MemLedger::new())
///     .spawn();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MissingRuntime;

/// A builder without an identity service: call [`Builder::identity`].
///
/// ```compile_fail,E0277
/// # use gossip_driver::Gossip;
/// # use gossip_driver::testing::{MemLedger, TestCrypto};
/// # use runtime_smol::SmolRuntime;
/// # use transport_mem::MemNetwork;
/// let gossip = Gossip::builder()
///     .runtime(SmolRuntime::global())
///     .transport(MemNetwork::new(1).endpoint(SmolRuntime::global(), "alice").unwrap())
///     .ledger(MemLedger::new())
///     .spawn();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MissingIdentity;

/// A builder without a transport: call [`Builder::transport`].
///
/// ```compile_fail,E0277
/// # use gossip_driver::Gossip;
/// # use gossip_driver::testing::{MemLedger, TestCrypto};
/// # use runtime_smol::SmolRuntime;
/// # use transport_mem::MemNetwork;
/// let gossip = Gossip::builder()
///     .runtime(SmolRuntime::global())
///     .identity(TestCrypto::new("org1", "alice"))
///     .ledger(MemLedger::new())
///     .spawn();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MissingTransport;

/// A builder without a ledger: call [`Builder::ledger`].
///
/// ```compile_fail,E0277
/// # use gossip_driver::Gossip;
/// # use gossip_driver::testing::{MemLedger, TestCrypto};
/// # use runtime_smol::SmolRuntime;
/// # use transport_mem::MemNetwork;
/// let gossip = Gossip::builder()
///     .runtime(SmolRuntime::global())
///     .identity(TestCrypto::new("org1", "alice"))
///     .transport(MemNetwork::new(1).endpoint(SmolRuntime::global(), "alice").unwrap())
///     .spawn();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MissingLedger;

/// The services and settings of a node, given in any order.
///
/// ```
/// use gossip_driver::Gossip;
/// use gossip_driver::testing::{MemLedger, TestCrypto};
/// use runtime_smol::SmolRuntime;
/// use transport_mem::MemNetwork;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = MemNetwork::new(1);
/// let runtime = SmolRuntime::global();
/// let gossip = Gossip::builder()
///     .runtime(runtime.clone())
///     .identity(TestCrypto::new("org1", "alice"))
///     .transport(network.endpoint(runtime, "alice")?)
///     .ledger(MemLedger::new())
///     .bootstrap(["bob", "carol"])
///     .external_endpoint("alice")
///     .configure(|config| config.push.fanout = 5)
///     .configure_driver(|driver| driver.crypto_threads = 2.try_into().ok())
///     .spawn()?;
/// assert_eq!(gossip.local_member().peer.as_bytes(), b"org1/alice");
/// # Ok(())
/// # }
/// ```
///
/// An application that keeps using its runtime, identity service, transport or ledger passes it as an `Arc`.
#[must_use = "a node is started by `spawn`"]
pub struct Builder<R = MissingRuntime, C = MissingIdentity, T = MissingTransport, L = MissingLedger>
{
    services: Services<R, C, T, L>,
    config: Config,
    driver: DriverConfig,
}

impl Gossip {
    /// A builder of a node. `runtime_tokio::builder()` and `runtime_smol::builder()` return one whose runtime is set.
    pub fn builder() -> Builder {
        let unset = SelfIdentity {
            peer: PeerId::new(b""),
            org: OrgId::new(b""),
            bytes: Bytes::new(),
        };
        let services = Services {
            runtime: MissingRuntime,
            identity: MissingIdentity,
            transport: MissingTransport,
            ledger: MissingLedger,
        };
        Builder {
            services,
            config: Config::new(unset, Endpoint::new("")),
            driver: DriverConfig::default(),
        }
    }
}

impl<R, C, T, L> Builder<R, C, T, L> {
    /// The async runtime that runs the node's tasks.
    pub fn runtime<N: Runtime>(self, runtime: N) -> Builder<N, C, T, L> {
        self.replace(|services| Services {
            runtime,
            identity: services.identity,
            transport: services.transport,
            ledger: services.ledger,
        })
    }

    /// The service that validates identities and signs for this node. The node's own identity is the service's
    /// ([`MessageCryptoService::own_identity`]).
    pub fn identity<N>(self, service: N) -> Builder<R, N, T, L>
    where
        N: MessageCryptoService + SecurityAdvisor,
    {
        self.replace(|services| Services {
            runtime: services.runtime,
            identity: service,
            transport: services.transport,
            ledger: services.ledger,
        })
    }

    /// The transport that carries messages. Network id and endpoint are the transport's, if it has them
    /// ([`Transport::network_id`], [`Transport::local_endpoint`]).
    pub fn transport<N: Transport>(self, transport: N) -> Builder<R, C, N, L> {
        self.replace(|services| Services {
            runtime: services.runtime,
            identity: services.identity,
            transport,
            ledger: services.ledger,
        })
    }

    /// The ledger that stores the blocks of all channels.
    pub fn ledger<N: Ledger>(self, ledger: N) -> Builder<R, C, T, N> {
        self.replace(|services| Services {
            runtime: services.runtime,
            identity: services.identity,
            transport: services.transport,
            ledger,
        })
    }

    /// Adds peers of our own organisation to contact first. The node dials them as long as it runs. Default: none,
    /// for the first peer of an organisation.
    pub fn bootstrap<E: Into<Endpoint>>(mut self, peers: impl IntoIterator<Item = E>) -> Self {
        let peers = peers.into_iter().map(Into::into);
        self.config.bootstrap.extend(peers);
        self
    }

    /// The endpoint that peers of our organisation dial. Default: the transport's. Set it if the transport listens
    /// on all addresses (`0.0.0.0`) or behind a proxy, or does not report its address.
    pub fn endpoint(mut self, endpoint: impl Into<Endpoint>) -> Self {
        self.config.endpoint = endpoint.into();
        self
    }

    /// The endpoint that peers of other organisations dial. Default: none, so that the node is invisible outside its
    /// organisation.
    pub fn external_endpoint(mut self, endpoint: impl Into<Endpoint>) -> Self {
        self.config.external_endpoint = Some(endpoint.into());
        self
    }

    /// The name of the network; peers of another network are refused. Default: the transport's. Set it only if the
    /// transport has none.
    pub fn network_id(mut self, network_id: impl Into<Bytes>) -> Self {
        self.config.network_id = network_id.into();
        self
    }

    /// Changes the configuration of the protocol. Runs `change` at once; may be called several times. Identity,
    /// network id and endpoint are empty unless they were given before: [`spawn`](Builder::spawn) fills them in.
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Changes the settings of the driver: threads, queues, the peer book, and others. Runs `change` at once; may be
    /// called several times.
    pub fn configure_driver(mut self, change: impl FnOnce(&mut DriverConfig)) -> Self {
        change(&mut self.driver);
        self
    }

    /// Starts the node.
    ///
    /// # Errors
    /// See [`SpawnError`]; nothing runs then.
    pub fn spawn(self) -> Result<Gossip, SpawnError>
    where
        R: Runtime,
        C: MessageCryptoService + SecurityAdvisor,
        T: Transport,
        L: Ledger,
    {
        let Self {
            services,
            mut config,
            driver,
        } = self;
        let transport = &services.transport;
        config.identity = own_identity(&config.identity, &services.identity)?;
        config.network_id = network_id(&config.network_id, transport.network_id())?;
        if config.endpoint.as_str().is_empty() {
            config.endpoint = transport.local_endpoint().ok_or(SpawnError::NoEndpoint)?;
        }
        let rule = EndpointRule::of(transport);
        rule.check(&config.endpoint).map_err(SpawnError::Endpoint)?;
        if let Some(external) = &config.external_endpoint {
            rule.check(external).map_err(SpawnError::ExternalEndpoint)?;
        }
        for peer in &config.bootstrap {
            rule.check(peer).map_err(SpawnError::Bootstrap)?;
        }
        start(services, config, driver)
    }

    /// The same settings with other services.
    fn replace<R2, C2, T2, L2>(
        self,
        services: impl FnOnce(Services<R, C, T, L>) -> Services<R2, C2, T2, L2>,
    ) -> Builder<R2, C2, T2, L2> {
        Builder {
            services: services(self.services),
            config: self.config,
            driver: self.driver,
        }
    }
}

impl<R, C, T, L> fmt::Debug for Builder<R, C, T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("config", &self.config)
            .field("driver", &self.driver)
            .finish_non_exhaustive()
    }
}

/// The identity that `service` signs for. It must equal the identity of the configuration, if that has one.
fn own_identity<C>(given: &SelfIdentity, service: &C) -> Result<SelfIdentity, SpawnError>
where
    C: MessageCryptoService + SecurityAdvisor,
{
    let bytes = service.own_identity();
    let peer = service.pki_id(&bytes).map_err(SpawnError::Identity)?;
    if !given.bytes.is_empty() && given.bytes != bytes {
        return Err(SpawnError::TwoIdentities {
            configuration: given.peer.clone(),
            service: peer,
        });
    }
    let org = service.org_of(&bytes).ok_or(SpawnError::NoOrganisation)?;
    Ok(SelfIdentity { peer, org, bytes })
}

/// The network id of the builder or of the transport. They must be equal if both have one.
fn network_id(given: &Bytes, transport: Option<Bytes>) -> Result<Bytes, SpawnError> {
    match transport {
        None => Ok(given.clone()),
        Some(transport) if given.is_empty() || *given == transport => Ok(transport),
        Some(transport) => Err(SpawnError::TwoNetworks {
            builder: given.clone(),
            transport,
        }),
    }
}
