//! Waiting for other peers to have a block, on every runtime with real sockets.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::num::NonZeroUsize;
use std::time::Duration;

use futures_util::StreamExt as _;
use gossip_core::{Coverage, PeerId};
use gossip_driver::error::CoverageError;
use tests::network::{Cluster, Peer, Stage, Tcp, on_smol, on_tokio, quick, within};

/// Longer than any wait of the tests.
const SOON: Duration = Duration::from_secs(50);

fn count(peers: usize) -> Coverage {
    Coverage::Count(NonZeroUsize::new(peers).unwrap())
}

fn names<'a, S: Stage>(peers: impl IntoIterator<Item = &'a Peer<S>>) -> Vec<PeerId> {
    let mut names: Vec<PeerId> = peers.into_iter().map(|peer| peer.id.clone()).collect();
    names.sort_unstable();
    names
}

/// Two organisations of three peers: only peers of the publisher's organisation count.
async fn each_coverage_is_reached_and_reported(stage: impl Stage) {
    let mut cluster = Cluster::start(stage, 2, 3, quick).await;
    cluster.see_each_other().await;
    cluster.publish(&[0], 3, 4096).await;
    let publisher = &cluster.peers[0].channel;
    let others = names(&cluster.peers[1..3]);

    let one = publisher.wait_coverage(0, Coverage::One, SOON);
    let one = within("one peer has a block", one).await.unwrap();
    assert!(!one.is_empty() && one.iter().all(|peer| others.contains(peer)));

    let both = publisher.wait_coverage(1, count(2), SOON);
    let mut both = within("two peers have a block", both).await.unwrap();
    both.sort_unstable();
    assert_eq!(both, others);

    let all = publisher.wait_coverage(2, Coverage::AllOfOrg, SOON);
    let mut all = within("all of the organisation have a block", all)
        .await
        .unwrap();
    all.sort_unstable();
    assert_eq!(all, others, "the other organisation does not count");
    for peer in &cluster.peers[1..3] {
        let height = within("the block is there", peer.channel.wait_height(3)).await;
        assert_eq!(height.unwrap(), 3, "a covered block is committed");
    }
    cluster.stop_all().await;
}

/// One of three peers delays its commits until the test releases them.
async fn a_coverage_timeout_names_the_peers_that_lack_the_block(stage: impl Stage) {
    let mut cluster = Cluster::start(stage, 1, 3, quick).await;
    cluster.see_each_other().await;
    let slow = &cluster.peers[2];
    let mut validator = slow.channel.validator().await.unwrap();
    let lacking = vec![slow.id.clone()];
    cluster.publish(&[0], 1, 4096).await;
    let publisher = &cluster.peers[0].channel;

    let one = publisher.wait_coverage(0, Coverage::One, SOON);
    let one = within("the other peer has the block", one).await.unwrap();
    assert_eq!(one, names(&cluster.peers[1..2]));
    let soon = Duration::from_millis(100);
    for (coverage, wanted) in [(Coverage::AllOfOrg, 2), (count(2), 2), (count(3), 3)] {
        let refused = within(
            "the timeout is kept",
            publisher.wait_coverage(0, coverage, soon),
        )
        .await;
        let lacking = lacking.clone();
        let holding = 1;
        let expected = CoverageError::NotCovered {
            holding,
            wanted,
            lacking,
        };
        assert_eq!(refused, Err(expected), "{coverage:?}");
    }

    let all = publisher.wait_coverage(0, Coverage::AllOfOrg, SOON);
    let release = async { validator.next().await.unwrap().accept() };
    let (all, ()) = within(
        "the last peer has it",
        futures_util::future::join(all, release),
    )
    .await;
    assert_eq!(all.map(|holders| holders.len()), Ok(2));
    cluster.stop_all().await;
}

#[test]
fn with_tokio_each_coverage_is_reached_and_reported() {
    on_tokio(|runtime| each_coverage_is_reached_and_reported(Tcp::new(runtime)));
}

#[test]
fn with_smol_each_coverage_is_reached_and_reported() {
    on_smol(|runtime| each_coverage_is_reached_and_reported(Tcp::new(runtime)));
}

#[test]
fn with_tokio_a_coverage_timeout_names_the_peers_that_lack_the_block() {
    on_tokio(|runtime| a_coverage_timeout_names_the_peers_that_lack_the_block(Tcp::new(runtime)));
}

#[test]
fn with_smol_a_coverage_timeout_names_the_peers_that_lack_the_block() {
    on_smol(|runtime| a_coverage_timeout_names_the_peers_that_lack_the_block(Tcp::new(runtime)));
}
