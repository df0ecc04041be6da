//! The guarantees of the front page about the delivery of blocks and messages.
#![cfg(all(feature = "testing", feature = "mem", feature = "smol"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::{Either, join, join_all, select};
use gossip::error::{HeightError, PublishError, SendAcknowledgedError};
use gossip::mem::MemNetwork;
use gossip::smol::SmolRuntime;
use gossip::testing::{MemLedger, TestCrypto};
use gossip::{
    Channel, ChannelId, Coverage, Criteria, Delivered, DropReason, Gossip, JoinChannel, Ledger,
    LedgerError, Message, Notice, OrgId, PeerId,
};

const BLOCKS: u64 = 50;

/// Runs a test, which must end within a minute.
fn run(test: impl Future<Output = ()>) {
    smol::block_on(async {
        let late = smol::Timer::after(Duration::from_secs(60));
        match select(std::pin::pin!(test), late).await {
            Either::Left(_) => {}
            Either::Right(_) => panic!("not done after a minute"),
        }
    });
}

fn start(network: &MemNetwork, name: &str, ledger: impl Ledger) -> Gossip {
    let crypto = TestCrypto::new("org1", name).with_block_check(|_, _, block| block != b"bad");
    gossip::smol::builder()
        .identity(crypto)
        .transport(network.endpoint(SmolRuntime::global(), name).unwrap())
        .ledger(ledger)
        .bootstrap(["alice", "bob"])
        // Shorter than the default, so that a peer that was down soon requests missing blocks.
        .configure(|config| config.channel.request_interval = Duration::from_millis(200))
        .configure(|config| config.link.hold_for = Duration::from_secs(3))
        .configure_driver(|driver| driver.deliveries = 8.try_into().unwrap())
        .configure_driver(|driver| driver.notifications = 8.try_into().unwrap())
        .spawn()
        .unwrap()
}

async fn join_trade(gossip: &Gossip) -> Channel {
    let members = [(OrgId::new(b"org1"), Vec::new())].into();
    let sequence = 1;
    let config = JoinChannel { sequence, members };
    gossip.join_channel("trade", config).await.unwrap()
}

fn block(seq: u64) -> Bytes {
    format!("block {seq}").into()
}

fn chain(ledger: &MemLedger) -> Vec<Bytes> {
    ledger.blocks(&ChannelId::new("trade"))
}

fn blocks(count: u64) -> Vec<Bytes> {
    (0..count).map(block).collect()
}

/// Alice and Bob, connected and in the channel, with their ledgers.
async fn pair(network: &MemNetwork) -> [(Gossip, Channel, MemLedger); 2] {
    let [first, second] = [MemLedger::new(), MemLedger::new()];
    let alice = start(network, "alice", first.clone());
    let bob = start(network, "bob", second.clone());
    let (trade, other) = (join_trade(&alice).await, join_trade(&bob).await);
    trade.wait_peers(1).await.unwrap();
    other.wait_peers(1).await.unwrap();
    alice.wait_members(1).await.unwrap();
    bob.wait_members(1).await.unwrap();
    [(alice, trade, first), (bob, other, second)]
}

#[test]
fn blocks_are_committed_in_order_without_gaps_and_once() {
    run(async {
        let [(_alice, trade, first), (_bob, other, second)] = pair(&MemNetwork::new(1)).await;
        // One peer publishes backwards, the other the even numbers: the ledger refuses any block but the next.
        let backwards = (0..BLOCKS).rev().map(|seq| trade.publish(seq, block(seq)));
        let even = (0..BLOCKS)
            .step_by(2)
            .map(|seq| other.publish(seq, block(seq)));
        let (all, some) = join(join_all(backwards), join_all(even)).await;
        assert!(all.iter().chain(&some).all(Result::is_ok));
        trade.wait_height(BLOCKS).await.unwrap();
        other.wait_height(BLOCKS).await.unwrap();
        assert_eq!(
            (chain(&first), chain(&second)),
            (blocks(BLOCKS), blocks(BLOCKS))
        );
    });
}

