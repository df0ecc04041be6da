//! Sending, answering and spreading messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::{join, join_all};
use gossip_driver::core::proto::{
    Content, GossipMessage, Kind, Leadership, Payload, PeerTime, PrivateData, Tree,
};
use gossip_driver::core::{ChannelId, Config, CryptoError, OrgId, PeerId};
use gossip_driver::error::{
    AckError, GossipError, RespondError, RevalidateError, SendAcknowledgedError, SendError,
};
use gossip_driver::fabric::GossipService as _;
use gossip_driver::testing::{MemLedger, TestCrypto};
use gossip_driver::{
    Criteria, Gossip, Message, MessageCryptoService, ReceivedMessage, SecurityAdvisor,
};

use super::support::{Net, node, node_with, run};
use super::{ONE, alice_with, block, question, trade};

fn private_data(bytes: usize) -> Message {
    let data = PrivateData {
        collection: "prices".into(),
        namespace: "cars".into(),
        tx_id: "42".into(),
        rwset: vec![7; bytes].into(),
        sim_height: 7,
        collection_configs: Bytes::new(),
    };
    Message::from(Content::PrivateData(data)).in_channel("trade")
}

/// Alice and Bob, and a message of Bob that Alice has received.
async fn received() -> (Gossip, Gossip, ReceivedMessage) {
    let net = Net::default();
    let start = |name: &str| {
        let builder = node(TestCrypto::new("org1", name), &["alice"]);
        let builder = builder.transport(net.join(name)).ledger(MemLedger::new());
        let small = |config: &mut Config| {
            config.limits.max_envelope = 1 << 20;
            config.messaging.max_awaiting = ONE;
        };
        builder.configure(small).spawn().unwrap()
    };
    let (alice, bob) = (start("alice"), start("bob"));
    bob.wait_members(1).await.unwrap();
    alice.wait_members(1).await.unwrap();
    let asks = |message: &GossipMessage| message.content.kind() == Kind::PrivateRequest;
    let mut questions = alice.incoming(asks).await.unwrap();
    let to = [alice.local_member().peer.clone()];
    bob.send_to(question(), to).await.unwrap();
    let received = questions.next().await.unwrap().message().unwrap();
    (alice, bob, received)
}

#[test]
fn sending_reports_each_error_of_a_message_and_of_criteria() {
    run(async {
        let (alice, bob, _) = received().await;
        let ack = || Content::Ack(String::new());
        let sent = alice.send_to(ack(), []).await;
        assert_eq!(sent, Err(SendError::NotForApplications(Kind::Ack)));
        let sent = alice.send_to(private_data(2 << 20), []).await;
        assert!(matches!(sent, Err(SendError::TooLong(_))), "{sent:?}");

        let send = async |message: Message, criteria| {
            alice
                .send_acknowledged(message, criteria)
                .await
                .unwrap_err()
        };
        let hour = || Criteria::new(Duration::from_secs(3600));
        let error = send(ack().into(), hour()).await;
        assert_eq!(error, SendAcknowledgedError::NotForApplications(Kind::Ack));
        let error = send(private_data(2 << 20), hour()).await;
        assert!(
            matches!(error, SendAcknowledgedError::TooLong(_)),
            "{error:?}"
        );
        let error = send(question(), Criteria::new(Duration::ZERO)).await;
        assert_eq!(error, SendAcknowledgedError::NoTimeout);
        let two = hour().min_acks(2).max_peers(2);
        let (wanted, known) = (2, 1);
        let error = send(question(), two).await;
        assert_eq!(error, SendAcknowledgedError::TooFewPeers { wanted, known });

        let soon = Criteria::new(Duration::from_millis(50));
        let (timed_out, refused) = join(send(question(), soon), send(question(), hour())).await;
        let timed_out = timed_out.to_string();
        assert_eq!(timed_out, "0 of 1 acknowledgements received; timed out (1)");
        assert_eq!(refused, SendAcknowledgedError::Busy);
        alice.shutdown().await;
        bob.shutdown().await;
    });
}

#[test]
fn answering_reports_each_error_of_an_answer_and_of_the_link() {
    run(async {
        let (alice, bob, received) = received().await;
        let answered = received.respond(Content::Tree(Tree::default())).await;
        assert_eq!(answered, Err(RespondError::NotForApplications(Kind::Tree)));
        let answered = received.respond(private_data(2 << 20)).await;
        assert!(
            matches!(answered, Err(RespondError::TooLong(_))),
            "{answered:?}"
        );
        received
            .respond(Content::PrivateResponse(Vec::new()))
            .await
            .unwrap();
        bob.shutdown().await;
        while !alice.members().is_empty() {
            async_io::Timer::after(Duration::from_millis(1)).await;
        }
        let answered = received.respond(Content::PrivateResponse(Vec::new())).await;
        assert_eq!(answered, Err(RespondError::NotConnected));
        assert_eq!(received.ack().await, Err(AckError::NotConnected));
        assert_eq!(received.nack("no").await, Err(AckError::NotConnected));
        alice.shutdown().await;
        assert_eq!(received.ack().await, Err(AckError::Stopped));
        drop(alice);
        assert_eq!(
            received.ack().await,
            Err(AckError::Stopped),
            "a message does not keep the node running"
        );
    });
}

