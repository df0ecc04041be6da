//! Operations on a channel and its blocks.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::join;
use gossip_driver::core::proto::Chaincode;
use gossip_driver::core::{ChannelId, Coverage, CryptoError, JoinChannel, LedgerError, OrgId};
use gossip_driver::error::{
    BadEndpoint, ChaincodesError, ChannelError, CoverageError, EndpointError, EndpointFault,
    GossipError, HeightError, JoinError, LeaveError, MetadataError, PublishError, ResumeError,
    SendAcknowledgedError, TryPublishError, ValidatorError,
};
use gossip_driver::fabric::GossipService as _;
use gossip_driver::testing::{MemLedger, TestCrypto};
use gossip_driver::{Criteria, Ledger};

use super::support::{Net, node, org1, run};
use super::{ONE, alice, alice_with, block, question, trade, unknown};

fn members(sequence: u64, orgs: &[&str]) -> JoinChannel {
    let orgs = orgs
        .iter()
        .map(|org| (OrgId::new(org.as_bytes()), Vec::new()));
    let members: BTreeMap<_, _> = orgs.collect();
    JoinChannel { sequence, members }
}

/// A ledger without blocks, whose `height` waits for the test.
struct Held(Receiver<Result<u64, LedgerError>>);

impl Held {
    fn new() -> (Self, Sender<Result<u64, LedgerError>>) {
        let (sender, receiver) = async_channel::bounded(1);
        (Self(receiver), sender)
    }
}

impl Ledger for Held {
    async fn height(&self, _: &ChannelId) -> Result<u64, LedgerError> {
        self.0.recv().await.unwrap_or(Ok(0))
    }

