//! Delivery of blocks from end to end, on every runtime with every transport.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tests::network::{Cluster, Mem, Stage, Tcp, on_smol, on_tokio, quick};

/// Two organisations of three peers; one leader of each publishes the chain.
async fn all_ledgers_become_equal(stage: impl Stage) {
    let mut cluster = Cluster::start(stage, 2, 3, quick).await;
    cluster.see_each_other().await;
    cluster.publish(&[0, 3], 30, 4096).await;
    cluster.equal().await;

    let bad = cluster.peers.iter().map(|peer| peer.count("blocks_bad"));
    assert_eq!(bad.sum::<u64>(), 0);
    for peer in &cluster.peers {
        let refused = peer.gossip.metrics().core.refused;
        assert!(refused.is_empty(), "{refused:?}");
    }
    cluster.stop_all().await;
}

#[test]
fn tokio_with_tcp_delivers_the_chain_to_all_peers() {
    on_tokio(|runtime| all_ledgers_become_equal(Tcp::new(runtime)));
}

#[test]
fn tokio_with_memory_delivers_the_chain_to_all_peers() {
    on_tokio(|runtime| all_ledgers_become_equal(Mem::new(runtime)));
}

#[test]
fn smol_with_tcp_delivers_the_chain_to_all_peers() {
    on_smol(|runtime| all_ledgers_become_equal(Tcp::new(runtime)));
}

#[test]
fn smol_with_memory_delivers_the_chain_to_all_peers() {
    on_smol(|runtime| all_ledgers_become_equal(Mem::new(runtime)));
}
