//! Channels: who takes part, with what height, and the blocks of each.
//!
//! Answers to Fabric's `gossip/gossip/channel`.
//!
//! # Deviations
//! - A first change of our own state is published at once, later ones no more often than the interval. A peer that
//!   connects is told our state directly, and need not wait for a round.
//! - Snapshots are accepted from peers that were asked, one for each request; a bad element costs itself only. What is
//!   too large for one is told in parts.
//! - A request tells what its sender holds in eight bytes for each peer, where both sides understand it; only the rest
//!   is told, and nothing if there is none.
//! - Only peers that the channel's reader policy admits are answered when they ask for state infos or blocks.
//! - Blocks are accepted by push from our own organisation only, which is where they are pushed.
//! - State infos and their MACs are kept per channel and peer; a repeated one costs a look-up.

mod blocks;
mod commit;
mod configuration;
mod cx;
mod dissemination;
mod leadership;
mod state_info;
mod table;
#[cfg(test)]
mod tests;
mod transfer;
mod view;

use std::collections::BTreeSet;

use gossip_proto::StateInfo;

pub(crate) use self::blocks::refuse_input;
use self::commit::Commit;
pub(crate) use self::commit::Want;
pub(crate) use self::cx::ChannelCx;
use self::dissemination::{BlockPull, Tree, Waits};
use self::leadership::LatestLeadership;
use self::state_info::{OwnState, Participants, Readers, StateInfoExchange};
pub(crate) use self::table::Channels;
use self::transfer::{BlockServer, Requester};
use crate::gate::admitted::ChannelInput;
use crate::out::Out;
use crate::snapshot::Stores;
use crate::ticket::LedgerUse;
use crate::timer::ChannelTimer;
use crate::{
    ChannelId, Config, Instant, LedgerOutcome, OrgId, PeerId, RequestError, RequestId, Ticket,
};

/// One channel.
///
/// A part is state with methods that know neither its siblings nor the peers. What a channel does with its parts and the
/// peers are methods of the channel, in the part's folder.
#[derive(Debug)]
pub(crate) struct Channel {
    id: ChannelId,
    sequence: u64,
    orgs: BTreeSet<OrgId>,
    /// The configuration joined with and the one in force, among all of all channels: what was found by another does
    /// not count.
    revisions: (u64, u64),
    own: OwnState,
    participants: Participants,
    exchange: StateInfoExchange,
    readers: Readers,
    tree: Tree,
    pull: BlockPull,
    coverage: Waits,
    commit: Commit,
    transfer: Requester,
    server: BlockServer,
    leadership: LatestLeadership,
    /// The application waits for the ledger's height.
    joining: Option<RequestId>,
    /// The channel is over; what still waits is answered with this.
    ended: Option<RequestError>,
    /// Changes whenever our own state info or the configuration does.
    own_version: u64,
}

impl Channel {
    /// Something that concerns the channel has passed the gate.
    pub(crate) fn on_input(&mut self, cx: &mut ChannelCx<'_>, input: ChannelInput) {
        match input {
            ChannelInput::StateInfo(item) => self.on_state_info(cx, item),
            ChannelInput::Reviewed { review, result } => self.on_reviewed(cx, &review, result),
            ChannelInput::NotAdmitted { revision, peer } => {
                self.on_not_admitted(cx, revision, &peer);
            }
            ChannelInput::StateInfoPull { sender, held } => {
                self.on_state_info_pull(cx, &sender, held.as_ref());
            }
            ChannelInput::Snapshot { peer } => self.exchange.forget(&peer),
            ChannelInput::Block {
                block,
                publications,
            } => self.on_block(cx, block, publications),
            ChannelInput::BadBlock { seq, source, fault } => {
                self.on_bad_block(cx, seq, &source, fault);
            }
            ChannelInput::Checking { seq, bytes } => self.on_checking(cx, seq, bytes),
            ChannelInput::Holder { seq, peer } => self.on_holder(cx, seq, &peer),
            ChannelInput::Redundant { seq, peer } => self.on_redundant(cx, seq, &peer),
            ChannelInput::Tree { sender, tree } => self.on_tree(cx, &sender, tree),
            ChannelInput::StateRequest {
                sender,
                nonce,
                request,
            } => self.on_state_request(cx, &sender, nonce, request),
            ChannelInput::StateResponse {
                sender,
                nonce,
                payloads,
            } => self.on_state_response(cx, &sender, nonce, payloads),
            ChannelInput::Pull { sender, message } => self.on_pull(cx, &sender, &message),
            ChannelInput::Leadership(item) => self.on_leadership(cx, &item),
        }
    }

