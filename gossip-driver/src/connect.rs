//! The tasks that open connections: one that accepts, and one for each dial.

use std::sync::Arc;
use std::time::Duration;

use async_channel::Sender;
use futures_util::task::AtomicWaker;
use gossip_core::{Binding, DialError, Endpoint};
use tracing::{debug, info, warn};

use crate::Runtime;
use crate::counters::Counters;
use crate::tasks::shielded;
use crate::transport::{Link, Transport, TransportError, deadline, within};

/// A new connection, queued for the driver.
///
/// The halves are boxed: queues hold a slot for each connection, and each future that a value moves
/// through keeps a copy of it, so unboxed halves of 1 KiB would take about 40 KiB.
pub(crate) struct Opened<K: Link> {
    pub(crate) remote: Endpoint,
    pub(crate) binding: Binding,
    pub(crate) reader: Box<K::Reader>,
    pub(crate) writer: Box<K::Writer>,
}

impl<K: Link> Opened<K> {
    fn new(link: K) -> Self {
        let (remote, binding) = (link.remote(), link.binding());
        let (reader, writer) = link.split();
        Self {
            remote,
            binding,
            reader: Box::new(reader),
            writer: Box::new(writer),
        }
    }
}

/// Accepts connections until the transport is closed. Pauses while the queue to the driver is full.
pub(crate) async fn accept<R: Runtime, T: Transport>(
    runtime: R,
    transport: Arc<T>,
    accepted: Sender<Opened<T::Link>>,
    driver: Arc<AtomicWaker>,
    counters: Arc<Counters>,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        match shielded(async { transport.accept().await.map(Opened::new) }).await {
            Some(Ok(opened)) => {
                pause = FIRST_PAUSE;
                counters.links_accepted.add();
                if accepted.send(opened).await.is_err() {
                    return;
                }
                driver.wake();
                continue;
            }
            Some(Err(TransportError::Closed)) => {
                info!("the transport accepts no more connections");
                return;
            }
            Some(Err(error)) => warn!(%error, "accepting a connection failed; trying again"),
            None => counters.transport_panics.add(),
        }
        counters.accepts_failed.add();
        runtime.sleep_until(deadline(&runtime, pause)).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// Dials for at most `timeout`.
pub(crate) async fn dial<R: Runtime, T: Transport>(
    runtime: R,
    transport: Arc<T>,
    to: Endpoint,
    timeout: Duration,
    counters: Arc<Counters>,
) -> Result<Opened<T::Link>, DialError> {
    let dialling = shielded(async { transport.dial(&to).await.map(Opened::new) });
    let error = match within(&runtime, timeout, dialling).await {
        Some(Some(Ok(opened))) => {
            counters.links_dialled.add();
            return Ok(opened);
        }
        Some(Some(Err(error))) => error,
        Some(None) => {
            counters.transport_panics.add();
            counters.dials_failed.add();
            return Err(DialError::Handshake);
        }
        None => TransportError::TimedOut,
    };
    debug!(%to, %error, "a dial failed");
    counters.dials_failed.add();
    if matches!(error, TransportError::TimedOut) {
        counters.dials_timed_out.add();
    }
    Err(match error {
        TransportError::BadAddress(_) => DialError::BadAddress,
        TransportError::TimedOut => DialError::TimedOut,
        TransportError::WrongNetwork => DialError::WrongNetwork,
        TransportError::Handshake(_)
        | TransportError::Refused(_)
        | TransportError::Framing(_)
        | TransportError::FrameTooLong { .. } => DialError::Handshake,
        TransportError::Unreachable(_)
        | TransportError::Bind { .. }
        | TransportError::Config(_)
        | TransportError::Io(_)
        | TransportError::Closed => DialError::Unreachable,
    })
}
