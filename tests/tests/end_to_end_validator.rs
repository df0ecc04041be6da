//! Blocks that the application looks at before they are stored and passed on, on every runtime with real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{Either, join, select};
use gossip_core::{ChannelId, Config};
use gossip_driver::error::PublishError;
use gossip_driver::{Candidate, Validator};
use tests::network::{
    CHANNEL, Cluster, Peer, Stage, Tcp, eventually, on_smol, on_tokio, quick, within,
};

/// What was ignored is asked for again at once.
fn impatient(config: &mut Config) {
    quick(config);
    config.state_transfer.peer_penalty = Duration::from_millis(100);
}

async fn shown(validator: &mut Validator) -> Candidate {
    let next = within("a block is shown", validator.next()).await;
    next.unwrap()
}

fn stored<S: Stage>(peer: &Peer<S>) -> u64 {
    let tip = peer.ledger.check_chain(&ChannelId::new(CHANNEL)).unwrap();
    tip.map_or(0, |tip| tip.height)
}

/// The first peer validates, the second publishes and goes, the third comes and can have blocks of the first
/// one only.
async fn what_is_accepted_spreads_and_what_is_not_does_not(stage: impl Stage) {
    let mut cluster = Cluster::start(stage, 1, 2, impatient).await;
    cluster.assembled().await;
    let mut validator = cluster.peers[0].channel.validator().await.unwrap();
    let publisher = cluster.peers[1].id.clone();

    cluster.publish(&[1], 1, 4096).await;
    let first = shown(&mut validator).await;
    assert_eq!((first.seq, first.from.as_ref()), (0, Some(&publisher)));
    assert_eq!(stored(&cluster.peers[0]), 0, "it waits for the verdict");
    first.accept();
    let height = cluster.peers[0].channel.wait_height(1);
    within("what is accepted is stored", height).await.unwrap();

    cluster.publish(&[1], 1, 4096).await;
    shown(&mut validator).await.ignore();
    let again = shown(&mut validator).await;
    assert_eq!(again.seq, 1, "what was ignored may come again");
    let ignored = cluster.peers[0].count("blocks_ignored");
    assert!(ignored >= 1 && stored(&cluster.peers[0]) == 1, "{ignored}");
    again.accept();
    let height = cluster.peers[0].channel.wait_height(2);
    within("it is stored in the end", height).await.unwrap();

    let bad = cluster.cut(4096);
    let (seq, block) = (bad.number, bad.bytes.clone());
    let handed_over = cluster.peers[1].channel.publish(seq, block).await;
    assert!(handed_over.unwrap().push.sent.is_under_way());
    shown(&mut validator).await.reject();
    let rejected = || cluster.peers[0].count("blocks_rejected") >= 1;
    eventually("the block is rejected", rejected).await;
    // It is asked for again of whoever says to have it, and stays as bad.
    let reject = Box::pin(async {
        while let Some(candidate) = validator.next().await {
            candidate.reject();
        }
    });
    let stopped = select(Box::pin(cluster.stop(1)), reject).await;
    assert!(matches!(stopped, Either::Left(_)), "the validator goes on");
    drop(stopped);

    let own = cluster.peers[0].channel.publish(seq, bad.bytes.clone());
    let judge = async { shown(&mut validator).await.reject() };
    let (own, ()) = join(within("a publication is judged", own), judge).await;
    assert_eq!(own.map(|_| ()), Err(PublishError::Rejected));

    let newcomer = cluster.add(0).await.channel.clone();
    cluster.assembled().await;
    within("it catches up", newcomer.wait_height(2))
        .await
        .unwrap();
    let heights = cluster.peers.iter().map(stored).collect::<Vec<_>>();
    assert_eq!(heights, [2, 2], "what was rejected is nowhere");
    assert_eq!(cluster.peers[1].count("blocks_pushed"), 0);

    drop(validator);
    cluster.peers[0]
        .channel
        .publish(seq, bad.bytes)
        .await
        .unwrap();
    cluster.equal().await;
    cluster.stop_all().await;
}

#[test]
fn with_tokio_what_the_application_accepts_spreads_and_what_it_rejects_does_not() {
    on_tokio(|runtime| what_is_accepted_spreads_and_what_is_not_does_not(Tcp::new(runtime)));
}

#[test]
fn with_smol_what_the_application_accepts_spreads_and_what_it_rejects_does_not() {
    on_smol(|runtime| what_is_accepted_spreads_and_what_is_not_does_not(Tcp::new(runtime)));
}
