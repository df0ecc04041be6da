//! What a link may ask for only so often.

use std::collections::BTreeMap;

use crate::out::Out;
use crate::snapshot::Stores;
use crate::{ChannelId, Config, LinkId};

/// What is limited for each link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asks {
    Members,
    StateInfos(ChannelId),
    /// Of identities, or of a channel's blocks.
    Pull(Option<ChannelId>),
    Hashes,
    /// That signatures be checked of what is passed on to others.
    Relay,
}

/// What each link has cost in the present second.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    spent: BTreeMap<(LinkId, Asks), Budget>,
}

#[derive(Debug, Default)]
struct Budget {
    second: u64,
    spent: u32,
}

impl Budgets {
    /// May the link ask for this once more in the present second? Counts it if not.
    pub(super) fn admit(&mut self, cx: &mut Out<'_>, link: LinkId, asks: Asks) -> bool {
        let most = cx.config.membership.max_requests_per_second;
        let within = self.spend(cx, link, asks, 1, most);
        if !within {
            cx.metrics().requests_limited += 1;
        }
        within
    }

    /// May the link cost so much in the present second, and `most` in all?
    pub(super) fn spend(
        &mut self,
        cx: &Out<'_>,
        link: LinkId,
        asks: Asks,
        cost: u32,
        most: u32,
    ) -> bool {
        let second = cx.now.as_nanos() / 1_000_000_000;
        let budget = self.spent.entry((link, asks)).or_default();
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
        // Of members, hashes and identities once, of each channel twice.
        let most = pairs
            .saturating_mul(2)
            .saturating_add(links.saturating_mul(3));
        stores.add("budgets of links", self.spent.len(), most);
    }
}
