//! A node whose answer does not fit the request: each operation reports the defect.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::poll_immediate;
use gossip_core::proto::{Content, GossipMessage, SignedMessage, Tag};
use gossip_core::{
    ChannelId, Command, Config, Coverage, Endpoint, Event, Instant, JoinChannel, LedgerOp,
    LedgerOutcome, LinkId, Node, OrgId, PeerId, Received, Request, RequestError, RequestId,
    Response, Start,
};

use crate::channel::Channel;
use crate::criteria::Criteria;
use crate::endpoint::EndpointRule;
use crate::error::PublishError;
use crate::fabric::GossipService as _;
use crate::gossip::Gossip;
use crate::mailbox::{Answer, Mailbox};
use crate::notifications::Notifier;
use crate::received::ReceivedMessage;
use crate::requests::Requests;
use crate::shared::Shared;
use crate::testing::TestCrypto;
use crate::transport_counters::TransportCounters;
use crate::views::{Publisher, Views};

/// Handles of a node in the channel `trade`, whose requests the test answers.
struct Fake {
    gossip: Gossip,
    trade: Channel,
    received: ReceivedMessage,
    mailbox: Mailbox,
    answer: Answer,
    _publisher: Publisher,
}

impl Fake {
    fn new(answer: Answer) -> Self {
        let node = node();
        let views = Arc::new(Views::new(&node));
        let publisher = Publisher::new(Arc::clone(&views), &node);
        let (queue, mailbox) = Mailbox::new(8);
        let (wake, counters) = (Arc::default(), Arc::default());
        let requests = Requests::new(queue, wake, Arc::clone(&views), Arc::clone(&counters));
        let requests = Arc::new(requests);
        let message = SignedMessage::unsigned(GossipMessage {
            nonce: 7,
            channel: "trade".into(),
            tag: Tag::ChanOnly,
            content: Content::PrivateRequest(Vec::new()),
        });
        let received = Received {
            link: LinkId(1),
            peer: PeerId::new(b"org1/bob"),
            org: None,
            authentication: message.clone(),
            message,
        };
        let received = ReceivedMessage::new(received, Arc::downgrade(&requests));
        let (_, notifications) = Notifier::new(std::num::NonZeroUsize::MIN);
        let port = crate::support::Net::default().join("alice");
        let gossip = Gossip::new(Shared {
            requests,
            views,
            notifications,
            counters,
            transport: TransportCounters::new(&Arc::new(port)),
            window: 10,
            endpoints: EndpointRule::of(&crate::support::Net::default().join("alice")),
            origin: std::time::Instant::now(),
            ledger_stalls: Arc::default(),
            max_validations: 1,
            listeners: Arc::default(),
            max_deliveries: 1,
        });
        let trade = gossip.channel(&"trade".into()).unwrap();
        Self {
            gossip,
            trade,
            received,
            mailbox,
            answer,
            _publisher: publisher,
        }
    }

    /// Runs an operation and answers its requests; returns the text of its error.
    fn error<T, E: std::fmt::Display>(
        &self,
        operation: impl Future<Output = Result<T, E>>,
    ) -> String {
        let mut operation = pin!(operation);
        for _ in 0..100 {
            let ended = poll_immediate(operation.as_mut()).now_or_never().flatten();
            if let Some(result) = ended {
                return result.err().map(|error| error.to_string()).unwrap();
            }
            while let Some(submission) = self.mailbox.take() {
                submission.reply.send(self.answer.clone());
            }
        }
        panic!("the operation does not end");
    }