#[test]
fn a_block_that_was_not_stored_before_a_stop_is_published_again_from_the_ledgers_height() {
    /// A ledger that never completes the commit of block 3.
    #[derive(Clone)]
    struct Stuck(MemLedger);

    impl Ledger for Stuck {
        async fn height(&self, channel: &ChannelId) -> Result<u64, LedgerError> {
            self.0.height(channel).await
        }

        async fn commit(
            &self,
            channel: &ChannelId,
            seq: u64,
            block: Bytes,
        ) -> Result<(), LedgerError> {
            if seq >= 3 {
                std::future::pending::<()>().await;
            }
            self.0.commit(channel, seq, block).await
        }

        async fn read(
            &self,
            channel: &ChannelId,
            range: std::ops::RangeInclusive<u64>,
            max_bytes: u64,
        ) -> Result<Vec<Bytes>, LedgerError> {
            self.0.read(channel, range, max_bytes).await
        }
    }

    run(async {
        let (network, ledger) = (MemNetwork::new(1), MemLedger::new());
        let alice = start(&network, "alice", Stuck(ledger.clone()));
        let trade = join_trade(&alice).await;
        for seq in 0..10 {
            assert!(trade.publish(seq, block(seq)).await.unwrap().fresh);
        }
        trade.wait_height(3).await.unwrap();
        alice.shutdown().await;
        assert_eq!(chain(&ledger), blocks(3), "published, but not stored");

        let alice = start(&network, "alice", ledger.clone());
        let trade = join_trade(&alice).await;
        for seq in trade.height()..10 {
            assert!(trade.publish(seq, block(seq)).await.unwrap().fresh);
        }
        trade.wait_height(10).await.unwrap();
        assert_eq!(chain(&ledger), blocks(10));
    });
}

#[test]
fn a_block_that_is_published_again_changes_nothing() {
    run(async {
        let [(_alice, trade, first), (_bob, other, second)] = pair(&MemNetwork::new(1)).await;
        assert!(trade.publish(0, block(0)).await.unwrap().fresh);
        other.wait_height(1).await.unwrap();
        for channel in [&trade, &other] {
            let again = channel.publish(0, block(0)).await.unwrap();
            assert!(!again.fresh && again.push.sent.queued.is_empty());
        }
        assert_eq!((chain(&first), chain(&second)), (blocks(1), blocks(1)));
    });
}

#[test]
fn coverage_means_that_other_ledgers_have_stored_the_block() {
    run(async {
        let [(_alice, trade, first), (bob, _, second)] = pair(&MemNetwork::new(1)).await;
        for seq in 0..BLOCKS {
            trade.publish(seq, block(seq)).await.unwrap();
            let soon = Duration::from_secs(60);
            let holders = trade
                .wait_coverage(seq, Coverage::AllOfOrg, soon)
                .await
                .unwrap();
            assert_eq!(holders, [bob.local_member().peer.clone()]);
            assert_eq!(chain(&second), blocks(seq + 1));
        }
        trade.wait_height(BLOCKS).await.unwrap();
        assert_eq!(chain(&first), blocks(BLOCKS));
    });
}

#[test]
fn a_peer_that_was_down_gets_the_blocks_it_lacks() {
    run(async {
        let network = MemNetwork::new(1);
        let [(_alice, trade, _), (bob, other, second)] = pair(&network).await;
        trade.publish(0, block(0)).await.unwrap();
        other.wait_height(1).await.unwrap();
        bob.shutdown().await;
        for seq in 1..BLOCKS {
            trade.publish(seq, block(seq)).await.unwrap();
        }
        let bob = start(&network, "bob", second.clone());
        join_trade(&bob).await.wait_height(BLOCKS).await.unwrap();
        assert_eq!(chain(&second), blocks(BLOCKS));

        let late = MemLedger::new();
        let carol = start(&network, "carol", late.clone());
        join_trade(&carol).await.wait_height(BLOCKS).await.unwrap();
        assert_eq!(chain(&late), blocks(BLOCKS));
    });
}

