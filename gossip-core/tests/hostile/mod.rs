//! A node with hostile peers and services: bytes choose its events, and the answers of its services and their time.
//!
//! Shared by the test with seeded bytes and the fuzz target with bytes of libFuzzer.

mod choices;
mod messages;
mod pull;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::proto::{Limits, SignedMessage};
use gossip_core::{
    Binding, ChannelId, Class, Command, Config, CryptoError, CryptoJob, CryptoOutcome, DialError,
    Endpoint, Event, Instant, JoinChannel, LedgerError, LedgerOp, LedgerOutcome, LinkDownReason,
    LinkId, Node, OrgId, PeerId, Request, RequestId, SelfIdentity, Signatures, Start, Ticket,
    ValidIdentity,
};

use self::choices::Choices;
use self::pull::Hellos;

const MAX_MEMBERS: usize = 6;
const MAX_LINKS: usize = 5;
const MAX_HANDSHAKES: usize = 3;
const MAX_DIALS: usize = 6;
const MAX_PENDING: usize = 8;
const MAX_CHANNELS: usize = 2;
const WINDOW_FRAMES: usize = 4;

/// Runs a node with the events that `bytes` choose.
///
/// # Panics
/// If the node violates its contract.
pub(crate) fn run(bytes: &[u8]) {
    let mut environment = Environment::new();
    let mut choices = Choices::new(bytes);
    let mut steps = 0;
    while !choices.is_empty() {
        steps += 1;
        // Each step takes at least one byte.
        assert!(
            steps <= bytes.len(),
            "waited for the end of the bytes: {steps} steps"
        );
        environment.step(&mut choices);
    }
    environment.stop();
    environment.settle();
}

struct Environment {
    node: Node,
    now: Instant,
    crypto: BTreeMap<Ticket, CryptoJob>,
    ledger: BTreeMap<Ticket, LedgerOp>,
    dials: BTreeSet<Ticket>,
    /// Links that are up, with frames in their windows.
    links: BTreeMap<LinkId, usize>,
    last_link: u64,
    requests: BTreeSet<RequestId>,
    last_request: u64,
    hellos: Hellos,
    stopped: bool,
}

fn config() -> Config {
    let identity = SelfIdentity {
        peer: PeerId::new(&[0]),
        org: OrgId::new(b"a"),
        bytes: Bytes::from_static(&[0]),
    };
    let mut config = Config::new(identity, Endpoint::new("0.lan:1"));
    config.external_endpoint = Some(Endpoint::new("0.example:1"));
    config.bootstrap = vec![Endpoint::new("1.lan:1"), Endpoint::new("9.lan:1")];
    let cap = |count: usize| count.try_into().expect("not 0");
    config.membership.max_members = cap(MAX_MEMBERS);
    config.identities.max_identities = cap(MAX_MEMBERS + 1);
    config.link.max_links = cap(MAX_LINKS);
    config.link.max_handshakes = cap(MAX_HANDSHAKES);
    config.link.max_dials = cap(MAX_DIALS);
    config.gate.max_pending = cap(MAX_PENDING);
    config.gate.max_pending_per_link = cap(3);
    config.channel.max_channels = cap(MAX_CHANNELS);
    config.channel.max_awaiting_identity = cap(2);
    config.outbox.window_frames = cap(WINDOW_FRAMES);
    config.outbox.max_control = cap(8);
    config.pull.peers = 1;
    config.state_transfer.window = cap(12);
    config.state_transfer.max_publications = cap(3);
    config
}

/// An identity is one byte. It is its own PKI-ID, and determines the organisation.
fn valid(identity: &[u8]) -> Result<ValidIdentity, CryptoError> {
    let [name] = identity else {
        return Err(CryptoError::MalformedIdentity);
    };
    let org = [&b"a"[..], b"a", b"b"].get(usize::from(name % 4)).copied();
    Ok(ValidIdentity {
        peer: PeerId::new(identity),
        org: org.map(OrgId::new),
        expires_in: (name % 5 == 4).then(|| Duration::from_secs(60)),
    })
}

