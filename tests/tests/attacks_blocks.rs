//! Insiders that send forged blocks, and peers that do not read from their connections.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join;
use gossip_core::{ChannelId, Class, Config};
use gossip_driver::error::PublishError;
use gossip_msp::{Orderer, SigningIdentity};
use runtime_tokio::TokioRuntime;
use tests::network::{
    CHANNEL, Cluster, Intruder, Line, Peer, Tcp, alive, block, eventually, on_tokio, quick, sign,
    state_info, within,
};

type Stage = Tcp<TokioRuntime>;

fn insider(cluster: &Cluster<Stage>) -> Arc<SigningIdentity> {
    let member = cluster.authorities.member(0, "insider");
    Arc::new(member.signing_identity().unwrap())
}

/// Authenticates as `who`, then becomes a participant of the channel like an honest peer.
async fn participate(
    intruder: &Intruder<TokioRuntime>,
    who: &SigningIdentity,
    at: &Peer<Stage>,
) -> Line<TokioRuntime> {
    let mut line = intruder.dial(&at.place.endpoint).await;
    line.authenticate(who).await;
    for message in [alive(who, intruder.endpoint(), 1), state_info(who, 0)] {
        line.send(Class::Control, sign(who, message).encoded());
    }
    let id = who.identity().peer_id();
    eventually("the insider is seen in the channel", || {
        at.channel.peers().iter().any(|peer| peer.peer == *id)
    })
    .await;
    line
}

/// A block that follows the chain but is signed by a peer instead of an orderer.
fn forged(signer: Arc<SigningIdentity>, cluster: &Cluster<Stage>) -> (u64, Bytes) {
    let channel = ChannelId::new(CHANNEL);
    let tip = cluster.peers[0].ledger.tip(&channel).unwrap().unwrap();
    let mut orderer = Orderer::new(channel, signer).resume(tip.height, tip.header_hash);
    let transaction = orderer.transaction(b"everything is mine").unwrap();
    let block = orderer.cut(&[transaction]).unwrap();
    (block.number, block.bytes)
}

#[test]
fn a_block_without_an_orderers_signature_is_neither_committed_nor_forwarded() {
    on_tokio(|runtime| async move {
        let stage = Tcp::new(runtime);
        let intruder = Intruder::new(&stage).await;
        let mut cluster = Cluster::start(stage, 1, 3, quick).await;
        cluster.see_each_other().await;
        cluster.publish(&[0], 1, 100).await;
        cluster.equal().await;
        let insider = insider(&cluster);
        let line = participate(&intruder, &insider, &cluster.peers[0]).await;

        let (number, forged) = forged(insider, &cluster);
        line.send(Class::Push, block(number, &forged).encoded());
        let victim = &cluster.peers[0];
        eventually("the forged block is refused", || {
            victim.count("blocks_bad") == 1
        })
        .await;

        // All peers commit the true block of that number, so the forged one was not forwarded.
        cluster.publish(&[0], 1, 100).await;
        let tip = cluster.equal().await;
        assert_eq!(tip.height, number + 1);
        for other in &cluster.peers[1..] {
            assert_eq!(other.count("blocks_bad"), 0);
        }
    });
}

#[test]
fn an_altered_block_is_neither_committed_nor_forwarded() {
    on_tokio(|runtime| async move {
        let stage = Tcp::new(runtime);
        let intruder = Intruder::new(&stage).await;
        let mut cluster = Cluster::start(stage, 1, 3, quick).await;
        cluster.see_each_other().await;
        let insider = insider(&cluster);
        let line = participate(&intruder, &insider, &cluster.peers[0]).await;

        let genuine = cluster.cut(1000);
        let mut altered = genuine.bytes.to_vec();
        let silk = altered.windows(4).position(|bytes| bytes == b"silk");
        altered[silk.unwrap()..][..4].copy_from_slice(b"gold");
        line.send(Class::Push, block(0, &altered.into()).encoded());
        let victim = &cluster.peers[0];
        eventually("the altered block is refused", || {
            victim.count("blocks_bad") == 1
        })
        .await;

        let published = victim.channel.publish(0, genuine.bytes.clone());
        assert!(
            within("the true block is published", published)
                .await
                .unwrap()
                .fresh
        );
        cluster.equal().await;
        for other in &cluster.peers[1..] {
            assert_eq!(other.count("blocks_bad"), 0);
        }
    });
}

#[test]
fn publishing_a_block_that_does_not_verify_is_an_error() {
    on_tokio(|runtime| async move {
        let mut cluster = Cluster::start(Tcp::new(runtime), 1, 1, quick).await;
        cluster.publish(&[0], 1, 100).await;
        cluster.equal().await;
        let (number, forged) = forged(insider(&cluster), &cluster);
        let published = cluster.peers[0].channel.publish(number, forged);
        let error = within("the forged block is refused", published).await;
        assert!(matches!(error, Err(PublishError::BadBlock(_))), "{error:?}");
        assert_eq!(cluster.peers[0].channel.height(), number);
    });
}

#[test]
fn a_stopped_reader_delays_no_other_peer_and_uses_bounded_memory() {
    const BLOCK: usize = 256 << 10;
    const BLOCKS: u64 = 100;
    // The queue and the transport buffer less than 2 MiB, the operating system a few MiB.
    const MOST: usize = 12 << 20;
    // Small queues to each peer.
    fn small_queues(config: &mut Config) {
        quick(config);
        config.outbox.window_bytes = 512 << 10;
        config.outbox.max_push_bytes = 1 << 20;
        config.push.burst_latency = Duration::from_millis(1);
        // Every block is pushed to every peer, including the stopped reader.
        config.push.fanout = 8;
    }
    on_tokio(|runtime| async move {
        let stage = Tcp::new(runtime);
        let intruder = Intruder::new(&stage).await;
        let mut cluster = Cluster::start(stage, 1, 3, small_queues).await;
        cluster.see_each_other().await;
        let insider = insider(&cluster);
        // From here on the test does not read from this line.
        let mut line = participate(&intruder, &insider, &cluster.peers[0]).await;

        cluster.publish(&[0], BLOCKS, BLOCK).await;
        cluster.equal().await;
        let leader = &cluster.peers[0];
        assert!(leader.count("push_shed") > 0, "nothing was shed");
        for other in &cluster.peers[1..] {
            assert!(leader.sees(&other.id).unwrap().alive);
        }

        // Reads everything that the queue, the transport and the operating system have buffered for the
        // stopped reader.
        let reading = async {
            let mut kept = 0;
            while let Ok(Some(message)) = line.receive().await {
                kept += message.encoded().len();
                assert!(kept < MOST, "more than {kept} bytes were buffered");
            }
            kept
        };
        let (kept, ()) = join(reading, leader.gossip.shutdown()).await;
        assert!(kept > 0 && kept < MOST, "{kept} bytes were buffered");
    });
}

#[test]
fn a_stop_does_not_wait_for_a_stopped_reader() {
    on_tokio(|runtime| async move {
        let stage = Tcp::new(runtime);
        let intruder = Intruder::new(&stage).await;
        let mut cluster = Cluster::start(stage, 1, 1, quick).await;
        let insider = insider(&cluster);
        let line = participate(&intruder, &insider, &cluster.peers[0]).await;
        cluster.publish(&[0], 1, 20 << 20).await;
        let leader = &cluster.peers[0];
        eventually("the transport has the block", || {
            leader.count("bytes_sent") > 20 << 20
        })
        .await;
        within("the node stops", leader.gossip.shutdown()).await;
        drop(line);
    });
}
