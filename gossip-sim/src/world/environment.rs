//! The nodes' environment: transport, services, clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use gossip_core::{
    Command, CryptoJob, Delivery, Endpoint, Event, Instant, LedgerOp, Notification, OrgId, PeerId,
    RequestError, RequestId, Response, Ticket,
};

use super::config::WorldConfig;
use super::heard::Heard;
use super::host::Host;
use super::occurrence::{Arrival, Occurrence};
use super::submitted::SubmittedBlock;
use crate::NodeId;
use crate::agenda::{Agenda, Slab};
use crate::check::{Breach, Checker, FaultLog, VisibilityMatrix};
use crate::crypto::Crypto;
use crate::delivery::Deliveries;
use crate::fault::Fault;
use crate::network::{EndKey, EndState, Line, Links};
use crate::rng::Draws;
use crate::stats::Stats;
use crate::trace::{Recording, Trace};

/// A fault, or its end.
#[derive(Clone, Debug)]
pub(super) enum Planned {
    Begin(Fault),
    Unstall(u32, u32),
    Speed(u32, u32),
    /// A one-way cut is over.
    BothWays,
    Thaw(u32),
}

/// Loss of frames and dials, each with this probability.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss {
    pub(super) percent: u8,
    pub(super) until: Instant,
}

/// A one-way cut: no frame gets from `from` to `to`.
#[derive(Clone, Debug)]
pub(super) struct OneWay {
    pub(super) from: BTreeSet<u32>,
    pub(super) to: BTreeSet<u32>,
    pub(super) until: Instant,
}

/// Impairment of the direction from one node to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Impairment {
    pub(super) stalled_until: Instant,
    pub(super) slow_until: Instant,
    pub(super) factor: u32,
}

/// The requester, which waits for the reply.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asker {
    Application,
    Publisher(u32),
    /// The world, which joins channels again after a restart and ignores the reply.
    World,
}

#[derive(Debug)]
pub(super) struct Environment {
    pub(super) config: WorldConfig,
    pub(super) now: Instant,
    pub(super) agenda: Agenda<Occurrence>,
    pub(super) hosts: Vec<Host>,
    pub(super) endpoints: BTreeMap<Endpoint, u32>,
    pub(super) peers: BTreeMap<PeerId, u32>,
    /// Organisations that ever shared a channel, in both directions.
    pub(super) linked: BTreeMap<OrgId, BTreeSet<OrgId>>,
    pub(super) links: Links,
    pub(super) events: Slab<(u32, Event)>,
    pub(super) operations: Slab<(u32, Ticket, LedgerOp)>,
    pub(super) arrivals: Slab<(EndKey, Arrival)>,
    pub(super) faults: Slab<Planned>,
    pub(super) impaired: BTreeMap<(u32, u32), Impairment>,
    pub(super) one_ways: Vec<OneWay>,
    pub(super) loss: Loss,
    pub(super) fault_log: FaultLog,
    /// Messages received by the nodes that are overheard.
    pub(super) heard: BTreeMap<u32, VecDeque<Heard>>,
    pub(super) crypto: Crypto,
    pub(super) latency: Draws,
    pub(super) service: Draws,
    pub(super) fate: Draws,
    pub(super) trace: Trace,
    /// Present if [`WorldConfig::record`] is set.
    pub(super) recording: Option<Box<Recording>>,
    pub(super) stats: Stats,
    pub(super) checker: Checker,
    pub(super) visibility: VisibilityMatrix,
    pub(super) deliveries: Deliveries,
    /// Requests outstanding: the node and the requester.
    pub(super) askers: BTreeMap<RequestId, (u32, Asker)>,
    pub(super) replies: BTreeMap<RequestId, Result<Response, RequestError>>,
    /// Replies to publishers, handled after the node's commands.
    pub(super) publisher_replies: Vec<(u32, Result<Response, RequestError>)>,
}

const MAX_REPLIES: usize = 4_096;

