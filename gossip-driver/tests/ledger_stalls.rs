//! A ledger that does not answer.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use bytes::Bytes;
use futures_util::StreamExt as _;
use gossip_driver::core::{ChannelId, LedgerError};
use gossip_driver::error::JoinError;
use gossip_driver::testing::{MemLedger, TestCrypto};
use gossip_driver::{Gossip, Ledger, LedgerOperation, LedgerStall, Notice};

use support::{Net, eventually, node, org1, run};

/// A ledger whose methods wait until the test drops the other end of the gate.
struct Stuck {
    ledger: MemLedger,
    /// Whether `height` waits.
    slow: Arc<AtomicBool>,
    height: Receiver<()>,
    commit: Receiver<()>,
}

impl Ledger for Stuck {
    async fn height(&self, channel: &ChannelId) -> Result<u64, LedgerError> {
        if self.slow.load(Ordering::SeqCst) {
            let _ = self.height.recv().await;
        }
        self.ledger.height(channel).await
    }

    async fn commit(&self, channel: &ChannelId, seq: u64, block: Bytes) -> Result<(), LedgerError> {
        let _ = self.commit.recv().await;
        self.ledger.commit(channel, seq, block).await
    }

    async fn read(
        &self,
        channel: &ChannelId,
        range: RangeInclusive<u64>,
        max_bytes: u64,
    ) -> Result<Vec<Bytes>, LedgerError> {
        self.ledger.read(channel, range, max_bytes).await
    }
}

/// A node, and the gates of its ledger's height and commits.
fn start() -> (Gossip, Sender<()>, Sender<()>) {
    start_with(Arc::new(AtomicBool::new(true)))
}

fn start_with(slow: Arc<AtomicBool>) -> (Gossip, Sender<()>, Sender<()>) {
    let (open_height, height) = async_channel::bounded(1);
    let (open_commit, commit) = async_channel::bounded(1);
    let ledger = Stuck {
        ledger: MemLedger::new(),
        slow,
        height,
        commit,
    };
    let builder = node(TestCrypto::new("org1", "alice"), &[]);
    let builder = builder.transport(Net::default().join("alice"));
    let gossip = builder
        .ledger(ledger)
        .configure_driver(|driver| driver.ledger_timeout = Duration::from_millis(20))
        .spawn()
        .unwrap();
    (gossip, open_height, open_commit)
}

/// The next stall that is reported from now on.
fn stalled(gossip: &Gossip, operation: LedgerOperation) -> impl Future<Output = LedgerStall> {
    let mut notices = gossip.notifications();
    async move {
        loop {
            if let Notice::LedgerStalled(stall) = notices.next().await.unwrap() {
                assert_eq!(stall.operation, operation);
                return stall;
            }
        }
    }
}

#[test]
fn a_channel_whose_height_is_not_known_in_time_is_not_joined() {
    run(async {
        let (alice, open_height, _open_commit) = start();
        let reported = stalled(&alice, LedgerOperation::Height);
        let joined = alice.join_channel("trade", org1());
        let (joined, stall) = futures_util::join!(joined, reported);
        let error = joined.unwrap_err();
        assert!(matches!(error, JoinError::Ledger(_)), "{error}");
        assert!(error.to_string().contains("does not answer"), "{error}");
        assert_eq!(alice.ledger_stalls(), std::slice::from_ref(&stall));
        for _ in 0..3 {
            let again = alice.join_channel("trade", org1()).await;
            assert!(matches!(again, Err(JoinError::Ledger(_))), "{again:?}");
        }
        assert_eq!(alice.ledger_stalls(), [stall], "no operation was added");
        drop(open_height);
        let ended = || alice.ledger_stalls().is_empty();
        eventually("the operation ends", ended).await;
        alice.join_channel("trade", org1()).await.unwrap();
    });
}

#[test]
fn a_joined_channel_waits_for_a_height_that_takes_long() {
    run(async {
        let slow = Arc::new(AtomicBool::new(false));
        let (alice, open_height, open_commit) = start_with(Arc::clone(&slow));
        drop(open_commit);
        let trade = alice.join_channel("trade", org1()).await.unwrap();
        trade.publish(0, "a block").await.unwrap();
        trade.wait_height(1).await.unwrap();
        slow.store(true, Ordering::SeqCst);
        let reported = stalled(&alice, LedgerOperation::Height);
        let waiting = async {
            reported.await;
            drop(open_height);
        };
        let (resumed, ()) = futures_util::join!(trade.resume_from(1), waiting);
        assert_eq!(resumed, Ok(1));
        assert_eq!(trade.info().unwrap().halted, None);
    });
}

#[test]
fn a_commit_that_does_not_end_is_reported_until_it_does() {
    run(async {
        let (alice, open_height, open_commit) = start();
        drop(open_height);
        let trade = alice.join_channel("trade", org1()).await.unwrap();
        let reported = stalled(&alice, LedgerOperation::Commit);
        trade.publish(0, "a block").await.unwrap();
        let stall = reported.await;
        assert_eq!(stall.channel, ChannelId::new("trade"));
        assert_eq!(alice.ledger_stalls(), [stall]);
        assert_eq!(alice.metrics().driver.ledger_stalls, 1);
        assert_eq!(trade.height(), 0);
        drop(open_commit);
        trade.wait_height(1).await.unwrap();
        let ended = || alice.ledger_stalls().is_empty();
        eventually("the operation ends", ended).await;
    });
}
