//! Everything that a node holds at one moment, in plain numbers and texts.

use std::collections::BTreeMap;

use crate::Class;

/// A node at one moment: peers, links, channels, queues, and every store with its bound.
///
/// Made by [`Node::snapshot`](crate::Node::snapshot), for operators and for tests of what a node keeps. It
/// walks over everything, so it is not for each message. With the feature `serde` it can be serialised;
/// identifiers are texts as [`PeerId`](crate::PeerId) and the like display themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// When it was made, in milliseconds of the node's own time.
    pub at_ms: u64,
    /// Ourselves.
    pub peer: String,
    /// Our organisation.
    pub org: String,
    /// The incarnation that others know us by.
    pub incarnation: u64,
    /// All known members, alive and dead, without ourselves.
    pub members: Vec<SnapshotMember>,
    /// All connections, also those that authenticate or end.
    pub links: Vec<SnapshotLink>,
    /// The channels joined.
    pub channels: Vec<SnapshotChannel>,
    /// What is kept besides.
    pub stores: Vec<Store>,
    /// Everything counted since the start, by name.
    pub counters: BTreeMap<String, u64>,
}

/// A member, as [`Member`](crate::Member).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SnapshotMember {
    /// Who.
    pub peer: String,
    /// Its organisation, if known.
    pub org: Option<String>,
    /// Where we would reach it.
    pub endpoint: Option<String>,
    /// Held alive, as opposed to dead.
    pub alive: bool,
    /// An authenticated link is up.
    pub connected: bool,
    /// The start of the peer that its latest heartbeat belongs to.
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
    /// Who has proven to be there.
    pub peer: Option<String>,
    /// We dialled it.
    pub dialled: bool,
    /// Where it is: `authenticating`, `up` or `finishing`.
    pub phase: &'static str,
    /// What the remote understands beyond the original protocol, a bit set.
    pub capabilities: u64,
    /// What waits to be sent, by class.
    pub queues: Vec<Store>,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SnapshotChannel {
    /// The channel.
    pub channel: String,
    /// The sequence of the configuration in force.
    pub sequence: u64,
    /// Blocks in our ledger.
    pub height: u64,
    /// What the ledger said when it failed, if it did.
    pub halted: Option<String>,
    /// Alive peers that take part, each with the height that it told last.
    pub peers: BTreeMap<String, u64>,
    /// Those that get blocks from us as they come.
    pub eager_peers: Vec<String>,
    /// What is kept for it.
    pub stores: Vec<Store>,
}

/// A map, queue or list of the node, and its bound.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Store {
    /// What is in it.
    pub name: &'static str,
    /// How many.
    pub entries: u64,
    /// How many there may be.
    pub max_entries: u64,
    /// Their bytes, where these are bounded too.
    pub bytes: Option<u64>,
    /// How many bytes there may be; one entry may always be there.
    pub max_bytes: Option<u64>,
}

impl Store {
    /// It holds more than it may. That never happens.
    #[must_use]
    pub fn is_overfull(&self) -> bool {
        let bytes = self.bytes.zip(self.max_bytes);
        self.entries > self.max_entries
            || bytes.is_some_and(|(bytes, max)| bytes > max) && self.entries > 1
    }
}

impl Snapshot {
    /// All stores, each with the channel that it belongs to, if it does, and those of links.
    pub fn all_stores(&self) -> impl Iterator<Item = &Store> {
        let of_channels = self.channels.iter().flat_map(|channel| &channel.stores);
        let of_links = self.links.iter().flat_map(|link| &link.queues);
        self.stores.iter().chain(of_channels).chain(of_links)
    }
}

/// Collects stores from the modules that have them.
#[derive(Debug, Default)]
pub(crate) struct Stores(Vec<Store>);

impl Stores {
    /// A store that is bounded by the number of its entries.
    pub(crate) fn add(&mut self, name: &'static str, entries: usize, max: usize) {
        self.0.push(Store {
            name,
            entries: entries as u64,
            max_entries: max as u64,
            bytes: None,
            max_bytes: None,
        });
    }

    /// A store that is bounded in bytes too: `(now, at most)`.
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

/// The name of a class's queue.
pub(crate) const fn queue_name(class: Class) -> &'static str {
    match class {
        Class::Control => "control",
        Class::Push => "push",
        Class::Bulk => "bulk",
    }
}