    pub(crate) fn on_timer(&mut self, cx: &mut ChannelCx<'_>, timer: ChannelTimer) {
        match timer {
            ChannelTimer::Pull => self.fire_pull(cx),
            ChannelTimer::Announce => self.announce(cx),
            ChannelTimer::Coverage => self.fire_coverage(cx),
            ChannelTimer::Publish => self.publish_state(cx),
            ChannelTimer::RequestStateInfo => self.request_state_infos(cx),
            ChannelTimer::Transfer => self.fire_transfer(cx),
        }
    }

    pub(crate) fn on_ledger_done(
        &mut self,
        cx: &mut ChannelCx<'_>,
        purpose: LedgerUse,
        ticket: Ticket,
        outcome: LedgerOutcome,
    ) {
        match purpose {
            LedgerUse::Height | LedgerUse::Commit => self.on_committed(cx, outcome),
            LedgerUse::Serve => self.on_read(cx, ticket, outcome),
        }
    }

    pub(crate) fn id(&self) -> &ChannelId {
        &self.id
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Blocks in the ledger, as far as known.
    pub(crate) fn height(&self) -> u64 {
        self.commit.height()
    }

    /// Names the configuration in force.
    pub(crate) fn revision(&self) -> u64 {
        self.revisions.1
    }

    pub(crate) fn is_current(&self, revision: u64) -> bool {
        self.revision() == revision
    }

    /// Was this configuration, or is it, in force since we have joined?
    fn has_had(&self, revision: u64) -> bool {
        let (first, last) = self.revisions;
        (first..=last).contains(&revision)
    }

    pub(crate) fn has_org(&self, org: &OrgId) -> bool {
        self.orgs.contains(org)
    }

    /// We have left, but others may still have to be told.
    pub(crate) fn has_left(&self) -> bool {
        self.own.has_left()
    }

    /// Does this peer take part, as far as it told?
    pub(crate) fn is_participant(&self, peer: &PeerId) -> bool {
        self.participants.contains(peer)
    }

    /// Would this state info change anything? What a peer forgotten said last counts again when the peer `is_there`
    /// again.
    pub(crate) fn is_news(&self, info: &StateInfo, is_there: impl FnOnce() -> bool) -> bool {
        self.participants.is_news(info, is_there)
    }

    /// Is a block of this number, pushed to us, worth verifying? Counts it if not.
    pub(crate) fn wants_pushed(&self, cx: &mut Out<'_>, seq: u64) -> Want {
        if self.own.has_left() {
            return Want::Beyond;
        }
        let want = self.commit.want(seq);
        match want {
            Want::Yes => {}
            Want::Known => cx.metrics().blocks_duplicate += 1,
            Want::Beyond => cx.metrics().blocks_beyond_window += 1,
        }
        want
    }

    /// A peer is back after an earlier start than was heard of: all it says counts, whatever it said before.
    pub(crate) fn forget_restarted(&mut self, peer: &PeerId) {
        self.forget(peer);
        self.participants.remove_tombstone(peer);
    }

    /// A member is gone. What it said remains known as said.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        self.participants.forget(peer);
        self.tree.forget(peer);
        self.exchange.forget(peer);
    }

    /// The identity of a peer is not valid any more.
    pub(crate) fn forget_identity(&mut self, peer: &PeerId) {
        self.leadership.forget(peer);
    }

    /// A link to a peer is up.
    pub(crate) fn on_connected(&mut self, peer: &PeerId) {
        self.transfer.on_connected(peer);
    }

    /// A member is alive that was not: it may read what could not be published before.
    pub(crate) fn on_member_alive(&mut self, cx: &mut Out<'_>) {
        self.own.wake(cx);
    }

    /// The channel is over when the present input has been handled.
    fn end(&mut self, error: RequestError) {
        self.ended = Some(error);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// Everything that is bounded here.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        self.participants.stores(config, stores);
        let max = config.membership.max_members.get();
        let waits = config.channel.max_coverage_waits.get();
        stores.add("requests for coverage", self.coverage.len(), waits);
        stores.add("makers of leadership", self.leadership.len(), max);
        self.exchange.stores(config, stores);
        self.tree.stores(config, stores);
        self.commit.stores(config, stores);
        self.transfer.stores(config, stores);
        self.server.stores(config, stores);
        self.pull.stores(config, stores);
    }

    /// Is a snapshot of this peer expected?
    pub(crate) fn expects_snapshot(&self, now: Instant, peer: &PeerId) -> bool {
        self.exchange.expects(now, peer)
    }
}