#[test]
fn a_block_that_does_not_verify_is_neither_stored_nor_passed_on() {
    run(async {
        let [(alice, trade, first), (bob, other, second)] = pair(&MemNetwork::new(1)).await;
        let bad = trade.publish(0, "bad").await;
        assert!(matches!(bad, Err(PublishError::BadBlock(_))), "{bad:?}");
        let mut validator = trade.validator().await.unwrap();
        let rejecting = async { validator.next().await.unwrap().reject() };
        let (rejected, ()) = join(trade.publish(0, "unwanted"), rejecting).await;
        assert_eq!(rejected, Err(PublishError::Rejected));
        validator.finish();
        trade.publish(0, block(0)).await.unwrap();
        other.wait_height(1).await.unwrap();
        trade.wait_height(1).await.unwrap();
        assert_eq!((chain(&first), chain(&second)), (blocks(1), blocks(1)));
        assert_eq!(bob.metrics().core.violations, 0, "neither has reached Bob");
        assert_eq!(alice.metrics().core.blocks_published, 1);
    });
}

#[test]
fn a_ledger_that_fails_halts_its_channel_and_no_block_is_skipped() {
    run(async {
        let [(_alice, trade, first), (_bob, other, second)] = pair(&MemNetwork::new(1)).await;
        second.fail_from(3);
        for seq in 0..BLOCKS {
            trade.publish(seq, block(seq)).await.unwrap();
        }
        let halted = other.wait_height(BLOCKS).await;
        assert!(
            matches!(halted, Err(HeightError::Halted { .. })),
            "{halted:?}"
        );
        let halted = other.publish(BLOCKS, block(BLOCKS)).await;
        assert!(
            matches!(halted, Err(PublishError::Halted { .. })),
            "{halted:?}"
        );
        trade.wait_height(BLOCKS).await.unwrap();
        assert_eq!((chain(&first), chain(&second)), (blocks(BLOCKS), blocks(3)));
    });
}

const QUESTIONS: &str = "questions";

fn question() -> Message {
    Message::new(QUESTIONS, "how much is it?").in_channel("trade")
}

fn peer(gossip: &Gossip) -> PeerId {
    gossip.local_member().peer.clone()
}

#[test]
fn a_message_without_a_listener_is_lost_without_an_error_at_its_sender() {
    run(async {
        let [(alice, ..), (bob, ..)] = pair(&MemNetwork::new(1)).await;
        let lost = alice.send_to(question(), [peer(&bob)]).await.unwrap();
        assert_eq!(lost.outcome.queued, [peer(&bob)]);
        while bob.metrics().core.messages_unheard == 0 {
            smol::Timer::after(Duration::from_millis(1)).await;
        }
        let mut questions = bob.messages(QUESTIONS).await.unwrap();
        let second = alice.send_to(question(), [peer(&bob)]).await.unwrap();
        let received = questions.next().await.unwrap().message().unwrap();
        assert_eq!(
            received.message().nonce,
            second.nonce,
            "the first message is lost"
        );
    });
}

