//! After a shutdown each operation fails with `Stopped`, and the snapshots keep their last values.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use futures_util::future::{join, join_all};
use futures_util::{FutureExt as _, StreamExt as _};
use gossip_driver::core::Coverage;
use gossip_driver::core::proto::{Content, GossipMessage, Kind};
use gossip_driver::error::{
    AckError, ChaincodesError, ChannelError, CoverageError, EndpointError, GossipError,
    HeightError, JoinError, LeaveError, MetadataError, PublishError, QueryError, RespondError,
    ResumeError, RevalidateError, SendAcknowledgedError, SendError, Stopped, TryPublishError,
    ValidatorError,
};
use gossip_driver::fabric::GossipService as _;
use gossip_driver::testing::{MemLedger, TestCrypto};
use gossip_driver::{Channel, Criteria, Gossip, Message, ReceivedMessage};

use support::{Net, node, org1, run};

fn start(net: &Net, name: &str) -> Gossip {
    let builder = node(TestCrypto::new("org1", name), &["alice"]);
    let builder = builder.transport(net.join(name)).ledger(MemLedger::new());
    builder.spawn().unwrap()
}

fn is_question(message: &GossipMessage) -> bool {
    message.content.kind() == Kind::PrivateRequest
}

fn question() -> Message {
    Message::from(Content::PrivateRequest(Vec::new())).in_channel("trade")
}

/// Alice and Bob in a channel with three blocks, and a message that Alice has received.
async fn network() -> (Gossip, Gossip, Channel, ReceivedMessage) {
    let net = Net::default();
    let (alice, bob) = (start(&net, "alice"), start(&net, "bob"));
    let trade = alice.join_channel("trade", org1()).await.unwrap();
    let other = bob.join_channel("trade", org1()).await.unwrap();
    trade.wait_peers(1).await.unwrap();
    for seq in 0..3 {
        trade.publish(seq, "a block").await.unwrap();
    }
    trade.wait_height(3).await.unwrap();
    other.wait_height(3).await.unwrap();
    bob.wait_members(1).await.unwrap();
    let mut questions = alice.incoming(is_question).await.unwrap();
    let to = [alice.local_member().peer.clone()];
    bob.send_to(question(), to).await.unwrap();
    let received = questions.next().await.unwrap().message().unwrap();
    (alice, bob, trade, received)
}

#[test]
fn after_a_shutdown_each_operation_fails_with_stopped() {
    run(async {
        let (alice, bob, trade, received) = network().await;
        join_all([alice.shutdown(), alice.shutdown()]).await;
        alice.shutdown().await;
        assert!(alice.is_stopped());

        let joined = alice.join_channel("other", org1()).await.err();
        assert_eq!(joined, Some(JoinError::Stopped));
        assert_eq!(alice.wait_members(0).await, Err(Stopped));
        assert_eq!(alice.identities().await, Err(QueryError::Stopped));
        let purged = alice.revalidate_identities(|_| true).await;
        assert_eq!(purged, Err(RevalidateError::Stopped));
        assert_eq!(alice.set_metadata("new").await, Err(MetadataError::Stopped));
        let moved = alice.set_external_endpoint(Some("alice".into())).await;
        assert_eq!(moved, Err(EndpointError::Stopped));
        assert_eq!(alice.snapshot().await, Err(QueryError::Stopped));
        let sent = alice.send_to(question(), []).await;
        assert_eq!(sent, Err(SendError::Stopped));
        let criteria = || Criteria::new(Duration::from_secs(60));
        let sent = alice.send_acknowledged(question(), criteria()).await;
        assert_eq!(sent, Err(SendAcknowledgedError::Stopped));
        let accepted = alice.accepted(|_| true).await.err();
        assert_eq!(accepted, Some(QueryError::Stopped));
        let incoming = alice.incoming(|_| true).await.err();
        assert_eq!(incoming, Some(QueryError::Stopped));
        let answered = received.respond(Content::Empty).await;
        assert_eq!(answered, Err(RespondError::Stopped));
        assert_eq!(received.ack().await, Err(AckError::Stopped));
        assert_eq!(received.nack("no").await, Err(AckError::Stopped));

        let published = trade.publish(3, "late").await;
        assert_eq!(published, Err(PublishError::Stopped));
        let published = trade.try_publish(3, "late").err();
        assert_eq!(
            published,
            Some(TryPublishError::Publish(PublishError::Stopped))
        );
        for height in [0, 3, 4] {
            assert_eq!(trade.wait_height(height).await, Err(HeightError::Stopped));
        }
        assert_eq!(trade.wait_peers(0).await, Err(ChannelError::Stopped));
        let covered = trade
            .wait_coverage(0, Coverage::One, Duration::from_secs(60))
            .await;
        assert_eq!(covered, Err(CoverageError::Stopped));
        assert_eq!(trade.validator().await.err(), Some(ValidatorError::Stopped));
        let listed = trade.set_chaincodes(Vec::new()).await;
        assert_eq!(listed, Err(ChaincodesError::Stopped));
        assert_eq!(trade.resume_from(3).await, Err(ResumeError::Stopped));
        assert_eq!(trade.leave().await, Err(LeaveError::Stopped));
        bob.shutdown().await;
    });
}

