//! Blocks that the application looks at before they are stored and passed on.

use std::collections::{BTreeMap, BTreeSet};

use super::copies::Copies;
use super::news::{BlockNews, BlockSource};
use crate::cx::Cx;
use crate::snapshot::Stores;
use crate::timer::TimerKey;
use crate::{ChannelId, Command, Config, Instant, Ticket};

/// Which channels' blocks the application wants to see, and those that it has not judged yet.
///
/// Bounded by `max_validations` and, but for one block, by `max_pending_bytes`.
#[derive(Debug, Default)]
pub(super) struct Validations {
    on: BTreeSet<ChannelId>,
    by_block: BTreeMap<(ChannelId, u64), Pending>,
    /// In the order of their deadlines: each has as much time as any other.
    by_ticket: BTreeMap<Ticket, (ChannelId, u64)>,
    bytes: u64,
}

#[derive(Debug)]
struct Pending {
    copies: Copies<BlockNews>,
    bytes: u64,
    until: Instant,
}

impl Validations {
    pub(super) fn switch(&mut self, channel: &ChannelId, on: bool) {
        if on {
            self.on.insert(channel.clone());
        } else {
            self.on.remove(channel);
        }
    }

    pub(super) fn is_on(&self, channel: &ChannelId) -> bool {
        self.on.contains(channel)
    }

    /// Shows a block to the application. Hands it back if too many are shown already.
    pub(super) fn start(
        &mut self,
        cx: &mut Cx<'_>,
        copies: Copies<BlockNews>,
    ) -> Option<Copies<BlockNews>> {
        let (config, bytes) = (&cx.config.gate, copies.bytes());
        let full = self.by_block.len() >= config.max_validations.get();
        let total = self.bytes.saturating_add(bytes);
        if full || total > config.max_pending_bytes && !self.by_block.is_empty() {
            cx.metrics().validations_shed += 1;
            return Some(copies);
        }
        let (ticket, until) = (cx.ticket(), cx.now + cx.config.gate.check_timeout);
        let block = &copies.first;
        let key = (block.channel.clone(), block.seq);
        let from = match &block.source {
            BlockSource::Local { .. } => None,
            BlockSource::Pushed { from }
            | BlockSource::Transfer { from }
            | BlockSource::Pulled { from } => Some(from.clone()),
        };
        cx.metrics().validations += 1;
        cx.timers().set_earlier(TimerKey::Validations, until);
        cx.emit(Command::Validate {
            ticket,
            channel: block.channel.clone(),
            seq: block.seq,
            block: block.data.clone(),
            from,
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

    /// Lets a copy of a block that is being looked at wait for the verdict, or hands it back.
    pub(super) fn join(&mut self, cx: &mut Cx<'_>, block: BlockNews) -> Option<BlockNews> {
        if self.by_block.is_empty() {
            return Some(block);
        }
        let key = (block.channel.clone(), block.seq);
        let Some(pending) = self.by_block.get_mut(&key) else {
            return Some(block);
        };
        let bytes = pending.copies.add(block);
        if bytes == 0 {
            cx.metrics().duplicates += 1;
        }
        pending.bytes = pending.bytes.saturating_add(bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        None
    }

    /// The application has judged.
    pub(super) fn finish(&mut self, ticket: Ticket) -> Option<Copies<BlockNews>> {
        let key = self.by_ticket.remove(&ticket)?;
        let pending = self.by_block.remove(&key)?;
        self.bytes = self.bytes.saturating_sub(pending.bytes);
        Some(pending.copies)
    }

    /// Takes a block that has not been judged in time, and arms the timer if there is none.
    pub(super) fn pop_overdue(&mut self, cx: &mut Cx<'_>) -> Option<Copies<BlockNews>> {
        let (ticket, key) = self.by_ticket.first_key_value()?;
        let (ticket, until) = (*ticket, self.by_block.get(key)?.until);
        if until > cx.now {
            cx.timers().set(TimerKey::Validations, until);
            return None;
        }
        self.finish(ticket)
    }

    pub(super) fn stores(&self, config: &Config, stores: &mut Stores) {
        let gate = &config.gate;
        let shown = (self.by_block.len(), gate.max_validations.get());
        // Copies that wait for the verdict come on top.
        let most = gate.max_pending_bytes.saturating_mul(4);
        stores.add_bytes("blocks shown to the application", shown, (self.bytes, most));
    }

    /// All that have not been judged.
    pub(super) fn into_all(self) -> impl Iterator<Item = Copies<BlockNews>> {
        self.by_block.into_values().map(|pending| pending.copies)
    }
}
