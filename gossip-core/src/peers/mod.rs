//! Peers: identities, members, and links.

pub(crate) mod identity;
pub(crate) mod link;
pub(crate) mod membership;
pub(crate) mod outbox;
pub(crate) mod peer_table;
mod targets;

use std::collections::BTreeSet;

use gossip_proto::SignedMessage;

use self::identity::{Identities, IdentityPull, Suspects};
use self::link::{IDENTITIES, Links, SendTo, Sent, TREE};
use self::membership::{AliveMember, MemberCx, Membership};
use self::outbox::{Frame, Hold};
use crate::out::Out;
use crate::rng::ModuleRng;
use crate::snapshot::Stores;
use crate::{Class, Config, OrgId, PeerId, SendOutcome, Start};

/// The identities and members of the network, and the links to peers.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(crate) identities: Identities,
    pub(crate) suspects: Suspects,
    pub(crate) identity_pull: IdentityPull,
    pub(crate) membership: Membership,
    pub(crate) links: Links,
    /// Connected legacy peers: they do not understand trees.
    legacy: BTreeSet<PeerId>,
}

impl Peers {
    pub(crate) fn new(out: &mut Out<'_>, start: &Start) -> Self {
        let seed = &start.seed;
        let mut identities = Identities::new(
            out.config.identity.clone(),
            ModuleRng::fork(seed, "identities").next_u64(),
        );
        identities.own_expiry.set(out, start.identity_expires_in);
        Self {
            membership: Membership::new(out, seed, start.incarnation),
            identity_pull: IdentityPull::new(out, seed),
            identities,
            suspects: Suspects::default(),
            links: Links::new(ModuleRng::fork(seed, "links"), start.incarnation),
            legacy: BTreeSet::new(),
        }
    }

    /// The membership with its context.
    pub(crate) fn members<'a>(&'a mut self, out: Out<'a>) -> (&'a mut Membership, MemberCx<'a>) {
        let identities = &self.identities;
        (&mut self.membership, MemberCx { out, identities })
    }

    /// The organisation of a known peer. `None` if unknown, which counts as foreign.
    pub(crate) fn org_of(&self, peer: &PeerId) -> Option<&OrgId> {
        self.identities.org_of(peer.as_bytes())
    }

    /// Returns whether the peer is known to be of our organisation.
    pub(crate) fn is_ours(&self, peer: &PeerId) -> bool {
        let org = self.org_of(peer);
        org.is_some_and(|org| self.identities.is_own_org(org))
    }

    /// Returns whether the peer is connected and has this capability.
    pub(crate) fn supports(&self, peer: &PeerId, capability: u64) -> bool {
        self.links.capabilities(peer) & capability != 0
    }

    /// Returns whether legacy peers are connected.
    pub(crate) fn has_legacy(&self) -> bool {
        !self.legacy.is_empty()
    }

    /// The alive legacy members.
    pub(crate) fn legacy_members(&self) -> BTreeSet<PeerId> {
        let capable = |peer: &PeerId| {
            let connected = self.links.is_connected(peer);
            connected.then(|| self.supports(peer, IDENTITIES))
        };
        self.membership.legacy(capable)
    }

    /// The known address of a peer.
    pub(crate) fn address_of(&self, peer: &PeerId) -> SendTo {
        SendTo {
            endpoint: self.membership.endpoint_of(peer.as_bytes()).cloned(),
            expected_org: self.org_of(peer).cloned(),
        }
    }

    /// Sends a frame to a peer. Dials the peer if no link to it is up.
    pub(crate) fn send(&mut self, out: &mut Out<'_>, peer: &PeerId, frame: Frame) -> Sent {
        let to = self.address_of(peer);
        self.links.send(out, peer, &to, frame)
    }

    /// Sends a frame to a peer if a link to it is up.
    pub(crate) fn send_linked(&mut self, out: &mut Out<'_>, peer: &PeerId, frame: Frame) -> Sent {
        self.links.send(out, peer, &SendTo::default(), frame)
    }

    /// Sends a message of the application to each of these peers once. For peers without a link it is held, in place of
    /// other held messages if need be.
    pub(crate) fn send_held(
        &mut self,
        out: &mut Out<'_>,
        peers: &[PeerId],
        message: &SignedMessage,
        hold: Hold,
    ) -> SendOutcome {
        // Lower priority than heartbeats. The outcome reports a lack of room to the application.
        let view = Frame::view(message.clone());
        let class = match view.class {
            Class::Control => Class::Push,
            other @ (Class::Push | Class::Bulk) => other,
        };
        let hold = Some(hold);
        let frame = Frame {
            class,
            hold,
            ..view
        };
        let mut outcome = SendOutcome::default();
        let mut seen = BTreeSet::new();
        for peer in peers.iter().filter(|peer| seen.insert(*peer)) {
            outcome.add(peer.clone(), self.send(out, peer, frame.clone()));
        }
        outcome
    }

    /// Draws connected members of our organisation at random, among those accepted that have `capability`.
    pub(crate) fn draw_ours_linked(
        &mut self,
        config: &Config,
        count: usize,
        capability: u64,
        accept: impl Fn(&PeerId) -> bool,
    ) -> Vec<PeerId> {
        let (links, own_org) = (&self.links, &config.identity.org);
        let accept = |member: &AliveMember| {
            member.org.as_ref() == Some(own_org)
                && accept(&member.peer)
                && links.capabilities(&member.peer) & capability != 0
        };
        let alive = self.membership.alive();
        alive.draw_linked(count, accept, |member| member.peer.clone())
    }

    /// Returns whether one more peer may be dialled for an exchange: not once enough links are up.
    pub(crate) fn has_room_for_exchange(&self, config: &Config) -> bool {
        let enough = config.link.org_links.get();
        self.links.room_for_more(config) && !self.membership.is_linked_enough(enough)
    }

    /// Handles a newly authenticated link to a peer, by the given incarnation if the peer has stated one. Returns
    /// whether it is earlier than one known before.
    pub(crate) fn on_connected(
        &mut self,
        out: Out<'_>,
        peer: &PeerId,
        incarnation: Option<u64>,
    ) -> bool {
        if self.supports(peer, TREE) {
            self.legacy.remove(peer);
        } else {
            self.legacy.insert(peer.clone());
        }
        let (members, mut cx) = self.members(out);
        members.on_connected(&mut cx, peer, incarnation)
    }

    /// Handles the loss of a peer's last link.
    pub(crate) fn on_disconnected(&mut self, out: &mut Out<'_>, peer: &PeerId) {
        self.membership.on_disconnected(out, peer);
        self.legacy.remove(peer);
    }

    /// Reports the sizes of all bounded collections.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let max = config.identities.max_identities.get();
        // One more for our own identity.
        stores.add("identities", self.identities.len(), max.saturating_add(1));
        self.membership.stores(config, stores);
        self.links.stores(config, stores);
    }
}
