//! Two organisations, two channels, blocks in both, and a hostile member whose frames a test sends.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::{ChannelId, Config, JoinChannel, Metrics, Notification, OrgId, PeerId, Request};
use gossip_sim::{
    Delay, NodeId, Publication, World, WorldConfig, external_endpoint, internal_endpoint,
    node_config,
};

/// Time between two rounds of an attack.
pub(crate) const ROUND: Duration = Duration::from_millis(100);
const MINUTE: Duration = Duration::from_secs(60);
/// The longest debug text of an entry of a store, in characters, and the allowance for state outside stores. If a
/// node's debug text grows more than these allow for the entries gained, the node leaks memory. Stores have
/// caps, so this bounds the memory that an attack can use; the attacks send a hundred times that.
const LONGEST_ENTRY: usize = 200;
const OUTSIDE_STORES: usize = 20_000;

/// The size of a node's state.
struct Size {
    /// Length of its debug text, which shows the whole state.
    text: usize,
    /// Entries by store; those of channels and links have separate names.
    entries: BTreeMap<String, u64>,
}

/// The network and the hostile member.
pub(crate) struct Stage {
    pub(crate) world: World,
    /// All nodes but mallory.
    pub(crate) honest: Vec<NodeId>,
    /// The last peer of the first organisation, in both channels.
    pub(crate) mallory: NodeId,
    /// Sizes of the honest nodes before the attack.
    sizes: Vec<Size>,
    blocks: u64,
    draws: u64,
}

/// The channel of both organisations.
pub(crate) fn common() -> ChannelId {
    ChannelId::new("common")
}

/// The first organisation's channel.
pub(crate) fn private() -> ChannelId {
    ChannelId::new("private")
}

fn tune(config: &mut Config) {
    let cap = |count: usize| count.try_into().expect("not 0");
    config.membership.max_members = cap(48);
    config.identities.max_identities = cap(48);
    config.channel.max_awaiting_identity = cap(64);
    config.gate.max_pending = cap(128);
    config.gate.max_pending_per_link = cap(16);
    config.gate.max_remembered_handshakes = cap(64);
    config.state_transfer.window = cap(20);
}

impl Stage {
    /// A network whose nodes see each other, with `peers` peers in each organisation.
    pub(crate) fn new(seed: u64, peers: usize) -> Self {
        Self::with(seed, peers, |_| {})
    }

    /// The same with a change of each node's configuration.
    pub(crate) fn with(seed: u64, peers: usize, change: fn(&mut Config)) -> Self {
        Self::within(WorldConfig::new(seed), peers, change)
    }

    /// The same with this configuration of the world.
    pub(crate) fn within(mut config: WorldConfig, peers: usize, change: fn(&mut Config)) -> Self {
        let seed = config.seed;
        config.notifications = 1 << 16;
        config.latency = Delay::between(Duration::from_millis(2), Duration::from_millis(6));
        let mut world = World::new(config);
        for index in 0..2 * peers {
            let (org, peer) = (["org1", "org2"][index % 2], format!("peer{}", index / 2));
            let mut config = node_config(org, &peer);
            tune(&mut config);
            config.external_endpoint = Some(external_endpoint(org, &peer));
            config.bootstrap = vec![internal_endpoint(org, "peer0")];
            change(&mut config);
            let node = world.add(config).expect("valid");
            join(&mut world, node, common(), &["org1", "org2"]);
            if org == "org1" {
                join(&mut world, node, private(), &["org1"]);
            }
            world.start(node);
        }
        let mallory = world.nodes().nth(2 * peers - 2).expect("exists");
        let honest = world.nodes().filter(|node| *node != mallory).collect();
        assert!(world.wait(MINUTE, World::views_equal));
        world.run_for(MINUTE);
        let mut stage = Self {
            world,
            honest,
            mallory,
            sizes: Vec::new(),
            blocks: 0,
            draws: seed,
        };
        // So that state caused by normal traffic is not counted as the attack's.
        stage.publish(20);
        stage.world.run_for(MINUTE);
        stage.take_deaths();
        stage.sizes = stage.honest.iter().map(|node| stage.size(*node)).collect();
        stage
    }

    /// Publishes `count` more blocks in both channels, ten per second.
    pub(crate) fn publish(&mut self, count: u64) {
        let first = self.blocks;
        self.blocks += count;
        for (place, channel) in [(0, common()), (1, common()), (0, private())] {
            let block = |number| self.world.orderer().block(&channel, number, &[1; 500]);
            let blocks: Arc<[Bytes]> = (first..self.blocks).map(block).collect();
            self.world.publish(Publication {
                node: self.honest[place],
                channel,
                blocks,
                first,
                start: self.world.now(),
                interval: ROUND,
            });
        }
    }

    /// Attacks for `rounds` rounds, while blocks are published.
    pub(crate) fn attack(&mut self, rounds: u64, mut attack: impl FnMut(&mut Self, u64)) {
        self.publish(rounds);
        for round in 0..rounds {
            attack(self, round);
            self.world.run_for(ROUND);
        }
    }

    /// Puts a frame on mallory's link to a node.
    pub(crate) fn send(&mut self, to: NodeId, frame: Bytes) -> bool {
        self.world.forge(self.mallory, to, frame)
    }

