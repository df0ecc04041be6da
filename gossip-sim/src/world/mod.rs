//! The world: nodes, their environment, and one heap of events.

mod audit;
mod config;
mod environment;
mod faults;
mod freeze;
mod heard;
mod host;
mod hostile;
mod legacy;
mod occurrence;
mod step;
mod submitted;
mod suspicion;
#[cfg(test)]
mod tests;
mod transport;
mod validator;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use gossip_core::{
    ChannelId, Config, ConfigError, Delivery, Endpoint, Event, Instant, Node, Notification, OrgId,
    PeerId, Request, RequestError, RequestId, Response, SelfIdentity,
};

pub use self::config::{WorldConfig, external_endpoint, internal_endpoint, node_config};
use self::environment::{Asker, Environment};
pub use self::heard::Heard;
use self::host::Host;
use self::occurrence::Occurrence;
pub use self::submitted::SubmittedBlock;
use crate::NodeId;
use crate::block::Orderer;
use crate::check::Violation;
use crate::delivery::{Publication, Publisher};
use crate::fault::Incarnation;
use crate::ledger::SimLedger;
use crate::stats::{Percentiles, Stats};
use crate::trace::{Fingerprint, TraceHash};

/// Largest number of heap entries at one instant, per node and at least: far more than any run needs.
const MOST_AT_ONCE: u64 = 10_000;
const LEAST_BOUND: u64 = 1_000_000;
/// How often [`World::wait`] evaluates its condition.
const LOOK: Duration = Duration::from_millis(10);

/// Nodes on one event heap. The same configuration, calls and seed give the same run, event by event.
///
/// Virtual time must advance: if one instant has more than 10,000 heap entries per node (and more than 1,000,000),
/// the world panics and names the node of the last entry. So a node that keeps asking for a wake-up at the same
/// instant, or keeps answering itself, does not make a run hang.
#[derive(Debug)]
pub struct World {
    nodes: Vec<Option<Box<Node>>>,
    environment: Environment,
    publishers: Vec<Publisher>,
    next_request: u64,
    /// The visibility matrix must be computed again.
    visibility_stale: bool,
    /// Entries handled at the present instant.
    at_once: u64,
}

impl World {
    /// An empty world.
    #[must_use]
    pub fn new(config: WorldConfig) -> Self {
        Self {
            nodes: Vec::new(),
            environment: Environment::new(config),
            publishers: Vec::new(),
            next_request: 0,
            visibility_stale: false,
            at_once: 0,
        }
    }

    /// Adds a node, which does not run yet; it accepts dials at its endpoint and its external endpoint. Its
    /// organisation is trusted from now on. Build `config` with [`node_config`].
    ///
    /// # Errors
    /// The configuration contradicts itself; nothing is added.
    pub fn add(&mut self, config: Config) -> Result<NodeId, ConfigError> {
        config.validate()?;
        let index = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let environment = &mut self.environment;
        for endpoint in std::iter::once(&config.endpoint).chain(&config.external_endpoint) {
            environment.endpoints.insert(endpoint.clone(), index);
        }
        environment
            .peers
            .insert(config.identity.peer.clone(), index);
        environment.crypto.trust(config.identity.org.clone());
        environment.hosts.push(Host::new(Arc::new(config)));
        environment.checker.grow();
        environment.fault_log.grow();
        environment.visibility.grow();
        self.nodes.push(None);
        self.visibility_stale = true;
        Ok(NodeId::new(index))
    }

    /// Makes a node accept dials at `endpoint` too, without the node's knowledge, as behind a second DNS name.
    pub fn alias(&mut self, node: NodeId, endpoint: Endpoint) {
        self.environment.endpoints.insert(endpoint, node.index());
    }

    /// Starts a node now.
    pub fn start(&mut self, node: NodeId) {
        self.begin(node.index(), Incarnation::Next);
    }

    /// Starts a node at `at`, at once if that has passed.
    pub fn start_at(&mut self, node: NodeId, at: Instant) {
        let at = at.max(self.environment.now);
        self.environment
            .agenda
            .plan(at, node.index(), Occurrence::Start);
    }

