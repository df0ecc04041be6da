//! Requests that wait until a block has reached a number of peers.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::time::Duration;

use gossip_proto::Tree;

use super::waits::Wait;
use crate::channel::{Channel, ChannelCx};
use crate::peers::link::TREE;
use crate::{Coverage, PeerId, RequestError, RequestId, Response};

impl Channel {
    pub(crate) fn await_coverage(
        &mut self,
        cx: &mut ChannelCx<'_>,
        request: RequestId,
        seq: u64,
        wish: (Coverage, Duration),
    ) -> Result<(), RequestError> {
        if self.coverage.len() >= cx.config.channel.max_coverage_waits.get() {
            return Err(RequestError::Busy);
        }
        let has = |peer: &&PeerId| {
            let published = self.participants.height_of(peer);
            published.is_some_and(|height| height > seq) || self.transfer.may_have(peer, seq)
        };
        let holders: BTreeSet<PeerId> = self.eligible(cx).filter(has).cloned().collect();
        self.coverage
            .add(cx, &self.id, (seq, request), wish, holders);
        self.settle_coverage(cx);
        self.subscribe_for_coverage(cx);
        Ok(())
    }

    /// A participant has reported a height.
    pub(crate) fn on_height(&mut self, cx: &mut ChannelCx<'_>, peer: &PeerId, height: u64) {
        let own_org = &cx.cx.config.identity.org;
        if self.coverage.is_empty() || !self.participants.contains_of(peer, own_org) {
            return;
        }
        if self.coverage.on_height(peer, height) {
            self.settle_coverage(cx);
        }
        self.subscribe_peer_for_coverage(cx, peer);
    }

    /// The deadline of some requests has passed.
    pub(crate) fn fire_coverage(&mut self, cx: &mut ChannelCx<'_>) {
        for ((seq, request), wait) in self.coverage.expire(cx, &self.id) {
            let error = self.not_covered(cx, seq, &wait);
            cx.answer(request, Err(error));
        }
    }

    /// Answers the requests that are covered. Called after each change of the participants too, as fewer may then be
    /// required.
    pub(crate) fn settle_coverage(&mut self, cx: &mut ChannelCx<'_>) {
        if self.coverage.is_empty() {
            return;
        }
        let eligible = self.count_eligible(cx);
        let mut covered = Vec::new();
        for (seq, request, wait) in self.coverage.iter() {
            let enough = wait.holders.len() >= wanted(wait.coverage, eligible);
            let all = || self.eligible(cx).all(|peer| wait.holders.contains(peer));
            if enough && (wait.coverage != Coverage::AllOfOrg || all()) {
                covered.push((seq, request));
            }
        }
        for (seq, request) in covered {
            if let Some(wait) = self.coverage.remove(seq, request) {
                let holders = wait.holders.into_iter().collect();
                cx.answer(request, Ok(Response::Covered { holders }));
            }
        }
    }

    fn not_covered(&mut self, cx: &ChannelCx<'_>, seq: u64, wait: &Wait) -> RequestError {
        let eligible = self.count_eligible(cx);
        let lacking = self.eligible(cx);
        let lacking = lacking.filter(|peer| !wait.holders.contains(*peer));
        let lacking: Vec<_> = lacking.cloned().collect();
        let holding = wait.holders.len();
        tracing::debug!(channel = %self.id, seq, holding, lacking = lacking.len(), "not covered");
        RequestError::NotCovered {
            holding,
            wanted: wanted(wait.coverage, eligible),
            lacking,
        }
    }

    /// Subscribes to the height at all peers that lack the block, and dials those that are not connected.
    fn subscribe_for_coverage(&mut self, cx: &mut ChannelCx<'_>) {
        if self.coverage.is_empty() {
            return;
        }
        let eligible: Vec<_> = self.eligible(cx).cloned().collect();
        for peer in eligible {
            if cx.peers.links.is_connected(&peer) {
                self.subscribe_peer_for_coverage(cx, &peer);
            } else if self.wants_link_for_coverage(cx, &peer) {
                let endpoint = cx.peers.membership.endpoint_of(peer.as_bytes()).cloned();
                if let Some(endpoint) = endpoint {
                    cx.peers.links.dial(&mut cx.cx, &endpoint);
                }
            }
        }
    }

    fn wants_link_for_coverage(&self, cx: &ChannelCx<'_>, peer: &PeerId) -> bool {
        let links = &cx.peers.links;
        let more = links.dials_in_flight().saturating_add(1);
        let mut waits = self.coverage.iter();
        links.has_room_for(cx.config, more)
            && links.is_reachable_now(peer)
            && waits
                .any(|(_, _, wait)| wait.coverage != Coverage::One && !wait.holders.contains(peer))
    }

    /// A link to a peer is up, or it has reported a height. Subscribes to the next height that a request waits for.
    pub(crate) fn subscribe_peer_for_coverage(&mut self, cx: &mut ChannelCx<'_>, peer: &PeerId) {
        let able = cx.config.push.has_tree() && cx.peers.supports(peer, TREE);
        let own_org = &cx.cx.config.identity.org;
        if !able || !self.participants.contains_of(peer, own_org) {
            return;
        }
        if let Some(height) = self.coverage.ask(peer) {
            let tree = Tree {
                tell_at: NonZeroU64::new(height),
                ..Tree::default()
            };
            self.tell_tree(cx, peer, tree);
        }
    }

    /// The alive participants of our organisation.
    pub(crate) fn eligible<'a>(
        &'a self,
        cx: &'a ChannelCx<'_>,
    ) -> impl Iterator<Item = &'a PeerId> {
        let own_org = &cx.cx.out.config.identity.org;
        self.participants.eligible(own_org, &cx.peers.membership)
    }

    /// The number of eligible peers.
    pub(crate) fn count_eligible(&mut self, cx: &ChannelCx<'_>) -> usize {
        let own_org = &cx.cx.out.config.identity.org;
        self.participants
            .count_eligible(own_org, &cx.peers.membership)
    }
}

/// The number of peers that must have a block.
fn wanted(coverage: Coverage, eligible: usize) -> usize {
    match coverage {
        Coverage::One => 1,
        Coverage::Count(count) => count.get(),
        Coverage::AllOfOrg => eligible.max(1),
    }
}
