//! Publication of the input: cutting and signing blocks, and publishing them through the leaders.
//!
//! A thread makes the blocks, because files and signatures would block the executor. It is at most
//! [`AHEAD`] blocks ahead of the slowest leader, and a leader publishes its next block when the
//! node accepts it, so memory does not grow with the input.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use async_channel::{Receiver, Sender};
use bytes::Bytes;
use futures_util::future::{try_join, try_join_all};
use gossip::Channel;

use super::blocks::BlockMaker;
use super::commits::Commits;
use super::input::{Input, InputReader};
use crate::failure::Failure;

/// Cap of blocks made that a leader has not published.
const AHEAD: usize = 4;

/// Bytes of input in each transaction except a block's last one.
const TRANSACTION: usize = 16 << 10;

/// The number of blocks for `input_bytes`.
pub(crate) fn block_count(input_bytes: u64, block_size: usize) -> u64 {
    input_bytes.div_ceil(block_size as u64)
}

/// Cuts the input into blocks and publishes each of them through every leader. Completes when all
/// are published, before all peers have them.
pub(crate) async fn publish(
    input: &Input,
    block_size: usize,
    maker: BlockMaker,
    leaders: &[Channel],
    commits: &Arc<Commits>,
) -> Result<(), Failure> {
    let (senders, receivers): (Vec<_>, Vec<_>) = leaders
        .iter()
        .map(|_| async_channel::bounded(AHEAD))
        .unzip();
    let (done, cut) = async_channel::bounded(1);
    let reader = input.reader();
    thread::Builder::new()
        .name("gossip-cut".to_owned())
        .spawn(move || {
            // The receiver is dropped if the demo has failed.
            let _ = done.try_send(cut_all(reader, block_size, maker, &senders));
        })
        .map_err(|error| Failure::step("start the thread that makes blocks", error))?;
    let publications = leaders
        .iter()
        .zip(receivers)
        .map(|(leader, blocks)| publish_all(leader, blocks, commits));
    let cut = async {
        let gone = |error| Failure::step("make blocks", error);
        cut.recv().await.map_err(gone)?
    };
    try_join(cut, try_join_all(publications)).await.map(|_| ())
}

fn cut_all(
    mut reader: InputReader,
    block_size: usize,
    mut maker: BlockMaker,
    leaders: &[Sender<Bytes>],
) -> Result<(), Failure> {
    let mut buffer = vec![0; block_size];
    loop {
        let filled = reader.fill(&mut buffer)?;
        if filled == 0 {
            return Ok(());
        }
        let block = maker.make(buffer[..filled].chunks(TRANSACTION))?;
        for leader in leaders {
            if leader.send_blocking(block.clone()).is_err() {
                return Ok(());
            }
        }
    }
}

async fn publish_all(
    leader: &Channel,
    blocks: Receiver<Bytes>,
    commits: &Commits,
) -> Result<(), Failure> {
    let mut seq = 0;
    while let Ok(block) = blocks.recv().await {
        commits.published(seq, Instant::now());
        let published = leader.publish(seq, block).await;
        published.map_err(|error| Failure::step("publish a block", error))?;
        seq += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_block_may_be_shorter() {
        assert_eq!(block_count(1, 1024), 1);
        assert_eq!(block_count(1024, 1024), 1);
        assert_eq!(block_count(1025, 1024), 2);
    }
}
