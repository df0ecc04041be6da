//! Rate limits of a link.

use std::collections::BTreeMap;

use crate::out::Out;
use crate::snapshot::Stores;
use crate::{ChannelId, Config, LinkId};

/// What is limited per link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Quota {
    Members,
    StateInfos(ChannelId),
    /// Pulls of identities, or of a channel's blocks.
    Pull(Option<ChannelId>),
    Hashes,
    /// Signature checks of state infos that are only relayed.
    Relay,
}

/// What each link has used in the current second.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    spent: BTreeMap<(LinkId, Quota), Budget>,
}

#[derive(Debug, Default)]
struct Budget {
    second: u64,
    spent: u32,
}

impl Budgets {
    /// Returns whether the link may make one more such request in the current second. Counts a refusal.
    pub(super) fn admit(&mut self, cx: &mut Out<'_>, link: LinkId, quota: Quota) -> bool {
        let most = cx.config.membership.max_requests_per_second;
        let within = self.spend(cx, link, quota, 1, most);
        if !within {
            cx.metrics().requests_limited += 1;
        }
        within
    }

    /// Adds `cost` to what the link has used in the current second. Returns whether the total is at most `most`.
    pub(super) fn spend(
        &mut self,
        cx: &Out<'_>,
        link: LinkId,
        quota: Quota,
        cost: u32,
        most: u32,
    ) -> bool {
        let second = cx.now.as_nanos() / 1_000_000_000;
        let budget = self.spent.entry((link, quota)).or_default();
        if budget.second != second {
            budget.second = second;
            budget.spent = 0;
        }
        budget.spent = budget.spent.saturating_add(cost);
        budget.spent <= most
    }

    pub(super) fn forget_link(&mut self, link: LinkId) {
        self.spent.retain(|(of, _), _| *of != link);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.spent.len()
    }

    pub(super) fn stores(&self, config: &Config, stores: &mut Stores) {
        let links = config.link.max_links.get().saturating_mul(2);
        let pairs = links.saturating_mul(config.channel.max_channels.get());
        // Members, hashes and identities once; each channel twice.
        let most = pairs
            .saturating_mul(2)
            .saturating_add(links.saturating_mul(3));
        stores.add("link budgets", self.spent.len(), most);
    }
}
