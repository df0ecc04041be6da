//! One message to its audience.

use super::{Item, What};
use crate::channel::Channels;
use crate::cx::Cx;
use crate::identity::Identities;
use crate::link::{Links, SendTo, Sent, TREE};
use crate::membership::{Membership, Party, Roster, Slot, may_push, may_see_secret};
use crate::outbox::Supersede;
use crate::{ChannelId, Class, PeerId};

/// Whom a push may reach, and how.
pub(crate) struct Audience<'a> {
    pub(crate) identities: &'a Identities,
    pub(crate) membership: &'a mut Membership,
    pub(crate) channels: &'a Channels,
    pub(crate) links: &'a mut Links,
}

/// Sends `item` to as many random peers of its audience as the fan-out says. Returns what became of it for
/// each.
pub(crate) fn push(
    cx: &mut Cx<'_>,
    audience: &mut Audience<'_>,
    item: &Item,
) -> Vec<(PeerId, Sent)> {
    let targets = draw(cx, audience, item);
    let mut outside = None;
    let mut outcome = Vec::with_capacity(targets.len());
    for target in targets {
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
            What::Relay { publisher, mac } => (
                Class::Control,
                Some(Supersede::Relay(publisher.clone(), *mac)),
            ),
            What::Block { .. } => (Class::Push, None),
        };
        let links = &mut audience.links;
        let sent = links.send(cx, &target.peer, &to, class, key, message);
        outcome.push((target.peer, sent));
    }
    outcome
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
    let holders = &item.holders;
    match &item.what {
        What::Block { channel, sow } => draw_for_block(cx, audience, holders, channel, *sow),
        What::StateInfo { channel, publisher } => {
            draw_for_state_info(cx, audience, holders, channel, publisher)
        }
        What::Relay { publisher, .. } => {
            let own_org = &cx.config.identity.org;
            let accept = |slot: &Slot| {
                slot.org.as_ref() == Some(own_org)
                    && slot.peer != *publisher
                    && !holders.contains(&slot.peer)
            };
            let roster = audience.membership.roster();
            draw_among(cx, roster, audience.links, false, accept)
        }
        What::Alive { subject } => draw_for_heartbeat(cx, audience, holders, subject),
    }
}

fn draw_for_block(
    cx: &Cx<'_>,
    audience: &mut Audience<'_>,
    holders: &[PeerId],
    channel: &ChannelId,
    sow: bool,
) -> Vec<Target> {
    let Some(channel) = audience.channels.get(channel) else {
        return Vec::new();
    };
    let own_org = &cx.config.identity.org;
    let links = &*audience.links;
    let tree = cx.config.push.has_tree();
    // Who knows of branches gets blocks along them, once they have been found.
    let open = |peer: &PeerId| {
        !tree || links.capabilities(peer) & TREE == 0 || sow && channel.tree.is_untried(peer)
    };
    let accept = |slot: &Slot| {
        slot.org.as_ref() == Some(own_org)
            && channel.is_eligible(&slot.peer)
            && !holders.contains(&slot.peer)
            && open(&slot.peer)
    };
    draw_among(cx, audience.membership.roster(), links, true, accept)
}

fn draw_for_state_info(
    cx: &Cx<'_>,
    audience: &mut Audience<'_>,
    holders: &[PeerId],
    channel: &ChannelId,
    publisher: &PeerId,
) -> Vec<Target> {
    let own = &cx.config.identity;
    let abroad = if *publisher == own.peer {
        audience.membership.is_self_external()
    } else {
        audience.membership.is_external(publisher.as_bytes())
    };
    let Some(channel) = audience.channels.get(channel) else {
        return Vec::new();
    };
    let accept = |slot: &Slot| {
        let hears = slot
            .org
            .as_ref()
            .is_some_and(|org| *org == own.org || (abroad && channel.has_org(org)));
        hears && slot.peer != *publisher && !holders.contains(&slot.peer)
    };
    let roster = audience.membership.roster();
    draw_among(cx, roster, audience.links, false, accept)
}

fn draw_for_heartbeat(
    cx: &Cx<'_>,
    audience: &mut Audience<'_>,
    holders: &[PeerId],
    subject: &PeerId,
) -> Vec<Target> {
    let own = &cx.config.identity;
    let (org, external) = if *subject == own.peer {
        (Some(&own.org), audience.membership.is_self_external())
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
        may_push(&own.org, about, target) && slot.peer != *subject && !holders.contains(&slot.peer)
    };
    let roster = audience.membership.roster();
    draw_among(cx, roster, audience.links, false, accept)
}

/// As many as the fan-out says: of the connected ones, if there are enough links or will be when all
/// dials have ended, else also of those that may be dialled. With a `sparse` audience, of which enough
/// links need not lead to anybody, the rest is dialled all the same.
fn draw_among(
    cx: &Cx<'_>,
    roster: &mut Roster,
    links: &Links,
    sparse: bool,
    accept: impl Fn(&Slot) -> bool,
) -> Vec<Target> {
    let (count, enough) = (cx.config.push.targets(), cx.config.link.org_links.get());
    let (own, own_org) = (&cx.config.identity.peer, &cx.config.identity.org);
    let pick = |slot: &Slot| Target {
        peer: slot.peer.clone(),
        inside: may_see_secret(own_org, slot.org.as_ref()),
        connected: slot.connected,
    };
    let room = links.room_for_more(cx.config);
    let wanted = room
        && !roster.is_linked_enough(enough, 0)
        && !roster.is_linked_enough(enough, links.dials_in_flight());
    let mut drawn = if wanted {
        let ours = |slot: &Slot| {
            let far = || links.is_reachable_now(&slot.peer) && is_ours_to_dial(own, &slot.peer);
            slot.connected || links.is_dialled(&slot.peer) || !slot.unreachable && far()
        };
        roster.draw_map(count, |slot| ours(slot) && accept(slot), pick)
    } else {
        roster.draw_linked(count, &accept, pick)
    };
    let least = match (room, sparse) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => count,
    };
    if drawn.len() < least {
        let new = |slot: &Slot| drawn.iter().all(|target| target.peer != slot.peer);
        let anybody = |slot: &Slot| links.is_reachable_now(&slot.peer) && accept(slot) && new(slot);
        let more = roster.draw_map(least - drawn.len(), anybody, pick);
        drawn.extend(more);
    }
    drawn
}

/// Which of two peers dials the other unless it must. Both come to the same answer, so that they do not
/// meet half-way with two connections of which one is closed; each peer has half of the others to dial.
fn is_ours_to_dial(own: &PeerId, other: &PeerId) -> bool {
    let last = |peer: &PeerId| peer.as_bytes().last().copied().unwrap_or_default();
    let lower_dials = (last(own) ^ last(other)) & 1 == 0;
    lower_dials == (own < other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_peers_one_dials_the_other_and_each_has_about_half_of_the_others() {
        let peers: Vec<PeerId> = (0..200_u8)
            .map(|name| PeerId::new(&[name / 7, name]))
            .collect();
        for own in &peers {
            let others = || peers.iter().filter(|other| *other != own);
            assert!(
                others().all(|other| is_ours_to_dial(own, other) != is_ours_to_dial(other, own))
            );
            let ours = others().filter(|other| is_ours_to_dial(own, other)).count();
            assert!((80..120).contains(&ours), "{ours} of 199");
        }
    }
}
