//! Two nodes on a network of pipes, through the handles of an application.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use gossip_driver::core::{ChannelId, Coverage, CryptoError, LedgerError, Notification, Refusal};
use gossip_driver::error::{CoverageError, HeightError, PublishError, TryPublishError};
use gossip_driver::testing::{MemLedger, TestCrypto};
use gossip_driver::{Channel, Gossip, Ledger, Notice};

use support::{Net, Threads, node, org1, run};

fn start(net: &Net, name: &str, ledger: impl Ledger) -> Gossip {
    let crypto = TestCrypto::new("org1", name).with_block_check(|_, _, block| block != b"bad");
    let builder = node(crypto, &["alice"]).transport(net.join(name));
    builder.ledger(ledger).spawn().unwrap()
}

async fn join(gossip: &Gossip) -> Channel {
    gossip.join_channel("trade", org1()).await.unwrap()
}

fn block(seq: u64) -> Bytes {
    format!("block {seq}").into()
}

fn blocks(count: u64) -> Vec<Bytes> {
    (0..count).map(block).collect()
}

#[test]
fn two_peers_connect_and_both_store_a_published_block() {
    run(async {
        let (net, [one, two]) = (Net::default(), [MemLedger::new(), MemLedger::new()]);
        let (alice, bob) = (
            start(&net, "alice", one.clone()),
            start(&net, "bob", two.clone()),
        );
        let seen = alice.wait_members(1).await.unwrap();
        assert_eq!(seen[0].peer.as_bytes(), b"org1/bob");
        bob.wait_members(1).await.unwrap();
        let (publisher, receiver) = (join(&alice).await, join(&bob).await);
        let peers = publisher.wait_peers(1).await.unwrap();
        let age = alice.moment(peers[0].heard).elapsed();
        assert!(age < Duration::from_secs(60), "{age:?}");
        for seq in 0..50 {
            let published = publisher.publish(seq, block(seq)).await.unwrap();
            assert!(published.fresh);
            assert_eq!((published.push.eligible, published.push.off), (1, false));
        }
        let again = publisher.publish(7, block(7)).await.unwrap();
        assert!(!again.fresh, "already known");
        let (all, soon) = (Coverage::AllOfOrg, Duration::from_secs(60));
        let holders = publisher.wait_coverage(49, all, soon).await.unwrap();
        assert_eq!(holders, [seen[0].peer.clone()]);
        let never = publisher.wait_coverage(50, all, Duration::from_millis(10));
        let lacking = CoverageError::NotCovered {
            holding: 0,
            wanted: 1,
            lacking: holders,
        };
        assert_eq!(never.await, Err(lacking));
        let bad = PublishError::BadBlock(CryptoError::BadBlock);
        assert_eq!(publisher.publish(50, "bad").await, Err(bad));
        receiver.wait_height(50).await.unwrap();
        publisher.wait_height(50).await.unwrap();
        let trade = ChannelId::new("trade");
        assert_eq!(one.blocks(&trade), blocks(50));
        assert_eq!(two.blocks(&trade), blocks(50));
        assert_eq!(receiver.height(), 50);
        assert_eq!(alice.metrics().core.blocks_published, 50);
        alice.shutdown().await;
        bob.shutdown().await;
    });
}

#[test]
fn a_notification_tells_nothing_that_the_snapshots_do_not_show() {
    run(async {
        let alice = start(&Net::default(), "alice", MemLedger::new());
        let mut news = alice.notifications();
        let channel = join(&alice).await;
        assert_eq!(
            alice.channels().len(),
            1,
            "the snapshot shows the joined channel"
        );
        for seq in 0..20 {
            channel.publish(seq, block(seq)).await.unwrap();
        }
        let mut committed = 0;
        while committed < 20 {
            if let Some(Notice::Event(Notification::Committed { seq, .. })) = news.next().await {
                assert_eq!(seq, committed);
                assert!(channel.height() > seq);
                committed += 1;
            }
        }
    });
}

#[test]
fn publishers_wait_for_a_slow_ledger_or_get_busy_if_they_do_not_wait() {
    run(async {
        let ledger = MemLedger::delayed(Threads, Duration::from_millis(2));
        let alice = start(&Net::default(), "alice", ledger.clone());
        let channel = join(&alice).await;
        let published = join_all((0..300).map(|seq| channel.publish(seq, block(seq))));
        assert!(published.await.iter().all(Result::is_ok));
        let mut taken = Vec::new();
        let refused = loop {
            let seq = 300 + taken.len() as u64;
            assert!(
                seq < 100_000,
                "waited for a refusal: {seq} blocks were taken"
            );
            match channel.try_publish(seq, block(seq)) {
                Ok(publication) => taken.push(publication),
                Err(error) => break error,
            }
        };
        assert_eq!(refused, TryPublishError::Busy);
        let count = 300 + taken.len() as u64;
        join_all(taken).await;
        channel.wait_height(count).await.unwrap();
        assert_eq!(ledger.blocks(channel.id()), blocks(count));
        assert!(alice.metrics().driver.requests_refused >= 1);
    });
}

