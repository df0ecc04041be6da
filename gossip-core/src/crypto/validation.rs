//! Blocks that the application validates before they are stored and forwarded.
//!
//! The validator is apart from the crypto service's `verify_block`. `verify_block` answers from the block and the
//! channel's configuration alone, on any thread and in any order. A validator reads the application's state, is
//! switched on and off per channel, and may answer *ignore*: not now, which no signature check does. It sees only
//! verified blocks, so bytes invented by an outsider cannot occupy it.

use std::collections::{BTreeMap, BTreeSet};

use super::copies::{Claim, Copies};
use crate::gate::admitted::BlockItem;
use crate::out::Out;
use crate::snapshot::Stores;
use crate::timer::TimerKey;
use crate::{ChannelId, Command, Config, Instant, Ticket};

/// The channels whose blocks the application validates, and the blocks that await its verdict.
///
/// Bounded by `max_validations` and, except for one block, by `max_pending_bytes`.
#[derive(Debug, Default)]
pub(crate) struct Validations {
    on: BTreeSet<ChannelId>,
    by_block: BTreeMap<(ChannelId, u64), Pending>,
    /// In the order of their deadlines, since the timeout is the same for all.
    by_ticket: BTreeMap<Ticket, (ChannelId, u64)>,
    bytes: u64,
}

#[derive(Debug)]
struct Pending {
    copies: Copies<BlockItem>,
    bytes: u64,
    until: Instant,
}

impl Validations {
    pub(crate) fn switch(&mut self, channel: &ChannelId, on: bool) {
        if on {
            self.on.insert(channel.clone());
        } else {
            self.on.remove(channel);
        }
    }

    pub(crate) fn is_on(&self, channel: &ChannelId) -> bool {
        self.on.contains(channel)
    }

    /// Shows a block to the application. Returns it if too many are shown already.
    pub(crate) fn start(
        &mut self,
        cx: &mut Out<'_>,
        copies: Copies<BlockItem>,
    ) -> Option<Copies<BlockItem>> {
        let (config, bytes) = (&cx.config.gate, copies.bytes());
        let full = self.by_block.len() >= config.max_validations.get();
        let total = self.bytes.saturating_add(bytes);
        if full || total > config.max_pending_bytes && !self.by_block.is_empty() {
            cx.metrics().validations_shed += 1;
            return Some(copies);
        }
        let (ticket, until) = (cx.ticket(), cx.now + cx.config.gate.check_timeout);
        let block = &copies.first.item;
        let key = (block.channel.clone(), block.seq);
        cx.metrics().validations += 1;
        cx.timers().set_earlier(TimerKey::Validations, until);
        cx.emit(Command::Validate {
            ticket,
            channel: block.channel.clone(),
            seq: block.seq,
            block: block.data.clone(),
            from: block.source.peer().cloned(),
        });
        self.bytes = total;
        self.by_ticket.insert(ticket, key.clone());
        let pending = Pending {
            copies,
            bytes,
            until,
        };
        self.by_block.insert(key, pending);
        None
    }

    /// Lets a copy of a block that is being validated wait for the verdict. Returns the copy if there is no such block.
    pub(crate) fn join(
        &mut self,
        cx: &mut Out<'_>,
        claim: Claim<BlockItem>,
    ) -> Option<Claim<BlockItem>> {
        if self.by_block.is_empty() {
            return Some(claim);
        }
        let key = (claim.item.channel.clone(), claim.item.seq);
        let Some(pending) = self.by_block.get_mut(&key) else {
            return Some(claim);
        };
        let bytes = pending.copies.add(claim);
        if bytes == 0 {
            cx.metrics().duplicates += 1;
        }
        pending.bytes = pending.bytes.saturating_add(bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        None
    }

    /// The application has given a verdict.
    pub(crate) fn finish(&mut self, ticket: Ticket) -> Option<Copies<BlockItem>> {
        let key = self.by_ticket.remove(&ticket)?;
        let pending = self.by_block.remove(&key)?;
        self.bytes = self.bytes.saturating_sub(pending.bytes);
        Some(pending.copies)
    }

    /// Takes a block whose verdict is overdue. If there is none, sets the timer for the next deadline.
    pub(crate) fn pop_overdue(&mut self, cx: &mut Out<'_>) -> Option<Copies<BlockItem>> {
        let (ticket, key) = self.by_ticket.first_key_value()?;
        let (ticket, until) = (*ticket, self.by_block.get(key)?.until);
        if until > cx.now {
            cx.timers().set(TimerKey::Validations, until);
            return None;
        }
        self.finish(ticket)
    }

    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let gate = &config.gate;
        let shown = (self.by_block.len(), gate.max_validations.get());
        // Copies that wait for the verdict are in addition.
        let most = gate.max_pending_bytes.saturating_mul(4);
        stores.add_bytes("blocks shown to the application", shown, (self.bytes, most));
    }

    /// All blocks that await a verdict.
    pub(crate) fn into_all(self) -> impl Iterator<Item = Copies<BlockItem>> {
        self.by_block.into_values().map(|pending| pending.copies)
    }
}