    /// The present virtual time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.environment.now
    }

    /// Runs until `at`.
    ///
    /// # Panics
    /// Time does not advance, see [`World`].
    pub fn run_until(&mut self, at: Instant) {
        while self
            .environment
            .agenda
            .next_at()
            .is_some_and(|next| next <= at)
        {
            self.step();
        }
        self.environment.now = self.environment.now.max(at);
    }

    /// Runs for `duration`.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.environment.now + duration);
    }

    /// Runs until `done` returns true, which is evaluated every 10 ms, but not longer than `limit`. Returns
    /// whether it did.
    pub fn wait(&mut self, limit: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let deadline = self.environment.now + limit;
        loop {
            if done(self) {
                return true;
            }
            if self.environment.now >= deadline {
                return false;
            }
            self.run_until(deadline.min(self.environment.now + LOOK));
        }
    }

    /// Hands a node a request of its application; see [`World::take_reply`]. A node that does not
    /// run never answers, but it joins the requested channels when it starts.
    pub fn request(&mut self, node: NodeId, request: Request) -> RequestId {
        self.ask(node.index(), request, Asker::Application)
    }

    /// The reply to a request, once. The oldest of more than 4,096 replies are dropped.
    pub fn take_reply(&mut self, id: RequestId) -> Option<Result<Response, RequestError>> {
        self.environment.replies.remove(&id)
    }

    /// Notifications of a node since the last call; if there were more than
    /// [`WorldConfig::notifications`], the newest ones.
    pub fn take_notifications(&mut self, node: NodeId) -> Vec<Notification> {
        self.environment.hosts[node.place()]
            .notifications
            .drain(..)
            .collect()
    }

    /// Messages delivered to a node's application since the last call, which has subscribed by
    /// [`Request::Listen`]; if there were more than [`WorldConfig::notifications`], the newest ones.
    pub fn take_deliveries(&mut self, node: NodeId) -> Vec<Delivery> {
        self.environment.hosts[node.place()]
            .deliveries
            .drain(..)
            .collect()
    }

    /// Starts a publication by a node's application, paced by the replies.
    pub fn publish(&mut self, publication: Publication) {
        let index = u32::try_from(self.publishers.len()).unwrap_or(u32::MAX);
        let (at, node) = (
            publication.start.max(self.environment.now),
            publication.node.index(),
        );
        self.publishers.push(Publisher {
            publication,
            next: 0,
            awaiting: None,
        });
        self.environment
            .agenda
            .plan(at, node, Occurrence::Publish(index));
    }

    /// A node; `None` if it does not run.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<&Node> {
        self.nodes[node.place()].as_deref()
    }

    /// All nodes, running or not.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        let count = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        (0..count).map(NodeId::new)
    }

    /// The identity of a node.
    #[must_use]
    pub fn identity(&self, node: NodeId) -> &SelfIdentity {
        &self.environment.hosts[node.place()].config.identity
    }

    /// The configuration of a node.
    #[must_use]
    pub fn config(&self, node: NodeId) -> &Config {
        &self.environment.hosts[node.place()].config
    }

    /// The node with this PKI-ID.
    #[must_use]
    pub fn find(&self, peer: &PeerId) -> Option<NodeId> {
        self.environment.peers.get(peer).copied().map(NodeId::new)
    }

    /// The node that accepts dials at this endpoint.
    #[must_use]
    pub fn resolve(&self, endpoint: &Endpoint) -> Option<NodeId> {
        self.environment
            .endpoints
            .get(endpoint)
            .copied()
            .map(NodeId::new)
    }

    /// A node's ledger, also while the node is down.
    #[must_use]
    pub fn ledger(&self, node: NodeId) -> &SimLedger {
        &self.environment.hosts[node.place()].ledger
    }

    /// The source of blocks that this world's identity service accepts.
    #[must_use]
    pub fn orderer(&self) -> &Orderer {
        self.environment.crypto.orderer()
    }

    /// Sets the time at which a node's identity expires.
    pub fn expire_identity(&mut self, node: NodeId, at: Instant) {
        let identity = self.identity(node).bytes.clone();
        self.environment.crypto.expire(identity, at);
    }

    /// Revokes a node's identity: its validation fails from now on.
    pub fn revoke_identity(&mut self, node: NodeId) {
        let identity = self.identity(node).bytes.clone();
        self.environment.crypto.revoke(identity);
    }

    /// Restricts the organisations whose signatures count in `channel`; without a restriction those of every
    /// trusted organisation count.
    pub fn set_readers(&mut self, channel: ChannelId, orgs: BTreeSet<OrgId>) {
        self.environment.crypto.set_readers(channel, orgs);
    }

    /// Returns whether every running node sees every running node that it may see. Nodes that have not started
    /// do not count.
    #[must_use]
    pub fn views_complete(&mut self) -> bool {
        self.refresh_visibility();
        self.environment.visibility.is_complete()
    }

    /// Returns whether every running node has seen, at some time since its start, every running node that it may
    /// see. Gossip may hold a live member dead for a moment.
    #[must_use]
    pub fn views_were_complete(&mut self) -> bool {
        self.refresh_visibility();
        self.environment.visibility.was_complete()
    }

    /// The number of pairs of running nodes that should see each other, and of those that have at some time.
    #[must_use]
    pub fn views(&mut self) -> (u64, u64) {
        self.refresh_visibility();
        self.environment.visibility.count()
    }

    /// Up to `limit` pairs whose first node should see the second and does not.
    #[must_use]
    pub fn missing_views(&mut self, limit: usize) -> Vec<(NodeId, NodeId)> {
        self.refresh_visibility();
        let missing = self.environment.visibility.missing(limit);
        missing
            .into_iter()
            .map(|(a, b)| (NodeId::new(a), NodeId::new(b)))
            .collect()
    }

    /// The last time at which a node saw another for the first time.
    #[must_use]
    pub const fn last_discovery(&self) -> Instant {
        self.environment.visibility.last_discovery()
    }

    /// Returns whether every running node that joined `channel` holds `height` blocks.
    #[must_use]
    pub fn ledgers_complete(&self, channel: &ChannelId, height: u64) -> bool {
        self.incomplete_ledgers(channel, height).next().is_none()
    }

    /// The running nodes that joined `channel` and hold fewer than `height` blocks.
    pub fn incomplete_ledgers<'a>(
        &'a self,
        channel: &'a ChannelId,
        height: u64,
    ) -> impl Iterator<Item = NodeId> + 'a {
        self.nodes().filter(move |node| {
            let host = &self.environment.hosts[node.place()];
            host.is_running()
                && host.joins.contains_key(channel)
                && host.ledger.height(channel) < height
        })
    }

    /// Time from a block's publication to each of its commits.
    #[must_use]
    pub fn time_per_copy(&self) -> Percentiles {
        self.environment.deliveries.per_copy().percentiles()
    }

    /// Time from a block's publication to its last commit.
    #[must_use]
    pub fn time_to_all(&self) -> Percentiles {
        self.time_to_all_from(0)
    }

    /// The same for blocks from number `first` on.
    #[must_use]
    pub fn time_to_all_from(&self, first: u64) -> Percentiles {
        self.environment.deliveries.to_last(first).percentiles()
    }

    /// Violations found so far, at most 1,000; see also [`World::audit`].
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.environment.checker.violations()
    }

    /// The number of all violations.
    #[must_use]
    pub const fn violation_count(&self) -> u64 {
        self.environment.checker.total()
    }

    /// The world's counters.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.environment.stats
    }

    /// The hash of all events delivered so far.
    #[must_use]
    pub fn trace_hash(&self) -> TraceHash {
        self.environment.trace.hash()
    }

    /// The hashes of the run so far; absent unless [`WorldConfig::record`] is set.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        let running = self.nodes().filter_map(|node| {
            let core = self.node(node)?;
            Some((node.index(), core.metrics()))
        });
        let recording = self.environment.recording.as_ref()?;
        Some(recording.fingerprint(self.environment.now, running))
    }

    /// The greatest fan-out configured.
    pub(crate) fn fanout(&self) -> usize {
        let hosts = self.environment.hosts.iter();
        hosts.map(|host| host.config.push.fanout).max().unwrap_or(0)
    }

    fn ask(&mut self, node: u32, request: Request, asker: Asker) -> RequestId {
        self.next_request += 1;
        let id = RequestId(self.next_request);
        let now = self.environment.now;
        let host = self.environment.host(node);
        #[allow(
            clippy::wildcard_enum_match_arm,
            reason = "the world follows no other request of an application"
        )]
        match &request {
            Request::JoinChannel { channel, config } => {
                host.joins.insert(channel.clone(), config.clone());
                self.environment.link_orgs(config);
                self.visibility_stale = true;
            }
            Request::LeaveChannel { channel } => {
                host.joins.remove(channel);
                self.visibility_stale = true;
            }
            Request::Publish { channel, seq, .. } => {
                self.environment
                    .deliveries
                    .published(now, NodeId::new(node), channel, *seq);
            }
            Request::Stop if host.is_running() => {
                host.stopped = true;
                host.last_change = now;
                self.visibility_stale = true;
            }
            _ => {}
        }
        if self.nodes[node as usize].is_some() {
            self.environment.askers.insert(id, (node, asker));
            let event = Event::Request { id, request };
            if self.environment.hosts[node as usize].frozen_until.is_some() {
                self.environment.defer_event(node, event);
            } else {
                self.touch(node, event);
            }
        }
        id
    }

    pub(crate) fn refresh_visibility(&mut self) {
        if std::mem::take(&mut self.visibility_stale) {
            self.environment.expect_views();
        }
    }
}
