use std::collections::VecDeque;

use crate::LinkConfig;
use crate::outbox::Queued;

/// Messages that wait for a link to their peer, in the order in which they were to be sent.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    frames: VecDeque<Queued>,
    bytes: u64,
}

impl Waiting {
    /// Adds a message; returns how many older ones had to go. One that it supersedes is replaced.
    pub(super) fn push(&mut self, config: &LinkConfig, frame: Queued) -> u64 {
        if frame.key.is_some()
            && let Some(older) = self.frames.iter_mut().find(|older| older.key == frame.key)
        {
            self.bytes = self.bytes - older.len() + frame.len();
            *older = frame;
            return 0;
        }
        let mut shed = 0;
        while self.frames.len() >= config.max_waiting.get()
            || self.bytes.saturating_add(frame.len()) > config.max_waiting_bytes
        {
            let Some(oldest) = self.frames.pop_front() else {
                break;
            };
            self.bytes -= oldest.len();
            shed += 1;
        }
        self.bytes += frame.len();
        self.frames.push_back(frame);
        shed
    }

    /// Takes over what a lost link had queued, in front of the rest. Bounded by what one outbox may
    /// hold: nothing is dropped.
    pub(super) fn adopt(&mut self, frames: Vec<Queued>) {
        for frame in frames.into_iter().rev() {
            self.bytes += frame.len();
            self.frames.push_front(frame);
        }
    }

    pub(super) fn take(&mut self) -> Vec<Queued> {
        self.bytes = 0;
        std::mem::take(&mut self.frames).into()
    }

    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}
