//! Channels: participants, their heights, and the blocks.
//!
//! Corresponds to Fabric's `gossip/gossip/channel`.
//!
//! # Deviations
//! - The first change of our own state is published at once, later ones at most once per interval. A peer that connects
//!   gets our state directly, without waiting for a round.
//! - Snapshots are accepted from peers that were asked, one per request; a bad element costs only itself. A snapshot
//!   that would be too large is sent in parts.
//! - A request contains a summary of what its sender holds, of eight bytes per peer, where both sides understand it.
//!   The answer contains only the rest; there is no answer if there is no rest.
//! - Requests for state infos or blocks are answered only for peers that the channel's reader policy admits.
//! - Blocks are accepted by push from our own organisation only, since they are pushed only there.
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
use crate::rng::ModuleRng;
use crate::snapshot::Stores;
use crate::ticket::LedgerUse;
use crate::timer::{ChannelTimer, TimerKey};
use crate::{
    ChannelId, Config, Instant, JoinChannel, LedgerOutcome, OrgId, PeerId, RequestError, RequestId,
    Start, Ticket,
};

/// One channel.
///
/// Each part is state with methods that know of the other parts and of the peers only what is passed to them. What a
/// channel does with its parts and the peers are methods of the channel, in the part's folder.
#[derive(Debug)]
pub(crate) struct Channel {
    id: ChannelId,
    sequence: u64,
    orgs: BTreeSet<OrgId>,
    /// The revisions of the configuration at the join and of the one in force, which are unique among all channels.
    /// Verdicts under other revisions do not count.
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
    /// The join request that waits for the ledger's height.
    joining: Option<RequestId>,
    /// The channel has ended. Waiting requests are answered with this error.
    ended: Option<RequestError>,
    /// Changes with our own state info and with the configuration.
    own_version: u64,
}

impl Channel {
    /// Joins a channel: reads the ledger's height, and answers `request` when it is known.
    pub(crate) fn join(
        cx: &mut Out<'_>,
        id: ChannelId,
        config: &JoinChannel,
        start: &Start,
        (request, revision): (RequestId, u64),
    ) -> Self {
        let fork = |purpose: &str| ModuleRng::fork(&start.seed, &format!("{purpose} {id}"));
        let now = cx.now;
        let key = TimerKey::Channel(ChannelTimer::RequestStateInfo, id.clone());
        cx.timers().set(key, now);
        let (rng, nonces) = (fork("channel"), fork("state infos"));
        let max = cx.config.membership.max_members.get();
        Self {
            sequence: config.sequence,
            orgs: config.members.keys().cloned().collect(),
            revisions: (revision, revision),
            own: OwnState::new(id.clone(), start.incarnation, cx.now),
            participants: Participants::new(cx.config),
            exchange: StateInfoExchange::new(cx.config.channel.request_interval, rng, nonces),
            readers: Readers::default(),
            tree: Tree::default(),
            commit: Commit::new(cx, id.clone()),
            transfer: Requester::new(id.clone(), fork("transfer")),
            server: BlockServer::new(id.clone()),
            pull: BlockPull::new(cx, Some(id.clone()), fork("pull")),
            coverage: Waits::default(),
            leadership: LatestLeadership::new(max),
            joining: Some(request),
            ended: None,
            own_version: 0,
            id,
        }
    }

    /// An input that concerns the channel has passed the gate.
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

    /// The number of blocks in the ledger, as far as known.
    pub(crate) fn height(&self) -> u64 {
        self.commit.height()
    }

    /// The revision of the configuration in force.
    pub(crate) fn revision(&self) -> u64 {
        self.revisions.1
    }

    pub(crate) fn is_current(&self, revision: u64) -> bool {
        self.revision() == revision
    }

    /// Returns whether this configuration is, or was, in force since we joined.
    fn has_had(&self, revision: u64) -> bool {
        let (first, last) = self.revisions;
        (first..=last).contains(&revision)
    }

    pub(crate) fn has_org(&self, org: &OrgId) -> bool {
        self.orgs.contains(org)
    }

    /// Returns whether we have left. The departure may not be published yet.
    pub(crate) fn has_left(&self) -> bool {
        self.own.has_left()
    }

    /// Returns whether this peer takes part, by its latest state info.
    pub(crate) fn is_participant(&self, peer: &PeerId) -> bool {
        self.participants.contains(peer)
    }

    /// Returns whether this state info would change anything. The last state info of a forgotten peer counts again when
    /// the peer `is_there` again.
    pub(crate) fn is_news(&self, info: &StateInfo, is_there: impl FnOnce() -> bool) -> bool {
        self.participants.is_news(info, is_there)
    }

    /// Returns whether a pushed block of this number is worth verifying. Counts it if not.
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

    /// A peer is back after an earlier start than known. Its messages count, regardless of its earlier ones.
    pub(crate) fn forget_restarted(&mut self, peer: &PeerId) {
        self.forget(peer);
        self.participants.remove_tombstone(peer);
    }

    /// A member has been removed. Its last state info stays known as a tombstone.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        self.participants.forget(peer);
        self.tree.forget(peer);
        self.exchange.forget(peer);
    }

    /// The identity of a peer has become invalid.
    pub(crate) fn forget_identity(&mut self, peer: &PeerId) {
        self.leadership.forget(peer);
    }

    /// A link to a peer is up.
    pub(crate) fn on_connected(&mut self, peer: &PeerId) {
        self.transfer.on_connected(peer);
    }

    /// A member has become alive. It may read what had no reader before.
    pub(crate) fn on_member_alive(&mut self, cx: &mut Out<'_>) {
        self.own.wake(cx);
    }

    /// Ends the channel after the present input has been handled.
    fn end(&mut self, error: RequestError) {
        self.ended = Some(error);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// Reports all bounded stores of the channel.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        self.participants.stores(config, stores);
        let max = config.membership.max_members.get();
        let waits = config.channel.max_coverage_waits.get();
        stores.add("requests for coverage", self.coverage.len(), waits);
        stores.add("senders of leadership messages", self.leadership.len(), max);
        self.exchange.stores(config, stores);
        self.tree.stores(config, stores);
        self.commit.stores(config, stores);
        self.transfer.stores(config, stores);
        self.server.stores(config, stores);
        self.pull.stores(config, stores);
    }

    /// Returns whether a snapshot of this peer is expected.
    pub(crate) fn expects_snapshot(&self, now: Instant, peer: &PeerId) -> bool {
        self.exchange.expects(now, peer)
    }
}
