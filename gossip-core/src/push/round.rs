//! One message to its audience.

use super::{Item, What};
use crate::channel::Channels;
use crate::cx::Cx;
use crate::identity::Identities;
use crate::link::{Links, SendTo};
use crate::membership::{Membership, Party, Roster, Slot, may_push, may_see_secret};
use crate::outbox::Supersede;
use crate::{Class, OrgId, PeerId};

/// Whom a push may reach, and how.
pub(crate) struct Audience<'a> {
    pub(crate) identities: &'a Identities,
    pub(crate) membership: &'a mut Membership,
    pub(crate) channels: &'a Channels,
    pub(crate) links: &'a mut Links,
}

/// Sends `item` to as many random peers of its audience as the fan-out says.
pub(crate) fn push(cx: &mut Cx<'_>, audience: &mut Audience<'_>, item: &Item) {
    let peers = draw(cx, audience, item);
    let mut outside = None;
    for target in peers {
        let message = if target.inside {
            item.message.clone()
        } else {
            outside
                .get_or_insert_with(|| item.message.without_secret())
                .clone()
        };
        let to = address(audience, &target);
        let (class, key) = match &item.what {
            What::Alive { subject } => (Class::Control, Some(Supersede::Alive(subject.clone()))),
            What::StateInfo { channel, publisher } => (
                Class::Control,
                Some(Supersede::StateInfo(publisher.clone(), channel.clone())),
            ),
            What::Block { .. } => (Class::Push, None),
        };
        audience
            .links
            .send(cx, &target.peer, &to, class, key, message);
    }
}

/// A peer drawn.
struct Target {
    peer: PeerId,
    /// It is of our organisation.
    inside: bool,
    connected: bool,
}

fn address(audience: &Audience<'_>, target: &Target) -> SendTo {
    if target.connected {
        return SendTo::default();
    }
    let peer = target.peer.as_bytes();
    SendTo {
        endpoint: audience.membership.endpoint_of(peer).cloned(),
        expected_org: audience.identities.org_of(peer).cloned(),
    }
}

fn draw(cx: &Cx<'_>, audience: &mut Audience<'_>, item: &Item) -> Vec<Target> {
    let own_org: &OrgId = &cx.config.identity.org;
    let own_peer = &cx.config.identity.peer;
    let links = &*audience.links;
    let room = links.room_for_more(cx.config);
    let reachable = |slot: &Slot| slot.connected || (room && links.is_reachable_now(&slot.peer));
    let pick = |slot: &Slot| Target {
        peer: slot.peer.clone(),
        inside: may_see_secret(own_org, slot.org.as_ref()),
        connected: slot.connected,
    };
    let channels = audience.channels;
    let holders = &item.holders;
    match &item.what {
        What::Block { channel } => {
            let Some(channel) = channels.get(channel) else {
                return Vec::new();
            };
            let accept = |slot: &Slot| {
                slot.org.as_ref() == Some(own_org)
                    && channel.is_eligible(&slot.peer)
                    && !holders.contains(&slot.peer)
            };
            draw_among(cx, audience.membership.roster(), reachable, accept, pick)
        }
        What::StateInfo { channel, publisher } => {
            let abroad = if publisher == own_peer {
                audience.membership.is_self_external()
            } else {
                audience.membership.is_external(publisher.as_bytes())
            };
            let Some(channel) = channels.get(channel) else {
                return Vec::new();
            };
            let accept = |slot: &Slot| {
                let hears = slot
                    .org
                    .as_ref()
                    .is_some_and(|org| org == own_org || (abroad && channel.has_org(org)));
                hears && slot.peer != *publisher && !holders.contains(&slot.peer)
            };
            draw_among(cx, audience.membership.roster(), reachable, accept, pick)
        }
        What::Alive { subject } => {
            let (org, external) = if subject == own_peer {
                (Some(own_org), audience.membership.is_self_external())
            } else {
                let org = audience.identities.org_of(subject.as_bytes());
                (org, audience.membership.is_external(subject.as_bytes()))
            };
            let about = Party { org, external };
            let accept = |slot: &Slot| {
                let target = Party {
                    org: slot.org.as_ref(),
                    external: slot.external,
                };
                may_push(own_org, about, target)
                    && slot.peer != *subject
                    && !holders.contains(&slot.peer)
            };
            draw_among(cx, audience.membership.roster(), reachable, accept, pick)
        }
    }
}

/// As many as the fan-out says: connected ones alone if there are enough links, else whoever can be
/// reached.
fn draw_among(
    cx: &Cx<'_>,
    roster: &mut Roster,
    reachable: impl Fn(&Slot) -> bool,
    accept: impl Fn(&Slot) -> bool,
    pick: impl Fn(&Slot) -> Target,
) -> Vec<Target> {
    let count = cx.config.push.fanout;
    let mut drawn = Vec::new();
    if roster.is_linked_enough(cx.config.link.org_links.get()) {
        drawn = roster.draw_linked(count, &accept, &pick);
    }
    if drawn.len() < count {
        let new = |slot: &Slot| drawn.iter().all(|target| target.peer != slot.peer);
        let also = |slot: &Slot| reachable(slot) && accept(slot) && new(slot);
        let more = roster.draw_map(count - drawn.len(), also, pick);
        drawn.extend(more);
    }
    drawn
}
