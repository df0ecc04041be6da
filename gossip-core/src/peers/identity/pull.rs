//! The pull of identities.

use std::collections::BTreeSet;

use bytes::Bytes;
use gossip_proto::{
    Content, GossipMessage, Hello, PeerIdentity, PullIds, RawEnvelope, SignedMessage, Tag,
    UnsignedMessage,
};

use super::super::Peers;
use super::{Identities, Identity};
use crate::cx::Cx;
use crate::gate::admitted::Sender;
use crate::out::Out;
use crate::peers::membership::{Membership, Party, may_identify};
use crate::peers::outbox::Frame;
use crate::pull::{ItemId, Outgoing, Pull};
use crate::rng::ModuleRng;
use crate::signal::Signing;
use crate::snapshot::Stores;
use crate::{Config, Instant, PeerId};

impl ItemId for PeerId {
    fn encode(&self) -> Bytes {
        Bytes::copy_from_slice(self.as_bytes())
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        (!bytes.is_empty()).then(|| Self::new(bytes))
    }
}

/// Pull of the identities that their peers have announced with a signature, ours among them. Other identities cannot be
/// proven to others.
#[derive(Debug)]
pub(crate) struct IdentityPull {
    pull: Pull<PeerId>,
    /// The last identity in a digest that could not list all.
    last_listed: Option<PeerId>,
    /// Whether our own announcement is being signed.
    signing: bool,
}

impl IdentityPull {
    pub(crate) fn new(cx: &mut Out<'_>, seed: &[u8; 32]) -> Self {
        let rng = ModuleRng::fork(seed, "pull of identities");
        Self {
            pull: Pull::new(cx, None, rng),
            last_listed: None,
            signing: false,
        }
    }

    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        self.pull.stores(config, stores);
    }

    /// Records that an identity sent by `from` does not verify.
    pub(crate) fn on_bad(&mut self, now: Instant, from: PeerId, subject: PeerId) {
        self.pull.on_bad(now, from, subject);
    }

    /// Composes our own announcement, unless it is signed or being signed.
    fn announcement(&mut self, identities: &Identities) -> Option<UnsignedMessage> {
        let own = identities.own();
        if self.signing || identities.announcement_of(own.peer.as_bytes()).is_some() {
            return None;
        }
        self.signing = true;
        let content = Content::PeerIdentity(PeerIdentity {
            pki_id: Bytes::copy_from_slice(own.peer.as_bytes()),
            cert: own.bytes.clone(),
            metadata: Bytes::new(),
        });
        let message = GossipMessage {
            nonce: 0,
            channel: Bytes::new(),
            // Nested in another message.
            tag: Tag::Empty,
            content,
        };
        Some(UnsignedMessage::new(message, None))
    }

    /// Answers a hello with the identities that the sender may learn.
    fn on_hello(
        &mut self,
        cx: &mut Out<'_>,
        stores: (&Identities, &Membership),
        sender: &Sender,
        hello: &Hello,
    ) -> Option<SignedMessage> {
        let most = cx.config.pull.max_ids.get();
        let offered = |peer: &PeerId, identity: &Identity| {
            let own = self.signing && *peer == stores.0.own().peer;
            (own || identity.announcement.is_some()) && may_send(stores, sender, peer, identity)
        };
        let mut ids = BTreeSet::new();
        let mut more = false;
        let mut last = None;
        for (peer, identity) in stores.0.iter_from_after(self.last_listed.as_ref()) {
            if !offered(peer, identity) {
                continue;
            }
            more = ids.len() == most;
            if more {
                break;
            }
            last = Some(peer.clone());
            ids.insert(peer.clone());
        }
        self.last_listed = last.filter(|_| more);
        self.pull.on_hello(cx, &sender.peer, hello.nonce, &ids)
    }

    /// Handles a digest: returns the requests of missing identities.
    fn on_digest(
        &mut self,
        cx: &mut Out<'_>,
        identities: &Identities,
        from: &PeerId,
        digest: &PullIds,
    ) -> Vec<Outgoing> {
        let longest = cx.config.limits.max_pki_id;
        let own = &identities.own().peer;
        let wants = |id: &PeerId| {
            id.as_bytes().len() <= longest
                && id != own
                && identities.announcement_of(id.as_bytes()).is_none()
        };
        self.pull.on_digest(cx, from, digest, wants)
    }

    /// Answers a request with the identities that the sender may learn.
    fn on_request(
        &mut self,
        cx: &mut Out<'_>,
        stores: (&Identities, &Membership),
        sender: &Sender,
        request: &PullIds,
    ) -> Option<SignedMessage> {
        let ids = self.pull.on_request(cx, &sender.peer, request);
        let budget = cx.config.pull.max_update_bytes;
        let mut data: Vec<RawEnvelope> = Vec::new();
        let mut spent = 0_u64;
        for id in &ids {
            let Some(identity) = stores.0.get(id.as_bytes()) else {
                continue;
            };
            let Some(announcement) = &identity.announcement else {
                continue;
            };
            if !may_send(stores, sender, id, identity) {
                continue;
            }
            spent = spent.saturating_add(announcement.encoded().len() as u64);
            if spent > budget && !data.is_empty() {
                break;
            }
            data.push(announcement.clone());
        }
        cx.metrics().pull_items_sent += data.len() as u64;
        (!data.is_empty()).then(|| self.pull.update(request.nonce, data))
    }

    /// Returns the requested announcements of an update, to be authenticated.
    fn on_update(
        &mut self,
        cx: &mut Out<'_>,
        from: &PeerId,
        nonce: u64,
        data: &[RawEnvelope],
    ) -> Vec<SignedMessage> {
        let mut taken = Vec::new();
        if !self.pull.expects_update(cx, from, nonce) {
            return taken;
        }
        for envelope in data.iter().take(cx.config.pull.max_ids.get()) {
            let bytes = envelope.encoded().len();
            let decoded = SignedMessage::decode_nested(envelope, &cx.config.limits);
            let good = decoded.ok().filter(|message| {
                bytes <= cx.config.limits.max_signed && message.envelope().is_signed()
            });
            let Some(message) = good else {
                cx.metrics().violations += 1;
                continue;
            };
            let Content::PeerIdentity(identity) = message.content() else {
                cx.metrics().violations += 1;
                continue;
            };
            let id = PeerId::new(&identity.pki_id);
            if self.pull.take(cx, from, &id, bytes) {
                taken.push(message);
            }
        }
        taken
    }
}

