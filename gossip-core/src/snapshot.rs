//! The state of a node at one moment, in plain numbers and texts.

use std::collections::BTreeMap;

use crate::Class;

/// The state of a node at one moment: peers, links, channels, queues, and every store with its bound.
///
/// Returned by [`Node::snapshot`](crate::Node::snapshot), for operators and for tests. Making one walks over the whole
/// state, so do not make one per message. With the feature `serde` it can be serialised. Identifiers are texts, as
/// [`PeerId`](crate::PeerId) and the others display themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// When it was made, in milliseconds since the node's start.
    pub at_ms: u64,
    /// Our own id.
    pub peer: String,
    /// Our organisation.
    pub org: String,
    /// Our incarnation.
    pub incarnation: u64,
    /// All known members, alive and dead, without ourselves, as [`Node::members`](crate::Node::members).
    pub members: Vec<SnapshotMember>,
    /// All connections, including those that authenticate or finish.
    pub links: Vec<SnapshotLink>,
    /// The channels joined.
    pub channels: Vec<SnapshotChannel>,
    /// The bounded stores of the node itself.
    pub stores: Vec<Store>,
    /// All counters, by name.
    pub counters: BTreeMap<String, u64>,
}

/// A member; see [`Member`](crate::Member).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SnapshotMember {
    /// The member's id.
    pub peer: String,
    /// Its organisation, if known.
    pub org: Option<String>,
    /// The endpoint that we would dial.
    pub endpoint: Option<String>,
    /// Whether it is considered alive.
    pub alive: bool,
    /// Whether an authenticated link to it is up.
    pub connected: bool,
    /// The incarnation in its latest heartbeat.
    pub incarnation: u64,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SnapshotLink {
    /// The link.
    pub link: u64,
    /// The remote's transport address.
    pub remote: String,
    /// The authenticated peer; absent while the link authenticates.
    pub peer: Option<String>,
    /// Whether we dialled it.
    pub dialled: bool,
    /// Its phase: `authenticating`, `up` or `finishing`.
    pub phase: &'static str,
    /// The remote's capabilities beyond the original protocol, a bit set.
    pub capabilities: u64,
    /// The queued frames, by class.
    pub queues: Vec<Store>,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SnapshotChannel {
    /// The channel's name.
    pub channel: String,
    /// The sequence of the configuration in force.
    pub sequence: u64,
    /// Blocks in our ledger.
    pub height: u64,
    /// The error of the ledger, if the channel has halted.
    pub halted: Option<String>,
    /// Alive participants, each with the height it published last.
    pub peers: BTreeMap<String, u64>,
    /// Peers that we push every block to.
    pub eager_peers: Vec<String>,
    /// The bounded stores of the channel.
    pub stores: Vec<Store>,
}

/// A map, queue or list of the node, with its bound.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Store {
    /// What it contains.
    pub name: &'static str,
    /// Number of entries.
    pub entries: u64,
    /// Limit on the entries.
    pub max_entries: u64,
    /// Their size in bytes, if that is bounded too.
    pub bytes: Option<u64>,
    /// Limit on the bytes; a single entry may exceed it.
    pub max_bytes: Option<u64>,
}

impl Store {
    /// Whether a limit is exceeded, which is a bug.
    #[must_use]
    pub fn is_overfull(&self) -> bool {
        let bytes = self.bytes.zip(self.max_bytes);
        self.entries > self.max_entries
            || bytes.is_some_and(|(bytes, max)| bytes > max) && self.entries > 1
    }
}

impl Snapshot {
    /// All stores: those of the node, of its channels and of its links.
    pub fn all_stores(&self) -> impl Iterator<Item = &Store> {
        let of_channels = self.channels.iter().flat_map(|channel| &channel.stores);
        let of_links = self.links.iter().flat_map(|link| &link.queues);
        self.stores.iter().chain(of_channels).chain(of_links)
    }
}

/// Collects the stores of the modules.
#[derive(Debug, Default)]
pub(crate) struct Stores(Vec<Store>);

impl Stores {
    /// Adds a store that is bounded by the number of its entries.
    pub(crate) fn add(&mut self, name: &'static str, entries: usize, max: usize) {
        self.0.push(Store {
            name,
            entries: entries as u64,
            max_entries: max as u64,
            bytes: None,
            max_bytes: None,
        });
    }

    /// Adds a store that is also bounded in bytes. Each pair is the current value and the limit.
    pub(crate) fn add_bytes(
        &mut self,
        name: &'static str,
        entries: (usize, usize),
        bytes: (u64, u64),
    ) {
        self.add(name, entries.0, entries.1);
        if let Some(store) = self.0.last_mut() {
            store.bytes = Some(bytes.0);
            store.max_bytes = Some(bytes.1);
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Store> {
        self.0
    }
}

/// The name of a class's queue in a snapshot.
pub(crate) const fn queue_name(class: Class) -> &'static str {
    match class {
        Class::Control => "control",
        Class::Push => "push",
        Class::Bulk => "bulk",
    }
}
