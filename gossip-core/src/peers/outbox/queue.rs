//! The queue of one class.

use std::collections::VecDeque;

use gossip_proto::SignedMessage;

use super::Supersede;
use crate::out::Out;
use crate::{Class, Instant};

/// A message queued for a link.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) class: Class,
    pub(crate) key: Option<Supersede>,
    /// Whether the frame is kept after failed dials and ended links, and until when. Only for messages of the
    /// application, which gossip does not repair. Gossip's own messages are not held: they are repaired by later ones,
    /// or outdated.
    pub(crate) hold: Option<Hold>,
    pub(crate) message: SignedMessage,
}

impl Frame {
    /// A frame that is dropped when a dial fails, or when the last link to its peer ends.
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

    /// A view of the membership or of a channel. A large one is of the bulk class, so that it does not delay
    /// heartbeats.
    pub(crate) fn view(message: SignedMessage) -> Self {
        let class = if message.encoded().len() > MAX_CONTROL_VIEW {
            Class::Bulk
        } else {
            Class::Control
        };
        Self::new(class, message)
    }

    /// Sets the key: the frame replaces a queued one with the same key.
    pub(crate) fn superseding(self, key: impl Into<Option<Supersede>>) -> Self {
        let key = key.into();
        Self { key, ..self }
    }

    /// Returns whether the frame stays queued while its peer is unreachable.
    pub(crate) fn is_held(&self, now: Instant) -> bool {
        self.hold.is_some_and(|hold| hold.until > now)
    }

    /// Returns whether the frame may be sent to no other peer than the one it is for.
    pub(crate) fn is_only_for_named(&self) -> bool {
        self.hold.is_some_and(|hold| hold.only_named)
    }

    /// Its length on the wire, in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.message.encoded().len() as u64
    }
}

/// Largest view of the control class, in bytes: a link of a few Mbit/s transfers it within about 50 ms.
const MAX_CONTROL_VIEW: usize = 32 << 10;

/// How a frame is held for an unreachable peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    pub(crate) until: Instant,
    /// Whether a peer that replaces the named one does not receive the frame.
    pub(crate) only_named: bool,
}

impl Hold {
    /// For the configured time, for the peer or any peer that replaces it.
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
    /// Adds a frame. Drops the oldest ones if there is no room; a frame with the same key is replaced. Returns the
    /// number of dropped frames.
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

    /// Adds frames from another queue, in their order, behind the queued ones. A frame whose key is queued here already
    /// is dropped, as the queued one is newer. No other frame is dropped.
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

    /// Adds frames in front of all others. No frame is dropped.
    pub(crate) fn prepend(&mut self, frames: Vec<Frame>) {
        for frame in frames.into_iter().rev() {
            self.bytes += frame.len();
            self.frames.push_front(frame);
        }
    }

    /// Drops the oldest frames until both limits hold, held frames last. A single frame may exceed the limit on bytes.
    /// Returns the number of dropped frames.
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

    /// Replaces the queued frame with the same key in its place, or returns the frame.
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

    /// Returns whether a frame fits. An empty queue has room for any frame.
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

    /// Drops the frames that are not held. Returns their number.
    pub(crate) fn shed_fleeting(&mut self, now: Instant) -> usize {
        let before = self.frames.len();
        self.frames.retain(|frame| frame.is_held(now));
        self.bytes = self.frames.iter().map(Frame::len).sum();
        before - self.frames.len()
    }

    /// Removes and returns the held frames.
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