impl Peers {
    /// Handles a message of the identity pull that has passed the gate.
    pub(crate) fn on_identity_pull(
        &mut self,
        cx: &mut Cx<'_>,
        sender: &Sender,
        message: &SignedMessage,
    ) {
        let stores = (&self.identities, &self.membership);
        let pull = &mut self.identity_pull;
        let content = message.content();
        let answer = if let Content::Hello(hello) = content {
            if let Some(unsigned) = pull.announcement(&self.identities) {
                cx.sign(Signing::Identity, unsigned);
            }
            pull.on_hello(cx, stores, sender, hello)
        } else if let Content::Digest(digest) = content {
            let requests = pull.on_digest(cx, &self.identities, &sender.peer, digest);
            self.send_pulls(cx, requests);
            None
        } else if let Content::DataRequest(request) = content {
            if !self.links.has_bulk_room(cx.config, sender.link) {
                // It has not read the earlier responses yet.
                cx.metrics().pull_refused += 1;
                return;
            }
            pull.on_request(cx, stores, sender, request)
        } else if let Content::DataUpdate(update) = content {
            for message in pull.on_update(cx, &sender.peer, update.nonce, &update.data) {
                cx.check_identity(sender, message);
            }
            None
        } else {
            None
        };
        if let Some(answer) = answer {
            self.links.send_on(cx, sender.link, Frame::view(answer));
        }
    }

    /// Handles the timer of the identity pull.
    pub(crate) fn fire_identity_pull(&mut self, cx: &mut Out<'_>) {
        let sends = if self.identity_pull.pull.is_resting() {
            let peers = self.holders_of_identities(cx.config);
            self.identity_pull.pull.begin(cx, peers)
        } else {
            self.identity_pull.pull.step(cx)
        };
        self.send_pulls(cx, sends);
    }

    /// Handles the signature of our announcement; `message` is `None` if signing failed.
    pub(crate) fn on_own_announcement(&mut self, cx: &Out<'_>, message: Option<&SignedMessage>) {
        self.identity_pull.signing = false;
        let own = &cx.config.identity;
        if let Some(message) = message {
            self.identities
                .announce(own.peer.as_bytes(), &own.bytes, message.envelope());
        }
    }

    pub(crate) fn send_pulls(&mut self, cx: &mut Out<'_>, sends: Vec<Outgoing>) {
        for (peer, message) in sends {
            self.send(cx, &peer, Frame::control(message));
        }
    }

    /// Draws peers to pull identities from. None if all members are capable: then identities come with membership
    /// responses.
    fn holders_of_identities(&mut self, config: &Config) -> Vec<PeerId> {
        if config.push.is_on() && self.legacy_members().is_empty() {
            return Vec::new();
        }
        let room = self.has_room_for_exchange(config);
        self.membership
            .draw_of_orgs(config.pull.peers, room, |_| true)
    }
}

fn may_send(
    (identities, membership): (&Identities, &Membership),
    sender: &Sender,
    peer: &PeerId,
    identity: &Identity,
) -> bool {
    let own = identities.own();
    let external = if *peer == own.peer {
        membership.is_self_external()
    } else {
        // Dead members are not disclosed to other organisations.
        membership.is_alive(peer.as_bytes()) && membership.is_external(peer.as_bytes())
    };
    let subject = Party {
        org: identity.org.as_ref(),
        external,
    };
    may_identify(&own.org, subject, sender.org.as_ref())
}