    async fn commit(&self, _: &ChannelId, _: u64, _: Bytes) -> Result<(), LedgerError> {
        Ok(())
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
fn joining_reports_each_error_of_a_configuration() {
    run(async {
        let alice = alice(|config| config.channel.max_channels = ONE);
        let join = async |name: &str, config| alice.join_channel(name, config).await.err();
        assert_eq!(join("", org1()).await, Some(JoinError::Unnamed));
        let long = join(&"x".repeat(100_000), org1()).await;
        assert!(matches!(long, Some(JoinError::TooLong(_))), "{long:?}");
        assert_eq!(
            join("trade", members(1, &[])).await,
            Some(JoinError::NoMembers)
        );
        let foreign = || Some(JoinError::NotAMember(OrgId::new(b"org1")));
        assert_eq!(join("trade", members(1, &["org2"])).await, foreign());
        assert_eq!(join("trade", members(5, &["org1"])).await, None);
        let (given, current) = (4, 5);
        let old = JoinError::OldConfiguration { given, current };
        assert_eq!(join("trade", members(4, &["org1"])).await, Some(old));
        let other = JoinError::OtherMembers { sequence: 5 };
        let both = members(5, &["org1", "org2"]);
        assert_eq!(join("trade", both).await, Some(other));
        assert_eq!(
            join("other", org1()).await,
            Some(JoinError::TooManyChannels(1))
        );
        assert_eq!(join("trade", members(5, &["org2"])).await, foreign());
        assert_eq!(alice.channels().len(), 1, "the configuration is not newer");
        assert_eq!(join("trade", members(6, &["org2"])).await, foreign());
        assert_eq!(alice.channels().len(), 0, "the channel has been left");
    });
}

#[test]
fn joining_waits_for_the_ledger_and_reports_its_failure() {
    run(async {
        let (ledger, height) = Held::new();
        let alice = alice_with(ledger, |_| {});
        let join_trade = || alice.join_channel("trade", org1()).boxed();
        let (first, second) = join(join_trade(), async {
            let second = join_trade().await.err();
            height.send(Ok(0)).await.unwrap();
            second
        })
        .await;
        assert_eq!(second, Some(JoinError::Busy));
        first.unwrap().leave().await.unwrap();

        let leaving = async { while alice.leave_chan("trade").await.is_err() {} };
        let (left, ()) = join(join_trade(), leaving).await;
        assert_eq!(left.err(), Some(JoinError::Left(unknown())));

        // For the abandoned join, whose read of the ledger still waits.
        height.send(Ok(0)).await.unwrap();
        while !height.is_empty() {
            async_io::Timer::after(Duration::from_millis(1)).await;
        }
        let failure = LedgerError::Storage("unreadable".into());
        let failing = async { height.send(Err(failure.clone())).await.unwrap() };
        let (failed, ()) = join(join_trade(), failing).await;
        assert_eq!(failed.err(), Some(JoinError::Ledger(failure)));
    });
}

#[test]
fn publishing_reports_each_error_of_a_block() {
    run(async {
        let ledger = MemLedger::new();
        ledger.fail_from(1);
        let alice = alice_with(ledger, |config| config.limits.max_envelope = 1 << 20);
        let trade = trade(&alice).await;
        let bad = PublishError::BadBlock(CryptoError::BadBlock);
        assert_eq!(trade.publish(0, "bad").await, Err(bad.clone()));
        let tried = trade.try_publish(0, "bad").unwrap().await;
        assert_eq!(tried, Err(TryPublishError::Publish(bad)));
        let long = trade.publish(0, vec![0; 2 << 20]).await;
        assert!(matches!(long, Err(PublishError::TooLong(_))), "{long:?}");
        for seq in 0..2 {
            trade.publish(seq, "good").await.unwrap();
        }
        assert!(matches!(
            trade.wait_height(2).await,
            Err(HeightError::Halted { .. })
        ));
        let halted = trade.publish(2, "good").await;
        assert!(
            matches!(halted, Err(PublishError::Halted { .. })),
            "{halted:?}"
        );
        let halted = trade.try_publish(2, "good").err();
        let is_halted = matches!(
            halted,
            Some(TryPublishError::Publish(PublishError::Halted { .. }))
        );
        assert!(is_halted, "{halted:?}");
        assert!(matches!(
            trade.resume_from(1).await,
            Err(ResumeError::Halted { .. })
        ));
    });
}

#[test]
fn the_publisher_of_a_block_whose_check_takes_too_long_gets_an_error() {
    run(async {
        let (release, gate) = async_channel::bounded::<()>(1);
        let crypto = TestCrypto::new("org1", "alice")
            .with_block_check(move |_, _, _| gate.recv_blocking().is_err());
        let alice = node(crypto, &[])
            .transport(Net::default().join("alice"))
            .ledger(MemLedger::new())
            .configure(|config| config.gate.check_timeout = Duration::from_millis(20))
            .configure_driver(|driver| driver.crypto_threads = 2.try_into().ok())
            .spawn()
            .unwrap();
        let trade = trade(&alice).await;
        assert_eq!(
            trade.publish(0, "a block").await,
            Err(PublishError::Overloaded)
        );
        // A later number does not wait for a height that may never grow.
        assert_eq!(
            trade.publish(1, "a later block").await,
            Err(PublishError::Overloaded)
        );
        drop(release);
        trade.publish(0, "a block").await.unwrap();
        trade.wait_height(1).await.unwrap();
    });
}

#[test]
fn a_channel_that_was_left_is_unknown_to_each_operation() {
    run(async {
        let alice = alice(|_| {});
        let trade = trade(&alice).await;
        trade.clone().leave().await.unwrap();
        let published = trade.publish(0, "a block").await;
        assert_eq!(published, Err(PublishError::UnknownChannel(unknown())));
        let published = trade.try_publish(0, "a block").err();
        let left = PublishError::UnknownChannel(unknown());
        assert_eq!(published, Some(TryPublishError::Publish(left)));
        let reached = trade.wait_height(0).await;
        assert_eq!(reached, Err(HeightError::UnknownChannel(unknown())));
        let peers = trade.wait_peers(0).await;
        assert_eq!(peers, Err(ChannelError::UnknownChannel(unknown())));
        let covered = trade
            .wait_coverage(0, Coverage::One, Duration::from_secs(60))
            .await;
        assert_eq!(covered, Err(CoverageError::UnknownChannel(unknown())));
        let validator = trade.validator().await.err();
        assert_eq!(validator, Some(ValidatorError::UnknownChannel(unknown())));
        let listed = trade.set_chaincodes(Vec::new()).await;
        assert_eq!(listed, Err(ChaincodesError::UnknownChannel(unknown())));
        let resumed = trade.resume_from(0).await;
        assert_eq!(resumed, Err(ResumeError::UnknownChannel(unknown())));
        let left = trade.leave().await;
        assert_eq!(left, Err(LeaveError::UnknownChannel(unknown())));
        let filter = alice.peer_filter("trade", |_| true).err();
        assert_eq!(filter, Some(ChannelError::UnknownChannel(unknown())));
        let criteria = Criteria::new(Duration::from_secs(60)).channel("trade");
        let sent = alice.send_acknowledged(question(), criteria).await;
        assert_eq!(sent, Err(SendAcknowledgedError::UnknownChannel(unknown())));
        let spread = alice.gossip("trade", block(0, "a block")).await;
        assert_eq!(spread, Err(GossipError::UnknownChannel(unknown())));
    });
}

#[test]
fn too_many_waits_for_coverage_are_refused_and_a_timeout_names_the_members_without_the_block() {
    run(async {
        let alice = alice(|config| config.channel.max_coverage_waits = ONE);
        let trade = trade(&alice).await;
        let wait = |millis| {
            let timeout = Duration::from_millis(millis);
            trade.wait_coverage(0, Coverage::One, timeout).boxed()
        };
        let (timed_out, refused) = join(wait(100), wait(60_000)).await;
        let (holding, wanted, lacking) = (0, 1, Vec::new());
        let not_covered = CoverageError::NotCovered {
            holding,
            wanted,
            lacking,
        };
        assert_eq!(timed_out, Err(not_covered));
        assert_eq!(refused, Err(CoverageError::Busy));
    });
}

#[test]
fn texts_that_are_too_long_are_refused_with_their_limit() {
    run(async {
        let alice = alice(|config| {
            config.limits.max_metadata = 100;
            config.limits.max_name = 10;
        });
        let trade = trade(&alice).await;
        let Err(MetadataError::TooLong(long)) = alice.set_metadata(vec![0; 101]).await else {
            panic!("the metadata is accepted");
        };
        assert_eq!((long.actual, long.limit), (101, 100));
        let expected = "the metadata is 101 bytes long, at most 100 are allowed: shorten it";
        assert_eq!(long.to_string(), expected);
        alice.set_metadata(vec![0; 100]).await.unwrap();

        let endpoint = format!("{}:7051", "x".repeat(10_000));
        let moved = alice
            .set_external_endpoint(Some(endpoint.as_str().into()))
            .await;
        assert!(matches!(moved, Err(EndpointError::TooLong(_))), "{moved:?}");
        let moved = alice
            .set_external_endpoint(Some("0.0.0.0:7051".into()))
            .await;
        assert_eq!(
            moved,
            Err(EndpointError::NotDialable(BadEndpoint {
                endpoint: "0.0.0.0:7051".into(),
                fault: EndpointFault::Unspecified,
            }))
        );

        let cars = |name: String| Chaincode {
            name,
            version: "1".into(),
            metadata: Bytes::new(),
        };
        let listed = trade.set_chaincodes(vec![cars("x".repeat(11))]).await;
        assert!(
            matches!(listed, Err(ChaincodesError::TooLong(_))),
            "{listed:?}"
        );
        trade
            .set_chaincodes(vec![cars("x".repeat(10))])
            .await
            .unwrap();
    });
}

#[test]
fn a_second_resumption_and_an_unreadable_ledger_are_refused() {
    run(async {
        let (ledger, height) = Held::new();
        height.send(Ok(0)).await.unwrap();
        let alice = alice_with(ledger, |_| {});
        let trade = trade(&alice).await;
        let failure = LedgerError::Storage("unreadable".into());
        let (first, second) = join(trade.resume_from(1).boxed(), async {
            let second = trade.resume_from(1).await;
            height.send(Err(failure.clone())).await.unwrap();
            second
        })
        .await;
        assert_eq!(second, Err(ResumeError::Busy));
        assert_eq!(first, Err(ResumeError::Ledger(failure)));
    });
}
