use std::sync::Arc;

use anyhow::Result;
use gossip_driver::Channel;

use super::{Network, Tracker};
use crate::stack::{BenchLedger, Prepared, Stack};

/// This project: signed blocks over TCP, committed in order to a ledger in memory.
pub(crate) struct Ours {
    stack: Stack,
    publisher: Channel,
    next: u64,
}

impl Ours {
    /// `stack` has formed its mesh; `publisher` is the first node's channel.
    pub(crate) const fn new(stack: Stack, publisher: Channel) -> Self {
        Self {
            stack,
            publisher,
            next: 0,
        }
    }

    pub(crate) const fn stack(&self) -> &Stack {
        &self.stack
    }
}

impl Network for Ours {
    async fn start(nodes: usize, tracker: &Arc<Tracker>) -> Result<Self> {
        let stack = Prepared::new(nodes).await?.start(|index| {
            let tracker = Arc::clone(tracker);
            BenchLedger::new(move |seq| {
                if index > 0 {
                    tracker.delivered(seq as usize);
                }
            })
        })?;
        stack.wait_members().await?;
        let publisher = stack.join().await?.swap_remove(0);
        Ok(Self::new(stack, publisher))
    }

    async fn publish(&mut self, payload: &[u8]) -> Result<()> {
        let block = self.stack.block(payload)?;
        self.publisher.publish(self.next, block).await?;
        self.next += 1;
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        let transferred = self.stack.sum(|metrics| metrics.blocks_transferred);
        let pushed = self.stack.sum(|metrics| metrics.blocks_pushed);
        let checked = self.stack.sum(|metrics| metrics.verifications);
        vec![
            ("share_by_push", pushed / (pushed + transferred).max(1.0)),
            ("received_per_copy", {
                let duplicates = self.stack.sum(|metrics| metrics.blocks_duplicate);
                1.0 + duplicates / (pushed + transferred).max(1.0)
            }),
            ("checks_per_copy", checked / (pushed + transferred).max(1.0)),
        ]
    }

    async fn stop(self) {
        drop(self.publisher);
        self.stack.stop().await;
    }
}
