//! Handling of heap entries.

use std::time::Duration;

use gossip_core::proto::SignedMessage;
use gossip_core::{
    CryptoOutcome, Event, LedgerOp, LedgerOutcome, LinkDownReason, Node, Request, RequestError,
    Response, Start,
};

use super::environment::{Asker, Environment};
use super::host::Driver;
use super::occurrence::{Arrival, Occurrence};
use super::{LEAST_BOUND, MOST_AT_ONCE, World};
use crate::NodeId;
use crate::fault::Incarnation;
use crate::network::{EndKey, Frame, Hold};
use crate::rng::derive_seed;

/// Incarnations start here: about the present time in nanoseconds since 1970.
const EPOCH: u64 = 1_700_000_000_000_000_000;
/// Time between two attempts of a publisher whose node was busy.
const RETRY: Duration = Duration::from_millis(10);
/// The same if the node is down or has not joined yet.
const PAUSE: Duration = Duration::from_millis(100);

impl World {
    /// Handles the next entry of the heap; `false` if there is none.
    ///
    /// # Panics
    /// Time does not advance, see [`World`].
    pub fn step(&mut self) -> bool {
        let Some((at, node, what)) = self.environment.agenda.pop() else {
            return false;
        };
        self.at_once = if at > self.environment.now {
            0
        } else {
            self.at_once + 1
        };
        let most = LEAST_BOUND.max(MOST_AT_ONCE * self.nodes.len() as u64);
        assert!(
            self.at_once <= most,
            "time does not advance at {at:?} after {most} entries, the last one for node {node}: {what:?}"
        );
        self.environment.now = at;
        if let (Occurrence::Arrival(arrival), false) = (what, self.environment.heard.is_empty()) {
            self.environment.overheard(node, arrival);
        }
        if !self.defers(node, what) {
            self.handle(node, what);
        }
        true
    }

    /// Handles an entry of the heap.
    pub(super) fn handle(&mut self, node: u32, what: Occurrence) {
        match what {
            Occurrence::Start => self.begin(node, Incarnation::Next),
            Occurrence::Wake => self.wake(node),
            Occurrence::Event(key) => {
                if let Some((epoch, event)) = self.environment.events.take(key)
                    && self.environment.hosts[node as usize].epoch == epoch
                {
                    self.touch(node, event);
                }
            }
            Occurrence::Ledger(key) => self.complete(node, key),
            Occurrence::Arrival(key) => self.arrival(node, key),
            Occurrence::Pump(key) => {
                if let Some(event) = self.environment.pump(node, key) {
                    self.touch(node, event);
                }
            }
            Occurrence::Sweep => self.sweep(node),
            Occurrence::Accept(key) => {
                if let Some(event) = self.environment.accept(key) {
                    self.touch(node, event);
                    self.environment.open_link_bound(node);
                }
            }
            Occurrence::Connected(key) => {
                if let Some(event) = self.environment.connected(node, key) {
                    self.touch(node, event);
                    self.environment.open_link_bound(node);
                }
            }
            Occurrence::Fault(key) => self.planned(key),
            Occurrence::Publish(publisher) => self.publish_next(publisher),
        }
    }

