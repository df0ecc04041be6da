//! A network in virtual time, with the operations of the catalogue's scenarios.
//!
//! The catalogue is in the crate's `README.md`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::{
    ChannelId, Config, Endpoint, JoinChannel, Member, Metrics, OrgId, Request, RequestError,
    Response,
};
use gossip_sim::{
    Fault, Incarnation, LedgerFate, NodeId, Publication, World, WorldConfig, external_endpoint,
    internal_endpoint, node_config,
};

/// Limit for everything that does not wait for a death.
pub const SOON: Duration = Duration::from_secs(60);
/// Time after which a stopped peer is forgotten, in a network made with [`Net::forgetful`].
pub const FORGOTTEN: Duration = Duration::from_secs(80);

/// A simulated network.
#[derive(Debug)]
pub struct Net {
    /// The world it runs in.
    pub world: World,
    forget_after: Option<Duration>,
}

/// The channel `name`.
#[must_use]
pub fn channel(name: &str) -> ChannelId {
    ChannelId::new(name)
}

/// Whole seconds.
#[must_use]
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Net {
    /// An empty network; `seed` decides every random choice.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            world: World::new(WorldConfig::new(seed)),
            forget_after: None,
        }
    }

    /// The same, with dead members forgotten within [`FORGOTTEN`].
    #[must_use]
    pub fn forgetful(seed: u64) -> Self {
        Self {
            forget_after: Some(secs(40)),
            ..Self::new(seed)
        }
    }

    /// Time after which `node` has forgotten all other peers if they have stopped. It uses its longest expiration,
    /// because the fault may be its own. Their last messages may arrive up to a second after the stop.
    #[must_use]
    pub fn forgotten_by_the_last(&self, node: NodeId) -> Duration {
        let config = &self.world.config(node).membership;
        config.longest_expiration() + config.forget_after + secs(1)
    }

    /// Adds and starts the peer `name` of `org`, which bootstraps to these peers of its organisation
    /// and has an external endpoint.
    pub fn start(&mut self, org: &str, name: &str, bootstrap: &[&str]) -> NodeId {
        self.start_with(org, name, bootstrap, |_| {})
    }

    /// The same with a change of its configuration.
    pub fn start_with(
        &mut self,
        org: &str,
        name: &str,
        bootstrap: &[&str],
        adjust: impl FnOnce(&mut Config),
    ) -> NodeId {
        let node = self.add(org, name, bootstrap, adjust);
        self.world.start(node);
        node
    }

    /// Adds a peer that does not run yet.
    ///
    /// # Panics
    /// The configuration contradicts itself.
    pub fn add(
        &mut self,
        org: &str,
        name: &str,
        bootstrap: &[&str],
        adjust: impl FnOnce(&mut Config),
    ) -> NodeId {
        let mut config = node_config(org, name);
        config.external_endpoint = Some(external_endpoint(org, name));
        let seeds = bootstrap.iter().map(|seed| internal_endpoint(org, seed));
        config.bootstrap = seeds.collect();
        if let Some(after) = self.forget_after {
            config.membership.forget_after = after;
        }
        adjust(&mut config);
        match self.world.add(config) {
            Ok(node) => node,
            Err(error) => panic!("{error}"),
        }
    }

    /// A node's view of another.
    #[must_use]
    pub fn view(&self, observer: NodeId, subject: NodeId) -> Option<Member> {
        let subject = &self.world.identity(subject).peer;
        let members = self.world.node(observer)?.members();
        members.into_iter().find(|member| member.peer == *subject)
    }

    /// Returns whether a node holds another alive.
    #[must_use]
    pub fn sees(&self, observer: NodeId, subject: NodeId) -> bool {
        self.view(observer, subject)
            .is_some_and(|member| member.alive)
    }

    /// The number of members that a node holds alive.
    #[must_use]
    pub fn alive(&self, node: NodeId) -> usize {
        let members = self.world.node(node).map(gossip_core::Node::members);
        members.map_or(0, |members| {
            members.iter().filter(|member| member.alive).count()
        })
    }

    /// Returns whether each of these nodes holds exactly the others alive.
    #[must_use]
    pub fn is_full_view(&self, nodes: &[NodeId]) -> bool {
        nodes.iter().all(|observer| {
            let others = nodes.iter().filter(|node| *node != observer);
            self.alive(*observer) == nodes.len() - 1
                && others
                    .into_iter()
                    .all(|subject| self.sees(*observer, *subject))
        })
    }

    /// Runs until `done`.
    ///
    /// # Panics
    /// `done` does not hold within `limit`.
    #[track_caller]
    pub fn until(&mut self, limit: Duration, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = self.world.now() + limit;
        while !done(self) {
            assert!(self.world.now() < deadline, "not within {limit:?}: {what}");
            self.world.run_for(Duration::from_millis(100));
        }
    }

    /// Runs until each of these nodes holds exactly the others alive.
    ///
    /// # Panics
    /// They do not within [`SOON`].
    #[track_caller]
    pub fn until_full_view(&mut self, nodes: &[NodeId]) {
        self.until(SOON, "all peers see each other", |net| {
            net.is_full_view(nodes)
        });
    }

    /// Crashes a peer.
    pub fn stop(&mut self, node: NodeId) {
        self.world.inject(&Fault::Crash { node });
    }

    /// Restarts a crashed peer with its ledger.
    pub fn restart(&mut self, node: NodeId) {
        self.world.inject(&Fault::Restart {
            node,
            ledger: LedgerFate::Kept,
            incarnation: Incarnation::Next,
        });
    }

    /// Joins a peer to a channel of these organisations, each with its anchors' names.
    pub fn join(&mut self, node: NodeId, name: &str, members: &[(&str, &[&str])]) {
        self.configure(node, name, 1, members);
    }

    /// The same with the sequence number of the configuration.
    pub fn configure(
        &mut self,
        node: NodeId,
        name: &str,
        sequence: u64,
        members: &[(&str, &[&str])],
    ) {
        let members: BTreeMap<OrgId, Vec<Endpoint>> = members
            .iter()
            .map(|(org, anchors)| {
                let anchors = anchors.iter().map(|anchor| external_endpoint(org, anchor));
                (OrgId::new(org.as_bytes()), anchors.collect())
            })
            .collect();
        let channel = channel(name);
        let config = JoinChannel { sequence, members };
        self.world
            .request(node, Request::JoinChannel { channel, config });
    }

    /// Requests that a peer leaves a channel.
    pub fn leave(&mut self, node: NodeId, name: &str) {
        let channel = channel(name);
        self.world.request(node, Request::LeaveChannel { channel });
    }

    /// Replaces a peer's metadata.
    pub fn tell(&mut self, node: NodeId, metadata: &'static str) {
        let metadata = Bytes::from_static(metadata.as_bytes());
        self.world
            .request(node, Request::UpdateMetadata { metadata });
    }

    /// The peers that a node sees in a channel, with their heights.
    #[must_use]
    pub fn participants(&self, node: NodeId, name: &str) -> Vec<(NodeId, u64)> {
        let info = self
            .world
            .node(node)
            .and_then(|node| node.channel(&channel(name)));
        let peers = info.map(|info| info.peers).unwrap_or_default();
        let mut all: Vec<_> = peers
            .iter()
            .filter_map(|peer| Some((self.world.find(&peer.peer)?, peer.height)))
            .collect();
        all.sort_unstable();
        all
    }

    /// Returns whether each of these nodes sees exactly the others in the channel.
    #[must_use]
    pub fn is_full_channel(&self, nodes: &[NodeId], name: &str) -> bool {
        nodes.iter().all(|observer| {
            let mut others: Vec<_> = nodes.iter().filter(|node| *node != observer).collect();
            others.sort_unstable();
            let seen = self.participants(*observer, name);
            seen.iter().map(|(node, _)| node).eq(others)
        })
    }

    /// Publishes blocks `first..first + count` at a node, 50 ms apart.
    pub fn publish(&mut self, node: NodeId, name: &str, first: u64, count: u64) {
        let channel = channel(name);
        let orderer = self.world.orderer();
        let blocks: Arc<[Bytes]> = (first..first + count)
            .map(|number| orderer.block(&channel, number, b"payload"))
            .collect();
        self.world.publish(Publication {
            node,
            channel,
            blocks,
            first,
            start: self.world.now(),
            interval: Duration::from_millis(50),
        });
    }

    /// The height of a channel in a node's ledger.
    #[must_use]
    pub fn height(&self, node: NodeId, name: &str) -> u64 {
        self.world.ledger(node).height(&channel(name))
    }

    /// The reply to a request.
    ///
    /// # Panics
    /// It does not arrive within [`SOON`].
    pub fn ask(&mut self, node: NodeId, request: Request) -> Result<Response, RequestError> {
        let id = self.world.request(node, request);
        let deadline = self.world.now() + SOON;
        loop {
            if let Some(reply) = self.world.take_reply(id) {
                return reply;
            }
            assert!(self.world.now() < deadline, "no reply");
            self.world.run_for(Duration::from_millis(10));
        }
    }

    /// The counters of a running node.
    ///
    /// # Panics
    /// The node does not run.
    #[must_use]
    pub fn metrics(&self, node: NodeId) -> &Metrics {
        match self.world.node(node) {
            Some(node) => node.metrics(),
            None => panic!("node {node} does not run"),
        }
    }

    /// Checks that the world has no violations.
    ///
    /// # Panics
    /// It has.
    #[track_caller]
    pub fn assert_sound(&mut self) {
        self.world.audit();
        let broken: Vec<_> = self
            .world
            .violations()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(broken.is_empty(), "{broken:#?}");
    }
}
