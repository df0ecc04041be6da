//! The one door between received bytes and the state machines.
//!
//! Is it known already, may the sender say it, whose identity signed it, does the signature verify; then it enters as
//! [`Admitted`](admitted::Admitted). The gate reads peers and channels and writes to neither: what it lets through is
//! raised as a signal.

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

/// Checks what arrives.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Links whose peers were found to be readers of a channel, at a configuration of it.
    access: BTreeMap<(LinkId, ChannelId), u64>,
    budgets: Budgets,
    awaiting_identity: AwaitingIdentity,
    macs: Macs,
    refused: RefusedIdentities,
}

impl Gate {
    /// The crypto service may judge otherwise of the identities that it has refused.
    pub(crate) fn forget_refused(&mut self) {
        self.refused.clear();
    }

    /// State infos have been awaiting_identity for long enough.
    pub(crate) fn fire_awaiting_identity(&mut self, cx: &mut Out<'_>) {
        self.awaiting_identity.fire(cx);
    }

    /// A channel has been joined.
    pub(crate) fn on_channel_joined(&mut self) {
        self.macs.clear();
    }

    /// A channel has been left.
    pub(crate) fn on_channel_gone(&mut self, cx: &mut Cx<'_>, channel: &ChannelId) {
        self.macs.clear();
        self.awaiting_identity.forget_channel(channel);
        cx.crypto.validations.switch(channel, false);
        self.access.retain(|(_, of), _| of != channel);
    }

    /// A link is gone.
    pub(crate) fn on_link_down(&mut self, link: LinkId) {
        self.budgets.forget_link(link);
        self.access.retain(|(of, _), _| *of != link);
    }

    /// Everything that is bounded here.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let links = config.link.max_links.get().saturating_mul(2);
        let pairs = links.saturating_mul(config.channel.max_channels.get());
        stores.add("readers of channels", self.access.len(), pairs);
        self.budgets.stores(config, stores);
        self.awaiting_identity.stores(config, stores);
        self.macs.stores(stores);
        self.refused.stores(config, stores);
    }
}

#[cfg(test)]
mod tests;
