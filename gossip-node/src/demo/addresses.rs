//! Addresses of peers: loopback TCP, or memory.

use std::future::Future;

use gossip::core::Endpoint;
use gossip::mem::{MemNetwork, MemTransport};
use gossip::tcp::{TcpConfig, TcpTransport};
use gossip::transport::{Transport, TransportError};
use gossip::{Runtime, TcpRuntime};

use crate::failure::Failure;

/// The network id, which separates the demo's peers from other networks on the same machine.
const NETWORK_ID: &[u8] = b"gossip-demo";

/// A source of listening transports.
pub(crate) trait Addresses {
    /// The transport.
    type Transport: Transport;

    /// A transport that listens for peer number `index`, and its endpoint.
    fn listen(
        &self,
        index: u16,
    ) -> impl Future<Output = Result<(Self::Transport, Endpoint), Failure>>;
}

/// Ports of the loopback interface.
#[derive(Debug)]
pub(crate) struct TcpAddresses<R> {
    runtime: R,
    first_port: Option<u16>,
}

impl<R> TcpAddresses<R> {
    /// Consecutive ports from `first_port` on, or free ones.
    pub(crate) fn new(runtime: R, first_port: Option<u16>) -> Self {
        Self {
            runtime,
            first_port,
        }
    }
}

impl<R: TcpRuntime> Addresses for TcpAddresses<R> {
    type Transport = TcpTransport<R>;

    async fn listen(&self, index: u16) -> Result<(TcpTransport<R>, Endpoint), Failure> {
        let port = self
            .first_port
            .map_or(0, |first| first.saturating_add(index));
        let address = Endpoint::new(&format!("127.0.0.1:{port}"));
        let config = TcpConfig::new(address.clone(), NETWORK_ID);
        let bound = TcpTransport::bind(self.runtime.clone(), config).await;
        let transport = bound.map_err(|error| refused(&address, error))?;
        let endpoint = transport.local_endpoint().clone();
        Ok((transport, endpoint))
    }
}

/// Names in a network within this process.
#[derive(Debug)]
pub(crate) struct MemAddresses<R> {
    runtime: R,
    network: MemNetwork,
}

impl<R> MemAddresses<R> {
    /// An empty network.
    pub(crate) fn new(runtime: R) -> Self {
        // The seed has no effect without jitter and broken links.
        Self {
            runtime,
            network: MemNetwork::new(0),
        }
    }
}

impl<R: Runtime> Addresses for MemAddresses<R> {
    type Transport = MemTransport<R>;

    async fn listen(&self, index: u16) -> Result<(MemTransport<R>, Endpoint), Failure> {
        let name = format!("peer{index}:1");
        let listening = self.network.endpoint(self.runtime.clone(), &name);
        let endpoint = Endpoint::new(&name);
        let transport = listening.map_err(|error| refused(&endpoint, error))?;
        Ok((transport, endpoint))
    }
}

fn refused(address: &Endpoint, error: TransportError) -> Failure {
    let reason = if let TransportError::Bind { reason, .. } = error {
        reason.to_string()
    } else {
        error.to_string()
    };
    Failure::Listen {
        address: address.to_string(),
        reason,
    }
}