    /// Starts a node that is down.
    pub(super) fn begin(&mut self, node: u32, clock: Incarnation) {
        let seed = self.environment.config.seed;
        let now = self.environment.now;
        let own = self.environment.host(node).config.identity.bytes.clone();
        let identity_expires_in = self.environment.crypto.expires_in(&own, now);
        let host = self.environment.host(node);
        if host.up {
            return;
        }
        host.starts += 1;
        host.incarnation = if clock == Incarnation::Backwards && host.incarnation > 0 {
            host.incarnation.saturating_sub(1)
        } else {
            EPOCH + now.as_nanos() + host.starts
        };
        let life = u64::from(node) << 32 | host.starts;
        let seed = derive_seed(seed, "node", life);
        let start = Start {
            now,
            seed,
            incarnation: host.incarnation,
            identity_expires_in,
        };
        let Ok(core) = Node::new(host.config.clone(), start) else {
            return;
        };
        host.up = true;
        host.stopped = false;
        host.epoch += 1;
        host.last_change = now;
        let joins: Vec<_> = host.joins.clone().into_iter().collect();
        self.environment.checker.started(node);
        self.environment.fault_log.disturbed(node, now);
        self.nodes[node as usize] = Some(Box::new(core));
        self.visibility_stale = true;
        self.settle(node);
        for (channel, config) in joins {
            self.ask(node, Request::JoinChannel { channel, config }, Asker::World);
        }
        for index in 0..self.publishers.len() {
            let publisher = &mut self.publishers[index];
            if publisher.publication.node.index() != node {
                continue;
            }
            let ledger = &self.environment.hosts[node as usize].ledger;
            let rewound = publisher.rewind(ledger.height(&publisher.publication.channel));
            let idle = publisher.awaiting.take().is_some() || rewound;
            if let (true, Ok(index)) = (idle, u32::try_from(index)) {
                self.environment
                    .agenda
                    .plan(now + PAUSE, node, Occurrence::Publish(index));
            }
        }
    }

    /// Stops a node without warning.
    pub(super) fn crash(&mut self, node: u32) {
        let now = self.environment.now;
        let host = self.environment.host(node);
        if !host.up {
            return;
        }
        host.up = false;
        host.epoch += 1;
        host.last_change = now;
        host.driver = Driver::default();
        if let (Some(core), Some(recording)) = (
            self.nodes[node as usize].take(),
            &mut self.environment.recording,
        ) {
            recording.life(now, node, core.metrics());
        }
        self.drop_deferred(node);
        self.environment.visibility.clear(node);
        self.environment
            .askers
            .retain(|_, (asked, _)| *asked != node);
        self.environment.drop_links(node);
        self.visibility_stale = true;
    }

    /// Delivers an event and everything that follows from it at this instant.
    pub(super) fn touch(&mut self, node: u32, event: Event) {
        self.deliver(node, event);
        self.settle(node);
    }

    fn deliver(&mut self, node: u32, event: Event) {
        let environment = &mut self.environment;
        let Some(core) = &mut self.nodes[node as usize] else {
            return;
        };
        environment.answered(node, &event);
        environment.trace.record(environment.now, node, &event);
        if let Some(recording) = &mut environment.recording {
            recording.event(environment.now, node, &event);
        }
        environment.stats.events += 1;
        core.handle(environment.now, event);
        while let Some(command) = core.poll_command() {
            if let Some(recording) = &mut environment.recording {
                recording.command(environment.now, node, &command);
            }
            environment.execute(node, command);
        }
    }

    /// Delivers frames that the node admits now, then plans its next wake-up.
    pub(super) fn settle(&mut self, node: u32) {
        let mut refused = 0;
        while refused < self.environment.hosts[node as usize].driver.blocked.len() {
            let Some(key) = self.environment.host(node).driver.blocked.pop_front() else {
                break;
            };
            if !self.environment.is_up(node, key) {
                continue;
            }
            if self.admits(node, key) {
                refused = 0;
                self.unblock(node, key);
            } else {
                refused += 1;
                self.environment.host(node).driver.blocked.push_back(key);
            }
        }
        while let Some((publisher, result)) = self.environment.publisher_replies.pop() {
            self.published(publisher, &result);
        }
        self.arm(node);
    }

    /// Delivers one message that waited in a link's inbox.
    fn unblock(&mut self, node: u32, key: EndKey) {
        let Some(end) = self.environment.links.up(key, node) else {
            return;
        };
        let Some(frame) = end.inbox.pop_front() else {
            return;
        };
        let (empty, ended) = (end.inbox.is_empty(), end.ended);
        if !empty {
            self.environment.host(node).driver.blocked.push_back(key);
        }
        self.receive(node, key, frame);
        if empty {
            self.environment.resume(key.other(), Hold::Receiver);
            if let Some(reason) = ended {
                self.end_link(node, key, reason);
            }
        }
    }

