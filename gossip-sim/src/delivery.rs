//! Delivery of blocks, from publication to the last ledger.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::{ChannelId, Instant, RequestId};

use crate::NodeId;
use crate::stats::Histogram;

/// Blocks that one node's application publishes in sequence: each when it is due and the previous one has been
/// accepted. After a restart it continues from the height of the ledger, like an application that reads its blocks
/// from an ordering service.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The node.
    pub node: NodeId,
    /// The channel, which the node has joined.
    pub channel: ChannelId,
    /// The blocks, from [`Orderer::block`](crate::Orderer::block).
    pub blocks: Arc<[Bytes]>,
    /// The number of the first block.
    pub first: u64,
    /// The time at which the first block is due.
    pub start: Instant,
    /// Time between two blocks.
    pub interval: Duration,
}

/// A publication and its progress.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) publication: Publication,
    pub(crate) next: usize,
    pub(crate) awaiting: Option<RequestId>,
}

impl Publisher {
    /// The block to publish next and its number.
    pub(crate) fn block(&self) -> Option<(u64, Bytes)> {
        let block = self.publication.blocks.get(self.next)?;
        Some((self.publication.first + self.next as u64, block.clone()))
    }

    /// Goes back to the first block that the ledger lacks. Returns whether all blocks had been published before
    /// and some must be published again.
    pub(crate) fn rewind(&mut self, height: u64) -> bool {
        let done = self.block().is_none();
        let lacking = height.saturating_sub(self.publication.first);
        self.next = self
            .next
            .min(usize::try_from(lacking).unwrap_or(usize::MAX));
        done && self.block().is_some()
    }

    /// The time at which the next block is due.
    pub(crate) fn due(&self) -> Instant {
        let steps = u32::try_from(self.next).unwrap_or(u32::MAX);
        self.publication.start + self.publication.interval.saturating_mul(steps)
    }
}

/// Measures the delivery of each block published in the world.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    blocks: BTreeMap<ChannelId, BTreeMap<u64, Delivery>>,
    per_copy: Histogram,
}

#[derive(Debug)]
struct Delivery {
    published: Instant,
    publishers: Vec<NodeId>,
    last: Instant,
}

impl Deliveries {
    pub(crate) fn published(&mut self, now: Instant, node: NodeId, channel: &ChannelId, seq: u64) {
        let blocks = self.blocks.entry(channel.clone()).or_default();
        let delivery = blocks.entry(seq).or_insert_with(|| Delivery {
            published: now,
            publishers: Vec::new(),
            last: now,
        });
        if !delivery.publishers.contains(&node) {
            delivery.publishers.push(node);
        }
    }

    /// Records a commit; returns whether the node needed a copy, since it did not publish the block itself.
    pub(crate) fn committed(
        &mut self,
        now: Instant,
        node: NodeId,
        channel: &ChannelId,
        seq: u64,
    ) -> bool {
        let found = self
            .blocks
            .get_mut(channel)
            .and_then(|blocks| blocks.get_mut(&seq));
        let Some(delivery) = found else { return true };
        delivery.last = now;
        self.per_copy.add(now.since(delivery.published));
        !delivery.publishers.contains(&node)
    }

    pub(crate) const fn per_copy(&self) -> &Histogram {
        &self.per_copy
    }

    /// From each block's publication to its last commit so far, for blocks from number `first` on.
    pub(crate) fn to_last(&self, first: u64) -> Histogram {
        let mut histogram = Histogram::default();
        for delivery in self
            .blocks
            .values()
            .flat_map(|blocks| blocks.range(first..))
        {
            let (_, delivery) = delivery;
            histogram.add(delivery.last.since(delivery.published));
        }
        histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_measured_from_its_first_publication_to_its_last_commit() {
        let (mut deliveries, channel) = (Deliveries::default(), ChannelId::new("c"));
        let (a, b, c) = (NodeId::new(0), NodeId::new(1), NodeId::new(2));
        let at = Instant::from_millis;
        deliveries.published(at(10), a, &channel, 0);
        deliveries.published(at(15), b, &channel, 0);
        assert!(!deliveries.committed(at(20), a, &channel, 0));
        assert!(!deliveries.committed(at(20), b, &channel, 0));
        assert!(deliveries.committed(at(30), c, &channel, 0));
        let (copies, last) = (
            deliveries.per_copy().percentiles(),
            deliveries.to_last(0).percentiles(),
        );
        assert_eq!((copies.count, last.count), (3, 1));
        assert!((last.max_ms - 20.0).abs() < 1e-9);
    }
}
