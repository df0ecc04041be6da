//! Requests that wait until a block has spread.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::time::Duration;

use gossip_proto::Tree;

use super::{Node, cx};
use crate::channel::Wait;
use crate::link::TREE;
use crate::{ChannelId, Command, Coverage, PeerId, RequestError, RequestId, Response};

impl Node {
    pub(super) fn await_coverage(
        &mut self,
        request: RequestId,
        id: &ChannelId,
        seq: u64,
        wish: (Coverage, Duration),
    ) -> Result<(), RequestError> {
        let channel = self.channels.joined_mut(id)?;
        if channel.coverage.len() >= self.config.channel.max_coverage_waits.get() {
            return Err(RequestError::Busy);
        }
        let own_org = &self.config.identity.org;
        let eligible = channel.eligible(own_org, &self.membership);
        let has = |peer: &&PeerId| {
            let published = channel.height_of(peer).is_some_and(|height| height > seq);
            published || channel.transfer.may_have(peer, seq)
        };
        let holders: BTreeSet<PeerId> = eligible.filter(has).cloned().collect();
        let cx = cx!(self);
        channel.coverage.add(cx, id, (seq, request), wish, holders);
        self.settle_coverage(id);
        self.ask_of_coverage(id);
        Ok(())
    }

    /// A member has shown a height.
    pub(super) fn on_height(&mut self, id: &ChannelId, peer: &PeerId, height: u64) {
        let own_org = &self.config.identity.org;
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if channel.coverage.is_empty() || !channel.is_eligible_of(peer, own_org) {
            return;
        }
        if channel.coverage.on_height(peer, height) {
            self.settle_coverage(id);
        }
        self.ask_peer_of_coverage(id, peer);
    }

    /// Who takes part has changed: for less may have to be waited.
    pub(super) fn on_attendance(&mut self) {
        for id in self.channels.ids() {
            self.settle_coverage(&id);
        }
    }

    /// A link to a peer is up: is it to tell something?
    pub(super) fn ask_of_coverage_on(&mut self, peer: &PeerId) {
        for id in self.channels.ids() {
            self.ask_peer_of_coverage(&id, peer);
        }
    }

    /// Some have waited for long enough.
    pub(super) fn fire_coverage(&mut self, id: &ChannelId) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        for ((seq, request), wait) in channel.coverage.expire(cx!(self), id) {
            let error = self.not_covered(id, seq, &wait);
            cx!(self).emit(Command::Reply {
                id: request,
                result: Err(error),
            });
        }
    }

    /// Answers whatever is covered.
    fn settle_coverage(&mut self, id: &ChannelId) {
        let own_org = &self.config.identity.org;
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if channel.coverage.is_empty() {
            return;
        }
        let eligible = channel.count_eligible(own_org, &self.membership);
        let mut covered = Vec::new();
        for (seq, request, wait) in channel.coverage.iter() {
            let enough = wait.holders.len() >= wanted(wait.coverage, eligible);
            let all = || {
                let mut eligible = channel.eligible(own_org, &self.membership);
                eligible.all(|peer| wait.holders.contains(peer))
            };
            if enough && (wait.coverage != Coverage::AllOfOrg || all()) {
                covered.push((seq, request));
            }
        }
        for (seq, request) in covered {
            if let Some(wait) = channel.coverage.remove(seq, request) {
                let holders = wait.holders.into_iter().collect();
                cx!(self).emit(Command::Reply {
                    id: request,
                    result: Ok(Response::Covered { holders }),
                });
            }
        }
    }

    fn not_covered(&mut self, id: &ChannelId, seq: u64, wait: &Wait) -> RequestError {
        let own_org = &self.config.identity.org;
        let Some(channel) = self.channels.get_mut(id) else {
            return RequestError::UnknownChannel(id.clone());
        };
        let eligible = channel.count_eligible(own_org, &self.membership);
        let all = channel.eligible(own_org, &self.membership);
        let lacking: Vec<_> = all
            .filter(|peer| !wait.holders.contains(*peer))
            .cloned()
            .collect();
        let holding = wait.holders.len();
        tracing::debug!(channel = %id, seq, holding, lacking = lacking.len(), "not covered");
        RequestError::NotCovered {
            holding,
            wanted: wanted(wait.coverage, eligible),
            lacking,
        }
    }

    /// Asks all that are lacking the block to tell when they have it, and has a link made to those that none
    /// leads to.
    fn ask_of_coverage(&mut self, id: &ChannelId) {
        let Some(channel) = self
            .channels
            .get(id)
            .filter(|channel| !channel.coverage.is_empty())
        else {
            return;
        };
        let own_org = &self.config.identity.org;
        let eligible: Vec<_> = channel
            .eligible(own_org, &self.membership)
            .cloned()
            .collect();
        for peer in eligible {
            if self.links.is_connected(&peer) {
                self.ask_peer_of_coverage(id, &peer);
            } else if self.wants_link_for_coverage(id, &peer)
                && let Some(endpoint) = self.membership.endpoint_of(peer.as_bytes()).cloned()
            {
                self.links.dial(cx!(self), &endpoint);
            }
        }
    }

    fn wants_link_for_coverage(&self, id: &ChannelId, peer: &PeerId) -> bool {
        let pending = self.links.dials_in_flight();
        let room = self
            .links
            .has_room_for(&self.config, pending.saturating_add(1));
        let lacking = |channel: &crate::channel::Channel| {
            let mut waits = channel.coverage.iter();
            waits.any(|(_, _, wait)| wait.coverage != Coverage::One && !wait.holders.contains(peer))
        };
        room && self.links.is_reachable_now(peer) && self.channels.get(id).is_some_and(lacking)
    }

    fn ask_peer_of_coverage(&mut self, id: &ChannelId, peer: &PeerId) {
        let own_org = &self.config.identity.org;
        let able = self.config.push.has_tree() && self.links.capabilities(peer) & TREE != 0;
        let Some(channel) = self.channels.get_mut(id).filter(|_| able) else {
            return;
        };
        if !channel.is_eligible_of(peer, own_org) {
            return;
        }
        if let Some(height) = channel.coverage.ask(peer) {
            let tree = Tree {
                tell_at: NonZeroU64::new(height),
                ..Tree::default()
            };
            self.tell_tree(id, peer, tree);
        }
    }
}

/// How many must have a block.
fn wanted(coverage: Coverage, eligible: usize) -> usize {
    match coverage {
        Coverage::One => 1,
        Coverage::Count(count) => count.get(),
        Coverage::AllOfOrg => eligible.max(1),
    }
}
