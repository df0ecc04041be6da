//! Targets of pushes: random peers that may receive a message.

use gossip_proto::SignedMessage;

use super::Peers;
use super::link::{Links, SendTo, Sent};
use super::membership::{AliveMember, Party, may_see_secret};
use super::outbox::{Frame, Supersede};
use crate::out::Out;
use crate::{Class, Config, PeerId};

/// A peer that was drawn.
#[derive(Debug)]
pub(crate) struct Target {
    peer: PeerId,
    /// Whether it is of our organisation.
    inside: bool,
    connected: bool,
}

impl Peers {
    /// The properties of a peer, or of this node, for the rules of disclosure.
    pub(crate) fn party(&self, config: &Config, peer: &[u8]) -> Party<'_> {
        if peer == config.identity.peer.as_bytes() {
            return Party {
                org: Some(&self.identities.own().org),
                external: self.membership.is_self_external(),
            };
        }
        Party {
            org: self.identities.org_of(peer),
            external: self.membership.is_external(peer),
        }
    }

    /// Draws as many peers as the fan-out: connected ones if enough links are up, or will be once the pending dials
    /// have ended; else also peers that may be dialled. In a `sparse` audience, which links may not reach at all,
    /// missing peers are dialled even with enough links.
    pub(crate) fn draw_targets(
        &mut self,
        config: &Config,
        sparse: bool,
        accept: impl Fn(&AliveMember, &Links) -> bool,
    ) -> Vec<Target> {
        let (count, enough) = (config.push.targets(), config.link.org_links.get());
        let (own, own_org) = (&config.identity.peer, &config.identity.org);
        let links = &self.links;
        let alive = self.membership.alive();
        let accept = |member: &AliveMember| accept(member, links);
        let pick = |member: &AliveMember| Target {
            peer: member.peer.clone(),
            inside: may_see_secret(own_org, member.org.as_ref()),
            connected: member.connected,
        };
        let room = links.room_for_more(config);
        let wanted = room
            && !alive.is_linked_enough(enough, 0)
            && !alive.is_linked_enough(enough, links.dials_in_flight());
        let mut drawn = if wanted {
            let ours = |member: &AliveMember| {
                let far =
                    || links.is_reachable_now(&member.peer) && is_ours_to_dial(own, &member.peer);
                member.connected || links.is_dialled(&member.peer) || !member.unreachable && far()
            };
            alive.draw_map(count, |member| ours(member) && accept(member), pick)
        } else {
            alive.draw_linked(count, accept, pick)
        };
        let least = match (room, sparse) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => count,
        };
        if drawn.len() < least {
            let new = |member: &AliveMember| drawn.iter().all(|target| target.peer != member.peer);
            let any = |member: &AliveMember| {
                links.is_reachable_now(&member.peer) && accept(member) && new(member)
            };
            let more = alive.draw_map(least - drawn.len(), any, pick);
            drawn.extend(more);
        }
        drawn
    }

    /// Sends a message to each target, without its secret if the target is not of our organisation. Returns the outcome
    /// for each.
    pub(crate) fn push(
        &mut self,
        out: &mut Out<'_>,
        targets: Vec<Target>,
        (class, key): (Class, Option<Supersede>),
        message: &SignedMessage,
    ) -> Vec<(PeerId, Sent)> {
        let mut outside = None;
        let mut outcome = Vec::with_capacity(targets.len());
        for target in targets {
            let message = if target.inside {
                message.clone()
            } else {
                let outside = outside.get_or_insert_with(|| message.without_secret());
                outside.clone()
            };
            let to = if target.connected {
                SendTo::default()
            } else {
                self.address_of(&target.peer)
            };
            let links = &mut self.links;
            let sent = links.send(
                out,
                &target.peer,
                &to,
                Frame::new(class, message).superseding(key.clone()),
            );
            outcome.push((target.peer, sent));
        }
        outcome
    }
}

/// Returns which of two peers dials the other, if both could. Both peers compute the same answer, so that they do not
/// open two connections of which one must be closed. Each peer dials half of the others.
fn is_ours_to_dial(own: &PeerId, other: &PeerId) -> bool {
    let last = |peer: &PeerId| peer.as_bytes().last().copied().unwrap_or_default();
    let lower_dials = (last(own) ^ last(other)) & 1 == 0;
    lower_dials == (own < other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_two_peers_dials_and_each_peer_dials_about_half_of_the_others() {
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
