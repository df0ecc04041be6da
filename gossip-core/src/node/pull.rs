//! Pulls: between the machines, the stores that they are a view of, and the peers.

use std::collections::BTreeSet;

use bytes::Bytes;
use gossip_proto::{Content, SignedMessage};

use super::effects::class_of_view;
use super::{Node, cx};
use crate::channel::Channel;
use crate::gate::{BlockFault, BlockNews, BlockSource, Sender};
use crate::link::IDENTITIES;
use crate::membership::Slot;
use crate::pull::Outgoing;
use crate::{ChannelId, Class, LedgerOutcome, LinkId, Notification, PeerId, Ticket, ValidIdentity};

impl Node {
    /// A step of a pull of identities, or of a channel's blocks, has passed the gate.
    pub(super) fn on_pull(
        &mut self,
        sender: &Sender,
        channel: Option<&ChannelId>,
        message: &SignedMessage,
    ) {
        match channel {
            None => self.on_identity_pull(sender, message.content()),
            Some(channel) => self.on_block_pull(sender, channel, message.content()),
        }
    }

    fn on_identity_pull(&mut self, sender: &Sender, content: &Content) {
        let stores = (&self.identities, &self.membership);
        let pull = &mut self.identity_pull;
        if let Content::Hello(hello) = content {
            if let Some(unsigned) = pull.announcement(&self.identities) {
                self.gate.sign_identity(cx!(self), unsigned);
            }
            let digest = pull.on_hello(cx!(self), stores, sender, hello);
            self.answer_pull(sender, digest);
        } else if let Content::Digest(digest) = content {
            let requests = pull.on_digest(cx!(self), &self.identities, &sender.peer, digest);
            self.send_pulls(requests);
        } else if let Content::DataRequest(request) = content {
            if !self.links.has_bulk_room(&self.config, sender.link) {
                // It has not taken what it asked for before.
                self.io.metrics.pull_refused += 1;
                return;
            }
            let update = pull.on_request(cx!(self), stores, sender, request);
            self.answer_pull(sender, update);
        } else if let Content::DataUpdate(update) = content {
            let taken = pull.on_update(cx!(self), &sender.peer, update.nonce, &update.data);
            for message in taken {
                let from = sender.peer.clone();
                self.gate
                    .check_identity(cx!(self), sender.link, from, message);
            }
        }
    }