    fn arm(&mut self, node: u32) {
        let Some(core) = &self.nodes[node as usize] else {
            return;
        };
        let Some(due) = core.poll_timeout() else {
            return;
        };
        let due = due.max(self.environment.now);
        let driver = &mut self.environment.host(node).driver;
        if driver.wake_at.is_none_or(|planned| due < planned) {
            driver.wake_at = Some(due);
            self.environment.agenda.plan(due, node, Occurrence::Wake);
        }
    }

    fn wake(&mut self, node: u32) {
        let now = self.environment.now;
        let driver = &mut self.environment.host(node).driver;
        if driver.wake_at != Some(now) {
            return;
        }
        driver.wake_at = None;
        let Some(core) = &self.nodes[node as usize] else {
            return;
        };
        if core.poll_timeout().is_some_and(|due| due <= now) {
            self.touch(node, Event::Tick);
        } else {
            self.arm(node);
        }
    }

    fn admits(&self, node: u32, key: EndKey) -> bool {
        let core = self.nodes[node as usize].as_ref();
        core.is_some_and(|core| core.admits(key.link_id()))
    }

    fn arrival(&mut self, node: u32, arrival: u32) {
        let Some((key, cargo)) = self.environment.arrivals.take(arrival) else {
            return;
        };
        if !self.environment.is_up(node, key) {
            return;
        }
        let admitted = self.admits(node, key);
        let Some(end) = self.environment.links.up(key, node) else {
            return;
        };
        let waits = !end.inbox.is_empty();
        match cargo {
            Arrival::Frame(frame) if admitted && !waits => {
                self.receive(node, key, frame);
                self.settle(node);
            }
            Arrival::Frame(frame) => {
                end.inbox.push_back(frame);
                if !waits {
                    self.environment.host(node).driver.blocked.push_back(key);
                    if let Some(end) = self.environment.links.end_mut(key.other()) {
                        end.pipe.hold(Hold::Receiver);
                    }
                }
            }
            Arrival::End(reason) if waits => end.ended = Some(reason),
            Arrival::End(reason) => {
                self.end_link(node, key, reason);
                self.settle(node);
            }
        }
    }

    fn receive(&mut self, node: u32, key: EndKey, frame: Frame) {
        let link = key.link_id();
        let encoded = match frame {
            Frame::Message(message) => {
                self.environment.stats.received(&message);
                if self.nodes.len() < self.environment.config.encode_below {
                    Ok(message.encoded().clone())
                } else {
                    Err(message)
                }
            }
            Frame::Forged(bytes) => Ok(bytes),
        };
        let event = match encoded {
            Ok(bytes) => {
                let limits = &self.environment.hosts[node as usize].config.limits;
                match SignedMessage::decode(bytes, limits) {
                    Ok(message) => Event::Received { link, message },
                    Err(error) => Event::Malformed { link, error },
                }
            }
            Err(message) => Event::Received { link, message },
        };
        self.deliver(node, event);
        if let Some(credit) = self.environment.credit(node, key) {
            self.deliver(node, credit);
        }
    }

    /// Notifies a node that a link has ended. After an orderly end the node's own direction is finished
    /// too, as a driver does.
    fn end_link(&mut self, node: u32, key: EndKey, reason: LinkDownReason) {
        let Some(end) = self.environment.links.up(key, node) else {
            return;
        };
        if reason == LinkDownReason::Finished {
            end.pipe.finish();
        } else {
            end.pipe.cut();
        }
        self.environment.depart(key, None);
        self.environment.lower(node, key);
        self.deliver(
            node,
            Event::LinkDown {
                link: key.link_id(),
                reason,
            },
        );
    }

