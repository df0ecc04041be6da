//! Spreading by push: what is worth telling goes to a few random peers that may hear it.
//!
//! Answers to Fabric's batching emitter and `sendGossipBatch`.
//!
//! # Deviations
//! - Blocks are pushed at once, and along the branches of a tree where peers know of it: see `node/tree.rs`
//!   and `channel/tree.rs`. Only small messages are collected. A newer heartbeat or state info
//!   of a peer replaces an older one that still waits.
//! - Large blocks that others may have are offered while the tree grows, and sent to those that ask: see
//!   `node/offers.rs`.
//! - Peers known to hold a message are left out before the draw, so that the fan-out is full.
//! - With enough links up, connected peers are drawn alone; of two peers that are not connected one
//!   dials the other. Once as many links are up as are allowed, nobody is dialled.

mod farewell;
mod outcome;
mod pulses;
mod round;

use gossip_proto::SignedMessage;

pub(crate) use self::farewell::{hears_farewell, push_farewell};
pub use self::outcome::PushOutcome;
pub(crate) use self::pulses::{Beat, PulseEmitter, push_pulses};
pub(crate) use self::round::{Audience, push};
use crate::cx::Cx;
use crate::link::Sent;
use crate::relay::Mac;
use crate::timer::TimerKey;
use crate::{ChannelId, PeerId};

/// Something to be pushed, once.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) what: What,
    pub(crate) message: SignedMessage,
    /// Peers known to hold it.
    pub(crate) holders: Vec<PeerId>,
}

/// What is pushed decides who may hear it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Alive {
        subject: PeerId,
    },
    StateInfo {
        channel: ChannelId,
        publisher: PeerId,
    },
    /// Of a channel that we have not joined.
    Relay {
        publisher: PeerId,
        mac: Mac,
    },
    Block {
        channel: ChannelId,
        /// Branches have to be found: it goes to peers that know of them too.
        sow: bool,
    },
}

/// A small message on its way out.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) item: Item,
    /// How often it is still to be pushed.
    left: usize,
    /// It has not been pushed yet.
    fresh: bool,
}

/// Collects small messages for a moment, and pushes each as often as the configuration says, each time to
/// peers that it was not pushed to before. At most one message of each subject waits.
#[derive(Debug, Default)]
pub(crate) struct Emitter {
    buffer: Vec<Entry>,
    /// Those in the buffer that have not been pushed yet.
    fresh: usize,
}

impl Emitter {
    /// Takes a message. Returns what is to be pushed now: nothing, or all that was collected.
    pub(crate) fn add(&mut self, cx: &mut Cx<'_>, item: Item) -> Vec<Entry> {
        let config = &cx.config.push;
        if !config.is_on() {
            return Vec::new();
        }
        let entry = Entry {
            item,
            left: config.iterations,
            fresh: true,
        };
        let mut queued = self.buffer.iter_mut();
        match queued.find(|queued| queued.item.what == entry.item.what) {
            Some(queued) => {
                self.fresh += usize::from(!queued.fresh);
                *queued = entry;
            }
            None => {
                self.fresh += 1;
                self.buffer.push(entry);
            }
        }
        // What only waits to be pushed again makes no burst.
        if self.fresh >= config.burst_size.get() {
            return self.take(cx);
        }
        let at = cx.now + config.burst_latency;
        cx.timers().set_earlier(TimerKey::Emitter, at);
        Vec::new()
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Everything collected.
    pub(crate) fn take(&mut self, cx: &mut Cx<'_>) -> Vec<Entry> {
        cx.timers().cancel(&TimerKey::Emitter);
        self.fresh = 0;
        std::mem::take(&mut self.buffer)
    }

    /// A message has been pushed: it waits to be pushed again, to others than `reached`, if it is to be.
    pub(crate) fn pushed(&mut self, cx: &mut Cx<'_>, entry: Entry, reached: Vec<(PeerId, Sent)>) {
        let Some(left) = entry.left.checked_sub(1).filter(|left| *left > 0) else {
            return;
        };
        let mut item = entry.item;
        let reached = reached.into_iter().map(|(peer, _)| peer);
        item.holders.extend(reached);
        self.buffer.push(Entry {
            item,
            left,
            fresh: false,
        });
        let at = cx.now + cx.config.push.burst_latency;
        cx.timers().set_earlier(TimerKey::Emitter, at);
    }
}

#[cfg(test)]
mod tests;
