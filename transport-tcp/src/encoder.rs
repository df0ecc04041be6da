use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use gossip_driver::core::Class;
use gossip_driver::transport::{FrameQueue, Outgoing, TransportError};

use crate::cipher::{CipherState, TAG_LEN};
use crate::flow::Flow;
use crate::records::{
    END, FIRST, FIRST_HEADER_LEN, HEADER_LEN, LAST, LONG_FRAME, MIDDLE, WHOLE, WINDOW_UPDATE,
};
use crate::window::Window;

/// Plain bytes per message: the Noise limit of 65,535 bytes without the tag.
const MESSAGE: usize = u16::MAX as usize - TAG_LEN;
/// Another message begins while the write buffer holds less than this. An urgent frame waits for
/// one message and a half at most.
const WRITE: usize = 32 << 10;
/// The most urgent class that is subject to the window.
pub(crate) const WINDOWED: Class = Class::Push;
/// If a message has less room than this, the next frame begins in the next message.
const MIN_PART: usize = 256;

/// The outgoing half of a link without its socket: frames in, bytes out.
///
/// Small frames share a message; large frames are cut into parts, and more urgent frames from the
/// queue go between the parts.
#[derive(Debug)]
pub(crate) struct Encoder {
    cipher: CipherState,
    /// Frames under way, the next one to send last; at most one per class, in increasing urgency,
    /// except for a long frame that waits for the end of another long one.
    under_way: Vec<UnderWay>,
    /// Frames whose last byte is in the write buffer. Their credit returns when the buffer is
    /// written.
    done: Vec<Outgoing>,
    window: Window,
    flow: Arc<Flow>,
    /// The reader is not active, so window updates do not arrive and the window is not enforced.
    window_suspended: bool,
}

impl Encoder {
    /// An encoder whose window is always open.
    pub(crate) fn new(cipher: CipherState) -> Self {
        Self {
            cipher,
            under_way: Vec::new(),
            done: Vec::new(),
            window: Window::new(u64::MAX),
            flow: Arc::default(),
            window_suspended: true,
        }
    }

    pub(crate) fn with_window(self, window: Window, flow: Arc<Flow>) -> Self {
        Self {
            window,
            flow,
            window_suspended: false,
            ..self
        }
    }

    /// Applies the remote's window updates. Call it before [`fill`](Self::fill).
    pub(crate) fn update_window(&mut self, now: Instant) {
        self.window_suspended &= !self.flow.is_reading();
        self.window.update(self.flow.acknowledged(), now);
    }

    /// Whether the reader is active, so that window updates arrive.
    pub(crate) fn is_reading(&self) -> bool {
        self.flow.is_reading()
    }

    /// Stops enforcing the window until the reader is active again.
    pub(crate) fn suspend_window(&mut self) {
        self.window_suspended = !self.flow.is_reading();
    }

    /// Whether the window is full: frames below control have to wait.
    pub(crate) const fn is_blocked(&self) -> bool {
        !self.window_suspended && !self.window.is_open()
    }

