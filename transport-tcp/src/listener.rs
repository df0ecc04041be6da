use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use futures_util::future::{Either, select};
use gossip_driver::core::Endpoint;
use gossip_driver::{TcpRuntime, within};
use tracing::{debug, warn};

use crate::TcpLink;
use crate::handshake::{Refusal, respond};
use crate::transport::Shared;

/// The pause after the system refused to accept: typically it is out of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Takes connections and runs each handshake in a task of its own, so that a slow dialler delays
/// nobody.
pub(crate) struct Listener<R: TcpRuntime> {
    shared: Arc<Shared<R>>,
    socket: R::Listener,
    ready: Sender<TcpLink<R>>,
    under_way: Arc<AtomicUsize>,
}

impl<R: TcpRuntime> Listener<R> {
    pub(crate) fn new(
        shared: Arc<Shared<R>>,
        socket: R::Listener,
        ready: Sender<TcpLink<R>>,
    ) -> Self {
        Self {
            shared,
            socket,
            ready,
            under_way: Arc::default(),
        }
    }

    /// Returns when `stopping` is closed.
    pub(crate) async fn run(self, stopping: Receiver<()>) {
        let mut stop = pin!(stopping.recv());
        loop {
            let Shared {
                runtime, counters, ..
            } = &*self.shared;
            match select(&mut stop, pin!(runtime.accept(&self.socket))).await {
                Either::Left(_) => return,
                Either::Right((Ok((stream, remote)), _)) => self.admit(stream, remote),
                Either::Right((Err(error), _)) => {
                    counters.accept_errors.add();
                    warn!(%error, "cannot accept a connection");
                    let pause = pin!(runtime.sleep_until(runtime.now() + PAUSE));
                    if let Either::Left(_) = select(&mut stop, pause).await {
                        return;
                    }
                }
            }
        }
    }

    fn admit(&self, stream: R::Stream, remote: Endpoint) {
        let Some(place) = Place::take(&self.under_way, self.shared.config.max_handshakes.get())
        else {
            self.shared.counters.shed.add();
            debug!(%remote, "too many handshakes: connection closed");
            return;
        };
        let shared = Arc::clone(&self.shared);
        let ready = self.ready.clone();
        self.shared.runtime.spawn(async move {
            if let Some(link) = greet(&shared, stream, remote).await {
                let _ = ready.send(link).await;
            }
            drop(place);
        });
    }
}

/// Does the acceptor's handshake; a failure is counted.
async fn greet<R: TcpRuntime>(
    shared: &Shared<R>,
    mut stream: R::Stream,
    remote: Endpoint,
) -> Option<TcpLink<R>> {
    let Shared {
        runtime,
        config,
        identity,
        counters,
    } = shared;
    let handshake = respond(&mut stream, identity, config.accept_only);
    match within(runtime, config.handshake_timeout, handshake).await {
        Some(Ok(session)) => {
            counters.accepted.add();
            return Some(TcpLink::new(shared, remote, stream, session));
        }
        Some(Err(refusal)) => {
            debug!(%remote, %refusal, "handshake refused");
            match refusal {
                Refusal::WrongNetwork => counters.wrong_network.add(),
                Refusal::Cipher | Refusal::Version => counters.refused.add(),
                Refusal::Malformed => counters.malformed.add(),
                Refusal::Failed(_) => counters.failed.add(),
            }
        }
        None => {
            debug!(%remote, "handshake not done in time");
            counters.timed_out.add();
        }
    }
    None
}

/// One of the places for handshakes under way, given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(under_way: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let place = Self(Arc::clone(under_way));
        (place.0.fetch_add(1, Ordering::Relaxed) < limit).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
