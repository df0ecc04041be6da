//! The links of a node, each with a reader task, a writer task and a queue in each direction.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use bytes::Bytes;
use futures_util::future::{AbortHandle, Abortable, Either, select};
use futures_util::task::AtomicWaker;
use gossip_core::proto::{DecodeError, Limits, SignedMessage};
use gossip_core::{Class, LinkDownReason, LinkId};
use tracing::{debug, trace};

use crate::Runtime;
use crate::counters::Counters;
use crate::intake::{Arrival, Intake, ReadyLinks, Taken, Window};
use crate::tasks::{Tasks, shielded};
use crate::transport::{
    FrameQueue, FrameReader, FrameSender, FrameWriter, TransportError, deadline, frame_queue,
};

/// Settings of all links.
#[derive(Debug)]
pub(crate) struct LinkSettings {
    pub(crate) limits: Limits,
    /// The longest frame read before the core has admitted the link.
    pub(crate) first_frame: usize,
    pub(crate) window: Window,
    /// The most time that one half may outlive the other.
    pub(crate) linger: Duration,
}

/// All links, and the queues of links with arrivals or returned credit.
pub(crate) struct Links {
    table: BTreeMap<LinkId, Entry>,
    next: u64,
    arrived: Arc<ReadyLinks>,
    flushed: Arc<ReadyLinks>,
    /// Links that the core did not admit when it was last asked, in the order of their latest turns.
    refused: BTreeSet<(u64, LinkId)>,
    /// The number of turns so far.
    turn: u64,
    settings: Arc<LinkSettings>,
    counters: Arc<Counters>,
}

struct Entry {
    sender: FrameSender,
    intake: Arc<Intake>,
    reader: AbortHandle,
    writer: AbortHandle,
    /// The number of its latest turn. Before its first turn, the number of turns when it was attached: so it keeps
    /// its place.
    served: u64,
    /// Closed with the entry: the writer then has the linger time to flush.
    _closing: Sender<()>,
}

