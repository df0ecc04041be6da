//! Tickets, and the channels that the ledger's answers belong to.

use std::collections::BTreeMap;

use crate::{ChannelId, Ticket};

/// The receiver of an answer of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) channel: ChannelId,
    pub(crate) purpose: LedgerUse,
}

/// The purpose of a ledger operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LedgerUse {
    /// Reads the height, at the start or after an external commit.
    Height,
    Commit,
    /// Reads blocks for a peer.
    Serve,
}

/// The tickets of a node. Those with an owner are bounded by the reads and the one commit of each channel.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    last: u64,
    owners: BTreeMap<Ticket, Owner>,
}

impl Tickets {
    /// A new ticket.
    pub(crate) fn next(&mut self) -> Ticket {
        self.last += 1;
        Ticket(self.last)
    }

    /// A new ticket whose answer belongs to `owner`.
    pub(crate) fn owned(&mut self, owner: Owner) -> Ticket {
        let ticket = self.next();
        self.owners.insert(ticket, owner);
        ticket
    }

    /// The owner of an answered ticket; `None` if the answer is unsolicited.
    pub(crate) fn take(&mut self, ticket: Ticket) -> Option<Owner> {
        self.owners.remove(&ticket)
    }

    /// Drops the tickets of a channel that has ended. Its commit cannot be cancelled: that ticket is kept until it is
    /// answered.
    pub(crate) fn forget_channel(&mut self, channel: &ChannelId) {
        self.owners
            .retain(|_, owner| owner.channel != *channel || owner.purpose == LedgerUse::Commit);
    }

    /// The channels whose ledgers are storing a block.
    pub(crate) fn committing(&self) -> impl Iterator<Item = &ChannelId> {
        let commits = self.owners.values();
        let commits = commits.filter(|owner| owner.purpose == LedgerUse::Commit);
        commits.map(|owner| &owner.channel)
    }
}
