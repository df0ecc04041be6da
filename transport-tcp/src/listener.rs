use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use futures_util::future::{Abortable, Either, select};
use gossip_driver::TcpRuntime;
use gossip_driver::core::Endpoint;
use gossip_driver::transport::{deadline, within};
use tracing::{debug, warn};

use crate::TcpLink;
use crate::handshake::{Refusal, respond};
use crate::handshakes::Handshakes;
use crate::shared::Shared;

/// Pause after an accept error: usually the process is out of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections and runs each handshake in a task of its own, so that a slow dialler does
/// not delay the others.
pub(crate) struct Listener<R: TcpRuntime> {
    shared: Arc<Shared<R>>,
    socket: R::Listener,
    ready: Sender<TcpLink<R>>,
    under_way: Handshakes,
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
            under_way: Handshakes::default(),
        }
    }

    /// Returns when `stopping` is closed.
    pub(crate) async fn run(mut self, stopping: Receiver<()>) {
        let mut stop = pin!(stopping.recv());
        let shared = Arc::clone(&self.shared);
        let Shared {
            runtime, counters, ..
        } = &*shared;
        loop {
            let accepted = match select(&mut stop, pin!(runtime.accept(&self.socket))).await {
                Either::Left(_) => return,
                Either::Right((accepted, _)) => accepted,
            };
            match accepted {
                Ok((stream, remote)) => self.begin_handshake(stream, remote),
                Err(error) => {
                    counters.accept_errors.add();
                    warn!(%error, "cannot accept a connection");
                    let pause = pin!(runtime.sleep_until(deadline(runtime, PAUSE)));
                    if let Either::Left(_) = select(&mut stop, pause).await {
                        return;
                    }
                }
            }
        }
    }

    /// Starts a handshake. If too many are under way, an old one is evicted and not the new one
    /// refused: otherwise diallers that never finish could keep all others out.
    fn begin_handshake(&mut self, stream: R::Stream, remote: Endpoint) {
        if self.under_way.make_room(self.shared.config.max_handshakes) {
            self.shared.counters.shed.add();
            debug!("too many handshakes: one was given up");
        }
        let (registration, alive) = self.under_way.begin(&remote);
        let shared = Arc::clone(&self.shared);
        let ready = self.ready.clone();
        self.shared.runtime.spawn(async move {
            let handshake = async {
                if let Some(link) = run_handshake(&shared, stream, remote).await {
                    let _ = ready.send(link).await;
                }
            };
            let _ = Abortable::new(handshake, registration).await;
            drop(alive);
        });
    }
}

/// Runs the acceptor's handshake and counts the outcome.
async fn run_handshake<R: TcpRuntime>(
    shared: &Shared<R>,
    mut stream: R::Stream,
    remote: Endpoint,
) -> Option<TcpLink<R>> {
    let Shared {
        runtime,
        config,
        handshake,
        counters,
        ..
    } = shared;
    let responding = respond(&mut stream, handshake, config.accept_only);
    match within(runtime, config.handshake_timeout, responding).await {
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
