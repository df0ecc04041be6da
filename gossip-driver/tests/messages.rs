//! Messages of applications: sent, acknowledged, refused and delivered.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use gossip_driver::core::proto::{Content, GossipMessage, Kind, PrivateData, Tag};
use gossip_driver::core::{AckFailure, ChannelId, DropReason, OrgId, PeerId};
use gossip_driver::error::{SendAcknowledgedError, SendError};
use gossip_driver::fabric::GossipService as _;
use gossip_driver::testing::{MemLedger, TestCrypto};
use gossip_driver::{Channel, Criteria, Delivered, Deliveries, Gossip, Message, ReceivedMessage};

use support::{Net, node, org1, run};

fn start(net: &Net, name: &str) -> Gossip {
    let builder = node(TestCrypto::new("org1", name), &["alice"]);
    let builder = builder.transport(net.join(name)).ledger(MemLedger::new());
    builder.spawn().unwrap()
}

async fn join(gossip: &Gossip) -> Channel {
    gossip.join_channel("trade", org1()).await.unwrap()
}

fn private_data() -> Message {
    let data = PrivateData {
        collection: "prices".into(),
        namespace: "cars".into(),
        tx_id: "42".into(),
        rwset: "write set".into(),
        sim_height: 7,
        collection_configs: Bytes::new(),
    };
    Message::from(Content::PrivateData(data)).in_channel("trade")
}

fn is_private(message: &GossipMessage) -> bool {
    message.content.kind() == Kind::PrivateData
}

fn bob() -> PeerId {
    PeerId::new(b"org1/bob")
}

#[test]
fn an_application_message_reaches_the_listeners_of_its_topic() {
    run(async {
        let net = Net::default();
        let (alice, bob_) = (start(&net, "alice"), start(&net, "bob"));
        alice.wait_members(1).await.unwrap();
        let mut prices = bob_.messages("prices").await.unwrap();
        let mut same = bob_.messages("prices").await.unwrap();
        let mut offers = bob_.messages("offers").await.unwrap();
        for (topic, data) in [("unheard", "0"), ("offers", "1"), ("prices", "2")] {
            let message = Message::new(topic, data);
            let sent = alice.send_to(message, [bob()]).await.unwrap();
            assert_eq!(sent.outcome.queued, [bob()]);
        }
        for (deliveries, topic, data) in [
            (&mut prices, "prices", "2"),
            (&mut same, "prices", "2"),
            (&mut offers, "offers", "1"),
        ] {
            let received = deliveries.next().await.unwrap().message().unwrap();
            assert_eq!(received.topic(), Some(topic));
            assert_eq!(received.data(), Some(&Bytes::from(data)));
            assert_eq!(received.peer(), &PeerId::new(b"org1/alice"));
        }
        assert_eq!(bob_.metrics().driver.topics_unheard, 1);
        assert_eq!(bob_.metrics().core.violations, 0);
    });
}