impl Environment {
    pub(super) fn new(config: WorldConfig) -> Self {
        let seed = config.seed;
        let recording = config.record.then(|| Box::new(Recording::new()));
        Self {
            config,
            now: Instant::START,
            agenda: Agenda::new(),
            hosts: Vec::new(),
            endpoints: BTreeMap::new(),
            peers: BTreeMap::new(),
            linked: BTreeMap::new(),
            links: Links::default(),
            events: Slab::new(),
            operations: Slab::new(),
            arrivals: Slab::new(),
            faults: Slab::new(),
            impaired: BTreeMap::new(),
            one_ways: Vec::new(),
            loss: Loss {
                percent: 0,
                until: Instant::START,
            },
            fault_log: FaultLog::default(),
            heard: BTreeMap::new(),
            crypto: Crypto::new(seed),
            latency: Draws::new(seed, "latency"),
            service: Draws::new(seed, "service"),
            fate: Draws::new(seed, "fate"),
            trace: Trace::new(),
            recording,
            stats: Stats::new(),
            checker: Checker::default(),
            visibility: VisibilityMatrix::default(),
            deliveries: Deliveries::default(),
            askers: BTreeMap::new(),
            replies: BTreeMap::new(),
            publisher_replies: Vec::new(),
        }
    }

    pub(super) fn host(&mut self, node: u32) -> &mut Host {
        &mut self.hosts[node as usize]
    }

    pub(super) const fn line(&self) -> Line {
        Line {
            rate: self.config.bandwidth.get(),
            chunk: self.config.chunk.get(),
        }
    }

    /// Plans an event for the node, dropped if the node crashes or restarts before.
    pub(super) fn plan_event(&mut self, at: Instant, node: u32, event: Event) {
        let epoch = self.hosts[node as usize].epoch;
        let key = self.events.insert((epoch, event));
        self.agenda.plan(at, node, Occurrence::Event(key));
    }

    /// Executes a command of a node.
    pub(super) fn execute(&mut self, node: u32, command: Command) {
        match command {
            Command::Dial { ticket, endpoint } => self.dial(node, ticket, &endpoint),
            Command::Send {
                link,
                class,
                message,
            } => {
                self.send(node, EndKey::from_link_id(link), class, message);
            }
            Command::FinishLink { link } => self.finish(node, EndKey::from_link_id(link)),
            Command::CloseLink { link, .. } => self.close(node, EndKey::from_link_id(link)),
            Command::Crypto { ticket, job } => self.start_job(node, ticket, &job),
            Command::Ledger { ticket, op } => self.start_operation(node, ticket, op),
            Command::Validate {
                ticket,
                channel,
                seq,
                block,
                from,
            } => {
                let block = SubmittedBlock {
                    at: self.now,
                    channel,
                    seq,
                    block,
                    from,
                };
                self.validate(node, ticket, &block);
            }
            Command::Reply { id, result } => self.reply(id, result),
            Command::Notify(notification) => self.notified(node, notification),
            Command::Deliver(delivery) => self.delivered(node, delivery),
        }
    }

    fn start_job(&mut self, node: u32, ticket: Ticket, job: &CryptoJob) {
        let now = self.now;
        let host = &mut self.hosts[node as usize];
        if !matches!(job, CryptoJob::Sign { .. }) {
            host.driver.checks += 1;
            let gate = host.config.gate.max_pending.get();
            let publications = host.config.state_transfer.max_publications.get();
            let limit = (gate + publications * host.config.channel.max_channels.get()) as u64;
            let checks = host.driver.checks;
            self.checker
                .bound(now, node, "checks outstanding", (checks, limit));
        }
        let host = &self.hosts[node as usize];
        let factor = host.crypto_slow.factor(now);
        let outcome = self.crypto.work(now, &host.config.identity.bytes, job);
        let delay = self
            .service
            .delay(self.config.crypto)
            .saturating_mul(factor);
        self.plan_event(now + delay, node, Event::CryptoDone { ticket, outcome });
    }

    fn start_operation(&mut self, node: u32, ticket: Ticket, op: LedgerOp) {
        if let LedgerOp::Commit { channel, seq, .. } = &op {
            self.checker.commit_asked(self.now, node, channel, *seq);
        }
        let host = &mut self.hosts[node as usize];
        if let LedgerOp::Height { .. } = &op {
            host.driver.heights += 1;
        }
        let (epoch, factor) = (host.epoch, host.ledger_slow.factor(self.now));
        let delay = self
            .service
            .delay(self.config.ledger)
            .saturating_mul(factor);
        let key = self.operations.insert((epoch, ticket, op));
        self.agenda
            .plan(self.now + delay, node, Occurrence::Ledger(key));
    }

    fn reply(&mut self, id: RequestId, result: Result<Response, RequestError>) {
        match self.askers.remove(&id).map(|(_, asker)| asker) {
            Some(Asker::Publisher(publisher)) => self.publisher_replies.push((publisher, result)),
            Some(Asker::Application) => {
                self.replies.insert(id, result);
                if self.replies.len() > MAX_REPLIES {
                    self.replies.pop_first();
                }
            }
            Some(Asker::World) | None => {}
        }
    }