impl Links {
    pub(crate) fn new(
        settings: LinkSettings,
        driver: &Arc<AtomicWaker>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            table: BTreeMap::new(),
            next: 0,
            arrived: Arc::new(ReadyLinks::new(Arc::clone(driver))),
            flushed: Arc::new(ReadyLinks::new(Arc::clone(driver))),
            refused: BTreeSet::new(),
            turn: 0,
            settings: Arc::new(settings),
            counters,
        }
    }

    /// Whether a link has an arrival or returned credit.
    pub(crate) fn is_ready(&self) -> bool {
        !self.arrived.is_empty() || !self.flushed.is_empty()
    }

    /// Adds a connection and starts its tasks.
    pub(crate) fn attach<R: Runtime>(
        &mut self,
        reader: Box<impl FrameReader>,
        writer: Box<impl FrameWriter>,
        tasks: &Tasks<R>,
    ) -> LinkId {
        let id = LinkId(self.next);
        self.next = self.next.wrapping_add(1);
        let (sender, queue) = frame_queue({
            let flushed = Arc::clone(&self.flushed);
            move || flushed.push(id)
        });
        let intake = Arc::new(Intake::new(
            id,
            self.settings.window,
            Arc::clone(&self.arrived),
        ));
        let (closing, closed) = async_channel::bounded(1);
        let (broken, writer_broke) = async_channel::bounded(1);
        let ending = Ending {
            closed: closed.clone(),
            writer_broke,
        };
        let writer = self.start_writer(tasks, writer, queue, closed, broken);
        let reader = self.start_reader(tasks, reader, Arc::clone(&intake), ending);
        self.table.insert(
            id,
            Entry {
                sender,
                intake,
                reader,
                writer,
                served: self.turn,
                _closing: closing,
            },
        );
        id
    }

    pub(crate) fn send(&self, link: LinkId, class: Class, frame: Bytes) {
        if let Some(entry) = self.table.get(&link) {
            entry.sender.push(class, frame);
        }
    }

    pub(crate) fn finish(&self, link: LinkId) {
        if let Some(entry) = self.table.get(&link) {
            entry.sender.finish();
        }
    }

    /// Drops both halves at once. Returns `false` if the link has already ended.
    pub(crate) fn close(&mut self, link: LinkId) -> bool {
        let Some(entry) = self.remove(link) else {
            return false;
        };
        entry.writer.abort();
        true
    }

    /// Ends all links: the writers flush within the linger time, and the readers read and drop until no more bytes
    /// arrive. A connection that is closed with unread bytes is reset, and a reset may overtake flushed bytes.
    pub(crate) fn finish_all(&mut self) {
        self.refused.clear();
        for entry in std::mem::take(&mut self.table).into_values() {
            entry.intake.discard();
        }
    }

    /// The next arrival; links take turns. `admits` is asked before a message is taken.
    pub(crate) fn next_arrival(
        &mut self,
        admits: impl Fn(LinkId) -> bool,
    ) -> Option<(LinkId, Arrival)> {
        loop {
            let link = self.arrived.pop()?;
            let Some(entry) = self.table.get(&link) else {
                continue;
            };
            match entry.intake.take(|| admits(link)) {
                Taken::Nothing => {}
                Taken::Refused => {
                    self.refused.insert((entry.served, link));
                }
                Taken::Arrival(arrival) => {
                    if let Arrival::Down(reason) = &arrival {
                        self.ended(link, *reason);
                    }
                    return Some((link, arrival));
                }
            }
        }
    }

    /// Call this after the core has handled an arrival of `link`. Schedules the link's next turn, or has the
    /// link wait until the core admits it.
    pub(crate) fn settle(&mut self, link: LinkId, admitted: bool) {
        let Some(entry) = self.table.get_mut(&link) else {
            return;
        };
        self.turn += 1;
        entry.served = self.turn;
        if admitted {
            entry.intake.resume();
        } else {
            self.refused.insert((entry.served, link));
        }
    }

    /// Call this after the core has made progress. Asks `admits` again for the refused links, in the order of their
    /// turns.
    pub(crate) fn reconsider(&mut self, admits: impl Fn(LinkId) -> bool) {
        let Self { refused, table, .. } = self;
        refused.retain(|(_, link)| {
            let Some(entry) = table.get(link) else {
                return false;
            };
            if !admits(*link) {
                return true;
            }
            entry.intake.resume();
            false
        });
    }

    /// The next link with flushed frames: their number and their bytes.
    pub(crate) fn next_flushed(&self) -> Option<(LinkId, u32, u64)> {
        loop {
            let link = self.flushed.pop()?;
            let Some(entry) = self.table.get(&link) else {
                continue;
            };
            let (frames, bytes) = entry.sender.take_flushed();
            if frames > 0 {
                return Some((link, frames, bytes));
            }
        }
    }

    fn ended(&mut self, link: LinkId, reason: LinkDownReason) {
        let Some(entry) = self.remove(link) else {
            return;
        };
        if reason == LinkDownReason::Broken {
            entry.writer.abort();
        }
    }

    fn remove(&mut self, link: LinkId) -> Option<Entry> {
        let entry = self.table.remove(&link)?;
        self.refused.remove(&(entry.served, link));
        entry.reader.abort();
        Some(entry)
    }

    fn start_reader<R: Runtime>(
        &self,
        tasks: &Tasks<R>,
        reader: Box<impl FrameReader>,
        intake: Arc<Intake>,
        ending: Ending,
    ) -> AbortHandle {
        let (abort, registration) = AbortHandle::new_pair();
        let settings = Arc::clone(&self.settings);
        let counters = Arc::clone(&self.counters);
        let runtime = tasks.runtime().clone();
        let task = async move {
            let reading = shielded(read(reader, &intake, &settings, &counters));
            let over = ending.over(&runtime, &intake, settings.linger);
            let reason = match select(pin!(reading), pin!(over)).await {
                Either::Left((Some(reason), _)) => reason,
                Either::Left((None, _)) => {
                    counters.transport_panics.add();
                    LinkDownReason::Broken
                }
                Either::Right(((), _)) => LinkDownReason::Broken,
            };
            intake.push(Arrival::Down(reason), 0);
        };
        tasks.spawn(async move {
            let _ = Abortable::new(task, registration).await;
        });
        abort
    }

    fn start_writer<R: Runtime>(
        &self,
        tasks: &Tasks<R>,
        writer: Box<impl FrameWriter>,
        queue: FrameQueue,
        closed: Receiver<()>,
        broken: Sender<()>,
    ) -> AbortHandle {
        let (abort, registration) = AbortHandle::new_pair();
        let linger = self.settings.linger;
        let counters = Arc::clone(&self.counters);
        let runtime = tasks.runtime().clone();
        let task = async move {
            let writing = Box::pin(shielded(async { writer.run(queue).await }));
            let result = match select(writing, pin!(closed.recv())).await {
                Either::Left((result, _)) => result,
                Either::Right((_, writing)) => {
                    let late = pin!(runtime.sleep_until(deadline(&runtime, linger)));
                    match select(writing, late).await {
                        Either::Left((result, _)) => result,
                        Either::Right(_) => Some(Err(TransportError::TimedOut)),
                    }
                }
            };
            match result {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    debug!(%error, "writing to a link failed");
                    let _ = broken.try_send(());
                }
                None => {
                    counters.transport_panics.add();
                    let _ = broken.try_send(());
                }
            }
        };
        tasks.spawn(async move {
            let _ = Abortable::new(task, registration).await;
        });
        abort
    }
}