impl Environment {
    fn new() -> Self {
        let start = Start {
            now: Instant::START,
            seed: [3; 32],
            incarnation: 1,
            identity_expires_in: None,
        };
        let mut environment = Self {
            node: Node::new(Arc::new(config()), start).expect("valid"),
            now: Instant::START,
            crypto: BTreeMap::new(),
            ledger: BTreeMap::new(),
            dials: BTreeSet::new(),
            links: BTreeMap::new(),
            last_link: 0,
            requests: BTreeSet::new(),
            last_request: 0,
            hellos: Hellos::default(),
            stopped: false,
        };
        environment.drain();
        environment
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        match choices.below(24) {
            0..=2 => self.tick(choices),
            3 => self.connect(choices),
            4 => self.link_up(choices),
            5 => self.link_down(choices),
            6 => self.dial_failed(choices),
            7..=9 => self.answer_well(choices),
            10 => self.answer_badly(choices),
            11 => self.ledger_done(choices),
            12..=18 => self.receive(choices),
            19 => self.receive_bytes(choices),
            20 => self.flushed(choices),
            _ => self.request(choices),
        }
        if choices.flag()
            && let Some((link, messages)) = self.hellos.answer(choices)
        {
            for message in messages {
                self.event(Event::Received { link, message });
            }
        }
        self.check();
    }

    /// Stops the node. No request may stay unanswered.
    fn stop(&mut self) {
        self.last_request += 1;
        let id = RequestId(self.last_request);
        self.requests.insert(id);
        let request = Request::Stop;
        self.event(Event::Request { id, request });
        // The farewell is not signed.
        self.now += Duration::from_secs(1);
        self.event(Event::Tick);
        let unanswered = &self.requests;
        assert!(unanswered.is_empty(), "unanswered requests: {unanswered:?}");
    }

    fn event(&mut self, event: Event) {
        self.node.handle(self.now, event);
        self.drain();
    }

    fn tick(&mut self, choices: &mut Choices<'_>) {
        let due = self.node.poll_timeout();
        self.now = match choices.below(16) {
            0..=6 => due.unwrap_or(self.now),
            7..=12 => self.now + Duration::from_millis(choices.number()),
            13 => self.now + Duration::from_secs(30),
            14 => self.now + Duration::from_secs(600),
            _ => self.now + Duration::from_nanos(choices.number()),
        }
        .max(self.now);
        self.event(Event::Tick);
        self.settle();
    }

    /// Ticks until no timer is due. At the last instant timers may be due for ever.
    fn settle(&mut self) {
        let last = self.now == Instant::from_nanos(u64::MAX);
        for _ in 0..if last { 1 } else { 100 } {
            if self.node.poll_timeout().is_none_or(|due| due > self.now) {
                return;
            }
            self.event(Event::Tick);
        }
        assert!(last, "timers fire without end at {:?}", self.now);
    }

    /// A link that authenticates correctly.
    fn connect(&mut self, choices: &mut Choices<'_>) {
        let name = [choices.below(9)];
        let dial = self.dials.first().copied().filter(|_| choices.flag());
        let link = self.raise(dial);
        self.answer_all();
        let conn = messages::conn(&name, &binding(link), choices);
        self.event(Event::Received {
            link,
            message: conn,
        });
        self.answer_all();
    }

    fn raise(&mut self, dial: Option<Ticket>) -> LinkId {
        self.last_link += 1;
        let link = LinkId(self.last_link);
        self.links.insert(link, 0);
        if let Some(ticket) = dial {
            self.dials.remove(&ticket);
        }
        let remote = Endpoint::new("remote:1");
        let binding = Binding::symmetric(binding(link));
        self.event(Event::LinkUp {
            link,
            dial,
            remote,
            binding,
        });
        link
    }

    fn link_up(&mut self, choices: &mut Choices<'_>) {
        match choices.below(4) {
            0 => drop(self.raise(None)),
            1 => drop(self.raise(Some(Ticket(choices.number())))),
            _ => {
                let dial = self.dials.first().copied();
                self.raise(dial);
            }
        }
    }

    fn any_link(&self, choices: &mut Choices<'_>) -> LinkId {
        let place = usize::from(choices.below(8));
        let known = self.links.keys().nth_back(place);
        known.copied().unwrap_or_else(|| LinkId(choices.number()))
    }

    fn link_down(&mut self, choices: &mut Choices<'_>) {
        let link = self.any_link(choices);
        let reason = [
            LinkDownReason::Finished,
            LinkDownReason::Broken,
            LinkDownReason::Closed,
        ];
        self.lower(link, reason[usize::from(choices.below(3))]);
    }

    fn lower(&mut self, link: LinkId, reason: LinkDownReason) {
        self.links.remove(&link);
        self.event(Event::LinkDown { link, reason });
    }

    fn dial_failed(&mut self, choices: &mut Choices<'_>) {
        let ticket = self.dials.pop_first();
        let ticket = ticket.unwrap_or_else(|| Ticket(choices.number()));
        let error = DialError::Unreachable;
        self.event(Event::DialFailed { ticket, error });
    }

