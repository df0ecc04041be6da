//! Peers that start late, applications on async-std, and ledgers after a stop.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use futures_util::future::join;
use gossip_core::ChannelId;
use gossip_ledger::BlockLedger;
use runtime_smol::SmolRuntime;
use tests::network::{CHANNEL, Cluster, Mem, Stage, Tcp, on_smol, on_tokio, quick, within};

/// Two ledgers have 200 blocks; then a peer of the same organisation starts, and a peer of another
/// organisation, which has no leader.
async fn late_joiners_catch_up(stage: impl Stage) {
    const BLOCKS: u64 = 200;
    let mut cluster = Cluster::empty(stage, 2, quick);
    cluster.add(0).await;
    cluster.add(0).await;
    cluster.see_each_other().await;
    cluster.publish(&[0], BLOCKS, 500).await;
    cluster.equal().await;

    cluster.add(0).await;
    cluster.add(1).await;
    cluster.equal().await;
    for late in &cluster.peers[2..] {
        assert_eq!(late.count("blocks_transferred"), BLOCKS);
        assert_eq!(late.count("blocks_bad"), 0);
    }
    cluster.stop_all().await;
}

#[test]
fn late_joiners_of_both_organisations_catch_up_on_tokio_with_tcp() {
    on_tokio(|runtime| late_joiners_catch_up(Tcp::new(runtime)));
}

#[test]
fn late_joiners_of_both_organisations_catch_up_on_smol_with_memory() {
    on_smol(|runtime| late_joiners_catch_up(Mem::new(runtime)));
}

#[test]
fn an_async_std_application_runs_nodes() {
    async_std::task::block_on(async {
        let mut cluster = Cluster::start(Tcp::new(SmolRuntime::global()), 2, 2, quick).await;
        // A task of the application, on async-std's executor.
        let work = async_std::task::spawn(async move {
            cluster.see_each_other().await;
            cluster.publish(&[0, 2], 10, 1000).await;
            cluster.equal().await;
            cluster.stop_all().await.len()
        });
        assert_eq!(work.await, 4);
    });
}

/// All peers stop while blocks are published and committed.
async fn a_stop_keeps_what_was_committed(stage: impl Stage) {
    let mut cluster = Cluster::start(stage, 2, 2, quick).await;
    cluster.see_each_other().await;
    let blocks: Vec<_> = (0..300).map(|_| cluster.cut(20_000)).collect();
    let leader = cluster.peers[0].channel.clone();
    let publishing = async {
        for block in blocks {
            if leader.publish(block.number, block.bytes).await.is_err() {
                return;
            }
        }
    };
    let channels: Vec<_> = cluster
        .peers
        .iter()
        .map(|peer| peer.channel.clone())
        .collect();
    let stopping = async {
        let reached = channels[3].wait_height(20);
        within("the last peer has committed some blocks", reached)
            .await
            .unwrap();
        cluster.stop_all().await
    };
    let ((), places) = join(publishing, stopping).await;
    drop(leader);

    let id = ChannelId::new(CHANNEL);
    for (place, channel) in places.iter().zip(&channels) {
        let told = channel.height();
        let ledger = BlockLedger::open(&place.ledger).unwrap();
        let tip = ledger.check_chain(&id).unwrap().unwrap();
        assert!(
            tip.height >= told,
            "{told} blocks were reported, {tip:?} is stored"
        );
    }
}

#[test]
fn a_stop_keeps_what_was_committed_on_tokio_with_tcp() {
    on_tokio(|runtime| a_stop_keeps_what_was_committed(Tcp::new(runtime)));
}

#[test]
fn a_stop_keeps_what_was_committed_on_smol_with_memory() {
    on_smol(|runtime| a_stop_keeps_what_was_committed(Mem::new(runtime)));
}
