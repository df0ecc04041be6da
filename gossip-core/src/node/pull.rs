//! Pulls: between the machines, the stores that they are a view of, and the peers.

use std::collections::BTreeSet;

use gossip_proto::{Content, SignedMessage};

use super::effects::class_of_view;
use super::{Node, cx};
use crate::gate::Sender;
use crate::link::IDENTITIES;
use crate::pull::Outgoing;
use crate::{ChannelId, Class, Notification, PeerId, ValidIdentity};

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
            Some(_) => self.io.metrics.pull_refused += 1,
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
        let pushes = self.config.push.fanout > 0;
        if pushes && self.plain_members().is_empty() {
            return Vec::new();
        }
        let enough = self.config.link.org_links.get();
        let room = self.links.room_for_more(&self.config)
            && !self.membership.roster().is_linked_enough(enough, 0);
        let count = self.config.pull.peers;
        self.membership.draw_of_orgs(count, room, |_| true)
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

    fn send_pulls(&mut self, sends: Vec<Outgoing>) {
        for (peer, message) in sends {
            let to = self.address_of(&peer);
            let class = Class::Control;
            self.links.send(cx!(self), &peer, &to, class, None, message);
        }
    }
}