    /// Whether a frame has begun and not ended.
    pub(crate) fn is_under_way(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// Ready if a window update is due or the window may have opened; otherwise registers the
    /// writer's waker.
    pub(crate) fn poll_flow(&self, cx: &Context<'_>) -> Poll<()> {
        self.flow.register(cx);
        if self.flow.is_due()
            || self.is_blocked() && self.window.has_advanced(self.flow.acknowledged())
        {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Appends messages with the frames under way and queued to `out`; nothing if there are none.
    pub(crate) fn fill(
        &mut self,
        queue: &mut FrameQueue,
        out: &mut Vec<u8>,
    ) -> Result<(), TransportError> {
        while out.len() < WRITE {
            let start = begin(out);
            let filled = self.records(queue, out, start)?;
            if !filled {
                out.truncate(start);
                return Ok(());
            }
            self.seal(out, start)?;
        }
        Ok(())
    }

    /// Takes a frame that the writer has popped from the queue.
    pub(crate) fn begin(&mut self, outgoing: Outgoing) -> Result<(), TransportError> {
        let limit = u32::MAX as usize;
        if outgoing.frame().len() > limit {
            return Err(TransportError::FrameTooLong { limit });
        }
        let is_long = |outgoing: &Outgoing| outgoing.frame().len() > LONG_FRAME;
        let wait = is_long(&outgoing) && self.under_way.iter().any(|top| is_long(&top.outgoing));
        let begun = UnderWay { outgoing, sent: 0 };
        if wait {
            self.under_way.insert(0, begun);
        } else {
            self.under_way.push(begun);
        }
        Ok(())
    }

    /// Appends an empty message.
    pub(crate) fn keep_alive(&mut self, out: &mut Vec<u8>) -> Result<(), TransportError> {
        let start = begin(out);
        self.seal(out, start)
    }

    /// Appends the end of stream.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) -> Result<(), TransportError> {
        let start = begin(out);
        out.push(END);
        self.seal(out, start)
    }

    /// All appended bytes are written: the complete frames return their credit.
    pub(crate) fn written(&mut self) {
        self.done.drain(..).for_each(Outgoing::flushed);
    }

    /// Appends records until the message is full or no frame is left. Returns whether it appended
    /// any.
    fn records(
        &mut self,
        queue: &mut FrameQueue,
        out: &mut Vec<u8>,
        start: usize,
    ) -> Result<bool, TransportError> {
        let full = start + 2 + MESSAGE;
        let mut filled = false;
        if let Some(consumed) = self.flow.take_update() {
            out.push(WINDOW_UPDATE);
            out.extend_from_slice(&consumed.to_be_bytes());
            filled = true;
        }
        while full - out.len() > FIRST_HEADER_LEN + MIN_PART {
            let taken = self.under_way.iter().map(UnderWay::class).min();
            let next = match (taken, self.is_blocked()) {
                (Some(class), false) => queue.try_next_above(class),
                (Some(class), true) => queue.try_next_above(class.min(WINDOWED)),
                (None, false) => queue.try_next(),
                (None, true) => queue.try_next_above(WINDOWED),
            };
            if let Some(outgoing) = next {
                self.begin(outgoing)?;
            }
            let held = self.is_blocked();
            let Some(mut top) = self.under_way.pop_if(|top| !held || top.class() < WINDOWED) else {
                break;
            };
            filled = true;
            let before = out.len();
            let complete = top.append(out, full - out.len());
            if top.class() >= WINDOWED {
                self.window.add(out.len() - before);
            }
            if complete {
                self.done.push(top.outgoing);
            } else {
                self.under_way.push(top);
            }
        }
        Ok(filled)
    }

    fn seal(&mut self, out: &mut Vec<u8>, start: usize) -> Result<(), TransportError> {
        const TOO_LONG: TransportError = TransportError::Framing("a message is too long to seal");
        let (length, plain) = out
            .get_mut(start..)
            .and_then(<[u8]>::split_first_chunk_mut)
            .ok_or(TOO_LONG)?;
        *length = u16::try_from(plain.len() + TAG_LEN)
            .map_err(|_| TOO_LONG)?
            .to_be_bytes();
        let tag = self.cipher.seal(plain).map_err(|_| TOO_LONG)?;
        out.extend_from_slice(&tag);
        Ok(())
    }
}

#[derive(Debug)]
struct UnderWay {
    outgoing: Outgoing,
    sent: usize,
}

impl UnderWay {
    fn class(&self) -> Class {
        self.outgoing.class()
    }

    /// Appends a record of at most `room` bytes. Returns whether the frame is complete.
    fn append(&mut self, out: &mut Vec<u8>, room: usize) -> bool {
        let frame = self.outgoing.frame();
        let rest = frame.get(self.sent..).unwrap_or_default();
        let (kind, header) = match (self.sent == 0, rest.len() + HEADER_LEN <= room) {
            (true, true) => (WHOLE, HEADER_LEN),
            (true, false) => (FIRST, FIRST_HEADER_LEN),
            (false, true) => (LAST, HEADER_LEN),
            (false, false) => (MIDDLE, HEADER_LEN),
        };
        let part = rest.get(..room - header).unwrap_or(rest);
        // A class is less than 3, a part's length less than 2^16, and a frame's length, checked in
        // `begin`, less than 2^32.
        out.push(kind | self.outgoing.class().index() as u8);
        out.extend_from_slice(&(part.len() as u16).to_be_bytes());
        if kind == FIRST {
            out.extend_from_slice(&(frame.len() as u32).to_be_bytes());
        }
        out.extend_from_slice(part);
        self.sent += part.len();
        self.sent == frame.len()
    }
}

/// Reserves the length field of a message.
fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 2]);
    start
}
