use std::sync::Arc;

use async_channel::Receiver;
use gossip_driver::Runtime;
use gossip_driver::core::Endpoint;
use gossip_driver::transport::{Transport, TransportError, deadline};

use crate::link::Ends;
use crate::{MemLink, MemNetwork};

/// A node's transport in a [`MemNetwork`]. All clones are the same transport.
#[derive(Clone, Debug)]
pub struct MemTransport<R: Runtime> {
    runtime: R,
    registration: Arc<Registration>,
}

#[derive(Debug)]
struct Registration {
    network: MemNetwork,
    name: Endpoint,
    incoming: Receiver<Ends>,
}

impl MemNetwork {
    /// Makes a transport that is reached as `name` until it is closed or its last clone is dropped.
    ///
    /// # Errors
    /// [`TransportError::Bind`] if the name is in use.
    pub fn endpoint<R: Runtime>(
        &self,
        runtime: R,
        name: &str,
    ) -> Result<MemTransport<R>, TransportError> {
        let name = Endpoint::new(name);
        let incoming = self.listen(&name)?;
        Ok(MemTransport {
            runtime,
            registration: Arc::new(Registration {
                network: self.clone(),
                name,
                incoming,
            }),
        })
    }
}

impl<R: Runtime> MemTransport<R> {
    /// The name it is reached by.
    #[must_use]
    pub fn local_endpoint(&self) -> &Endpoint {
        &self.registration.name
    }
}

impl<R: Runtime> Transport for MemTransport<R> {
    type Link = MemLink<R>;

    async fn accept(&self) -> Result<MemLink<R>, TransportError> {
        let ends = self
            .registration
            .incoming
            .recv()
            .await
            .map_err(|_| TransportError::Closed)?;
        Ok(MemLink::new(&self.runtime, ends))
    }

    async fn dial(&self, to: &Endpoint) -> Result<MemLink<R>, TransportError> {
        let Registration {
            network,
            name,
            incoming,
        } = &*self.registration;
        if incoming.is_closed() {
            return Err(TransportError::Closed);
        }
        let round_trip = network.conditions().latency.saturating_mul(2);
        if !round_trip.is_zero() {
            let answered = deadline(&self.runtime, round_trip);
            self.runtime.sleep_until(answered).await;
        }
        let ends = network.connect(name, to, self.runtime.now())?;
        Ok(MemLink::new(&self.runtime, ends))
    }

    fn local_endpoint(&self) -> Option<Endpoint> {
        Some(self.registration.name.clone())
    }

    /// Releases the name: [`accept`](Transport::accept) and [`dial`](Transport::dial) return
    /// [`TransportError::Closed`]. Existing links continue.
    async fn close(&self) {
        self.registration.close();
    }
}

impl Registration {
    fn close(&self) {
        self.network.remove(&self.name, &self.incoming);
        while let Ok(ends) = self.incoming.try_recv() {
            ends.incoming.break_off();
            ends.outgoing.break_off();
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.close();
    }
}
