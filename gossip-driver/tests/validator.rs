//! Validation of blocks by the application, and external commits.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::{join, join3};
use gossip_driver::core::ChannelId;
use gossip_driver::error::{PublishError, ResumeError, TryPublishError, ValidatorError};
use gossip_driver::testing::{MemLedger, TestCrypto};
use gossip_driver::{Channel, Gossip, Ledger, Notice, Validator};

use support::{Net, eventually, node, org1, run};

fn start(net: &Net, name: &str, ledger: impl Ledger) -> Gossip {
    let builder = node(TestCrypto::new("org1", name), &["alice"]);
    let builder = builder.transport(net.join(name)).ledger(ledger);
    builder.spawn().unwrap()
}

async fn joined(gossip: &Gossip) -> Channel {
    gossip.join_channel("trade", org1()).await.unwrap()
}

fn block(seq: u64) -> Bytes {
    format!("block {seq}").into()
}

/// Accepts `count` blocks. Returns the number of each, and whether a peer sent it.
async fn accept(validator: &mut Validator, count: usize) -> Vec<(u64, bool)> {
    let mut seen = Vec::new();
    for _ in 0..count {
        let candidate = validator.next().await.unwrap();
        assert_eq!(candidate.block, block(candidate.seq));
        seen.push((candidate.seq, candidate.from.is_some()));
        candidate.accept();
    }
    seen
}

#[test]
fn blocks_wait_for_the_applications_verdict_at_their_publisher_and_at_others() {
    run(async {
        let net = Net::default();
        let (alice, bob) = (
            start(&net, "alice", MemLedger::new()),
            start(&net, "bob", MemLedger::new()),
        );
        let (publisher, receiver) = (joined(&alice).await, joined(&bob).await);
        publisher.wait_peers(1).await.unwrap();
        let mut own = publisher.validator().await.unwrap();
        let mut others = receiver.validator().await.unwrap();

        let publish = publisher.publish(0, block(0));
        let (published, own_seen, seen) =
            join3(publish, accept(&mut own, 1), accept(&mut others, 1)).await;
        assert!(published.unwrap().fresh);
        assert_eq!((own_seen, seen), (vec![(0, false)], vec![(0, true)]));
        receiver.wait_height(1).await.unwrap();

        let refusals = async {
            own.next().await.unwrap().reject();
            drop(own.next().await.unwrap());
        };
        let publish = async {
            let rejected = publisher.publish(1, block(1)).await.err();
            (rejected, publisher.publish(1, block(1)).await.err())
        };
        let (errors, ()) = join(publish, refusals).await;
        let expected = (Some(PublishError::Rejected), Some(PublishError::Ignored));
        assert_eq!(errors, expected, "a dropped candidate is ignored");
        assert_eq!(alice.metrics().core.blocks_rejected, 1);

        own.finish();
        publisher.publish(1, block(1)).await.unwrap();
        assert_eq!(accept(&mut others, 1).await, [(1, true)]);
        receiver.wait_height(2).await.unwrap();
    });
}

#[test]
fn a_channel_has_one_validator_at_a_time_which_ends_with_the_channel() {
    run(async {
        let alice = start(&Net::default(), "alice", MemLedger::new());
        let channel = joined(&alice).await;
        let first = channel.validator().await.unwrap();
        let taken = ValidatorError::Taken(channel.id().clone());
        assert_eq!(channel.validator().await.err(), Some(taken));
        first.finish();
        let mut second = channel.validator().await.unwrap();
        channel.clone().leave().await.unwrap();
        assert!(second.next().await.is_none(), "the channel was left");
        let unknown = channel.validator().await.err();
        assert_eq!(
            unknown,
            Some(ValidatorError::UnknownChannel(channel.id().clone()))
        );
        let channel = joined(&alice).await;
        let mut third = channel.validator().await.unwrap();
        alice.shutdown().await;
        assert!(third.next().await.is_none(), "the node has stopped");
        assert_eq!(
            channel.validator().await.err(),
            Some(ValidatorError::Stopped)
        );
    });
}

#[test]
fn no_block_is_stored_after_the_validator_was_lost_until_there_is_another() {
    run(async {
        let alice = start(&Net::default(), "alice", MemLedger::new());
        let channel = joined(&alice).await;
        let mut notices = alice.notifications();
        let mut validator = channel.validator().await.unwrap();
        let task = std::thread::spawn(move || {
            let candidate = async_io::block_on(validator.next());
            panic!("the task of a validator: {candidate:?}");
        });
        let ignored = Err(PublishError::Ignored);
        assert_eq!(channel.publish(0, block(0)).await, ignored);
        assert!(task.join().is_err());
        for _ in 0..2 {
            assert_eq!(channel.publish(0, block(0)).await, ignored);
        }
        let lost = Notice::ValidatorLost(channel.id().clone());
        while notices.next().await.unwrap() != lost {}
        assert_eq!(alice.metrics().driver.candidates_unvalidated, 2);
        assert_eq!(channel.height(), 0);

        let mut next = channel.validator().await.unwrap();
        let publication = channel.try_publish(0, block(0)).unwrap();
        assert_eq!(accept(&mut next, 1).await, [(0, false)]);
        assert!(publication.await.unwrap().fresh);
        channel.wait_height(1).await.unwrap();
    });
}

#[test]
fn a_finished_validator_delays_no_block() {
    run(async {
        let alice = start(&Net::default(), "alice", MemLedger::new());
        let channel = joined(&alice).await;
        let mut validator = channel.validator().await.unwrap();
        let waiting = channel.try_publish(0, block(0)).unwrap();
        let taken = validator.next().await.unwrap();
        let queued = channel.try_publish(1, block(1)).unwrap();
        let validated = || alice.metrics().core.validations >= 2;
        eventually("two validations", validated).await;
        validator.finish();
        assert_eq!(
            queued.await,
            Err(TryPublishError::Publish(PublishError::Ignored))
        );
        channel.publish(1, block(1)).await.unwrap();
        taken.accept();
        assert!(
            waiting.await.unwrap().fresh,
            "a candidate outlives its stream"
        );
        channel.wait_height(2).await.unwrap();
    });
}

#[test]
fn the_node_continues_after_an_external_commit() {
    run(async {
        let ledger = MemLedger::new();
        let alice = start(&Net::default(), "alice", ledger.clone());
        let channel = joined(&alice).await;
        channel.publish(0, block(0)).await.unwrap();
        channel.wait_height(1).await.unwrap();
        let behind = ResumeError::LedgerBehind {
            given: 3,
            actual: 1,
        };
        assert_eq!(channel.resume_from(3).await, Err(behind));
        let trade = ChannelId::new("trade");
        for seq in 1..3 {
            ledger.commit(&trade, seq, block(seq)).await.unwrap();
        }
        assert_eq!(channel.resume_from(3).await, Ok(3));
        assert_eq!(channel.height(), 3);
        channel.publish(3, block(3)).await.unwrap();
        channel.wait_height(4).await.unwrap();
        let lower = ResumeError::LowerHeight {
            given: 2,
            current: 4,
        };
        assert_eq!(channel.resume_from(2).await, Err(lower));
    });
}
