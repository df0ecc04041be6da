//! A node under test for the tests of several modules. The bench plays its environment in virtual time and records its
//! commands.
//!
//! The node is `m1` of organisation `m`; all peers are named this way. Signatures are hashes over the signer's name and
//! the text, so forged and altered ones do fail.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test skips what it does not look for"
)]

mod bound;
mod messages;
mod neighbours;
mod services;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{ConnEstablish, Content, SignedMessage, Tag, UnsignedMessage};

pub(crate) use self::bound::Bound;
use self::messages::signature;
pub(crate) use self::messages::*;
pub(crate) use self::neighbours::*;
use super::Node;
use crate::channel::Channels;
use crate::crypto::Crypto;
use crate::gate::Gate;
use crate::peers::membership::Membership;
use crate::{
    Binding, ChannelId, Class, CloseReason, Command, Config, CryptoJob, Delivery, DialError,
    Endpoint, Event, Instant, JoinChannel, LedgerOp, LinkDownReason, LinkId, Metrics, Notification,
    OrgId, PeerId, PushOutcome, Request, RequestError, RequestId, Response, SelfIdentity, Start,
    Ticket, Verdict,
};

/// Limit on nested events, each caused by a command of the one before.
const MOST_NESTED: u32 = 64;
/// Limit on the commands of one event, without those of nested events.
const MOST_COMMANDS: u32 = 100_000;
/// Limit on ticks while a test lets time pass, up to hours.
const MOST_TICKS: u32 = 200_000;
/// Limit on the time steps that a test waits for something.
const MOST_WAITS: u32 = 1_000;
/// Limit on consecutive failed dials without time passing, besides the outstanding ones.
const MOST_DIALS: u32 = 1_000;