    /// The honest nodes that mallory has a link to.
    pub(crate) fn victims(&self) -> Vec<NodeId> {
        let node = self.world.node(self.mallory).expect("runs");
        let members = node.members();
        let linked = members.iter().filter(|member| member.connected);
        linked
            .filter_map(|member| self.world.find(&member.peer))
            .collect()
    }

    pub(crate) fn peer(&self, node: NodeId) -> PeerId {
        self.world.identity(node).peer.clone()
    }

    /// A random number below `n`, derived from the seed.
    pub(crate) fn draw(&mut self, n: u64) -> u64 {
        self.draws ^= self.draws << 13 ^ 0x9e37_79b9;
        self.draws ^= self.draws >> 7;
        self.draws ^= self.draws << 17;
        self.draws % n
    }

    /// The sum of a counter over honest nodes.
    pub(crate) fn sum(&self, of: impl Fn(&Metrics) -> u64) -> u64 {
        let nodes = self.honest.iter().filter_map(|node| self.world.node(*node));
        nodes.map(|node| of(node.metrics())).sum()
    }

    /// The attack has harmed no honest node: blocks, views, links and caps are as they must be.
    #[track_caller]
    pub(crate) fn assert_unharmed(&mut self) {
        let (honest, blocks) = (self.honest.clone(), self.blocks);
        for channel in [common(), private()] {
            let complete = self.world.wait(MINUTE, |world| {
                let mut behind = world.incomplete_ledgers(&channel, blocks);
                behind.all(|node| !honest.contains(&node))
            });
            assert!(complete, "blocks of {channel} did not reach all");
        }
        assert_eq!(self.take_deaths(), 0, "honest members were held dead");
        for node in &self.honest {
            let members = self.world.node(*node).expect("runs").members();
            let alive = members.iter().filter(|member| member.alive);
            let seen = alive.filter_map(|member| self.world.find(&member.peer));
            let honest = seen.filter(|seen| self.honest.contains(seen)).count();
            assert_eq!(honest, self.honest.len() - 1, "node {node} misses a member");
        }
        assert_eq!(
            self.sum(|metrics| metrics.links_evicted),
            0,
            "a link was evicted"
        );
        self.world.audit();
        let violations: Vec<_> = self
            .world
            .violations()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(violations.is_empty(), "{violations:#?}");
        self.assert_within_caps();
        for (place, before) in self.sizes.iter().enumerate() {
            let (node, after) = (self.honest[place], self.size(self.honest[place]));
            let grown = after.text.saturating_sub(before.text);
            let gained = after.gained(before);
            let most = gained * LONGEST_ENTRY + OUTSIDE_STORES;
            assert!(
                grown < most,
                "node {node} holds {grown} more than {} by {gained} entries",
                before.text
            );
        }
    }

    /// No store of an honest node exceeds its cap.
    #[track_caller]
    fn assert_within_caps(&self) {
        for node in &self.honest {
            let snapshot = self.world.node(*node).expect("runs").snapshot();
            let channels = snapshot.channels.iter().flat_map(|channel| &channel.stores);
            let links = snapshot.links.iter().flat_map(|link| &link.queues);
            for store in snapshot.stores.iter().chain(channels).chain(links) {
                assert!(!store.is_overfull(), "node {node}: {store:?}");
            }
        }
    }

    /// Number of times an honest node has held another dead since the last call.
    fn take_deaths(&mut self) -> usize {
        let honest: Vec<PeerId> = self.honest.iter().map(|node| self.peer(*node)).collect();
        let mut deaths = 0;
        for node in &self.honest {
            let notifications = self.world.take_notifications(*node);
            let dead = |one: &&Notification| matches!(one, Notification::MemberDead(peer) if honest.contains(peer));
            deaths += notifications.iter().filter(dead).count();
        }
        deaths
    }

    fn size(&self, node: NodeId) -> Size {
        struct Count(usize);
        impl Write for Count {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                self.0 += text.len();
                Ok(())
            }
        }
        let node = self.world.node(node).expect("runs");
        let mut count = Count(0);
        write!(count, "{node:?}").expect("counts");
        let mut entries = BTreeMap::new();
        for store in node.snapshot().all_stores() {
            *entries.entry(store.name.to_owned()).or_default() += store.entries;
        }
        Size {
            text: count.0,
            entries,
        }
    }
}

impl Size {
    /// The number of entries that the stores have gained.
    fn gained(&self, before: &Self) -> usize {
        let gained = self.entries.iter().map(|(store, entries)| {
            let before = before.entries.get(store).copied().unwrap_or(0);
            entries.saturating_sub(before)
        });
        gained.sum::<u64>() as usize
    }
}

fn join(world: &mut World, node: NodeId, channel: ChannelId, orgs: &[&str]) {
    let anchors = |org: &&str| {
        let anchors = vec![external_endpoint(org, "peer0")];
        (OrgId::new(org.as_bytes()), anchors)
    };
    let members: BTreeMap<_, _> = orgs.iter().map(anchors).collect();
    let config = JoinChannel {
        sequence: 1,
        members,
    };
    world.request(node, Request::JoinChannel { channel, config });
}
