//! Spreading by push: what is worth telling goes to a few random peers that may hear it.
//!
//! Answers to Fabric's batching emitter and `sendGossipBatch`.
//!
//! # Deviations
//! - Blocks are pushed at once, and along the branches of a tree where peers know of it: see `node/tree.rs`
//!   and `channel/tree.rs`. Only small messages are collected. A newer heartbeat or state info
//!   of a peer replaces an older one that still waits.
//! - Peers known to hold a message are left out before the draw, so that the fan-out is full.
//! - With enough links up, connected peers are drawn alone; of two peers that are not connected one
//!   dials the other. Once as many links are up as are allowed, nobody is dialled.

mod farewell;
mod pulses;
mod round;

use gossip_proto::SignedMessage;

pub(crate) use self::farewell::{hears_farewell, push_farewell};
pub(crate) use self::pulses::{Beat, PulseEmitter, push_pulses};
pub(crate) use self::round::{Audience, push};
use crate::cx::Cx;
use crate::timer::TimerKey;
use crate::{ChannelId, PeerId};

/// Something to be pushed.
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
    Block {
        channel: ChannelId,
    },
}

/// Collects small messages for a moment.
#[derive(Debug, Default)]
pub(crate) struct Emitter {
    buffer: Vec<Item>,
}

impl Emitter {
    /// Takes a message. Returns what is to be pushed now: nothing, or all that was collected.
    pub(crate) fn add(&mut self, cx: &mut Cx<'_>, item: Item) -> Vec<Item> {
        let config = &cx.config.push;
        if config.fanout == 0 {
            return Vec::new();
        }
        match self
            .buffer
            .iter_mut()
            .find(|queued| queued.what == item.what)
        {
            Some(queued) => *queued = item,
            None => self.buffer.push(item),
        }
        if self.buffer.len() >= config.burst_size.get() {
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
    pub(crate) fn take(&mut self, cx: &mut Cx<'_>) -> Vec<Item> {
        cx.timers().cancel(&TimerKey::Emitter);
        std::mem::take(&mut self.buffer)
    }
}

#[cfg(test)]
mod tests;