/// A node and its environment. Loops are bounded: beyond a number of steps that no test needs they panic and report
/// what they waited for.
pub(crate) struct Bench {
    pub(crate) node: Node,
    pub(crate) now: Instant,
    /// Keep checks in `jobs` until the test answers them.
    pub(crate) hold_checks: bool,
    /// Keep signatures in `jobs` too.
    pub(crate) hold_signatures: bool,
    pub(crate) jobs: VecDeque<(Ticket, CryptoJob)>,
    pub(crate) checked: usize,
    pub(crate) checked_blocks: usize,
    pub(crate) signatures: usize,
    /// Keep commits until the test finishes them.
    pub(crate) hold_commits: bool,
    held_commits: Vec<(Ticket, LedgerOp)>,
    /// Keep reads until the test finishes them.
    pub(crate) hold_reads: bool,
    held_reads: Vec<(Ticket, LedgerOp)>,
    /// Signatures with our own key fail.
    pub(crate) cannot_sign: bool,
    pub(crate) dials: Vec<(Ticket, Endpoint)>,
    pub(crate) closed: Vec<(String, CloseReason)>,
    pub(crate) notes: Vec<Notification>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) commits: Vec<(ChannelId, u64)>,
    /// Peers that the channels' reader policies do not admit.
    pub(crate) not_readers: BTreeSet<String>,
    /// Peers whose identities are not valid.
    pub(crate) revoked: BTreeSet<String>,
    /// The incarnations that peers send when they connect, if any.
    pub(crate) incarnations: BTreeMap<String, u64>,
    replies: BTreeMap<RequestId, Result<Response, RequestError>>,
    ledgers: BTreeMap<ChannelId, Vec<Bytes>>,
    sent: Vec<(LinkId, SignedMessage)>,
    /// Blocks shown to the application that await its verdict.
    pub(crate) shown: VecDeque<(Ticket, u64, Option<String>)>,
    /// Do not flush the frames sent.
    pub(crate) hold_flushes: bool,
    /// Number of frames sent in the class `Bulk`.
    pub(crate) bulk: usize,
    links: BTreeMap<LinkId, String>,
    last_link: u64,
    last_request: u64,
    /// Depth of nested events.
    nested: u32,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A node whose own identity expires after `left`.
    pub(crate) fn expiring(left: Option<Duration>) -> Self {
        Self::start(left, |_| {})
    }

    /// A node with an external endpoint, unless `adjust` removes it.
    pub(crate) fn with(adjust: impl FnOnce(&mut Config)) -> Self {
        Self::start(None, adjust)
    }

    fn start(identity_expires_in: Option<Duration>, adjust: impl FnOnce(&mut Config)) -> Self {
        let identity = SelfIdentity {
            peer: peer("m1"),
            org: org_of("m1"),
            bytes: identity_of("m1"),
        };
        let mut config = Config::new(identity, Endpoint::new(&internal("m1")));
        config.external_endpoint = Some(Endpoint::new(&external("m1")));
        config.channel.publish_interval = Duration::from_millis(500);
        adjust(&mut config);
        let start = Start {
            now: Instant::START,
            seed: [7; 32],
            incarnation: 5,
            identity_expires_in,
        };
        let mut bench = Self {
            node: Node::new(Arc::new(config), start).unwrap(),
            now: Instant::START,
            hold_checks: false,
            hold_signatures: false,
            jobs: VecDeque::new(),
            checked: 0,
            checked_blocks: 0,
            signatures: 0,
            hold_commits: false,
            held_commits: Vec::new(),
            hold_reads: false,
            held_reads: Vec::new(),
            cannot_sign: false,
            dials: Vec::new(),
            closed: Vec::new(),
            notes: Vec::new(),
            deliveries: Vec::new(),
            commits: Vec::new(),
            not_readers: BTreeSet::new(),
            revoked: BTreeSet::new(),
            incarnations: BTreeMap::new(),
            replies: BTreeMap::new(),
            ledgers: BTreeMap::new(),
            sent: Vec::new(),
            shown: VecDeque::new(),
            hold_flushes: false,
            bulk: 0,
            links: BTreeMap::new(),
            last_link: 0,
            last_request: 0,
            nested: 0,
        };
        bench.drain();
        bench
    }

    /// A node that has joined `main` with the organisations `orgs`.
    pub(crate) fn joined(orgs: &[&str], adjust: impl FnOnce(&mut Config)) -> Self {
        let mut bench = Self::with(adjust);
        bench.join(1, orgs).unwrap();
        bench
    }

    pub(crate) fn join(&mut self, sequence: u64, orgs: &[&str]) -> Result<Response, RequestError> {
        let members = orgs
            .iter()
            .map(|org| (OrgId::new(org.as_bytes()), Vec::new()));
        let config = JoinChannel {
            sequence,
            members: members.collect(),
        };
        let channel = main_channel();
        self.ask(Request::JoinChannel { channel, config })
    }

    /// Makes a request and returns its answer, which must be immediate.
    pub(crate) fn ask(&mut self, request: Request) -> Result<Response, RequestError> {
        let id = self.begin(request);
        self.replies
            .remove(&id)
            .expect("the request is answered at once")
    }

    pub(crate) fn begin(&mut self, request: Request) -> RequestId {
        self.last_request += 1;
        let id = RequestId(self.last_request);
        self.event(Event::Request { id, request });
        id
    }

    pub(crate) fn reply(&mut self, id: RequestId) -> Option<Result<Response, RequestError>> {
        self.replies.remove(&id)
    }

    /// The push outcome of a publication, if it was accepted.
    pub(crate) fn pushed(&mut self, id: RequestId) -> Option<PushOutcome> {
        match self.reply(id)? {
            Ok(Response::Published { push, .. }) => Some(push),
            _ => None,
        }
    }

    /// Whether a published block was new, if it was accepted.
    pub(crate) fn was_fresh(&mut self, id: RequestId) -> Option<bool> {
        match self.reply(id)? {
            Ok(Response::Published { fresh, .. }) => Some(fresh),
            _ => None,
        }
    }

    pub(crate) fn publish(&mut self, seq: u64, block: Bytes) -> RequestId {
        self.begin(Request::Publish {
            channel: main_channel(),
            seq,
            block,
        })
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        self.node.metrics()
    }

    pub(crate) fn membership(&self) -> &Membership {
        &self.node.peers.membership
    }

    pub(crate) fn holds_identity(&self, name: &str) -> bool {
        self.node.peers.identities.get(name.as_bytes()).is_some()
    }

    /// The number of relayed state infos of channels not joined.
    pub(crate) fn relayed(&self) -> usize {
        self.node.relay.len()
    }

    pub(crate) fn channels(&self) -> &Channels {
        &self.node.channels
    }

    pub(crate) fn crypto(&self) -> &Crypto {
        &self.node.core.crypto
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.node.gate
    }

    /// Delivers an event and executes the commands that follow.
    pub(crate) fn event(&mut self, event: Event) {
        self.nested += 1;
        assert!(
            self.nested <= MOST_NESTED,
            "waited for the node to become idle: events cause events without end, the last one is {event:?}"
        );
        self.node.handle(self.now, event);
        self.drain();
        self.nested -= 1;
    }

    /// Lets time pass; timers fire at their time.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        let mut ticks = Bound::new("the timers to let time pass", MOST_TICKS);
        while let Some(due) = self.node.poll_timeout().filter(|due| *due <= end) {
            ticks.step((due, end));
            self.now = self.now.max(due);
            self.event(Event::Tick);
        }
        self.now = end;
    }

    /// Lets time pass in steps until `done` returns true.
    #[track_caller]
    pub(crate) fn until(
        &mut self,
        what: &'static str,
        step: Duration,
        mut done: impl FnMut(&mut Self) -> bool,
    ) {
        let mut bound = Bound::new(what, MOST_WAITS);
        while !done(self) {
            bound.step(self.now);
            self.advance(step);
        }
    }

    /// An authenticated link dialled by `name`.
    pub(crate) fn connect(&mut self, name: &str) -> LinkId {
        let link = self.link_up(name, None);
        self.authenticate(link);
        link
    }

    /// A link to `name` that is not authenticated yet.
    pub(crate) fn link_up(&mut self, name: &str, dial: Option<Ticket>) -> LinkId {
        self.last_link += 1;
        let link = LinkId(self.last_link);
        self.links.insert(link, name.to_owned());
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

    pub(crate) fn authenticate(&mut self, link: LinkId) {
        self.authenticate_with(link, crate::peers::link::CAPABILITIES);
    }

    /// Authenticates a link without capabilities, as a Fabric peer does.
    pub(crate) fn authenticate_as_fabric(&mut self, link: LinkId) {
        self.authenticate_with(link, 0);
    }

    pub(crate) fn authenticate_with(&mut self, link: LinkId, capabilities: u64) {
        let name = self.links[&link].clone();
        let conn = ConnEstablish {
            pki_id: Bytes::copy_from_slice(name.as_bytes()),
            identity: identity_of(&name),
            binding: binding(link),
            probe: false,
            capabilities,
            network_id: Bytes::new(),
            incarnation: self.incarnations.get(&name).copied().unwrap_or(0),
        };
        let message = message(0, "", Tag::Empty, Content::Conn(conn));
        self.receive(link, &sign(&name, UnsignedMessage::new(message, None)));
    }

    /// Answers the oldest dial with a link to `name`, and authenticates it.
    pub(crate) fn answer_dial(&mut self, name: &str) -> LinkId {
        let (ticket, _) = self.dials.remove(0);
        let link = self.link_up(name, Some(ticket));
        self.authenticate(link);
        link
    }

    /// Fails the oldest dial.
    pub(crate) fn fail_dial(&mut self) {
        let (ticket, _) = self.dials.remove(0);
        let error = DialError::Unreachable;
        self.event(Event::DialFailed { ticket, error });
    }

    /// Fails all dials, and those that follow. Returns the addresses, in order.
    #[track_caller]
    pub(crate) fn fail_dials(&mut self) -> Vec<String> {
        let mut tried = Vec::new();
        let outstanding = u32::try_from(self.dials.len()).unwrap_or(MOST_DIALS);
        let mut bound = Bound::new("the node to stop dialling", MOST_DIALS + outstanding);
        while let Some((_, endpoint)) = self.dials.first() {
            bound.step(endpoint);
            tried.push(endpoint.to_string());
            self.fail_dial();
        }
        tried
    }

    /// Connects a member, alive with both endpoints.
    pub(crate) fn member(&mut self, name: &str) -> LinkId {
        let link = self.connect(name);
        self.receive(link, &beat(name, 1).message());
        link
    }

    /// Connects a participant of `main` with an empty ledger.
    pub(crate) fn participant(&mut self, name: &str) -> LinkId {
        let link = self.member(name);
        self.receive(link, &state_info(name, 1, 0));
        link
    }

    pub(crate) fn receive(&mut self, link: LinkId, message: &SignedMessage) {
        let limits = gossip_proto::Limits::default();
        let message = SignedMessage::decode(message.encoded().clone(), &limits).unwrap();
        self.event(Event::Received { link, message });
    }

    /// The transport has sent so many frames.
    pub(crate) fn flush(&mut self, link: LinkId, frames: u32) {
        let bytes = u64::MAX;
        self.event(Event::Flushed {
            link,
            frames,
            bytes,
        });
    }

    pub(crate) fn link_to(&self, name: &str) -> Option<LinkId> {
        self.node.peers.links.link_of(&peer(name))
    }

    pub(crate) fn link_down(&mut self, link: LinkId) {
        let reason = LinkDownReason::Broken;
        self.event(Event::LinkDown { link, reason });
    }

    /// The messages sent since the last call, each with its receiver.
    pub(crate) fn sent(&mut self) -> Vec<(String, SignedMessage)> {
        let sent = std::mem::take(&mut self.sent);
        sent.into_iter()
            .map(|(link, message)| (self.links[&link].clone(), message))
            .collect()
    }

    /// The parts that `pick` finds in the messages sent since the last call.
    pub(crate) fn sent_like<T>(
        &mut self,
        pick: impl Fn(&SignedMessage) -> Option<T>,
    ) -> Vec<(String, T)> {
        let sent = self.sent();
        sent.into_iter()
            .filter_map(|(to, message)| Some((to, pick(&message)?)))
            .collect()
    }

    /// The numbers of blocks pushed since the last call, each with its receiver, sorted.
    pub(crate) fn blocks_pushed(&mut self) -> Vec<(String, u64)> {
        let mut sent = self.sent_like(|message| match message.content() {
            Content::Data(payload) => Some(payload.seq_num),
            _ => None,
        });
        sent.sort_unstable();
        sent
    }

    /// The subjects of heartbeats pushed since the last call, each with its receiver, sorted.
    pub(crate) fn beats_pushed(&mut self) -> Vec<(String, String)> {
        let mut sent = self.sent_like(|message| match message.content() {
            Content::Alive(alive) => Some(String::from_utf8_lossy(&alive.pki_id).into_owned()),
            _ => None,
        });
        sent.sort_unstable();
        sent
    }

    /// Whether a member is considered alive; `None` if it is unknown.
    pub(crate) fn liveness(&self, name: &str) -> Option<bool> {
        let members = self.node.members();
        let member = members.iter().find(|member| member.peer == peer(name))?;
        Some(member.alive)
    }

    /// The crypto service answers the oldest job.
    pub(crate) fn answer(&mut self) {
        let (ticket, job) = self.jobs.pop_front().expect("a job is outstanding");
        let outcome = self.crypto_outcome(&job);
        self.event(Event::CryptoDone { ticket, outcome });
    }

    pub(crate) fn answer_all(&mut self) {
        let mut bound = Bound::new("the node to request no further checks", MOST_COMMANDS);
        while !self.jobs.is_empty() {
            bound.step(self.jobs.len());
            self.answer();
        }
    }

    /// The application gives its verdict on the oldest block shown.
    pub(crate) fn judge_block(&mut self, verdict: Verdict) {
        let (ticket, ..) = self.shown.pop_front().expect("a block was shown");
        self.event(Event::Validated { ticket, verdict });
    }

    pub(crate) fn finish_commits(&mut self) {
        self.hold_commits = false;
        for (ticket, op) in std::mem::take(&mut self.held_commits) {
            let outcome = self.ledger(op);
            self.event(Event::LedgerDone { ticket, outcome });
        }
    }

    pub(crate) fn finish_reads(&mut self) {
        self.hold_reads = false;
        for (ticket, op) in std::mem::take(&mut self.held_reads) {
            let outcome = self.ledger(op);
            self.event(Event::LedgerDone { ticket, outcome });
        }
    }

    fn drain(&mut self) {
        let mut bound = Bound::new("the node to emit no further command", MOST_COMMANDS);
        while let Some(command) = self.node.poll_command() {
            bound.step(&command);
            self.execute(command);
        }
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Dial { ticket, endpoint } => self.dials.push((ticket, endpoint)),
            Command::Send {
                link,
                class,
                message,
            } => {
                self.bulk += usize::from(class == Class::Bulk);
                let bytes = message.encoded().len() as u64;
                self.sent.push((link, message));
                if self.hold_flushes {
                    return;
                }
                self.event(Event::Flushed {
                    link,
                    frames: 1,
                    bytes,
                });
            }
            Command::FinishLink { link } => self.link_down(link),
            Command::CloseLink { link, reason } => {
                let name = self.links.get(&link).cloned().unwrap_or_default();
                self.closed.push((name, reason));
                let reason = LinkDownReason::Closed;
                self.event(Event::LinkDown { link, reason });
            }
            Command::Crypto { ticket, job } => self.do_crypto(ticket, job),
            Command::Ledger { ticket, op }
                if self.hold_commits && matches!(op, LedgerOp::Commit { .. }) =>
            {
                self.held_commits.push((ticket, op));
            }
            Command::Ledger { ticket, op }
                if self.hold_reads && matches!(op, LedgerOp::Read { .. }) =>
            {
                self.held_reads.push((ticket, op));
            }
            Command::Ledger { ticket, op } => {
                let outcome = self.ledger(op);
                self.event(Event::LedgerDone { ticket, outcome });
            }
            Command::Validate {
                ticket, seq, from, ..
            } => {
                let name = |peer: PeerId| String::from_utf8_lossy(peer.as_bytes()).into_owned();
                self.shown.push_back((ticket, seq, from.map(name)));
            }
            Command::Reply { id, result } => {
                assert!(self.replies.insert(id, result).is_none(), "answered twice");
            }
            Command::Notify(notification) => self.notes.push(notification),
            Command::Deliver(delivery) => self.deliveries.push(delivery),
        }
    }

    fn do_crypto(&mut self, ticket: Ticket, job: CryptoJob) {
        let signs = matches!(job, CryptoJob::Sign { .. });
        let block = matches!(job, CryptoJob::VerifyBlock { .. });
        self.checked_blocks += usize::from(block);
        if signs {
            self.signatures += 1;
        } else {
            self.checked += 1;
        }
        if (signs && self.hold_signatures) || (!signs && self.hold_checks) {
            self.jobs.push_back((ticket, job));
            return;
        }
        let outcome = self.crypto_outcome(&job);
        self.event(Event::CryptoDone { ticket, outcome });
    }
}

fn binding(link: LinkId) -> Bytes {
    Bytes::from(format!("binding {link}"))
}