#[test]
fn application_messages_are_counted_when_the_last_stream_is_dropped() {
    run(async {
        let net = Net::default();
        let (alice, bob_) = (start(&net, "alice"), start(&net, "bob"));
        alice.wait_members(1).await.unwrap();
        drop(bob_.messages("prices").await.unwrap());
        // The first message finds no stream, which the driver reports to the core. The core counts the others.
        let unheard = || bob_.metrics().core.messages_unheard > 0;
        while !unheard() {
            let message = Message::new("prices", "1");
            alice.send_to(message, [bob()]).await.unwrap();
            async_io::Timer::after(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn a_topic_longer_than_receivers_accept_is_refused_by_the_sender() {
    run(async {
        let net = Net::default();
        let (alice, _bob) = (start(&net, "alice"), start(&net, "bob"));
        alice.wait_members(1).await.unwrap();
        let long = Message::new("t".repeat(1 << 11), "1");
        let refused = alice.send_to(long, [bob()]).await;
        let error = refused.unwrap_err();
        assert!(matches!(error, SendError::TooLong(_)), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("topic") && text.contains("1024"), "{text}");
        let in_channel = Message::new("t", "1").in_channel("c".repeat(2_000).as_str());
        let error = alice.send_to(in_channel, [bob()]).await.unwrap_err();
        assert!(matches!(error, SendError::TooLong(_)), "{error:?}");
    });
}

#[test]
fn a_long_reason_of_a_refusal_is_cut_and_reaches_the_sender() {
    run(async {
        let net = Net::default();
        let (alice, bob_) = (start(&net, "alice"), start(&net, "bob"));
        alice.wait_members(1).await.unwrap();
        let mut offers = bob_.messages("offers").await.unwrap();
        let criteria = Criteria::new(Duration::from_secs(60));
        let sending = alice.send_acknowledged(Message::new("offers", "1"), criteria);
        let taking = async {
            let received = offers.next().await.unwrap().message().unwrap();
            received.nack(&"no ".repeat(5_000)).await.unwrap();
        };
        let (refused, ()) = futures_util::future::join(sending, taking).await;
        let Err(SendAcknowledgedError::NotAcknowledged { failures, .. }) = refused else {
            panic!("{refused:?}");
        };
        let AckFailure::Refused(reason) = &failures[0].1 else {
            panic!("{failures:?}");
        };
        assert!(reason.starts_with("no no ") && reason.len() < 5_000);
    });
}

#[test]
fn a_message_that_wants_several_acknowledgements_is_sent_to_as_many_peers() {
    run(async {
        let net = Net::default();
        let others = ["bob", "carol"].map(|name| start(&net, name));
        let alice = start(&net, "alice");
        alice.wait_members(2).await.unwrap();
        let mut offers = Vec::new();
        for other in &others {
            offers.push(other.messages("offers").await.unwrap());
        }
        let criteria = Criteria::new(Duration::from_secs(60)).min_acks(2);
        let sending = alice.send_acknowledged(Message::new("offers", "1"), criteria);
        let taking = futures_util::future::join_all(offers.iter_mut().map(async |offers| {
            let received = offers.next().await.unwrap().message().unwrap();
            received.ack().await.unwrap();
        }));
        let (acknowledged, _) = futures_util::future::join(sending, taking).await;
        assert_eq!(acknowledged.unwrap().len(), 2);
    });
}

#[test]
fn a_message_is_acknowledged_or_refused_by_its_receiver() {
    run(async {
        let net = Net::default();
        let (alice, bob_) = (start(&net, "alice"), start(&net, "bob"));
        alice.wait_members(1).await.unwrap();
        let mut arriving = bob_.incoming(is_private).await.unwrap();
        let criteria = || Criteria::new(Duration::from_secs(60));

        let sending = alice.send_acknowledged(private_data(), criteria());
        let taking = async {
            let received = arriving.next().await.unwrap().message().unwrap();
            assert_eq!(received.peer(), &PeerId::new(b"org1/alice"));
            assert_eq!(received.org(), Some(&OrgId::new(b"org1")));
            assert_eq!(&received.identity()[..], b"org1/alice");
            assert!(received.authentication().is_signed());
            received.ack().await.unwrap();
        };
        let (acknowledged, ()) = futures_util::future::join(sending, taking).await;
        assert_eq!(acknowledged, Ok(vec![bob()]));

        let sending = alice.send_acknowledged(private_data(), criteria());
        let taking = async {
            let received = arriving.next().await.unwrap().message().unwrap();
            received.nack("uh oh").await.unwrap();
        };
        let (refused, ()) = futures_util::future::join(sending, taking).await;
        let failures = vec![(bob(), AckFailure::Refused("uh oh".into()))];
        let (wanted, acknowledged) = (1, 0);
        assert_eq!(
            refused,
            Err(SendAcknowledgedError::NotAcknowledged {
                wanted,
                acknowledged,
                failures,
            })
        );
        bob_.shutdown().await;
        assert!(
            arriving.next().await.is_none(),
            "the stream ends with the node"
        );
        alice.shutdown().await;
    });
}

#[test]
fn nonce_tag_and_channel_are_made_by_the_library() {
    run(async {
        let net = Net::default();
        let (alice, bob_) = (start(&net, "alice"), start(&net, "bob"));
        alice.wait_members(1).await.unwrap();
        let mut arriving = bob_.incoming(is_private).await.unwrap();
        let first = alice.send_to(private_data(), [bob()]).await.unwrap();
        let second = alice.send_to(private_data(), [bob()]).await.unwrap();
        assert_ne!(first.nonce, second.nonce);
        for sent in [first, second] {
            let received = arriving.next().await.unwrap().message().unwrap();
            let message = received.message();
            assert_eq!((message.nonce, message.tag), (sent.nonce, Tag::ChanOnly));
            assert_eq!(message.channel, "trade");
        }
        alice.shutdown().await;
        bob_.shutdown().await;
    });
}

#[test]
fn eligibility_is_asked_of_each_member_and_an_unknown_peer_is_reported() {
    run(async {
        let net = Net::default();
        let (alice, bob) = (start(&net, "alice"), start(&net, "bob"));
        alice.wait_members(1).await.unwrap();
        let none = Criteria::new(Duration::from_secs(60)).eligible(|_| false);
        let refused = alice.send_acknowledged(private_data(), none).await;
        let (wanted, known) = (1, 0);
        assert_eq!(
            refused,
            Err(SendAcknowledgedError::TooFewPeers { wanted, known })
        );
        let outcome = alice.send_to(private_data(), [PeerId::new(b"carol")]).await;
        let unsent = [(PeerId::new(b"carol"), DropReason::NoAddress)];
        assert_eq!(outcome.unwrap().outcome.dropped, unsent);
        alice.shutdown().await;
        let stopped = alice.send_to(private_data(), [PeerId::new(b"carol")]).await;
        assert_eq!(stopped, Err(SendError::Stopped));
        bob.shutdown().await;
    });
}

#[test]
fn a_listener_hears_each_block_once_however_it_came_and_not_its_own() {
    run(async {
        let net = Net::default();
        let (alice, bob) = (start(&net, "alice"), start(&net, "bob"));
        alice.wait_members(1).await.unwrap();
        let (publisher, receiver) = (join(&alice).await, join(&bob).await);
        publisher.wait_peers(1).await.unwrap();
        let blocks = |message: &GossipMessage| message.content.kind() == Kind::Data;
        let mut accepted = bob.accepted(blocks).await.unwrap();
        let mut own = alice.accepted(blocks).await.unwrap();
        for seq in 0..20 {
            publisher
                .publish(seq, format!("block {seq}"))
                .await
                .unwrap();
        }
        receiver.wait_height(20).await.unwrap();
        let mut read = Vec::new();
        while read.len() < 20 {
            let one = accepted.next().await.unwrap().message().unwrap();
            assert_eq!(one.channel, ChannelId::new("trade"));
            let Content::Data(payload) = one.message.content() else {
                panic!("a block");
            };
            read.push(payload.seq_num);
        }
        read.sort_unstable();
        assert_eq!(read, (0..20).collect::<Vec<_>>());
        drop(accepted);
        alice.shutdown().await;
        bob.shutdown().await;
        assert!(own.next().await.is_none());
    });
}

#[test]
fn a_peer_s_part_in_a_channel_is_told_with_what_it_signed() {
    run(async {
        let net = Net::default();
        let (alice, bob_) = (start(&net, "alice"), start(&net, "bob"));
        let (ours, theirs) = (join(&alice).await, join(&bob_).await);
        ours.wait_peers(1).await.unwrap();
        theirs.wait_peers(1).await.unwrap();
        let peers = alice.peers_of_channel(ours.id());
        assert_eq!((peers.len(), &peers[0].peer), (1, &bob()));
        assert_eq!(peers[0].properties().ledger_height, 0);
        assert!(peers[0].state_info.is_signed());
        assert!(alice.self_channel_info(ours.id()).unwrap().is_signed());
        assert_eq!(alice.peers().len(), 1);
        let filter = alice.peer_filter("trade", |signed| !signed.signature.is_empty());
        let filter = filter.unwrap();
        assert!(filter.matches(&bob()));
        assert!(!filter.matches(&PeerId::new(b"org1/carol")));
        alice.leave_chan("trade").await.unwrap();
        ours.wait_height(1).await.unwrap_err();
        assert!(!filter.matches(&bob()), "the channel was left");
        assert!(alice.self_channel_info(theirs.id()).is_none());
        alice.stop().await;
        bob_.stop().await;
    });
}

#[test]
fn a_thousand_messages_each_way_at_once_are_all_acknowledged() {
    const COUNT: usize = 1_000;
    run(async {
        let net = Net::default();
        let (alice, bob) = (start(&net, "alice"), start(&net, "bob"));
        alice.wait_members(1).await.unwrap();
        bob.wait_members(1).await.unwrap();
        let to_alice = alice.incoming(is_private).await.unwrap();
        let to_bob = bob.incoming(is_private).await.unwrap();
        let acknowledging = |arriving: Deliveries<ReceivedMessage>| {
            let taken = arriving.take(COUNT);
            taken.for_each_concurrent(None, |one: Delivered<ReceivedMessage>| async move {
                one.message().unwrap().ack().await.unwrap();
            })
        };
        let sending = async |from: &Gossip| {
            let one = |_| {
                let criteria = Criteria::new(Duration::from_secs(60));
                from.send_acknowledged(private_data(), criteria)
            };
            let all = futures_util::stream::iter(0..COUNT).map(one);
            let answers: Vec<_> = all.buffer_unordered(32).collect().await;
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        };
        let (first, second) = (acknowledging(to_alice), acknowledging(to_bob));
        futures_util::join!(sending(&alice), sending(&bob), first, second);
        alice.shutdown().await;
        bob.shutdown().await;
    });
}