/// Reads until the remote has closed its half or the connection breaks. Pauses after the first frame, and
/// whenever the queue is full, so that the transport applies back-pressure.
async fn read(
    mut reader: Box<impl FrameReader>,
    intake: &Intake,
    settings: &LinkSettings,
    counters: &Counters,
) -> LinkDownReason {
    let mut limit = settings.first_frame;
    loop {
        let frame = match reader.read(limit).await {
            Ok(Some(frame)) => frame,
            Ok(None) => return LinkDownReason::Finished,
            Err(error) => {
                if matches!(error, TransportError::FrameTooLong { .. }) {
                    counters.frames_too_long.add();
                    intake.push(Arrival::Malformed(TOO_LONG), 0);
                }
                debug!(%error, "reading from a link failed");
                return LinkDownReason::Broken;
            }
        };
        let bytes = frame.len();
        trace!(bytes, "frame received");
        let arrival = match SignedMessage::decode(frame, &settings.limits) {
            Ok(message) => Arrival::Message(message),
            Err(error) => Arrival::Malformed(error),
        };
        intake.push(arrival, bytes);
        intake.room().await;
        limit = settings.limits.max_envelope;
    }
}

const TOO_LONG: DecodeError = DecodeError::Malformed {
    message: "Envelope",
    reason: "the frame is longer than this link may send",
};

/// When a reader may stop before its remote does.
struct Ending {
    /// Closed with the link's entry.
    closed: Receiver<()>,
    /// Receives a value if the writer has failed, and is closed when the writer ends.
    writer_broke: Receiver<()>,
}

impl Ending {
    /// Completes when the writer has failed or the node has closed the link, and no more bytes arrive: frames that
    /// the remote sent before are still read. An orderly end of the writer does not stop the reader.
    async fn over(self, runtime: &impl Runtime, intake: &Intake, linger: Duration) {
        if self.writer_broke.recv().await.is_err() {
            let _ = self.closed.recv().await;
        }
        let latest = deadline(runtime, linger);
        loop {
            let before = intake.arrived();
            let pause = deadline(runtime, QUIET).min(latest);
            runtime.sleep_until(pause).await;
            let is_quiet = before.is_some() && before == intake.arrived();
            if is_quiet || runtime.now() >= latest {
                return;
            }
        }
    }
}

/// Silence after which a link that has ended expects no more frames.
const QUIET: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
