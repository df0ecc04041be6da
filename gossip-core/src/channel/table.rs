//! The joined channels, by name and by MAC.

use std::collections::BTreeMap;

use super::Channel;
use crate::{ChannelId, RequestError};

/// The joined channels.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    table: BTreeMap<ChannelId, Channel>,
    /// Increases when a channel is added or removed, by more than the versions of removed ones.
    version: u64,
    /// The number of configurations applied so far, in all channels.
    revisions: u64,
}

impl Channels {
    pub(crate) fn get(&self, channel: &ChannelId) -> Option<&Channel> {
        self.table.get(channel)
    }

    pub(crate) fn get_mut(&mut self, channel: &ChannelId) -> Option<&mut Channel> {
        self.table.get_mut(channel)
    }

    /// The channel, unless it is not joined or has been left. A left channel stays until its departure is published.
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

    /// Numbers one more configuration.
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

    /// Changes whenever the list of channels changes, or [`Channel::info_since`] of one.
    pub(crate) fn version(&self) -> u64 {
        let versions = self.table.values().map(Channel::version);
        self.version + versions.sum::<u64>()
    }

    /// The names of the channels that have not been left.
    pub(crate) fn joined_ids(&self) -> Vec<ChannelId> {
        let joined = self.table.values().filter(|channel| !channel.has_left());
        joined.map(|channel| channel.id.clone()).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.table.values()
    }

    /// The channel with this name.
    pub(crate) fn by_name(&self, name: &[u8]) -> Option<&Channel> {
        self.table.get(std::str::from_utf8(name).ok()?)
    }

    /// The channel in which a peer has published a state info with this MAC.
    pub(crate) fn by_known_mac(&self, peer: &[u8], mac: &[u8]) -> Option<&Channel> {
        let mut channels = self.table.values();
        channels.find(|channel| channel.participants.mac_of(peer) == Some(mac))
    }

    /// The channel whose name a peer proves to know, among those in which it has published nothing. Costs one hash for
    /// each.
    pub(crate) fn by_mac(&self, peer: &[u8], mac: &[u8]) -> Option<&Channel> {
        let mut channels = self.table.values();
        channels.find(|channel| {
            channel.participants.mac_of(peer).is_none() && channel.has_mac(peer, mac)
        })
    }
}
