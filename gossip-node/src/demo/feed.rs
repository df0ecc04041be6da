//! From the input to the leaders: cutting, signing, publishing.
//!
//! Blocks are made in a thread, as files and signatures would block the executor. It runs at most
//! [`AHEAD`] blocks ahead of the slowest leader, and a leader publishes its next block when the
//! network has room for it, so memory does not grow with the input.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use async_channel::{Receiver, Sender};
use bytes::Bytes;
use futures_util::future::{try_join, try_join_all};
use gossip::Channel;

use super::blocks::BlockMaker;
use super::board::Board;
use super::input::{Input, InputReader};
use crate::failure::Failure;

/// Blocks made and not yet taken by a leader.
const AHEAD: usize = 4;

/// Bytes of input in each transaction but a block's last.
const TRANSACTION: usize = 16 << 10;

/// How many blocks `input_bytes` make.
pub(crate) fn block_count(input_bytes: u64, block_size: usize) -> u64 {
    input_bytes.div_ceil(block_size as u64)
}

/// Cuts the input into blocks and publishes each of them through every leader. Completes when all
/// are published, which is before all have arrived.
pub(crate) async fn feed(
    input: &Input,
    block_size: usize,
    maker: BlockMaker,
    leaders: &[Channel],
    board: &Arc<Board>,
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
            // The receiver is gone if the demo has been given up.
            let _ = done.try_send(cut_all(reader, block_size, maker, &senders));
        })
        .map_err(|error| Failure::step("start the thread that makes blocks", error))?;
    let publications = leaders
        .iter()
        .zip(receivers)
        .map(|(leader, blocks)| publish_all(leader, blocks, board));
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
    board: &Board,
) -> Result<(), Failure> {
    let mut seq = 0;
    while let Ok(block) = blocks.recv().await {
        board.published(seq, Instant::now());
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
