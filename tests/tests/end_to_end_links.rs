//! Links between real nodes: simultaneous dials, and links lost when a peer restarts.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join;
use gossip_core::Config;
use gossip_driver::core::MembershipConfig;
use gossip_driver::transport::Transport;
use tests::network::{
    Cluster, Counted, CountedTransport, Mem, Peer, Stage, Tcp, eventually, on_smol, on_tokio,
    quick, within,
};

/// After the first exchange the peers send no periodic messages, so that the counts of sent and
/// received messages can be compared.
fn quiet(config: &mut Config) {
    quick(config);
    let long = Duration::from_secs(600);
    config.membership.alive_interval = long;
    config.membership.alive_expiration = long * 2;
    config.membership.sync_interval = long;
    config.membership.reconnect_interval = long;
    config.channel.request_interval = long;
}

/// Starts two peers that are each other's bootstrap peer together, 25 times.
async fn simultaneous_dials_end_with_one_link<S, T>(stage: S)
where
    S: Stage<Transport = CountedTransport<T>>,
    T: Transport + Clone,
{
    let mut duplicates = 0;
    for round in 0..25 {
        let mut cluster = Cluster::empty(stage.clone(), 1, quiet);
        let (one, other) = (stage.listen(None).await, stage.listen(None).await);
        let (at_one, at_other) = (one.1.clone(), other.1.clone());
        let places = (cluster.place(0, one.1), cluster.place(0, other.1));
        let (one, other) = join(
            cluster.launch(one.0, places.0, |config| config.bootstrap = vec![at_other]),
            cluster.launch(other.0, places.1, |config| config.bootstrap = vec![at_one]),
        )
        .await;
        cluster.peers = vec![one, other];
        cluster.see_each_other().await;
        cluster.publish(&[0], 3, 1000).await;
        cluster.equal().await;

        let [one, other] = &cluster.peers[..] else {
            panic!("two peers")
        };
        let what = format!("round {round} ends with one link");
        eventually(&what, || {
            one.transport.open_links() == 1 && other.transport.open_links() == 1
        })
        .await;
        eventually("all sent messages have arrived", || {
            arrived(one, other) && arrived(other, one)
        })
        .await;
        for peer in [one, other] {
            for shed in ["control_shed", "push_shed", "bulk_shed", "waiting_shed"] {
                assert_eq!(peer.count(shed), 0, "{shed}");
            }
            assert!(peer.gossip.metrics().core.refused.is_empty());
            assert_eq!(peer.transport.open_links(), 1);
        }
        duplicates += u64::from(one.count("links_established") > 1);
        cluster.stop_all().await;
    }
    assert!(duplicates > 0, "the dials never crossed");
}

fn arrived<S: Stage>(from: &Peer<S>, to: &Peer<S>) -> bool {
    from.count("messages_sent") == to.count("messages_received")
        && from.count("bytes_sent") == to.count("bytes_received")
}

#[test]
fn simultaneous_dials_on_tokio_with_tcp_end_with_one_link_and_lose_nothing() {
    on_tokio(|runtime| simultaneous_dials_end_with_one_link(Counted(Tcp::new(runtime))));
}

#[test]
fn simultaneous_dials_on_smol_with_tcp_end_with_one_link_and_lose_nothing() {
    on_smol(|runtime| simultaneous_dials_end_with_one_link(Counted(Tcp::new(runtime))));
}

#[test]
fn simultaneous_dials_on_smol_with_memory_end_with_one_link_and_lose_nothing() {
    on_smol(|runtime| simultaneous_dials_end_with_one_link(Counted(Mem::new(runtime))));
}

/// A peer restarts at once with its key and its ledger, while the others run.
async fn a_restarted_peer_is_connected_again(stage: impl Stage) {
    fn long_timeouts(config: &mut Config) {
        quick(config);
        // With this timeout the test fails if a peer waits for it.
        let MembershipConfig {
            alive_expiration,
            reconnect_interval,
            ..
        } = MembershipConfig::default();
        config.membership.alive_expiration = alive_expiration;
        config.membership.reconnect_interval = reconnect_interval;
    }
    let mut cluster = Cluster::start(stage, 2, 2, long_timeouts).await;
    cluster.see_each_other().await;
    cluster.publish(&[0, 2], 5, 1000).await;
    cluster.equal().await;

    let place = cluster.stop(1).await;
    cluster.publish(&[0, 1], 5, 1000).await;
    let start = Instant::now();
    let metadata = Bytes::from_static(b"restarted");
    let told = metadata.clone();
    cluster
        .restart(place, |config| config.metadata = told)
        .await;
    let (back, others) = cluster.peers.split_last().unwrap();
    for other in others {
        eventually("the restarted peer is seen", || {
            let seen = other.sees(&back.id);
            seen.is_some_and(|member| member.alive && member.metadata == metadata)
        })
        .await;
    }
    let members = back.gossip.wait_members(3);
    within("the restarted peer sees all others", members)
        .await
        .unwrap();
    cluster.equal().await;
    let took = start.elapsed();
    assert!(took < Duration::from_secs(10), "it took {took:?}");

    cluster.publish(&[0, 1], 5, 1000).await;
    cluster.equal().await;
    cluster.stop_all().await;
}

#[test]
fn a_peer_restarted_at_once_is_connected_without_a_timeout_on_tokio_with_tcp() {
    on_tokio(|runtime| a_restarted_peer_is_connected_again(Tcp::new(runtime)));
}

#[test]
fn a_peer_restarted_at_once_is_connected_without_a_timeout_on_smol_with_memory() {
    on_smol(|runtime| a_restarted_peer_is_connected_again(Mem::new(runtime)));
}
