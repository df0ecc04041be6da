//! A node on a bench, for the tests of several modules: the world around it is played, in virtual
//! time, and everything it does is kept for the test to look at.
//!
//! The node is `m1` of organisation `m`; every peer is named likewise. Signatures are hashes over
//! the signer's name and the text, so forged and altered ones really fail.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "what a test does not look for it passes over, whatever it is"
)]

mod bound;
mod messages;
mod services;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{ConnEstablish, Content, SignedMessage, Tag, UnsignedMessage};

pub(crate) use self::bound::Bound;
use self::messages::signature;
pub(crate) use self::messages::*;
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

/// Events that may follow from one, each from a command of the one before.
const MOST_NESTED: u32 = 64;
/// Commands that one event may lead to, those apart that follow from other events.
const MOST_COMMANDS: u32 = 100_000;
/// Ticks while a test lets time pass, which may be hours.
const MOST_TICKS: u32 = 200_000;
/// Steps of time that a test waits for something.
const MOST_WAITS: u32 = 1_000;
/// Dials besides those outstanding that fail one after the other, while no time passes.
const MOST_DIALS: u32 = 1_000;

/// A node and what is around it. No call of it goes on for ever: beyond a number of steps that no test needs it
/// panics, and says what it waited for.
pub(crate) struct Bench {
    pub(crate) node: Node,
    pub(crate) now: Instant,
    /// Checks wait in `jobs` until the test answers them.
    pub(crate) hold_checks: bool,
    /// Signatures wait in `jobs` too.
    pub(crate) hold_signatures: bool,
    pub(crate) jobs: VecDeque<(Ticket, CryptoJob)>,
    pub(crate) checked: usize,
    pub(crate) checked_blocks: usize,
    pub(crate) signatures: usize,
    /// Commits wait until the test finishes them.
    pub(crate) hold_commits: bool,
    held_commits: Vec<(Ticket, LedgerOp)>,
    /// Reads wait until the test finishes them.
    pub(crate) hold_reads: bool,
    held_reads: Vec<(Ticket, LedgerOp)>,
    /// Our own key cannot sign.
    pub(crate) cannot_sign: bool,
    pub(crate) dials: Vec<(Ticket, Endpoint)>,
    pub(crate) closed: Vec<(String, CloseReason)>,
    pub(crate) notes: Vec<Notification>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) commits: Vec<(ChannelId, u64)>,
    /// Peers whom the channels' reader policies do not admit.
    pub(crate) not_readers: BTreeSet<String>,
    /// Peers whose identities are not valid any more.
    pub(crate) revoked: BTreeSet<String>,
    /// What peers tell of their incarnation when they connect, if anything.
    pub(crate) incarnations: BTreeMap<String, u64>,
    replies: BTreeMap<RequestId, Result<Response, RequestError>>,
    ledgers: BTreeMap<ChannelId, Vec<Bytes>>,
    sent: Vec<(LinkId, SignedMessage)>,
    /// Blocks shown to the application, which it has not judged.
    pub(crate) shown: VecDeque<(Ticket, u64, Option<String>)>,
    /// The transport keeps what it is handed.
    pub(crate) hold_flushes: bool,
    /// Frames sent in the class `Bulk`.
    pub(crate) bulk: usize,
    links: BTreeMap<LinkId, String>,
    last_link: u64,
    last_request: u64,
    /// Events that are being handled, each within the one before.
    nested: u32,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A node whose own identity is valid for so long.
    pub(crate) fn expiring(left: Option<Duration>) -> Self {
        Self::start(left, |_| {})
    }

    /// A node that has an external endpoint unless `adjust` takes it away.
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

    /// A node that has joined `main`, of the organisations `orgs`.
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

    /// Asks, and takes the answer, which must come at once.
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

    /// What became of a publication, if it was accepted.
    pub(crate) fn pushed(&mut self, id: RequestId) -> Option<PushOutcome> {
        match self.reply(id)? {
            Ok(Response::Published { push, .. }) => Some(push),
            _ => None,
        }
    }

    /// Was a block news that was published, if it was accepted?
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

    /// State infos of channels not joined that are remembered.
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

    /// Hands the node an event and carries out what it wants.
    pub(crate) fn event(&mut self, event: Event) {
        self.nested += 1;
        assert!(
            self.nested <= MOST_NESTED,
            "waited for the node to be content: events follow from events without end, the last one is {event:?}"
        );
        self.node.handle(self.now, event);
        self.drain();
        self.nested -= 1;
    }

    /// Lets time pass, and timers fire at their time.
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

    /// Lets time pass, `step` by step, until `done`, which is asked at each of them.
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

    /// A link that `name` has dialled, authenticated.
    pub(crate) fn connect(&mut self, name: &str) -> LinkId {
        let link = self.link_up(name, None);
        self.authenticate(link);
        link
    }

    /// A link to `name`, not yet authenticated.
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

    /// It understands nothing but the original protocol.
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

    /// Answers the oldest dial: `name` is there and authenticates.
    pub(crate) fn answer_dial(&mut self, name: &str) -> LinkId {
        let (ticket, _) = self.dials.remove(0);
        let link = self.link_up(name, Some(ticket));
        self.authenticate(link);
        link
    }

    /// Answers the oldest dial: nobody is there.
    pub(crate) fn fail_dial(&mut self) {
        let (ticket, _) = self.dials.remove(0);
        let error = DialError::Unreachable;
        self.event(Event::DialFailed { ticket, error });
    }

    /// Answers all dials, and those that come of it: nobody is there. The addresses, in order.
    #[track_caller]
    pub(crate) fn fail_dials(&mut self) -> Vec<String> {
        let mut tried = Vec::new();
        let outstanding = u32::try_from(self.dials.len()).unwrap_or(MOST_DIALS);
        let mut bound = Bound::new("the node to dial no more", MOST_DIALS + outstanding);
        while let Some((_, endpoint)) = self.dials.first() {
            bound.step(endpoint);
            tried.push(endpoint.to_string());
            self.fail_dial();
        }
        tried
    }

    /// A connected member, alive with both endpoints.
    pub(crate) fn member(&mut self, name: &str) -> LinkId {
        let link = self.connect(name);
        self.receive(link, &beat(name, 1).message());
        link
    }

    /// A connected member that takes part in `main` with an empty ledger.
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

    /// The transport is done with so many frames.
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

    /// What was sent since the last call: to whom, and what.
    pub(crate) fn sent(&mut self) -> Vec<(String, SignedMessage)> {
        let sent = std::mem::take(&mut self.sent);
        sent.into_iter()
            .map(|(link, message)| (self.links[&link].clone(), message))
            .collect()
    }

    /// Of what was sent since the last call, what `pick` finds something in.
    pub(crate) fn sent_like<T>(
        &mut self,
        pick: impl Fn(&SignedMessage) -> Option<T>,
    ) -> Vec<(String, T)> {
        let sent = self.sent();
        sent.into_iter()
            .filter_map(|(to, message)| Some((to, pick(&message)?)))
            .collect()
    }

    /// The numbers of blocks pushed since the last call, and to whom, in the order of names.
    pub(crate) fn blocks_pushed(&mut self) -> Vec<(String, u64)> {
        let mut sent = self.sent_like(|message| match message.content() {
            Content::Data(payload) => Some(payload.seq_num),
            _ => None,
        });
        sent.sort_unstable();
        sent
    }

    /// Heartbeats pushed since the last call: to whom, and of whom.
    pub(crate) fn beats_pushed(&mut self) -> Vec<(String, String)> {
        let mut sent = self.sent_like(|message| match message.content() {
            Content::Alive(alive) => Some(String::from_utf8_lossy(&alive.pki_id).into_owned()),
            _ => None,
        });
        sent.sort_unstable();
        sent
    }

    /// Whether a member is held alive; `None` if it is not known.
    pub(crate) fn liveness(&self, name: &str) -> Option<bool> {
        let members = self.node.members();
        let member = members.iter().find(|member| member.peer == peer(name))?;
        Some(member.alive)
    }

    /// The crypto service answers the oldest job.
    pub(crate) fn answer(&mut self) {
        let (ticket, job) = self.jobs.pop_front().expect("a job is outstanding");
        let outcome = self.judge(&job);
        self.event(Event::CryptoDone { ticket, outcome });
    }

    pub(crate) fn answer_all(&mut self) {
        let mut bound = Bound::new("the node to ask for no more checks", MOST_COMMANDS);
        while !self.jobs.is_empty() {
            bound.step(self.jobs.len());
            self.answer();
        }
    }

    /// The application judges the oldest block that it was shown.
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
        let mut bound = Bound::new("the node to want nothing more", MOST_COMMANDS);
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
        let outcome = self.judge(&job);
        self.event(Event::CryptoDone { ticket, outcome });
    }
}

fn binding(link: LinkId) -> Bytes {
    Bytes::from(format!("binding {link}"))
}