    fn answer_all(&mut self) {
        let mut answered = 0;
        while let Some((ticket, job)) = self.crypto.pop_first() {
            answered += 1;
            assert!(
                answered < 2_000,
                "answered checks cause checks without end: {job:?}"
            );
            let outcome = check_job(&job);
            self.event(Event::CryptoDone { ticket, outcome });
        }
    }

    fn answer_well(&mut self, choices: &mut Choices<'_>) {
        for _ in 0..choices.below(4) {
            if let Some((ticket, job)) = self.crypto.pop_first() {
                let outcome = check_job(&job);
                self.event(Event::CryptoDone { ticket, outcome });
            }
        }
    }

    fn answer_badly(&mut self, choices: &mut Choices<'_>) {
        let ticket = if choices.flag() {
            Ticket(choices.number())
        } else {
            let known = self.crypto.pop_last();
            known.map_or(Ticket(0), |(ticket, _)| ticket)
        };
        self.crypto.remove(&ticket);
        let error = CryptoError::BadSignature;
        let outcome = match choices.below(5) {
            0 => CryptoOutcome::Verified(Ok(())),
            1 => CryptoOutcome::Verified(Err(error)),
            2 => CryptoOutcome::Authenticated(valid(&[choices.below(9)])),
            3 => CryptoOutcome::Signed(Err(CryptoError::SigningFailed)),
            _ => CryptoOutcome::Signed(Ok(Signatures {
                payload: Bytes::from_static(b"s"),
                secret: None,
            })),
        };
        self.event(Event::CryptoDone { ticket, outcome });
    }

    fn ledger_done(&mut self, choices: &mut Choices<'_>) {
        let (ticket, op) = match self.ledger.pop_first() {
            Some((ticket, op)) => (ticket, Some(op)),
            None => (Ticket(choices.number()), None),
        };
        let storage = || LedgerError::Storage("it is full".to_owned());
        let outcome = match (choices.below(8), op) {
            (0, _) => LedgerOutcome::Height(Ok(choices.number())),
            (1, _) => LedgerOutcome::Committed(Err(storage())),
            (2, _) => LedgerOutcome::Blocks(Ok(vec![Bytes::new(); 20])),
            (3, _) => LedgerOutcome::Height(Err(storage())),
            (_, Some(LedgerOp::Height { .. })) => LedgerOutcome::Height(Ok(0)),
            (_, Some(LedgerOp::Read { .. })) => {
                LedgerOutcome::Blocks(Ok(vec![Bytes::from_static(b"block")]))
            }
            (_, Some(LedgerOp::Commit { .. }) | None) => LedgerOutcome::Committed(Ok(())),
        };
        self.event(Event::LedgerDone { ticket, outcome });
    }

    fn receive(&mut self, choices: &mut Choices<'_>) {
        let link = self.any_link(choices);
        if !self.node.admits(link) && choices.below(4) > 0 {
            return;
        }
        let messages = match choices.below(6) {
            0 => self.hellos.steps(choices),
            _ => vec![messages::any(choices)],
        };
        for message in messages {
            self.event(Event::Received { link, message });
        }
    }

    /// Receives the bytes of a message, some of them altered.
    fn receive_bytes(&mut self, choices: &mut Choices<'_>) {
        let link = self.any_link(choices);
        let mut frame = messages::any(choices).encoded().to_vec();
        for _ in 0..choices.below(6) {
            let place = choices.number() as usize % frame.len().max(1);
            if let Some(byte) = frame.get_mut(place) {
                *byte = choices.byte();
            }
        }
        match SignedMessage::decode(frame.into(), &Limits::default()) {
            Ok(message) => self.event(Event::Received { link, message }),
            Err(error) => self.event(Event::Malformed { link, error }),
        }
    }

    fn flushed(&mut self, choices: &mut Choices<'_>) {
        let link = self.any_link(choices);
        let frames = choices.number();
        // A driver must not return more credit than was used: then the window counts from zero.
        if let Some(used) = self.links.get_mut(&link) {
            *used = used.saturating_sub(usize::try_from(frames).unwrap_or(usize::MAX));
        }
        self.event(Event::Flushed {
            link,
            frames: u32::try_from(frames).unwrap_or(u32::MAX),
            bytes: u64::MAX,
        });
    }