#[test]
fn after_a_shutdown_each_method_of_fabrics_interface_fails_with_stopped() {
    run(async {
        let (alice, bob, trade, _) = network().await;
        alice.stop().await;
        let own = alice.local_member().peer.clone();
        assert_eq!(alice.send(question(), []).await, Err(SendError::Stopped));
        let criteria = Criteria::new(Duration::from_secs(60));
        let sent = alice.send_by_criteria(question(), criteria).await;
        assert_eq!(sent, Err(SendAcknowledgedError::Stopped));
        assert_eq!(alice.update_metadata("").await, Err(MetadataError::Stopped));
        let updated = alice.update_ledger_height(3, "trade").await;
        assert_eq!(updated, Err(ResumeError::Stopped));
        let updated = alice.update_chaincodes(Vec::new(), "trade").await;
        assert_eq!(updated, Err(ChaincodesError::Stopped));
        let spread = alice.gossip("trade", Content::Empty).await;
        assert_eq!(spread, Err(GossipError::Stopped));
        let filter = alice.peer_filter("trade", |_| true).err();
        assert_eq!(filter, Some(ChannelError::Stopped));
        let accepted = alice.accept(|_| true).await.err();
        assert_eq!(accepted, Some(QueryError::Stopped));
        let passed = alice.accept_pass_through(|_| true).await.err();
        assert_eq!(passed, Some(QueryError::Stopped));
        let joined = alice.join_chan(org1(), "trade").await;
        assert_eq!(joined, Err(JoinError::Stopped));
        let left = alice.leave_chan("trade").await;
        assert_eq!(left, Err(LeaveError::Stopped));
        let purged = alice.suspect_peers(|_| true).await;
        assert_eq!(purged, Err(RevalidateError::Stopped));
        assert_eq!(alice.identity_info().await, Err(QueryError::Stopped));
        assert_eq!(alice.is_in_my_org(&own).await, Err(QueryError::Stopped));
        let added = alice.add_payload("trade", 3, "late").await;
        assert_eq!(added, Err(PublishError::Stopped));
        alice.stop().await;
        drop(trade);
        bob.stop().await;
    });
}

#[test]
fn after_a_shutdown_the_snapshots_keep_their_last_values() {
    run(async {
        let (alice, bob, trade, _) = network().await;
        let shown = |gossip: &Gossip, channel: &Channel| {
            let (members, own) = (gossip.members(), gossip.local_member());
            let info = channel.info().unwrap();
            (
                members,
                own.peer.clone(),
                info,
                channel.height(),
                channel.peers(),
            )
        };
        let before = shown(&alice, &trade);
        assert_eq!((before.0.len(), before.3, before.4.len()), (1, 3, 1));
        bob.shutdown().await;
        while !alice.members().is_empty() {
            async_io::Timer::after(Duration::from_millis(1)).await;
        }
        let before = shown(&alice, &trade);
        alice.shutdown().await;
        assert_eq!(shown(&alice, &trade), before);
        assert_eq!(alice.channels().len(), 1);
        assert!(alice.channel(trade.id()).is_some());
        assert_eq!(alice.metrics().core.blocks_published, 3);
    });
}

#[test]
fn a_shutdown_ends_each_operation_that_waits() {
    run(async {
        let (alice, bob, trade, _) = network().await;
        let mut news = alice.notifications();
        let mut blocks = alice.accepted(|_| true).await.unwrap();
        let mut validator = trade.validator().await.unwrap();
        let hour = Duration::from_secs(3600);
        let waiting = async {
            let members = alice.wait_members(9).boxed();
            let peers = trade.wait_peers(9).boxed();
            let height = trade.wait_height(99).boxed();
            let covered = trade.wait_coverage(99, Coverage::One, hour).boxed();
            // One block waits for its verdict, one for the block before it, one for room.
            let validated = trade.publish(3, "a block").boxed();
            let parked = trade.publish(100_000, "far ahead").boxed();
            let sent = alice
                .send_acknowledged(question(), Criteria::new(hour))
                .boxed();
            futures_util::join!(members, peers, height, covered, validated, parked, sent)
        };
        let stopping = async {
            let candidate = validator.next().await.unwrap();
            alice.shutdown().await;
            drop(candidate);
        };
        let (ended, ()) = join(waiting, stopping).await;
        assert_eq!(ended.0, Err(Stopped));
        assert_eq!(ended.1, Err(ChannelError::Stopped));
        assert_eq!(ended.2, Err(HeightError::Stopped));
        assert_eq!(ended.3, Err(CoverageError::Stopped));
        assert_eq!(ended.4, Err(PublishError::Stopped));
        assert_eq!(ended.5, Err(PublishError::Stopped));
        assert_eq!(ended.6, Err(SendAcknowledgedError::Stopped));
        assert!(validator.next().await.is_none());
        assert!(blocks.next().await.is_none());
        while news.next().await.is_some() {}
        bob.shutdown().await;
    });
}