    fn on_block_pull(&mut self, sender: &Sender, id: &ChannelId, content: &Content) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        let (pull, transfer) = (&mut channel.pull, &channel.transfer);
        if let Content::Hello(hello) = content {
            let digest = pull.on_hello(cx!(self), transfer, &sender.peer, hello);
            self.answer_pull(sender, digest);
        } else if let Content::Digest(digest) = content {
            let requests = pull.on_digest(cx!(self), transfer, &sender.peer, digest);
            self.send_pulls(requests);
        } else if let Content::DataRequest(request) = content {
            if !self.links.has_bulk_room(&self.config, sender.link) {
                self.io.metrics.pull_refused += 1;
                return;
            }
            let held = pull.on_request(cx!(self), transfer, sender, request);
            self.send_blocks(sender.link, held);
        } else if let Content::DataUpdate(update) = content {
            let from = &sender.peer;
            let taken = pull.on_update(cx!(self), transfer, from, update.nonce, &update.data);
            for (seq, data) in taken {
                self.check_pulled_block(sender, id, seq, data);
            }
        }
    }

    fn check_pulled_block(&mut self, sender: &Sender, id: &ChannelId, seq: u64, data: Bytes) {
        if let Some(channel) = self.channels.get_mut(id) {
            channel
                .transfer
                .on_checking_pulled(cx!(self), seq, data.len() as u64);
        }
        let from = sender.peer.clone();
        let block = BlockNews {
            channel: id.clone(),
            seq,
            data,
            holders: vec![from.clone()],
            source: BlockSource::Pulled { from },
            message: None,
        };
        self.gate.check_block(cx!(self), Some(sender.link), block);
    }

    /// A block that came by pull does not verify, or could not be looked at.
    pub(super) fn on_bad_pulled_block(
        &mut self,
        id: &ChannelId,
        from: PeerId,
        seq: u64,
        fault: BlockFault,
    ) {
        if let Some(channel) = self.channels.get_mut(id)
            && !fault.is_nobodys()
        {
            channel.pull.pull.on_bad(self.now, from, seq);
        }
        self.on_unasked_bad_block(id, seq);
    }

    /// The ledger has answered a ticket that no commit and no transfer of state waits for.
    pub(super) fn on_pull_read(&mut self, ticket: Ticket, outcome: LedgerOutcome) {
        let owner = self
            .channels
            .iter_mut()
            .find(|channel| channel.pull.owns(ticket));
        let Some(channel) = owner else {
            self.channels.on_stored(ticket);
            return;
        };
        let (pull, transfer) = (&mut channel.pull, &channel.transfer);
        let updates = pull.on_ledger_done(cx!(self), transfer, ticket, outcome);
        for (link, update) in updates {
            self.send_blocks(link, Some(update));
        }
    }

    /// The next step of a channel's pull of blocks is due.
    pub(super) fn pull_blocks(&mut self, id: &ChannelId) {
        let resting = |channel: &Channel| channel.pull.pull.is_resting();
        let peers = match self.channels.get(id) {
            Some(channel) if resting(channel) => Some(self.holders_of_blocks(id)),
            Some(_) => None,
            None => return,
        };
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        let sends = match peers {
            Some(peers) => channel.pull.pull.begin(cx!(self), peers),
            None => channel.pull.pull.step(cx!(self)),
        };
        self.send_pulls(sends);
    }

    /// The next step of the pull of identities is due.
    pub(super) fn pull_identities(&mut self) {
        let sends = if self.identity_pull.pull.is_resting() {
            let peers = self.holders_of_identities();
            self.identity_pull.pull.begin(cx!(self), peers)
        } else {
            self.identity_pull.pull.step(cx!(self))
        };
        self.send_pulls(sends);
    }

    /// An identity came by pull.
    pub(super) fn on_announced(&mut self, valid: &ValidIdentity, message: &SignedMessage) {
        let Content::PeerIdentity(told) = message.content() else {
            return;
        };
        if self.identities.get(&told.pki_id).is_none() {
            self.io.metrics.identities_pulled += 1;
        }
        self.on_identity(valid, &told.cert);
        self.identities
            .announce(&told.pki_id, &told.cert, message.envelope());
    }

    /// The announcement of our own identity is signed, or could not be.
    pub(super) fn on_own_announcement(&mut self, message: Option<&SignedMessage>) {
        self.identity_pull.on_signed();
        let own = &self.config.identity;
        match message {
            Some(message) => {
                self.identities
                    .announce(own.peer.as_bytes(), &own.bytes, message.envelope());
            }
            None => {
                self.io.metrics.signing_failures += 1;
                cx!(self).notify(Notification::SigningFailed);
            }
        }
    }

    /// Whom to ask for identities. Between peers that tell them with the membership there is nothing to ask.
    fn holders_of_identities(&mut self) -> Vec<PeerId> {
        let pushes = self.config.push.is_on();
        if pushes && self.plain_members().is_empty() {
            return Vec::new();
        }
        let enough = self.config.link.org_links.get();
        let room = self.links.room_for_more(&self.config)
            && !self.membership.roster().is_linked_enough(enough, 0);
        let count = self.config.pull.peers;
        self.membership.draw_of_orgs(count, room, |_| true)
    }

    /// Whom to ask for a channel's blocks: members of our organisation that take part. Of those that get
    /// what is missing by themselves nobody needs to be asked.
    fn holders_of_blocks(&mut self, id: &ChannelId) -> Vec<PeerId> {
        let pushes = self.config.push.is_on();
        let plain = if pushes {
            self.plain_members()
        } else {
            BTreeSet::new()
        };
        let Some(channel) = self.channels.get(id) else {
            return Vec::new();
        };
        if channel.own.has_left() || channel.joining.is_some() || (pushes && plain.is_empty()) {
            return Vec::new();
        }
        let room = self.links.room_for_more(&self.config);
        let own = &self.config.identity.org;
        let accept = |slot: &Slot| {
            slot.org.as_ref() == Some(own)
                && (room || slot.connected)
                && (!pushes || plain.contains(&slot.peer))
                && channel.is_eligible(&slot.peer)
        };
        let count = self.config.pull.peers;
        self.membership.roster().draw(count, accept)
    }

    /// The alive members that understand nothing beyond the original protocol.
    fn plain_members(&self) -> BTreeSet<PeerId> {
        let capable = |peer: &PeerId| {
            let connected = self.links.is_connected(peer);
            connected.then(|| self.links.capabilities(peer) & IDENTITIES != 0)
        };
        self.membership.plain(capable)
    }

    fn answer_pull(&mut self, sender: &Sender, message: Option<SignedMessage>) {
        if let Some(message) = message {
            let class = class_of_view(&message);
            self.links
                .send_on(cx!(self), sender.link, class, None, message);
        }
    }

    fn send_blocks(&mut self, link: LinkId, update: Option<SignedMessage>) {
        if let Some(message) = update {
            self.links
                .send_on(cx!(self), link, Class::Bulk, None, message);
        }
    }

    fn send_pulls(&mut self, sends: Vec<Outgoing>) {
        for (peer, message) in sends {
            let to = self.address_of(&peer);
            let class = Class::Control;
            self.links.send(cx!(self), &peer, &to, class, None, message);
        }
    }
}