#[test]
fn a_message_to_a_peer_that_cannot_be_reached_waits_and_is_then_lost() {
    run(async {
        let network = MemNetwork::new(1);
        let [(alice, ..), (bob, ..)] = pair(&network).await;
        let mut questions = bob.messages(QUESTIONS).await.unwrap();
        let send = async || alice.send_to(question(), [peer(&bob)]).await.unwrap();
        let cut = async || {
            network.cut("alice", "bob");
            while alice.members().iter().any(|member| member.connected) {
                smol::Timer::after(Duration::from_millis(1)).await;
            }
        };
        cut().await;
        let held = send().await;
        assert_eq!(held.outcome.dialling, [peer(&bob)]);
        network.heal("alice", "bob");
        let received = questions.next().await.unwrap().message().unwrap();
        assert_eq!(received.message().nonce, held.nonce, "it waited");

        cut().await;
        send().await;
        let waiting = async || {
            let snapshot = alice.snapshot().await.unwrap();
            let mut stores = snapshot.stores.iter();
            let store = stores.find(|store| store.name == "messages that wait for a dial");
            store.unwrap().entries
        };
        while waiting().await > 0 {
            smol::Timer::after(Duration::from_millis(10)).await;
        }
        assert!(alice.metrics().core.dropped[&DropReason::DialFailed] > 0);
        network.heal("alice", "bob");
        while !alice.members().iter().any(|member| member.connected) {
            smol::Timer::after(Duration::from_millis(1)).await;
        }
        let next = send().await;
        let received = questions.next().await.unwrap().message().unwrap();
        assert_eq!(
            received.message().nonce,
            next.nonce,
            "the earlier message is lost"
        );
    });
}

#[test]
fn a_message_that_was_received_and_not_acknowledged_does_not_count_as_delivered() {
    run(async {
        let [(alice, ..), (bob, ..)] = pair(&MemNetwork::new(1)).await;
        let mut questions = bob.messages(QUESTIONS).await.unwrap();
        let soon = Criteria::new(Duration::from_millis(100));
        let sending = alice.send_acknowledged(question(), soon);
        let (sent, received) = join(sending, questions.next()).await;
        assert!(received.unwrap().message().is_some());
        let Err(SendAcknowledgedError::NotAcknowledged { failures, .. }) = sent else {
            panic!("{sent:?}");
        };
        assert_eq!(failures[0].0, peer(&bob));
    });
}

#[test]
fn a_message_that_is_sent_until_it_is_acknowledged_is_delivered_at_least_once() {
    run(async {
        let [(alice, ..), (bob, ..)] = pair(&MemNetwork::new(1)).await;
        let mut questions = bob.messages(QUESTIONS).await.unwrap();
        let received = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&received);
        // Acknowledges the third copy only.
        smol::spawn(async move {
            while let Some(delivered) = questions.next().await {
                let message = delivered.message().unwrap();
                if counter.fetch_add(1, Ordering::SeqCst) + 1 >= 3 {
                    message.ack().await.unwrap();
                }
            }
        })
        .detach();
        loop {
            let soon = Criteria::new(Duration::from_millis(200));
            match alice.send_acknowledged(question(), soon).await {
                Ok(by) => break assert_eq!(by, [peer(&bob)]),
                Err(SendAcknowledgedError::NotAcknowledged { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert!(
            received.load(Ordering::SeqCst) >= 3,
            "duplicates are received"
        );
    });
}

#[test]
fn a_slow_reader_loses_items_and_reads_how_many() {
    run(async {
        let [(alice, trade, _), (bob, other, _)] = pair(&MemNetwork::new(1)).await;
        let mut messages = bob.messages(QUESTIONS).await.unwrap();
        let mut notifications = bob.notifications();
        for seq in 0..BLOCKS {
            alice.send_to(question(), [peer(&bob)]).await.unwrap();
            trade.publish(seq, block(seq)).await.unwrap();
        }
        other.wait_height(BLOCKS).await.unwrap();
        while bob.metrics().driver.deliveries_dropped < BLOCKS - 8 {
            smol::Timer::after(Duration::from_millis(1)).await;
        }
        bob.shutdown().await;
        let (mut read, mut lost) = (0, 0);
        while let Some(delivered) = messages.next().await {
            match delivered {
                Delivered::Message(_) => read += 1,
                Delivered::Lagged(count) => lost += count,
            }
        }
        assert_eq!((read, lost), (8, BLOCKS - 8));
        let mut lost = 0;
        while let Some(notice) = notifications.next().await {
            if let Notice::Lagged(count) = notice {
                lost += count;
            }
        }
        assert!(lost >= BLOCKS - 8, "{lost} notifications");
    });
}