    fn notified(&mut self, node: u32, notification: Notification) {
        self.watch(node, &notification);
        let limit = self.config.notifications;
        let kept = &mut self.hosts[node as usize].notifications;
        kept.push_back(notification);
        if kept.len() > limit {
            kept.pop_front();
            self.stats.notifications_shed += 1;
        }
    }

    fn delivered(&mut self, node: u32, delivery: Delivery) {
        let kept = &mut self.hosts[node as usize].deliveries;
        kept.push_back(delivery);
        if kept.len() > self.config.notifications {
            kept.pop_front();
            self.stats.notifications_shed += 1;
        }
    }

    fn watch(&mut self, observer: u32, notification: &Notification) {
        if let Notification::MemberAlive(peer) = notification {
            self.appeared(observer, peer);
        } else if let Notification::MemberDead(peer) = notification
            && let Some(&subject) = self.peers.get(peer)
        {
            self.stats.deaths += 1;
            self.visibility.set(self.now, observer, subject, false);
            let down_since = self.hosts[subject as usize].down_since();
            if down_since.is_none() && !self.separated(observer, subject) {
                self.stats.false_deaths += 1;
            }
            self.checker.died(observer, subject, down_since);
            self.check_suspicion(observer, subject);
        } else if let Notification::MemberForgotten(peer) | Notification::MemberLeft(peer) =
            notification
            && let Some(&subject) = self.peers.get(peer)
        {
            self.stats.forgotten += 1;
            self.visibility.set(self.now, observer, subject, false);
            self.checker.forgot(observer, subject);
        }
    }

    fn appeared(&mut self, observer: u32, peer: &PeerId) {
        let Some(&subject) = self.peers.get(peer) else {
            return;
        };
        let now = self.now;
        self.visibility.set(now, observer, subject, true);
        let down_since = self.hosts[subject as usize].down_since();
        let expiration = self.hosts[observer as usize]
            .config
            .membership
            .alive_expiration;
        // A message delayed by a fault may make the observer see the subject alive once more.
        let news = down_since.map(|since| since.max(self.fault_log.last_delay(now)));
        self.checker
            .appeared(now, (observer, subject), down_since.zip(news), expiration);
        if !self.may_see(observer, subject) {
            let subject = NodeId::new(subject);
            self.checker
                .report(now, observer, Breach::Disclosed { subject });
        }
    }

    /// Returns whether the rules of disclosure let `observer` see `subject`: both are of one organisation, or
    /// their organisations share a channel and both have an external endpoint.
    pub(super) fn may_see(&self, observer: u32, subject: u32) -> bool {
        let (a, b) = (
            &self.hosts[observer as usize],
            &self.hosts[subject as usize],
        );
        if a.config.identity.org == b.config.identity.org {
            return true;
        }
        let public = a.config.external_endpoint.is_some() && b.config.external_endpoint.is_some();
        let linked = self.linked.get(&a.config.identity.org);
        public && linked.is_some_and(|orgs| orgs.contains(&b.config.identity.org))
    }

    /// The latency of one frame.
    pub(super) fn draw_latency(&mut self) -> Duration {
        self.latency.delay(self.config.latency)
    }

    /// Checks the bound on open links: authenticated links, handshakes and dials.
    pub(super) fn open_link_bound(&mut self, node: u32) {
        let host = &self.hosts[node as usize];
        let link = &host.config.link;
        let limit = link.max_links.get() + link.max_handshakes.get() + link.max_dials.get();
        let bound = (host.driver.open_links, limit as u64);
        self.checker.bound(self.now, node, "links open", bound);
    }

    /// Removes an end of a link after its node was notified that the link is down.
    pub(super) fn lower(&mut self, node: u32, key: EndKey) {
        if let Some(end) = self.links.end_mut(key) {
            let counted = std::mem::take(&mut end.counted);
            if counted {
                let driver = &mut self.hosts[node as usize].driver;
                driver.open_links = driver.open_links.saturating_sub(1);
            }
        }
        self.links.put_down(key);
    }

    pub(super) fn is_up(&self, node: u32, key: EndKey) -> bool {
        let end = self.links.end(key);
        end.is_some_and(|end| end.state == EndState::Up && end.node == node)
    }
}