#[test]
fn spreading_reports_each_error_of_the_content() {
    run(async {
        let ledger = MemLedger::new();
        let alice = alice_with(ledger.clone(), |config| {
            config.limits.max_envelope = 1 << 20;
        });
        let trade = trade(&alice).await;
        let spread = async |content| alice.gossip("trade", content).await.unwrap_err();
        let error = spread(Content::Empty).await;
        assert_eq!(error, GossipError::NotForApplications(Kind::Empty));
        let error = spread(block(0, "bad")).await;
        assert_eq!(error, GossipError::BadBlock(CryptoError::BadBlock));
        let long = Payload {
            seq_num: 0,
            data: vec![0; 2 << 20].into(),
            private_data: Vec::new(),
        };
        let error = spread(Content::Data(long)).await;
        assert!(matches!(error, GossipError::TooLong(_)), "{error:?}");
        let leadership = Leadership {
            pki_id: Bytes::from_static(b"org1/bob"),
            time: PeerTime::default(),
            is_declaration: true,
        };
        let error = spread(Content::Leadership(leadership)).await;
        assert_eq!(error, GossipError::NotOurs);

        let mut validator = trade.validator().await.unwrap();
        let judging = async {
            validator.next().await.unwrap().reject();
            validator.next().await.unwrap().ignore();
        };
        let spreading = async {
            (
                spread(block(0, "good")).await,
                spread(block(0, "good")).await,
            )
        };
        let (errors, ()) = join(spreading, judging).await;
        assert_eq!(errors, (GossipError::Rejected, GossipError::Ignored));
        validator.finish();

        let error = spread(block(100_000, "good")).await;
        assert_eq!(error, GossipError::Busy, "too far ahead of the ledger");

        ledger.fail_from(0);
        trade.publish(0, "good").await.unwrap();
        trade.wait_height(1).await.unwrap_err();
        let error = spread(block(1, "good")).await;
        assert!(matches!(error, GossipError::Halted { .. }), "{error:?}");
    });
}

/// An identity service that delays validations, or cannot sign, as the test sets it.
#[derive(Clone)]
struct Faulty {
    service: TestCrypto,
    holds: Arc<AtomicBool>,
    signs: Arc<AtomicBool>,
}

impl MessageCryptoService for Faulty {
    fn own_identity(&self) -> Bytes {
        self.service.own_identity()
    }

    fn pki_id(&self, identity: &[u8]) -> Result<PeerId, CryptoError> {
        self.service.pki_id(identity)
    }

    fn validate_identity(&self, identity: &[u8]) -> Result<(), CryptoError> {
        while self.holds.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        self.service.validate_identity(identity)
    }

    fn expires_in(&self, identity: &[u8]) -> Result<Option<Duration>, CryptoError> {
        self.service.expires_in(identity)
    }

    fn sign(&self, message: &[u8]) -> Result<Bytes, CryptoError> {
        if !self.signs.load(Ordering::SeqCst) {
            return Err(CryptoError::SigningFailed);
        }
        self.service.sign(message)
    }

    fn verify(&self, identity: &[u8], signature: &[u8], text: &[u8]) -> Result<(), CryptoError> {
        self.service.verify(identity, signature, text)
    }

    fn verify_by_channel(
        &self,
        channel: &ChannelId,
        identity: &[u8],
        signature: &[u8],
        message: &[u8],
    ) -> Result<(), CryptoError> {
        self.service
            .verify_by_channel(channel, identity, signature, message)
    }

    fn verify_block(&self, channel: &ChannelId, seq: u64, block: &[u8]) -> Result<(), CryptoError> {
        self.service.verify_block(channel, seq, block)
    }
}

impl SecurityAdvisor for Faulty {
    fn org_of(&self, identity: &[u8]) -> Option<OrgId> {
        self.service.org_of(identity)
    }
}

#[test]
fn too_many_revalidations_are_refused_and_a_key_that_cannot_sign_is_reported() {
    run(async {
        let faulty = Faulty {
            service: TestCrypto::new("org1", "alice"),
            holds: Arc::default(),
            signs: Arc::new(AtomicBool::new(true)),
        };
        let builder = node_with(faulty.clone(), &[]);
        let builder = builder.transport(Net::default().join("alice"));
        let alice = builder.ledger(MemLedger::new()).spawn().unwrap();
        trade(&alice).await;
        faulty.holds.store(true, Ordering::SeqCst);
        let revalidate = |_| async {
            let purged = alice.revalidate_identities(|_| true).await;
            // The first refusal lets the others continue.
            faulty.holds.store(false, Ordering::SeqCst);
            purged
        };
        let all = join_all((0..40).map(revalidate)).await;
        let refused = all.iter().filter(|one| **one == Err(RevalidateError::Busy));
        assert!(refused.count() > 0, "{all:?}");

        faulty.holds.store(false, Ordering::SeqCst);
        faulty.signs.store(false, Ordering::SeqCst);
        let leadership = Leadership {
            pki_id: Bytes::from_static(b"org1/alice"),
            time: PeerTime::default(),
            is_declaration: true,
        };
        let spread = alice.gossip("trade", Content::Leadership(leadership)).await;
        assert_eq!(spread, Err(GossipError::SigningFailed));
    });
}