    fn request(&mut self, choices: &mut Choices<'_>) {
        let channel = ChannelId::new(["c", "d", "e", ""][usize::from(choices.below(4))]);
        let request = match choices.below(9) {
            0..=2 => {
                let orgs = [&["a", "b"][..], &["a"], &["b"]][usize::from(choices.below(3))];
                let anchor = Endpoint::new(&format!("{}.lan:1", choices.below(4)));
                let members = orgs
                    .iter()
                    .map(|org| (OrgId::new(org.as_bytes()), vec![anchor.clone()]));
                let config = JoinChannel {
                    sequence: choices.number(),
                    members: members.collect(),
                };
                Request::JoinChannel { channel, config }
            }
            3 => Request::LeaveChannel { channel },
            4..=5 => {
                let block = Bytes::from_static(b"block");
                let seq = choices.number();
                Request::Publish {
                    channel,
                    seq,
                    block,
                }
            }
            6 => Request::UpdateMetadata {
                metadata: Bytes::from(vec![0; usize::from(choices.byte()) << 9]),
            },
            7 if choices.below(200) == 0 => Request::Stop,
            _ => Request::UpdateChaincodes {
                channel,
                chaincodes: Vec::new(),
            },
        };
        self.stopped |= matches!(request, Request::Stop);
        self.last_request += 1;
        let id = RequestId(self.last_request);
        self.requests.insert(id);
        self.event(Event::Request { id, request });
    }

    fn drain(&mut self) {
        let mut lowered = Vec::new();
        let mut commands = 0;
        while let Some(command) = self.node.poll_command() {
            commands += 1;
            assert!(commands < 2_000, "commands without end");
            match command {
                Command::Dial { ticket, .. } => assert!(self.dials.insert(ticket)),
                Command::Send { link, message, .. } => {
                    self.hellos.note(link, &message);
                    // The link may have ended in this turn: the driver drops its commands.
                    if let Some(used) = self.links.get_mut(&link) {
                        *used += 1;
                        let limit = Class::ALL.len() * WINDOW_FRAMES;
                        assert!(*used <= limit, "{used} frames in the windows of {link}");
                    }
                }
                Command::FinishLink { .. } => {}
                Command::CloseLink { link, .. } => lowered.push(link),
                Command::Crypto { ticket, job } => {
                    assert!(self.crypto.insert(ticket, job).is_none());
                }
                Command::Ledger { ticket, op } => {
                    assert!(self.ledger.insert(ticket, op).is_none());
                }
                Command::Reply { id, .. } => {
                    assert!(self.requests.remove(&id), "two answers to one request");
                }
                Command::Validate { .. } | Command::Notify(_) | Command::Deliver(_) => {}
            }
        }
        for link in lowered {
            self.lower(link, LinkDownReason::Closed);
        }
    }

    /// Checks the bounds of all stores.
    fn check(&self) {
        assert!(self.node.members().len() <= MAX_MEMBERS);
        let channels = self.node.channels();
        assert!(channels.len() <= MAX_CHANNELS);
        for channel in channels {
            let info = self.node.channel(&channel).expect("a listed channel");
            assert!(info.buffered <= 13, "{} blocks buffered", info.buffered);
            assert!(info.peers.len() <= MAX_MEMBERS);
        }
        // Jobs that the node has abandoned are outstanding here only.
        let checks = self.crypto.values();
        let signs = checks
            .filter(|job| matches!(job, CryptoJob::Sign { .. }))
            .count();
        let admitted = usize::try_from(self.node.metrics().verifications_lost).unwrap_or(0);
        let own = self.links.len() + MAX_CHANNELS + 1;
        let lost = usize::try_from(self.node.metrics().signing_failures).unwrap_or(0);
        assert!(
            signs <= 2 * own + admitted + lost + MAX_DIALS,
            "{signs} signatures outstanding"
        );
    }
}

fn binding(link: LinkId) -> Bytes {
    Bytes::from(format!("binding {link}"))
}

fn check_job(job: &CryptoJob) -> CryptoOutcome {
    match job {
        CryptoJob::Authenticate { identity, .. } | CryptoJob::Validate { identity, .. } => {
            CryptoOutcome::Authenticated(valid(identity))
        }
        CryptoJob::Verify { .. } | CryptoJob::VerifyBlock { .. } => CryptoOutcome::Verified(Ok(())),
        CryptoJob::Sign { secret, .. } => CryptoOutcome::Signed(Ok(Signatures {
            payload: Bytes::from_static(b"s"),
            secret: secret.is_some().then(|| Bytes::from_static(b"s")),
        })),
    }
}
