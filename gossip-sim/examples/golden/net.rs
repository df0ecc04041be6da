//! The network of a scene.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::{
    ChannelId, Config, JoinChannel, Metrics, OrgId, PeerId, Request, RequestError, RequestId,
    Response,
};
use gossip_sim::{
    Delay, NodeId, Publication, World, WorldConfig, external_endpoint, internal_endpoint,
    node_config,
};

use crate::Outcome;

/// Limit for each wait of a scene.
const LIMIT: Duration = Duration::from_secs(120);
/// Time between two blocks of a publication.
const INTERVAL: Duration = Duration::from_millis(50);

/// A world and the operations of scenes.
pub(crate) struct Net {
    pub(crate) world: World,
    /// Changes each node's default configuration.
    tune: fn(&mut Config),
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(seed, |_| {}, |_| {})
    }

    pub(crate) fn with(
        seed: u64,
        world: impl FnOnce(&mut WorldConfig),
        tune: fn(&mut Config),
    ) -> Self {
        let mut config = WorldConfig::new(seed);
        config.record = true;
        config.notifications = 1 << 14;
        world(&mut config);
        Self {
            world: World::new(config),
            tune,
        }
    }

    /// A network whose transport and services have constant delays, so that many events occur at the same instant.
    pub(crate) fn in_step(seed: u64) -> Self {
        let fixed = |millis| Delay::fixed(Duration::from_millis(millis));
        let world = |config: &mut WorldConfig| {
            (config.latency, config.crypto, config.ledger) = (fixed(5), fixed(1), fixed(1));
        };
        Self::with(seed, world, |_| {})
    }

    /// Starts peers of an organisation, numbered from 0; all bootstrap to the first.
    pub(crate) fn start(&mut self, org: &str, peers: usize) -> Result<Vec<NodeId>, String> {
        (0..peers).map(|peer| self.start_peer(org, peer)).collect()
    }

    fn start_peer(&mut self, org: &str, peer: usize) -> Result<NodeId, String> {
        let config = self.config(org, peer);
        let node = self.world.add(config).map_err(|error| error.to_string())?;
        self.world.start(node);
        Ok(node)
    }

    /// Starts a legacy peer.
    pub(crate) fn start_legacy(&mut self, org: &str, peer: usize) -> Result<NodeId, String> {
        let config = self.config(org, peer);
        let node = self.world.add_legacy(config);
        let node = node.map_err(|error| error.to_string())?;
        self.world.start(node);
        Ok(node)
    }

    fn config(&self, org: &str, peer: usize) -> Config {
        let name = format!("peer{peer}");
        let mut config = node_config(org, &name);
        config.external_endpoint = Some(external_endpoint(org, &name));
        if peer > 0 {
            config.bootstrap = vec![internal_endpoint(org, "peer0")];
        }
        (self.tune)(&mut config);
        config
    }

    /// Joins a channel of these organisations, or updates its configuration.
    pub(crate) fn join(&mut self, node: NodeId, channel: &ChannelId, orgs: &[&str], sequence: u64) {
        let anchors = |org: &&str| {
            let anchor = external_endpoint(org, "peer0");
            (OrgId::new(org.as_bytes()), vec![anchor])
        };
        let members: BTreeMap<_, _> = orgs.iter().map(anchors).collect();
        let request = Request::JoinChannel {
            channel: channel.clone(),
            config: JoinChannel { sequence, members },
        };
        self.world.request(node, request);
    }

    /// Starts a publication of blocks at a node, 20 per second.
    pub(crate) fn publish(
        &mut self,
        node: NodeId,
        channel: &ChannelId,
        numbers: std::ops::Range<u64>,
        size: usize,
    ) {
        let first = numbers.start;
        let orderer = self.world.orderer();
        let payload = vec![0x5a; size];
        let blocks: Arc<[Bytes]> = numbers
            .map(|number| orderer.block(channel, number, &payload))
            .collect();
        self.world.publish(Publication {
            node,
            channel: channel.clone(),
            blocks,
            first,
            start: self.world.now(),
            interval: INTERVAL,
        });
    }

    /// Runs until `done`, at most two minutes.
    pub(crate) fn until(
        &mut self,
        what: &str,
        done: impl FnMut(&mut World) -> bool,
    ) -> Result<(), String> {
        if self.world.wait(LIMIT, done) {
            Ok(())
        } else {
            Err(format!("{what}: not within {LIMIT:?}"))
        }
    }

    pub(crate) fn until_all_see_all(&mut self) -> Result<(), String> {
        self.until("all see all", World::views_complete)
    }

    /// Runs until all nodes that joined the channel hold `height` blocks.
    pub(crate) fn until_all_hold(
        &mut self,
        channel: &ChannelId,
        height: u64,
    ) -> Result<(), String> {
        let what = format!("all hold {height} blocks of {channel}");
        self.until(&what, |world| world.ledgers_complete(channel, height))
    }

    /// Runs until a request is answered.
    pub(crate) fn answer(
        &mut self,
        request: RequestId,
    ) -> Result<Result<Response, RequestError>, String> {
        let mut reply = None;
        self.until("the answer to a request", |world| {
            reply = world.take_reply(request);
            reply.is_some()
        })?;
        reply.ok_or_else(|| "no answer".to_owned())
    }

    pub(crate) fn run_for(&mut self, millis: u64) {
        self.world.run_for(Duration::from_millis(millis));
    }

    pub(crate) fn peer(&self, node: NodeId) -> PeerId {
        self.world.identity(node).peer.clone()
    }

    /// The sum of a counter over these nodes.
    pub(crate) fn sum(&self, nodes: &[NodeId], of: impl Fn(&Metrics) -> u64) -> u64 {
        let nodes = nodes.iter().filter_map(|node| self.world.node(*node));
        nodes.map(|node| of(node.metrics())).sum()
    }

    /// Fails unless `what` has occurred at least once.
    pub(crate) fn seen(&self, what: &str, count: u64) -> Result<(), String> {
        if count > 0 {
            Ok(())
        } else {
            Err(format!("{what}: not seen"))
        }
    }

    /// Ends a scene; fails if there was a violation.
    pub(crate) fn finish(mut self) -> Outcome {
        self.world.audit();
        if let Some(violation) = self.world.violations().first() {
            return Err(format!("{violation}"));
        }
        let fingerprint = self.world.fingerprint();
        fingerprint.ok_or_else(|| "no recording".to_owned())
    }
}

pub(crate) fn channel(name: &str) -> ChannelId {
    ChannelId::new(name)
}
