use std::sync::Arc;

use async_channel::{Receiver, Sender};
use bytes::Bytes;
use gossip_driver::TcpRuntime;
use gossip_driver::core::Endpoint;
use gossip_driver::transport::{Transport, TransportError};
use tracing::debug;

use crate::addresses::{Addresses, connect};
use crate::handshake::{HandshakeConfig, initiate};
use crate::listener::Listener;
use crate::shared::Shared;
use crate::{Cipher, TcpConfig, TcpLink, TcpStats};

/// Noise-encrypted links over TCP.
///
/// Clones are cheap and share the listener. It listens until [`close`](Transport::close) is called
/// or the last clone is dropped; existing links continue.
pub struct TcpTransport<R: TcpRuntime> {
    shared: Arc<Shared<R>>,
    local: Endpoint,
    incoming: Receiver<TcpLink<R>>,
    /// Closed to end the listener's task.
    stop: Sender<()>,
    /// Closed when the listener's task has released the port.
    stopped: Receiver<()>,
}

impl<R: TcpRuntime> TcpTransport<R> {
    /// Listens on `config.listen` and starts to accept connections.
    ///
    /// # Errors
    /// [`TransportError::Config`] if a time or the window is zero; [`TransportError::Bind`], with
    /// the address and the reason, if the address cannot be bound.
    pub async fn bind(runtime: R, config: TcpConfig) -> Result<Self, TransportError> {
        config.check()?;
        let handshake = HandshakeConfig::new(config.network_id.clone())?;
        let refused = |reason| TransportError::Bind {
            endpoint: config.listen.clone(),
            reason,
        };
        let listener = runtime.bind(&config.listen).await.map_err(refused)?;
        let local = runtime.local_endpoint(&listener).map_err(refused)?;

        let (ready, incoming) = async_channel::bounded(1);
        let (stop, stopping) = async_channel::bounded(1);
        let (running, stopped) = async_channel::bounded(1);
        let counters = Arc::default();
        let shared = Arc::new(Shared {
            runtime: runtime.clone(),
            config,
            handshake,
            counters,
            addresses: Addresses::default(),
        });
        let task = Listener::new(Arc::clone(&shared), listener, ready);
        runtime.spawn(async move {
            task.run(stopping).await;
            drop(running);
        });
        Ok(Self {
            shared,
            local,
            incoming,
            stop,
            stopped,
        })
    }

    /// The address it listens on, with the port that the system chose.
    #[must_use]
    pub const fn local_endpoint(&self) -> &Endpoint {
        &self.local
    }

    /// Counts of connections so far.
    #[must_use]
    pub fn stats(&self) -> TcpStats {
        self.shared.counters.snapshot()
    }

    async fn connect(&self, to: &Endpoint) -> Result<TcpLink<R>, TransportError> {
        let Shared {
            runtime,
            addresses,
            counters,
            ..
        } = &*self.shared;
        let unreachable = |error| {
            debug!(%to, %error, "cannot connect");
            TransportError::Unreachable(to.clone())
        };
        let resolved = runtime.resolve(to).await.map_err(unreachable)?;
        let order = addresses.order(to, resolved);
        let (first, several) = (order.first().copied(), order.len() > 1);
        let connected = connect(runtime, order).await;
        let (mut stream, address) = connected.map_err(unreachable)?;
        if Some(address) != first {
            counters.other_address.add();
        }
        let cipher = self
            .shared
            .config
            .dial_cipher
            .unwrap_or_else(Cipher::by_hardware);
        let session = initiate(&mut stream, &self.shared.handshake, cipher).await?;
        if several {
            addresses.remember(to, address);
        }
        Ok(TcpLink::new(&self.shared, to.clone(), stream, session))
    }
}

impl<R: TcpRuntime> Transport for TcpTransport<R> {
    type Link = TcpLink<R>;

    async fn accept(&self) -> Result<TcpLink<R>, TransportError> {
        self.incoming
            .recv()
            .await
            .map_err(|_| TransportError::Closed)
    }

    async fn dial(&self, to: &Endpoint) -> Result<TcpLink<R>, TransportError> {
        if self.stop.is_closed() {
            return Err(TransportError::Closed);
        }
        let port = to
            .as_str()
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none() {
            return Err(TransportError::BadAddress(to.clone()));
        }
        let counters = &self.shared.counters;
        let result = self.connect(to).await;
        match &result {
            Ok(_) => counters.dialled.add(),
            Err(TransportError::WrongNetwork) => counters.wrong_network.add(),
            Err(TransportError::Refused(_)) => counters.refused.add(),
            Err(TransportError::Unreachable(_)) => {}
            Err(_) => counters.failed.add(),
        }
        result
    }

    fn network_id(&self) -> Option<Bytes> {
        Some(self.shared.config.network_id.clone())
    }

    fn local_endpoint(&self) -> Option<Endpoint> {
        Some(self.local.clone())
    }

    fn needs_port(&self) -> bool {
        true
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        self.stats().counters()
    }

    /// Stops listening: [`accept`](Transport::accept) and [`dial`](Transport::dial) return
    /// [`TransportError::Closed`]. The port is free when this returns. Existing links continue.
    async fn close(&self) {
        self.stop.close();
        self.incoming.close();
        while self.incoming.try_recv().is_ok() {}
        let _ = self.stopped.recv().await;
    }
}

impl<R: TcpRuntime> Clone for TcpTransport<R> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            local: self.local.clone(),
            incoming: self.incoming.clone(),
            stop: self.stop.clone(),
            stopped: self.stopped.clone(),
        }
    }
}

impl<R: TcpRuntime> std::fmt::Debug for TcpTransport<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TcpTransport")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}
