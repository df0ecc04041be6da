//! Tickets, and who waits for the ledger's answer to each.

use std::collections::BTreeMap;

use crate::{ChannelId, Ticket};

/// Who waits for an answer of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) channel: ChannelId,
    pub(crate) purpose: LedgerUse,
}

/// What a channel uses its ledger for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LedgerUse {
    /// Reads the height, to begin or to go on from there.
    Height,
    Commit,
    /// Reads blocks for a peer.
    Serve,
}

/// The tickets of a node. Those with an owner are bounded by each channel's reads and its one commit.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    last: u64,
    owners: BTreeMap<Ticket, Owner>,
}

impl Tickets {
    /// A ticket never used before.
    pub(crate) fn next(&mut self) -> Ticket {
        self.last += 1;
        Ticket(self.last)
    }

    /// A ticket whose answer goes to `owner`.
    pub(crate) fn owned(&mut self, owner: Owner) -> Ticket {
        let ticket = self.next();
        self.owners.insert(ticket, owner);
        ticket
    }

    /// The answer to a ticket has come: whose is it? `None` if unsolicited.
    pub(crate) fn take(&mut self, ticket: Ticket) -> Option<Owner> {
        self.owners.remove(&ticket)
    }

    /// A channel is gone, and with it all it waits for; but the ledger goes on with its commit, which is
    /// remembered until it is done.
    pub(crate) fn forget_channel(&mut self, channel: &ChannelId) {
        self.owners
            .retain(|_, owner| owner.channel != *channel || owner.purpose == LedgerUse::Commit);
    }

    /// The channels whose ledgers store a block.
    pub(crate) fn committing(&self) -> impl Iterator<Item = &ChannelId> {
        let commits = self.owners.values();
        let commits = commits.filter(|owner| owner.purpose == LedgerUse::Commit);
        commits.map(|owner| &owner.channel)
    }
}