    fn sweep(&mut self, node: u32) {
        let driver = &mut self.environment.host(node).driver;
        driver.sweep_planned = false;
        let links = std::mem::take(&mut driver.sweep);
        for key in links {
            let Some(end) = self.environment.links.up(key, node) else {
                continue;
            };
            end.pipe.in_sweep = false;
            if let Some(event) = self.environment.credit(node, key) {
                self.touch(node, event);
            }
            self.environment.keep_in_sweep(node, key);
        }
    }

    /// Completes an operation of the ledger.
    fn complete(&mut self, node: u32, operation: u32) {
        let Some((epoch, ticket, op)) = self.environment.operations.take(operation) else {
            return;
        };
        if self.environment.hosts[node as usize].epoch == epoch {
            let outcome = self.environment.operate(node, op);
            self.touch(node, Event::LedgerDone { ticket, outcome });
        }
    }

    fn publish_next(&mut self, index: u32) {
        let Some(publisher) = self.publishers.get(index as usize) else {
            return;
        };
        let (node, channel) = (
            publisher.publication.node,
            publisher.publication.channel.clone(),
        );
        let Some((seq, block)) = publisher.block() else {
            return;
        };
        if publisher.awaiting.is_some() {
            return;
        }
        if self.nodes[node.place()].is_none() {
            let at = self.environment.now + PAUSE;
            return self
                .environment
                .agenda
                .plan(at, node.index(), Occurrence::Publish(index));
        }
        let next = gossip_core::RequestId(self.next_request + 1);
        self.publishers[index as usize].awaiting = Some(next);
        let request = Request::Publish {
            channel,
            seq,
            block,
        };
        self.ask(node.index(), request, Asker::Publisher(index));
    }

    fn published(&mut self, index: u32, result: &Result<Response, RequestError>) {
        let now = self.environment.now;
        let Some(publisher) = self.publishers.get_mut(index as usize) else {
            return;
        };
        publisher.awaiting = None;
        let at = match result {
            Ok(_) => {
                publisher.next += 1;
                publisher.due().max(now)
            }
            Err(RequestError::Busy) => now + RETRY,
            Err(_) => now + PAUSE,
        };
        if publisher.block().is_some() {
            let node = publisher.publication.node.index();
            self.environment
                .agenda
                .plan(at, node, Occurrence::Publish(index));
        }
    }
}

impl Environment {
    /// Decrements the count of outstanding operations that the event answers.
    fn answered(&mut self, node: u32, event: &Event) {
        let driver = &mut self.host(node).driver;
        if let Event::LedgerDone {
            outcome: LedgerOutcome::Height(_),
            ..
        } = event
        {
            driver.heights = driver.heights.saturating_sub(1);
        } else if let Event::DialFailed { .. } = event {
            driver.dials = driver.dials.saturating_sub(1);
        } else if let Event::CryptoDone { outcome, .. } = event
            && !matches!(outcome, CryptoOutcome::Signed(_))
        {
            driver.checks = driver.checks.saturating_sub(1);
        }
    }

    fn operate(&mut self, node: u32, op: LedgerOp) -> LedgerOutcome {
        let now = self.now;
        let ledger = &mut self.hosts[node as usize].ledger;
        match op {
            LedgerOp::Height { channel, .. } => LedgerOutcome::Height(Ok(ledger.height(&channel))),
            LedgerOp::Read {
                channel,
                start,
                end,
                max_bytes,
            } => LedgerOutcome::Blocks(Ok(ledger.read(&channel, (start, end), max_bytes))),
            LedgerOp::Commit {
                channel,
                seq,
                block,
            } => {
                let result = ledger.commit(&channel, seq, block);
                match &result {
                    Ok(hash) => {
                        self.checker.committed(now, node, (&channel, seq), *hash);
                        let node = NodeId::new(node);
                        if self.deliveries.committed(now, node, &channel, seq) {
                            self.stats.copies_needed += 1;
                        }
                    }
                    Err(_) => self.checker.commit_failed(node, &channel),
                }
                LedgerOutcome::Committed(result.map(|_| ()))
            }
        }
    }
}
