use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use gossip_driver::core::Class;
use gossip_driver::{FrameQueue, Outgoing, TransportError};

use crate::cipher::{CipherState, TAG_LEN};
use crate::flow::Flow;
use crate::records::{
    BESIDE, END, FIRST, FIRST_HEADER_LEN, HEADER_LEN, LAST, MIDDLE, TAKEN, WHOLE,
};
use crate::window::Window;

/// Plain bytes per message: what the Noise limit of 65,535 leaves.
const MESSAGE: usize = u16::MAX as usize - TAG_LEN;
/// A further message is begun while the write buffer holds less than this. It bounds what an
/// urgent frame waits for to one message and a half.
const WRITE: usize = 32 << 10;
/// The most urgent class that the window holds back.
pub(crate) const HELD: Class = Class::Push;
/// With less room than this in a message, a frame begins in the next one.
const LEAST_PART: usize = 256;

/// The outgoing half of a link without its socket: frames in, bytes out.
///
/// Small frames share a message; large ones are cut, and between two parts the queue is asked for
/// something more urgent.
#[derive(Debug)]
pub(crate) struct Encoder {
    cipher: CipherState,
    /// Frames under way, the next to be sent last: at most one per class. The more urgent are later,
    /// but for a long one that waits for the end of another.
    under_way: Vec<UnderWay>,
    /// Frames whose last byte is in the write buffer. They keep their credit until it is written.
    done: Vec<Outgoing>,
    window: Window,
    flow: Arc<Flow>,
    /// Nobody reads what the remote grants, so the window does not hold.
    deaf: bool,
}

impl Encoder {
    /// One whose window is always open.
    pub(crate) fn new(cipher: CipherState) -> Self {
        Self {
            cipher,
            under_way: Vec::new(),
            done: Vec::new(),
            window: Window::new(u64::MAX),
            flow: Arc::default(),
            deaf: true,
        }
    }

    pub(crate) fn with_window(self, window: Window, flow: Arc<Flow>) -> Self {
        Self {
            window,
            flow,
            deaf: false,
            ..self
        }
    }

    /// Hears what the remote has taken. To be called before [`fill`](Self::fill).
    pub(crate) fn listen(&mut self, now: Instant) {
        self.deaf &= !self.flow.is_listening();
        self.window.update(self.flow.granted(), now);
    }

    /// Does somebody read what the remote grants?
    pub(crate) fn is_heard(&self) -> bool {
        self.flow.is_listening()
    }

    /// Nobody has read for a while: the window does not hold until somebody does.
    pub(crate) fn ignore_window(&mut self) {
        self.deaf = !self.flow.is_listening();
    }

    /// Does the window hold back what is below control?
    pub(crate) const fn is_held(&self) -> bool {
        !self.deaf && !self.window.is_open()
    }

    /// Is a frame neither sent in whole nor in the queue?
    pub(crate) fn is_under_way(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// Ready when there is something to tell the remote, or the window may have opened; else the
    /// writer will be woken.
    pub(crate) fn poll_flow(&self, cx: &Context<'_>) -> Poll<()> {
        self.flow.register(cx);
        if self.flow.is_due() || self.is_held() && self.window.has_news(self.flow.granted()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Appends to `out` messages with what is under way and queued; nothing if there is nothing.
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

    /// Takes a frame that was popped from the queue while waiting.
    pub(crate) fn begin(&mut self, outgoing: Outgoing) -> Result<(), TransportError> {
        let limit = u32::MAX as usize;
        if outgoing.frame().len() > limit {
            return Err(TransportError::FrameTooLong { limit });
        }
        let is_long = |outgoing: &Outgoing| outgoing.frame().len() > BESIDE;
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

    /// Appends the end of the stream.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) -> Result<(), TransportError> {
        let start = begin(out);
        out.push(END);
        self.seal(out, start)
    }

    /// What was appended is written: the frames in it return their credit.
    pub(crate) fn written(&mut self) {
        self.done.drain(..).for_each(Outgoing::flushed);
    }

    /// Appends records until the message is full or nothing is left. False: nothing was.
    fn records(
        &mut self,
        queue: &mut FrameQueue,
        out: &mut Vec<u8>,
        start: usize,
    ) -> Result<bool, TransportError> {
        let full = start + 2 + MESSAGE;
        let mut filled = false;
        if let Some(taken) = self.flow.tell() {
            out.push(TAKEN);
            out.extend_from_slice(&taken.to_be_bytes());
            filled = true;
        }
        while full - out.len() > FIRST_HEADER_LEN + LEAST_PART {
            let taken = self.under_way.iter().map(UnderWay::class).min();
            let next = match (taken, self.is_held()) {
                (Some(class), false) => queue.try_next_above(class),
                (Some(class), true) => queue.try_next_above(class.min(HELD)),
                (None, false) => queue.try_next(),
                (None, true) => queue.try_next_above(HELD),
            };
            if let Some(outgoing) = next {
                self.begin(outgoing)?;
            }
            let held = self.is_held();
            let Some(mut top) = self.under_way.pop_if(|top| !held || top.class() < HELD) else {
                break;
            };
            filled = true;
            let before = out.len();
            let complete = top.append(out, full - out.len());
            if top.class() >= HELD {
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

    /// Appends a record of at most `room` bytes. True: the frame is complete.
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
        // A frame's class is less than 3, a part's length less than 2^16 and a frame's, checked in
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

/// Leaves room for the length.
fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 2]);
    start
}