#[test]
fn a_publisher_proceeds_while_other_channels_fill_the_gate() {
    run(async {
        let held = |channel: &ChannelId| channel.as_str() != "third";
        let (release, gate) = async_channel::bounded::<()>(1);
        let crypto = TestCrypto::new("org1", "alice")
            .with_block_check(move |channel, _, _| !held(channel) || gate.recv_blocking().is_err());
        let alice = node(crypto, &[])
            .transport(Net::default().join("alice"))
            .ledger(MemLedger::new())
            .configure(|config| config.state_transfer.max_publications = 2.try_into().unwrap())
            .configure_driver(|driver| driver.crypto_threads = 4.try_into().ok())
            .spawn()
            .unwrap();
        let join = async |name: &str| alice.join_channel(name, org1()).await.unwrap();
        let others = [join("first").await, join("second").await];
        let third = join("third").await;
        let waiting = others.map(|channel| channel.try_publish(0, block(0)).unwrap());
        for seq in 0..5 {
            assert!(third.publish(seq, block(seq)).await.unwrap().fresh);
        }
        drop(release);
        assert!(join_all(waiting).await.iter().all(Result::is_ok));
    });
}

#[test]
fn a_caller_that_stops_waiting_withdraws_no_block_and_leaves_no_gap() {
    run(async {
        let alice = start(&Net::default(), "alice", MemLedger::new());
        let channel = join(&alice).await;
        for seq in 0..500 {
            drop(channel.try_publish(seq, block(seq)));
            channel.publish(seq, block(seq)).await.unwrap();
        }
        channel.wait_height(500).await.unwrap();
    });
}

#[test]
fn a_failing_ledger_halts_its_channel_and_ends_waiting_calls() {
    run(async {
        let ledger = MemLedger::new();
        ledger.fail_from(2);
        let alice = start(&Net::default(), "alice", ledger.clone());
        let channel = join(&alice).await;
        for seq in 0..3 {
            channel.publish(seq, block(seq)).await.unwrap();
        }
        let halted = channel.wait_height(3).await;
        assert!(
            matches!(halted, Err(HeightError::Halted { .. })),
            "{halted:?}"
        );
        assert_eq!(ledger.blocks(channel.id()), blocks(2));
    });
}

/// A ledger that panics when `commit` is called or when it is awaited.
struct Panicking {
    at_once: bool,
}

impl Ledger for Panicking {
    async fn height(&self, _: &ChannelId) -> Result<u64, LedgerError> {
        Ok(0)
    }

    fn commit(
        &self,
        _: &ChannelId,
        _: u64,
        _: Bytes,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send {
        assert!(!self.at_once, "a panic of the ledger");
        async { panic!("a panic of the ledger") }
    }

    async fn read(
        &self,
        _: &ChannelId,
        _: RangeInclusive<u64>,
        _: u64,
    ) -> Result<Vec<Bytes>, LedgerError> {
        Ok(Vec::new())
    }
}

#[test]
fn a_ledger_that_panics_halts_its_channel_and_not_the_node() {
    run(async {
        for at_once in [false, true] {
            let alice = start(&Net::default(), "alice", Panicking { at_once });
            let channel = join(&alice).await;
            channel.publish(0, block(0)).await.unwrap();
            assert!(matches!(
                channel.wait_height(1).await,
                Err(HeightError::Halted { .. })
            ));
            assert_eq!(alice.metrics().driver.ledger_panics, 1);
            alice.set_metadata("still here").await.unwrap();
        }
    });
}

#[test]
fn other_handles_of_a_channel_fail_after_it_was_left() {
    run(async {
        let alice = start(&Net::default(), "alice", MemLedger::new());
        let (channel, other) = (join(&alice).await, join(&alice).await);
        channel.leave().await.unwrap();
        let unknown = HeightError::UnknownChannel("trade".into());
        assert_eq!(other.wait_height(1).await, Err(unknown));
        let unknown = PublishError::UnknownChannel("trade".into());
        assert_eq!(other.publish(0, block(0)).await, Err(unknown));
        assert!(alice.channel(&"trade".into()).is_none());
    });
}

#[test]
fn an_unknown_peer_that_sends_garbage_is_refused() {
    run(async {
        let net = Net::default();
        let alice = start(&net, "alice", MemLedger::new());
        let mut news = alice.notifications();
        let unknown = net.dial("alice");
        for _ in 0..8 {
            let _ = unknown.outgoing.send(Bytes::from_static(&[0xff; 64])).await;
        }
        loop {
            if let Some(Notice::Event(Notification::Refused { refusal, .. })) = news.next().await {
                assert_eq!(refusal, Refusal::Malformed);
                break;
            }
        }
        while unknown.incoming.recv().await.is_ok() {}
        assert_eq!(alice.metrics().core.refused[&Refusal::Malformed], 1);
    });
}
