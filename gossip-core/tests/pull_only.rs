//! A peer that gets identities and blocks by the four steps of a pull only learns all identities and gets every block.
#![allow(
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may panic, and ignores what it does not examine"
)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::proto::{Content, GossipMessage, SignedMessage, UnsignedMessage};
use gossip_core::{
    Binding, ChannelId, Command, Config, CryptoError, CryptoJob, CryptoOutcome, DialError,
    Endpoint, Event, Instant, JoinChannel, LedgerOp, LedgerOutcome, LinkId, Metrics, Node, OrgId,
    PeerId, Request, RequestId, SelfIdentity, Signatures, Start, ValidIdentity,
};

/// The legacy peer, which gets blocks by pull only.
const LEGACY: usize = 2;
/// The only peer that it can reach.
const REACHABLE: usize = 0;

/// Limit on the events of one request or of the timers of one instant, and on the instants that a test waits through.
const MOST_STEPS: u32 = 100_000;

struct Net {
    nodes: Vec<Node>,
    ledgers: Vec<Vec<Bytes>>,
    now: Instant,
    events: VecDeque<(usize, Event)>,
    /// The remote end of each node's links.
    links: BTreeMap<(usize, LinkId), (usize, LinkId)>,
    last_link: u64,
}

fn endpoint(index: usize) -> Endpoint {
    Endpoint::new(&format!("peer{index}:1"))
}

fn valid(identity: &Bytes) -> ValidIdentity {
    ValidIdentity {
        peer: PeerId::new(identity),
        org: Some(OrgId::new(b"org")),
        expires_in: None,
    }
}

impl Net {
    fn new(size: usize) -> Self {
        let now = Instant::START;
        let node = |index: usize| {
            let name = format!("peer{index}");
            let identity = SelfIdentity {
                peer: PeerId::new(name.as_bytes()),
                org: OrgId::new(b"org"),
                bytes: Bytes::from(name),
            };
            let mut config = Config::new(identity, endpoint(index));
            config.membership.publish_identity_for = Duration::ZERO;
            if index != REACHABLE {
                config.bootstrap = vec![endpoint(REACHABLE)];
            }
            if index == LEGACY {
                config.push.fanout = 0;
                config.membership.pulses = false;
                // No state transfer. All members are asked in a round, of which one is reachable.
                config.state_transfer.gap_timeout = Duration::from_secs(3600);
                config.pull.peers = size;
            }
            let start = Start {
                now,
                seed: [index as u8; 32],
                incarnation: 1,
                identity_expires_in: None,
            };
            Node::new(Arc::new(config), start).expect("valid")
        };
        let mut net = Self {
            nodes: (0..size).map(node).collect(),
            ledgers: vec![Vec::new(); size],
            now,
            events: VecDeque::new(),
            links: BTreeMap::new(),
            last_link: 0,
        };
        for index in 0..size {
            let config = JoinChannel {
                sequence: 1,
                members: BTreeMap::from([(OrgId::new(b"org"), Vec::new())]),
            };
            let channel = ChannelId::new("main");
            net.request(index, Request::JoinChannel { channel, config });
        }
        net
    }

    fn request(&mut self, node: usize, request: Request) {
        let id = RequestId(0);
        self.events
            .push_back((node, Event::Request { id, request }));
        self.settle();
    }

    fn publish(&mut self, node: usize, seq: u64) {
        let request = Request::Publish {
            channel: ChannelId::new("main"),
            seq,
            block: Bytes::from(format!("block {seq}")),
        };
        self.request(node, request);
    }

    fn run(&mut self, time: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + time;
        let mut instants = 0;
        while !done(self) {
            instants += 1;
            assert!(
                instants < MOST_STEPS,
                "waited for {time:?} to pass: timers without end, the last at {:?}",
                self.now
            );
            let next = self.nodes.iter().filter_map(Node::poll_timeout).min();
            let Some(at) = next.filter(|at| *at <= end) else {
                return false;
            };
            self.now = self.now.max(at);
            for index in 0..self.nodes.len() {
                self.events.push_back((index, Event::Tick));
            }
            self.settle();
        }
        true
    }

    fn metrics(&self, node: usize) -> &Metrics {
        self.nodes[node].metrics()
    }

    fn settle(&mut self) {
        let mut events = 0;
        while let Some((node, event)) = self.events.pop_front() {
            events += 1;
            assert!(
                events < MOST_STEPS,
                "waited for the end of the events: the last one is {event:?}"
            );
            self.nodes[node].handle(self.now, event);
            while let Some(command) = self.nodes[node].poll_command() {
                self.execute(node, command);
            }
        }
    }

    fn execute(&mut self, node: usize, command: Command) {
        let answer = match command {
            Command::Dial {
                ticket,
                endpoint: to,
            } => {
                let target = (0..self.nodes.len()).find(|index| endpoint(*index) == to);
                let reachable = |other: &usize| *other == REACHABLE || node == REACHABLE;
                match target.filter(reachable) {
                    Some(target) => return self.connect(node, target, ticket),
                    None => {
                        let error = DialError::Unreachable;
                        Event::DialFailed { ticket, error }
                    }
                }
            }
            Command::Send { link, message, .. } => {
                let (frames, bytes) = (1, message.encoded().len() as u64);
                self.deliver(node, link, message);
                Event::Flushed {
                    link,
                    frames,
                    bytes,
                }
            }
            Command::Crypto { ticket, job } => {
                let outcome = check(&job);
                Event::CryptoDone { ticket, outcome }
            }
            Command::Ledger { ticket, op } => {
                let outcome = self.ledger(node, op);
                Event::LedgerDone { ticket, outcome }
            }
            _ => return,
        };
        self.events.push_back((node, answer));
    }

