use std::ops::Range;

use bytes::Bytes;
use gossip_driver::transport::TransportError;

use crate::cipher::{CipherState, TAG_LEN};
use crate::records::{Assembler, Counts, Item};

/// Size of the read buffer on a link with little and with much traffic.
pub(crate) const MIN_BUFFER: usize = 4 << 10;
const MAX_BUFFER: usize = 256 << 10;
/// A buffer grows beyond this only after this many consecutive reads that fill it: a membership
/// view fills it once or twice, a stream of blocks soon this many times.
const MID_BUFFER: usize = 64 << 10;
const FULL_READS: u32 = 8;
/// After this many consecutive reads that use less than an eighth of it, the buffer is halved.
const SMALL_READS: u32 = 16;

/// A step of [`Decoder::next`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A whole frame.
    Frame(Bytes),
    /// No complete frame is buffered: fill [`Decoder::space`] and call [`Decoder::received`].
    NeedMore,
    /// The remote has ended the stream; the end is authenticated.
    End,
}

/// The incoming half of a link without its socket: bytes in, frames out.
///
/// Messages are opened in the buffer into which they were read. The buffer grows while reads fill
/// it, shrinks again, and is released on an idle link: an idle link costs no memory, a busy one few
/// system calls.
#[derive(Debug)]
pub(crate) struct Decoder {
    cipher: CipherState,
    assembler: Assembler,
    buffer: Vec<u8>,
    /// The part of the buffer that is received and not yet opened.
    sealed: Range<usize>,
    /// The part of the buffer that is opened and not yet parsed; lies before `sealed`.
    plain: Range<usize>,
    small_reads: u32,
    full_reads: u32,
    failed: bool,
}

impl Decoder {
    pub(crate) fn new(cipher: CipherState) -> Self {
        Self {
            cipher,
            assembler: Assembler::default(),
            buffer: Vec::new(),
            sealed: 0..0,
            plain: 0..0,
            small_reads: 0,
            full_reads: 0,
            failed: false,
        }
    }

    /// The next frame of at most `limit` bytes. After an error, every call returns an error.
    pub(crate) fn next(&mut self, limit: usize) -> Result<Step, TransportError> {
        if self.failed {
            return Err(TransportError::Closed);
        }
        let step = self.advance(limit);
        self.failed = step.is_err();
        step
    }

    /// Whether the last call of [`next`](Self::next) advanced a frame, or none is under way.
    pub(crate) fn take_progress(&mut self) -> bool {
        self.assembler.take_progress()
    }

    /// Bytes consumed here and by the remote.
    pub(crate) const fn counts(&self) -> Counts {
        self.assembler.counts()
    }

    /// Where to put received bytes; not empty after [`Step::NeedMore`].
    pub(crate) fn space(&mut self) -> &mut [u8] {
        if self.sealed.is_empty() {
            self.sealed = 0..0;
            self.adapt();
        }
        let wanted = self.wanted();
        if self.buffer.len() - self.sealed.end < wanted {
            self.buffer.copy_within(self.sealed.clone(), 0);
            self.sealed = 0..self.sealed.len();
        }
        let least = (self.sealed.end + wanted).max(MIN_BUFFER);
        if self.buffer.len() < least {
            self.buffer.resize(least, 0);
        }
        self.buffer.get_mut(self.sealed.end..).unwrap_or_default()
    }

    /// Whether no buffer is allocated. Then read into a temporary buffer and hand the bytes to
    /// [`accept`](Self::accept), so that a waiting link holds no memory.
    pub(crate) const fn has_no_buffer(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Whether the buffer is larger than its minimum.
    pub(crate) const fn is_large(&self) -> bool {
        self.buffer.len() > MIN_BUFFER
    }

    /// Releases the buffer, unless it holds a part of a message.
    pub(crate) fn release_buffer(&mut self) {
        if self.sealed.is_empty() && self.plain.is_empty() {
            self.buffer = Vec::new();
            self.sealed = 0..0;
            self.plain = 0..0;
            self.small_reads = 0;
            self.full_reads = 0;
        }
    }

    /// Takes bytes from a temporary buffer, at most [`MIN_BUFFER`], while no buffer is allocated.
    pub(crate) fn accept(&mut self, bytes: &[u8]) {
        let space = self.space().iter_mut();
        let count = space.zip(bytes).map(|(to, from)| *to = *from).count();
        self.received(count);
    }

    /// `count` bytes were put into [`space`](Self::space).
    pub(crate) fn received(&mut self, count: usize) {
        self.sealed.end = (self.sealed.end + count).min(self.buffer.len());
        if self.sealed.end == self.buffer.len() {
            self.small_reads = 0;
            self.full_reads = self.full_reads.saturating_add(1);
            let most = match self.full_reads {
                0..FULL_READS => MID_BUFFER,
                FULL_READS.. => MAX_BUFFER,
            };
            if self.buffer.len() < most {
                self.buffer.resize((self.buffer.len() * 4).min(most), 0);
            }
            return;
        }
        self.full_reads = 0;
        if count < self.buffer.len() / 8 {
            self.small_reads += 1;
        } else {
            self.small_reads = 0;
        }
    }

    fn advance(&mut self, limit: usize) -> Result<Step, TransportError> {
        loop {
            let mut plain = self.buffer.get(self.plain.clone()).unwrap_or_default();
            let item = self.assembler.next(&mut plain, limit)?;
            self.plain.start = self.plain.end - plain.len();
            match item {
                Some(Item::Frame(frame)) => return Ok(Step::Frame(frame)),
                Some(Item::End) => return Ok(Step::End),
                None if self.assembler.has_ended() => return Ok(Step::End),
                None if !self.open()? => return Ok(Step::NeedMore),
                None => {}
            }
        }
    }

    /// Opens the next message if it is complete.
    fn open(&mut self) -> Result<bool, TransportError> {
        let received = self.buffer.get_mut(self.sealed.clone()).unwrap_or_default();
        let Some((length, rest)) = received.split_first_chunk_mut() else {
            return Ok(false);
        };
        let length = usize::from(u16::from_be_bytes(*length));
        if length < TAG_LEN {
            return Err(TransportError::Framing(
                "a message is too short to be sealed",
            ));
        }
        let Some(message) = rest.get_mut(..length) else {
            return Ok(false);
        };
        let opened = self.cipher.open(message);
        let plain = opened.map_err(|_| {
            TransportError::Framing("a message was altered, repeated or left out on its way")
        })?;
        let start = self.sealed.start + 2;
        self.plain = start..start + plain;
        self.sealed.start = start + length;
        Ok(true)
    }

    /// Bytes that the message at the front still lacks, at least one.
    fn wanted(&self) -> usize {
        let received = self.buffer.get(self.sealed.clone()).unwrap_or_default();
        let whole = received
            .first_chunk()
            .map_or(2, |length| 2 + usize::from(u16::from_be_bytes(*length)));
        whole.saturating_sub(received.len()).max(1)
    }

    fn adapt(&mut self) {
        if self.small_reads >= SMALL_READS && self.buffer.len() > MIN_BUFFER {
            let half = (self.buffer.len() / 2).max(MIN_BUFFER);
            self.buffer.truncate(half);
            self.buffer.shrink_to_fit();
            self.small_reads = 0;
        }
    }
}
