//! The only way for received messages into the state machines.
//!
//! A message is checked in this order: is it already known, may its sender send it, which identity signed it, does the
//! signature verify. Then it enters as [`Admitted`](admitted::Admitted). The gate reads peers and channels but does not
//! change them: it raises what it admits as a signal.

mod access;
pub(crate) mod admitted;
mod alive;
mod awaiting_identity;
mod block;
mod budget;
mod conclude;
mod cx;
mod inbound;
mod macs;
mod pull;
mod pulse;
mod refused;
mod rules;
mod state_info;
mod verdict;

use std::collections::BTreeMap;

use self::awaiting_identity::AwaitingIdentity;
use self::budget::Budgets;
pub(crate) use self::cx::GateCx;
use self::macs::Macs;
use self::refused::RefusedIdentities;
use crate::cx::Cx;
use crate::out::Out;
use crate::snapshot::Stores;
use crate::{ChannelId, Config, LinkId};

/// Checks incoming messages.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Links whose peers may read a channel, with the configuration under which that was checked.
    access: BTreeMap<(LinkId, ChannelId), u64>,
    budgets: Budgets,
    awaiting_identity: AwaitingIdentity,
    macs: Macs,
    refused: RefusedIdentities,
}

impl Gate {
    /// Forgets refused identities: the crypto service may accept them now.
    pub(crate) fn forget_refused(&mut self) {
        self.refused.clear();
    }

    /// Drops state infos that have awaited an identity for too long.
    pub(crate) fn fire_awaiting_identity(&mut self, cx: &mut Out<'_>) {
        self.awaiting_identity.fire(cx);
    }

    /// A channel was joined.
    pub(crate) fn on_channel_joined(&mut self) {
        self.macs.clear();
    }

    /// A channel was left.
    pub(crate) fn on_channel_gone(&mut self, cx: &mut Cx<'_>, channel: &ChannelId) {
        self.macs.clear();
        self.awaiting_identity.forget_channel(channel);
        cx.crypto.validations.switch(channel, false);
        self.access.retain(|(_, of), _| of != channel);
    }

    /// A link has ended.
    pub(crate) fn on_link_down(&mut self, link: LinkId) {
        self.budgets.forget_link(link);
        self.access.retain(|(of, _), _| *of != link);
    }

    /// Reports the size and the bound of each store.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let links = config.link.max_links.get().saturating_mul(2);
        let pairs = links.saturating_mul(config.channel.max_channels.get());
        stores.add("channel readers", self.access.len(), pairs);
        self.budgets.stores(config, stores);
        self.awaiting_identity.stores(config, stores);
        self.macs.stores(stores);
        self.refused.stores(config, stores);
    }
}

#[cfg(test)]
mod tests;
