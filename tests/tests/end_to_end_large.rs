//! Blocks of the largest size.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use gossip_core::proto::Content;
use gossip_core::{Class, Config, Notification};
use gossip_driver::Notice;
use tests::network::{
    Cluster, Intruder, Mem, Tcp, alive, eventually, on_smol, on_tokio, quick, sign, state_info,
    within,
};
use transport_mem::Conditions;

/// The message limit of Fabric's connections; the blocks are a little longer.
const LARGE: usize = 100 << 20;

fn short_intervals(config: &mut Config) {
    quick(config);
    config.membership.alive_interval = Duration::from_millis(50);
}

/// The receiver is part of the test, so that it can stop reading while the block is under way.
#[test]
fn a_heartbeat_overtakes_a_block_of_100_mib() {
    on_tokio(|runtime| async move {
        let stage = Tcp::new(runtime);
        let mut cluster = Cluster::start(stage.clone(), 1, 1, short_intervals).await;
        let member = cluster.authorities.member(0, "receiver");
        let receiver = member.signing_identity().unwrap();
        let intruder = Intruder::new(&stage).await;
        let mut line = intruder.dial(&cluster.peers[0].place.endpoint).await;
        line.authenticate(&receiver).await;
        for message in [
            alive(&receiver, intruder.endpoint(), 1),
            state_info(&receiver, 0),
        ] {
            line.send(Class::Control, sign(&receiver, message).encoded());
        }
        let peers = cluster.peers[0].channel.wait_peers(1);
        within("the receiver is in the channel", peers)
            .await
            .unwrap();

        let block = cluster.cut(LARGE);
        let sender = &cluster.peers[0];
        let published = sender.channel.publish(0, block.bytes.clone());
        within("the block is published", published).await.unwrap();
        eventually("the transport has the block", || {
            sender.count("bytes_sent") > LARGE as u64
        })
        .await;
        let before = sender.count("messages_sent");
        let news = Bytes::from_static(b"news");
        sender.gossip.set_metadata(news.clone()).await.unwrap();
        eventually("two heartbeats follow", || {
            sender.count("messages_sent") >= before + 2
        })
        .await;

        within("the block arrives", async {
            let mut overtaken = false;
            loop {
                let message = line.receive().await.unwrap().unwrap();
                if let Content::Alive(heartbeat) = message.content() {
                    overtaken |= heartbeat.metadata == news;
                }
                if let Content::Data(payload) = message.content() {
                    assert!(overtaken, "the block arrived first");
                    assert!(payload.data == block.bytes, "the block has changed");
                    return;
                }
            }
        })
        .await;
    });
}

#[test]
fn a_block_of_100_mib_arrives_whole_and_no_peer_is_held_dead_on_tcp() {
    on_tokio(|runtime| async move {
        let mut cluster = Cluster::start(Tcp::new(runtime), 1, 3, short_intervals).await;
        cluster.see_each_other().await;
        cluster.publish(&[0], 1, LARGE).await;
        cluster.equal().await;
    });
}

/// The block takes several times as long as the expiration of a silent member.
#[test]
fn heartbeats_arrive_while_a_large_block_crosses_a_slow_link() {
    fn short_expiration(config: &mut Config) {
        short_intervals(config);
        config.membership.alive_expiration = Duration::from_secs(2);
    }
    on_smol(|runtime| async move {
        let stage = Mem::new(runtime);
        stage.network.set_conditions(Conditions {
            bandwidth: Some(4_000_000),
            ..Conditions::default()
        });
        let mut cluster = Cluster::start(stage, 1, 2, short_expiration).await;
        cluster.see_each_other().await;
        let mut news: Vec<_> = cluster
            .peers
            .iter()
            .map(|peer| peer.gossip.notifications())
            .collect();
        cluster.publish(&[0], 1, 16_000_000).await;
        cluster.equal().await;
        for news in &mut news {
            while let Some(Some(notice)) = news.next().now_or_never() {
                let dead = matches!(notice, Notice::Event(Notification::MemberDead(_)));
                assert!(!dead, "{notice:?}");
            }
        }
    });
}
