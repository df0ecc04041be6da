//! The frames of one class.

use std::collections::VecDeque;

use gossip_proto::SignedMessage;

use super::Supersede;
use crate::out::Out;
use crate::{Class, Instant};

/// A frame that waits.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) class: Class,
    pub(crate) key: Option<Supersede>,
    /// It waits for its peer though dials fail and links end: nobody but the application would send it again.
    /// What gossip itself sends is repaired by others or too late when it comes later.
    pub(crate) hold: Option<Hold>,
    pub(crate) message: SignedMessage,
}

impl Frame {
    /// Outlives neither a dial that fails nor the link that it is queued on, if it is the last one.
    pub(crate) fn new(class: Class, message: SignedMessage) -> Self {
        Self {
            class,
            key: None,
            hold: None,
            message,
        }
    }

    pub(crate) fn control(message: SignedMessage) -> Self {
        Self::new(Class::Control, message)
    }

    pub(crate) fn push(message: SignedMessage) -> Self {
        Self::new(Class::Push, message)
    }

    pub(crate) fn bulk(message: SignedMessage) -> Self {
        Self::new(Class::Bulk, message)
    }

    /// A view of the membership or of a channel: if it takes long to send it must not delay heartbeats.
    pub(crate) fn view(message: SignedMessage) -> Self {
        let class = if message.encoded().len() > MAX_CONTROL_VIEW {
            Class::Bulk
        } else {
            Class::Control
        };
        Self::new(class, message)
    }

    /// Supersedes an earlier frame with this key that waits.
    pub(crate) fn superseding(self, key: impl Into<Option<Supersede>>) -> Self {
        let key = key.into();
        Self { key, ..self }
    }

    /// Whether it goes on waiting now that its peer cannot be reached.
    pub(crate) fn is_held(&self, now: Instant) -> bool {
        self.hold.is_some_and(|hold| hold.until > now)
    }

    /// Whether nobody but the peer that it is for may have it.
    pub(crate) fn is_only_for_named(&self) -> bool {
        self.hold.is_some_and(|hold| hold.only_named)
    }

    /// Its length on the wire, in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.message.encoded().len() as u64
    }
}

/// In bytes: a link of a few Mbit/s carries it within some 50 ms.
const MAX_CONTROL_VIEW: usize = 32 << 10;

/// How a frame waits for a peer that cannot be reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    pub(crate) until: Instant,
    /// A peer found in the place of the one named does not get it.
    pub(crate) only_named: bool,
}

impl Hold {
    /// For as long as the configuration says, for the peer or any other in its place.
    pub(crate) fn for_any_successor(out: &Out<'_>) -> Self {
        Self {
            until: out.now + out.config.link.hold_for,
            only_named: false,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    frames: VecDeque<Frame>,
    bytes: u64,
}

impl Queue {
    /// Adds a frame, at the cost of the oldest ones if there is no room. One that it supersedes is
    /// replaced. Returns how many had to go.
    pub(crate) fn push(&mut self, frame: Frame, max_frames: usize, max_bytes: u64) -> u64 {
        let mut shed = 0;
        if let Some(frame) = self.supersede(frame) {
            while !self.has_room(frame.len(), max_frames, max_bytes) {
                self.pop();
                shed += 1;
            }
            self.append(frame);
        }
        while self.bytes > max_bytes && self.frames.len() > 1 {
            self.pop();
            shed += 1;
        }
        shed
    }

    /// Takes over frames that waited elsewhere, in their order, behind those that are here. Of one key
    /// the frame that is here already is the newer one. Nothing else is dropped.
    pub(crate) fn adopt(&mut self, frames: impl IntoIterator<Item = Frame>) {
        let here = self.frames.len();
        for frame in frames {
            let known = frame.key.is_some()
                && self
                    .frames
                    .iter()
                    .take(here)
                    .any(|own| own.key == frame.key);
            if !known && let Some(frame) = self.supersede(frame) {
                self.append(frame);
            }
        }
    }

    /// Takes over frames in front of all others. Nothing is dropped.
    pub(crate) fn prepend(&mut self, frames: Vec<Frame>) {
        for frame in frames.into_iter().rev() {
            self.bytes += frame.len();
            self.frames.push_front(frame);
        }
    }

    /// Drops the oldest frames until no more than so many are left, held ones after all others; one frame may
    /// be of any length. Returns how many had to go.
    pub(crate) fn shed_oldest(&mut self, now: Instant, max_frames: usize, max_bytes: u64) -> u64 {
        let before = self.frames.len();
        for spare_held in [true, false] {
            let (mut left, mut bytes) = (self.frames.len(), self.bytes);
            self.frames.retain(|frame| {
                let full = left > max_frames || (bytes > max_bytes && left > 1);
                let keep = !full || (spare_held && frame.is_held(now));
                if !keep {
                    left -= 1;
                    bytes -= frame.len();
                }
                keep
            });
            self.bytes = bytes;
        }
        (before - self.frames.len()) as u64
    }

    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Replaces the frame of the same key where it stands, or hands the frame back.
    pub(crate) fn supersede(&mut self, frame: Frame) -> Option<Frame> {
        let key = frame.key.as_ref();
        if key.is_none() {
            return Some(frame);
        }
        let Some(older) = self
            .frames
            .iter_mut()
            .find(|older| older.key.as_ref() == key)
        else {
            return Some(frame);
        };
        self.bytes = self.bytes - older.len() + frame.len();
        *older = frame;
        None
    }

    /// One frame always fits.
    pub(crate) fn has_room(&self, len: u64, max_frames: usize, max_bytes: u64) -> bool {
        self.frames.is_empty()
            || (self.frames.len() < max_frames && self.bytes.saturating_add(len) <= max_bytes)
    }

    pub(crate) fn append(&mut self, frame: Frame) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    pub(crate) fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.len();
        Some(frame)
    }

    pub(crate) fn next_len(&self) -> Option<u64> {
        self.frames.front().map(Frame::len)
    }

    pub(crate) fn take(&mut self) -> VecDeque<Frame> {
        self.bytes = 0;
        std::mem::take(&mut self.frames)
    }

    /// Drops the frames that wait no longer now that the peer cannot be reached; returns how many.
    pub(crate) fn shed_fleeting(&mut self, now: Instant) -> usize {
        let before = self.frames.len();
        self.frames.retain(|frame| frame.is_held(now));
        self.bytes = self.frames.iter().map(Frame::len).sum();
        before - self.frames.len()
    }

    /// Takes the frames that go on waiting now that the peer cannot be reached.
    pub(crate) fn take_held(&mut self, now: Instant) -> Vec<Frame> {
        let (held, rest) = self
            .take()
            .into_iter()
            .partition(|frame| frame.is_held(now));
        self.frames = rest;
        self.bytes = self.frames.iter().map(Frame::len).sum();
        Vec::from(held)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}
