//! Spreading by push: new messages are sent to a few random peers that may get them.
//!
//! Corresponds to Fabric's batching emitter and `sendGossipBatch`.
//!
//! # Deviations
//! - Blocks are pushed at once, along a tree: see `channel/dissemination`. Only small messages are collected. A newer
//!   heartbeat or state info of a peer replaces an older one that still waits.
//! - Peers known to hold a message are left out before the draw, so that the fan-out is full.
//! - With enough links up, only connected peers are drawn. Of two peers that are not connected, one dials the other. At
//!   the maximum of links, no peer is dialled.

mod farewell;
pub(crate) mod item;
mod outcome;
mod pulses;

pub(crate) use self::farewell::{has_farewell_receiver, push_farewell};
use self::item::{Item, What};
pub use self::outcome::PushOutcome;
pub(crate) use self::pulses::{Beat, PulseEmitter, push_pulses};
use crate::channel::Channels;
use crate::out::Out;
use crate::peers::Peers;
use crate::peers::link::{Links, Sent};
use crate::peers::membership::{AliveMember, Party, may_push};
use crate::peers::outbox::Supersede;
use crate::timer::TimerKey;
use crate::{Class, PeerId};

/// A small message that waits to be pushed.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) item: Item,
    /// The number of pushes left.
    left: usize,
    /// The message has not been pushed yet.
    fresh: bool,
}

/// Collects small messages for a short time, and pushes each as often as configured, each time to peers that it was not
/// pushed to before. At most one message per subject waits.
#[derive(Debug, Default)]
pub(crate) struct Emitter {
    buffer: Vec<Entry>,
    /// The number of messages in the buffer that have not been pushed yet.
    fresh: usize,
}

impl Emitter {
    /// Takes a message. Returns the messages to push now: none, or all collected ones.
    pub(crate) fn add(&mut self, cx: &mut Out<'_>, item: Item) -> Vec<Entry> {
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
        // Messages that wait for a repeated push do not count for a burst.
        if self.fresh >= config.burst_size.get() {
            return self.take(cx);
        }
        let at = cx.now + config.burst_latency;
        cx.timers().set_earlier(TimerKey::Emitter, at);
        Vec::new()
    }

    /// The number of waiting messages.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Takes all collected messages.
    pub(crate) fn take(&mut self, cx: &mut Out<'_>) -> Vec<Entry> {
        cx.timers().cancel(&TimerKey::Emitter);
        self.fresh = 0;
        std::mem::take(&mut self.buffer)
    }

    /// A message has been pushed. If pushes are left, it waits for the next one, to peers other than `reached`.
    pub(crate) fn pushed(&mut self, cx: &mut Out<'_>, entry: Entry, reached: Vec<(PeerId, Sent)>) {
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

/// Sends a message to random peers of its audience, as many as the fan-out. Returns the result for each.
pub(crate) fn push(
    cx: &mut Out<'_>,
    peers: &mut Peers,
    channels: &Channels,
    item: &Item,
) -> Vec<(PeerId, Sent)> {
    let holders = &item.holders;
    match &item.what {
        What::Alive { subject } => push_heartbeat(cx, peers, item, subject),
        What::StateInfo { channel, publisher } => {
            let Some(channel) = channels.get(channel) else {
                return Vec::new();
            };
            channel.push_state_info(cx, peers, publisher, &item.message, holders)
        }
        What::Relay { publisher, mac } => {
            let own_org = &cx.config.identity.org;
            let accept = |member: &AliveMember, _: &Links| {
                member.org.as_ref() == Some(own_org)
                    && member.peer != *publisher
                    && !holders.contains(&member.peer)
            };
            let targets = peers.draw_targets(cx.config, false, accept);
            let key = Supersede::Relay(publisher.clone(), *mac);
            peers.push(cx, targets, (Class::Control, Some(key)), &item.message)
        }
    }
}

fn push_heartbeat(
    cx: &mut Out<'_>,
    peers: &mut Peers,
    item: &Item,
    subject: &PeerId,
) -> Vec<(PeerId, Sent)> {
    let own_org = &cx.config.identity.org;
    let Party { org, external } = peers.party(cx.config, subject.as_bytes());
    let org = org.cloned();
    let about = Party {
        org: org.as_ref(),
        external,
    };
    let accept = |member: &AliveMember, _: &Links| {
        may_push(own_org, about, member.party())
            && member.peer != *subject
            && !item.holders.contains(&member.peer)
    };
    let targets = peers.draw_targets(cx.config, false, accept);
    let key = Supersede::Alive(subject.clone());
    peers.push(cx, targets, (Class::Control, Some(key)), &item.message)
}

#[cfg(test)]
mod tests;