    fn connect(&mut self, from: usize, to: usize, ticket: gossip_core::Ticket) {
        self.last_link += 2;
        let ends = [LinkId(self.last_link), LinkId(self.last_link + 1)];
        self.links.insert((from, ends[0]), (to, ends[1]));
        self.links.insert((to, ends[1]), (from, ends[0]));
        let binding = Binding::symmetric(Bytes::from(format!("{}", self.last_link)));
        for (node, link, dial) in [(from, ends[0], Some(ticket)), (to, ends[1], None)] {
            let event = Event::LinkUp {
                link,
                dial,
                remote: Endpoint::new("remote:1"),
                binding: binding.clone(),
            };
            self.events.push_back((node, event));
        }
    }

    fn deliver(&mut self, from: usize, link: LinkId, message: SignedMessage) {
        let (to, link) = self.links[&(from, link)];
        let message = if from == LEGACY || to == LEGACY {
            match as_legacy(message) {
                Some(message) => message,
                None => return,
            }
        } else {
            message
        };
        self.events
            .push_back((to, Event::Received { link, message }));
    }

    fn ledger(&mut self, node: usize, op: LedgerOp) -> LedgerOutcome {
        let ledger = &mut self.ledgers[node];
        match op {
            LedgerOp::Height { .. } => LedgerOutcome::Height(Ok(ledger.len() as u64)),
            LedgerOp::Commit { block, .. } => {
                ledger.push(block);
                LedgerOutcome::Committed(Ok(()))
            }
            LedgerOp::Read { start, end, .. } => {
                let range = start as usize..=end as usize;
                LedgerOutcome::Blocks(Ok(ledger[range].to_vec()))
            }
        }
    }
}

/// The message between a legacy peer and another: without capabilities, and `None` for pushed and transferred blocks.
fn as_legacy(message: SignedMessage) -> Option<SignedMessage> {
    match message.content() {
        Content::Conn(conn) => {
            let mut conn = conn.clone();
            conn.capabilities = 0;
            let content = Content::Conn(conn);
            let message = GossipMessage {
                content,
                ..message.message().clone()
            };
            let unsigned = UnsignedMessage::new(message, None);
            Some(unsigned.sign(Bytes::from_static(b"signature"), None))
        }
        Content::Alive(_)
        | Content::MembershipRequest(_)
        | Content::MembershipResponse(_)
        | Content::StateInfo(_)
        | Content::StateInfoPull(_)
        | Content::StateSnapshot(_)
        | Content::Hello(_)
        | Content::Digest(_)
        | Content::DataRequest(_)
        | Content::DataUpdate(_) => Some(message),
        _ => None,
    }
}

fn check(job: &CryptoJob) -> CryptoOutcome {
    match job {
        CryptoJob::Authenticate {
            identity, pki_id, ..
        }
        | CryptoJob::Validate { identity, pki_id }
            if identity == pki_id =>
        {
            CryptoOutcome::Authenticated(Ok(valid(identity)))
        }
        CryptoJob::Authenticate { .. } | CryptoJob::Validate { .. } => {
            CryptoOutcome::Authenticated(Err(CryptoError::StolenIdentity))
        }
        CryptoJob::Sign { secret, .. } => {
            let made = Bytes::from_static(b"signature");
            let secret = secret.as_ref().map(|_| made.clone());
            CryptoOutcome::Signed(Ok(Signatures {
                payload: made,
                secret,
            }))
        }
        CryptoJob::Verify { .. } | CryptoJob::VerifyBlock { .. } => CryptoOutcome::Verified(Ok(())),
    }
}

#[test]
fn a_peer_that_only_pulls_learns_all_identities_and_gets_every_block() {
    let mut net = Net::new(5);
    let minute = Duration::from_secs(60);
    let knows_all = |net: &Net| {
        let members = net.nodes[LEGACY].members();
        members.iter().filter(|member| member.alive).count() == 4
    };
    assert!(net.run(minute, knows_all));
    assert_eq!(
        net.metrics(LEGACY).identities_pulled,
        3,
        "all but the reachable one"
    );

    for seq in 0..25 {
        net.publish(3, seq);
        let there = |net: &Net| net.ledgers[LEGACY].len() as u64 == seq + 1;
        assert!(net.run(Duration::from_secs(6), there), "block {seq}");
    }
    assert_eq!(net.ledgers[LEGACY], net.ledgers[3]);
    let metrics = net.metrics(LEGACY);
    assert_eq!((metrics.blocks_pulled, metrics.pull_refused), (25, 0));
    assert_eq!((metrics.blocks_pushed, metrics.blocks_transferred), (0, 0));
    for node in [1, 3, 4] {
        let metrics = net.metrics(node);
        assert_eq!(metrics.blocks_pulled, 0, "the other peers do not pull");
        assert_eq!(metrics.pull_refused, 0);
    }
}
