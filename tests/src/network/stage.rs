use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use gossip_core::Endpoint;
use gossip_driver::transport::Transport;
use gossip_driver::{Runtime, TcpRuntime};
use transport_mem::{MemNetwork, MemTransport};
use transport_tcp::{TcpConfig, TcpTransport};

/// A runtime with a transport.
pub trait Stage: Clone + Send + Sync + 'static {
    /// The runtime.
    type Runtime: Runtime;
    /// The transport.
    type Transport: Transport + Clone;

    /// The runtime.
    fn runtime(&self) -> Self::Runtime;

    /// Listens on `place`, or on a new endpoint.
    fn listen(
        &self,
        place: Option<&Endpoint>,
    ) -> impl Future<Output = (Self::Transport, Endpoint)> + Send;
}

/// TCP and Noise on the loopback interface.
#[derive(Clone, Debug)]
pub struct Tcp<R> {
    /// The runtime.
    pub runtime: R,
    /// The network id that handshakes are bound to.
    pub network_id: Bytes,
}

impl<R: TcpRuntime> Tcp<R> {
    /// A stage on `runtime`, with the network id `test`.
    pub fn new(runtime: R) -> Self {
        Self {
            runtime,
            network_id: Bytes::from_static(b"test"),
        }
    }
}

impl<R: TcpRuntime> Stage for Tcp<R> {
    type Runtime = R;
    type Transport = TcpTransport<R>;

    fn runtime(&self) -> R {
        self.runtime.clone()
    }

    async fn listen(&self, place: Option<&Endpoint>) -> (TcpTransport<R>, Endpoint) {
        let place = place.cloned().unwrap_or_else(|| "127.0.0.1:0".into());
        let config = TcpConfig::new(place, self.network_id.clone());
        let transport = TcpTransport::bind(self.runtime.clone(), config)
            .await
            .unwrap();
        let endpoint = transport.local_endpoint().clone();
        (transport, endpoint)
    }
}

/// An in-process network.
#[derive(Clone, Debug)]
pub struct Mem<R> {
    /// The runtime.
    pub runtime: R,
    /// The network, to inject faults.
    pub network: MemNetwork,
    places: Arc<AtomicUsize>,
}

impl<R: Runtime> Mem<R> {
    /// A stage on `runtime`, without latency.
    pub fn new(runtime: R) -> Self {
        Self {
            runtime,
            network: MemNetwork::new(1),
            places: Arc::default(),
        }
    }
}

impl<R: Runtime> Stage for Mem<R> {
    type Runtime = R;
    type Transport = MemTransport<R>;

    fn runtime(&self) -> R {
        self.runtime.clone()
    }

    async fn listen(&self, place: Option<&Endpoint>) -> (MemTransport<R>, Endpoint) {
        let place = place.cloned().unwrap_or_else(|| {
            let number = self.places.fetch_add(1, Ordering::Relaxed);
            Endpoint::new(&format!("peer{number}:7051"))
        });
        let transport = self.network.endpoint(self.runtime.clone(), place.as_str());
        (transport.unwrap(), place)
    }
}
