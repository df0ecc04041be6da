//! Blocks that the application validates before they are stored and forwarded, on every runtime with real sockets.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{Either, join, select};
use gossip_core::{ChannelId, Config};
use gossip_driver::error::PublishError;
use gossip_driver::{Candidate, Validator};
use tests::network::{
    CHANNEL, Cluster, Peer, Stage, Tcp, eventually, on_smol, on_tokio, quick, within,
};

/// Ignored blocks are requested again at once.
fn short_intervals(config: &mut Config) {
    quick(config);
    config.state_transfer.peer_penalty = Duration::from_millis(100);
}

async fn submitted(validator: &mut Validator) -> Candidate {
    let next = within("a block is submitted", validator.next()).await;
    next.unwrap()
}

fn stored<S: Stage>(peer: &Peer<S>) -> u64 {
    let tip = peer.ledger.check_chain(&ChannelId::new(CHANNEL)).unwrap();
    tip.map_or(0, |tip| tip.height)
}

/// The first peer validates, the second publishes and stops, the third starts later and can get blocks from the
/// first one only.
async fn only_accepted_blocks_are_stored_and_forwarded(stage: impl Stage) {
    let mut cluster = Cluster::start(stage, 1, 2, short_intervals).await;
    cluster.see_each_other().await;
    let mut validator = cluster.peers[0].channel.validator().await.unwrap();
    let publisher = cluster.peers[1].id.clone();

    cluster.publish(&[1], 1, 4096).await;
    let first = submitted(&mut validator).await;
    assert_eq!((first.seq, first.from.as_ref()), (0, Some(&publisher)));
    assert_eq!(stored(&cluster.peers[0]), 0, "no verdict yet");
    first.accept();
    let height = cluster.peers[0].channel.wait_height(1);
    within("the block is stored", height).await.unwrap();

    cluster.publish(&[1], 1, 4096).await;
    submitted(&mut validator).await.ignore();
    let again = submitted(&mut validator).await;
    assert_eq!(again.seq, 1, "an ignored block is requested again");
    let ignored = cluster.peers[0].count("blocks_ignored");
    assert!(ignored >= 1 && stored(&cluster.peers[0]) == 1, "{ignored}");
    again.accept();
    let height = cluster.peers[0].channel.wait_height(2);
    within("the block is stored", height).await.unwrap();

    let bad = cluster.cut(4096);
    let (seq, block) = (bad.number, bad.bytes.clone());
    let handed_over = cluster.peers[1].channel.publish(seq, block).await;
    assert!(handed_over.unwrap().push.sent.is_under_way());
    submitted(&mut validator).await.reject();
    let rejected = || cluster.peers[0].count("blocks_rejected") >= 1;
    eventually("the block is rejected", rejected).await;
    // It is requested again from the peers that offer it, and rejected again.
    let reject = Box::pin(async {
        while let Some(candidate) = validator.next().await {
            candidate.reject();
        }
    });
    let stopped = select(Box::pin(cluster.stop(1)), reject).await;
    assert!(matches!(stopped, Either::Left(_)), "the validator ended");
    drop(stopped);

    let own = cluster.peers[0].channel.publish(seq, bad.bytes.clone());
    let judge = async { submitted(&mut validator).await.reject() };
    let (own, ()) = join(within("a publication is validated", own), judge).await;
    assert_eq!(own.map(|_| ()), Err(PublishError::Rejected));

    let late = cluster.add(0).await.channel.clone();
    cluster.see_each_other().await;
    within("it catches up", late.wait_height(2)).await.unwrap();
    let heights = cluster.peers.iter().map(stored).collect::<Vec<_>>();
    assert_eq!(heights, [2, 2], "rejected blocks are not stored");
    assert_eq!(cluster.peers[1].count("blocks_pushed"), 0);

    validator.finish();
    cluster.peers[0]
        .channel
        .publish(seq, bad.bytes)
        .await
        .unwrap();
    cluster.equal().await;
    cluster.stop_all().await;
}

#[test]
fn with_tokio_only_accepted_blocks_are_stored_and_forwarded() {
    on_tokio(|runtime| only_accepted_blocks_are_stored_and_forwarded(Tcp::new(runtime)));
}

#[test]
fn with_smol_only_accepted_blocks_are_stored_and_forwarded() {
    on_smol(|runtime| only_accepted_blocks_are_stored_and_forwarded(Tcp::new(runtime)));
}
