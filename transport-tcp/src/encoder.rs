use gossip_driver::core::Class;
use gossip_driver::{FrameQueue, Outgoing, TransportError};

use crate::cipher::{CipherState, TAG_LEN};
use crate::records::{END, FIRST, FIRST_HEADER_LEN, HEADER_LEN, LAST, MIDDLE, WHOLE};

/// Plain bytes per message: what the Noise limit of 65,535 leaves.
const MESSAGE: usize = u16::MAX as usize - TAG_LEN;
/// A further message is begun while the write buffer holds less than this. It bounds what an
/// urgent frame waits for to one message and a half.
const WRITE: usize = 32 << 10;
/// With less room than this in a message, a frame begins in the next one.
const LEAST_PART: usize = 256;

/// The outgoing half of a link without its socket: frames in, bytes out.
///
/// Small frames share a message; large ones are cut, and between two parts the queue is asked for
/// something more urgent.
#[derive(Debug)]
pub(crate) struct Encoder {
    cipher: CipherState,
    /// Frames under way, the most urgent last: at most one per class.
    under_way: Vec<UnderWay>,
    /// Frames whose last byte is in the write buffer. They keep their credit until it is written.
    done: Vec<Outgoing>,
}

impl Encoder {
    pub(crate) const fn new(cipher: CipherState) -> Self {
        Self {
            cipher,
            under_way: Vec::new(),
            done: Vec::new(),
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
        self.under_way.push(UnderWay { outgoing, sent: 0 });
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
        while full - out.len() > FIRST_HEADER_LEN + LEAST_PART {
            let next = match self.under_way.last() {
                Some(top) => queue.try_next_above(top.class()),
                None => queue.try_next(),
            };
            if let Some(outgoing) = next {
                self.begin(outgoing)?;
            }
            let Some(mut top) = self.under_way.pop() else {
                break;
            };
            filled = true;
            if top.append(out, full - out.len()) {
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