    /// The errors of all operations, except those that `expected` names: for them the answer is right.
    fn errors(&self, expected: &[&str]) -> Vec<String> {
        let (gossip, trade, received) = (&self.gossip, &self.trade, &self.received);
        let message = || Content::PrivateRequest(Vec::new());
        let config = JoinChannel::default();
        let minute = Duration::from_secs(60);
        let peer = PeerId::new(b"org1/bob");
        let mut errors = Vec::new();
        let mut check = |name: &'static str, operation: &dyn Fn() -> String| {
            if !expected.contains(&name) {
                errors.push(format!("{name}: {}", operation()));
            }
        };
        check("join", &|| {
            self.error(gossip.join_channel("trade", config.clone()))
        });
        check("identities", &|| self.error(gossip.identities()));
        check("revalidate", &|| {
            self.error(gossip.revalidate_identities(|_| true))
        });
        check("metadata", &|| self.error(gossip.set_metadata("")));
        check("endpoint", &|| {
            self.error(gossip.set_external_endpoint(None))
        });
        check("snapshot", &|| self.error(gossip.snapshot()));
        check("send", &|| self.error(gossip.send_to(message(), [])));
        check("acknowledged", &|| {
            let criteria = Criteria::new(minute);
            self.error(gossip.send_acknowledged(message(), criteria))
        });
        check("accepted", &|| self.error(gossip.accepted(|_| true)));
        check("incoming", &|| self.error(gossip.incoming(|_| true)));
        check("publish", &|| self.error(trade.publish(0, "a block")));
        check("try_publish", &|| {
            let publication = trade.try_publish(0, "a block").unwrap();
            self.error(publication)
        });
        check("coverage", &|| {
            self.error(trade.wait_coverage(0, Coverage::One, minute))
        });
        check("validator", &|| self.error(trade.validator()));
        check("chaincodes", &|| {
            self.error(trade.set_chaincodes(Vec::new()))
        });
        check("resume", &|| self.error(trade.resume_from(0)));
        check("leave", &|| self.error(trade.clone().leave()));
        check("respond", &|| self.error(received.respond(message())));
        check("ack", &|| self.error(received.ack()));
        check("in_my_org", &|| self.error(gossip.is_in_my_org(&peer)));
        check("gossip", &|| self.error(gossip.gossip("trade", message())));
        errors
    }
}

fn node() -> Node {
    let start = Start {
        now: Instant::START,
        seed: [7; 32],
        incarnation: 1,
        identity_expires_in: None,
    };
    let identity = TestCrypto::new("org1", "alice").identity();
    let config = Config::new(identity, Endpoint::new("alice"));
    let mut node = Node::new(Arc::new(config), start).unwrap();
    let request = Request::JoinChannel {
        channel: ChannelId::new("trade"),
        config: JoinChannel {
            sequence: 1,
            members: [(OrgId::new(b"org1"), Vec::new())].into(),
        },
    };
    let id = RequestId(1);
    node.handle(Instant::START, Event::Request { id, request });
    while let Some(command) = node.poll_command() {
        if let Command::Ledger { ticket, op } = command
            && let LedgerOp::Height { .. } = op
        {
            let outcome = LedgerOutcome::Height(Ok(0));
            node.handle(Instant::START, Event::LedgerDone { ticket, outcome });
        }
    }
    node
}

#[test]
fn an_answer_of_another_kind_is_reported_as_a_defect_and_not_as_the_nodes_end() {
    // `Done` is the right answer to orders; no operation but `join` is answered by `Joined`.
    let orders = [
        "metadata",
        "endpoint",
        "accepted",
        "incoming",
        "validator",
        "chaincodes",
        "leave",
        "respond",
        "ack",
    ];
    let mut seen = BTreeSet::new();
    for (answer, expected, kind) in [
        (Response::Done, orders.as_slice(), "Done"),
        (Response::Joined { height: 0 }, &["join"], "Joined"),
    ] {
        for error in Fake::new(Ok(answer)).errors(expected) {
            let (name, text) = error.split_once(": ").unwrap();
            assert!(text.starts_with("defect of the gossip library"), "{error}");
            assert!(text.contains(&format!("answered by `{kind}`")), "{error}");
            seen.insert(name.to_owned());
        }
    }
    assert_eq!(seen.len(), 21, "each operation");
}

#[test]
fn an_error_that_an_operation_cannot_have_is_reported_as_a_defect() {
    let foreign = RequestError::Illegal(gossip_core::proto::DecodeError::Malformed {
        message: "GossipMessage",
        reason: "none",
    });
    for error in Fake::new(Err(foreign)).errors(&[]) {
        assert!(error.contains("defect of the gossip library"), "{error}");
    }
}

#[test]
fn a_node_that_has_stopped_is_reported_as_such() {
    for error in Fake::new(Err(RequestError::Stopped)).errors(&[]) {
        assert!(
            error.ends_with("the node has stopped: start a new one"),
            "{error}"
        );
    }
    let fake = Fake::new(Err(RequestError::Busy));
    let publication = fake.error(fake.trade.publish(0, "a block"));
    assert_eq!(publication, PublishError::Overloaded.to_string());
}
