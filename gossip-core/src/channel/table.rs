//! The channels joined, by name and by what proves that it is known.

use std::collections::BTreeMap;

use super::Channel;
use crate::{ChannelId, RequestError};

/// The channels joined.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    table: BTreeMap<ChannelId, Channel>,
    /// Moves when a channel comes or goes, by more than the versions of those that went.
    version: u64,
    /// Configurations taken over, of all channels.
    revisions: u64,
}

impl Channels {
    pub(crate) fn get(&self, channel: &ChannelId) -> Option<&Channel> {
        self.table.get(channel)
    }

    pub(crate) fn get_mut(&mut self, channel: &ChannelId) -> Option<&mut Channel> {
        self.table.get_mut(channel)
    }

    /// The channel, unless it is not joined or has been left: others may still have to be told of that.
    pub(crate) fn joined(&self, channel: &ChannelId) -> Result<&Channel, RequestError> {
        let found = self.table.get(channel);
        let joined = found.filter(|channel| !channel.has_left());
        joined.ok_or_else(|| RequestError::UnknownChannel(channel.clone()))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Channel> {
        self.table.values_mut()
    }

    pub(crate) fn insert(&mut self, channel: Channel) {
        self.version += 1;
        self.table.insert(channel.id.clone(), channel);
    }

    /// Names one more configuration.
    pub(crate) fn next_revision(&mut self) -> u64 {
        self.revisions += 1;
        self.revisions
    }

    pub(crate) fn remove(&mut self, channel: &ChannelId) -> Option<Channel> {
        let removed = self.table.remove(channel)?;
        self.version += removed.version() + 1;
        Some(removed)
    }

    pub(crate) fn ids(&self) -> Vec<ChannelId> {
        self.table.keys().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Changes whenever the list of channels or [`Channel::info`] of one does.
    pub(crate) fn version(&self) -> u64 {
        let versions = self.table.values().map(Channel::version);
        self.version + versions.sum::<u64>()
    }

    /// The names of those that have not been left.
    pub(crate) fn joined_ids(&self) -> Vec<ChannelId> {
        let joined = self.table.values().filter(|channel| !channel.has_left());
        joined.map(|channel| channel.id.clone()).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.table.values()
    }

    /// The channel that a message names.
    pub(crate) fn by_name(&self, name: &[u8]) -> Option<&Channel> {
        self.table.get(std::str::from_utf8(name).ok()?)
    }

    /// The channel in which a peer has published a state info with this MAC.
    pub(crate) fn by_known_mac(&self, peer: &[u8], mac: &[u8]) -> Option<&Channel> {
        let mut channels = self.table.values();
        channels.find(|channel| channel.participants.mac_of(peer) == Some(mac))
    }

    /// The channel, of those in which a peer has published nothing, whose name it proves to know; at the
    /// cost of a hash for each.
    pub(crate) fn by_mac(&self, peer: &[u8], mac: &[u8]) -> Option<&Channel> {
        let mut channels = self.table.values();
        channels.find(|channel| {
            channel.participants.mac_of(peer).is_none() && channel.has_mac(peer, mac)
        })
    }
}
