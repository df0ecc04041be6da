//! Frozen nodes: a process is suspended and resumes later.

use gossip_core::{Event, Instant};

use super::World;
use super::environment::{Environment, Planned};
use super::occurrence::Occurrence;
use crate::network::Hold;

impl World {
    /// Defers an occurrence if its node is frozen; returns whether it did.
    pub(super) fn defers(&mut self, node: u32, what: Occurrence) -> bool {
        let Some(until) = self.environment.hosts[node as usize].frozen_until else {
            return false;
        };
        match what {
            Occurrence::Start | Occurrence::Fault(_) => return false,
            // The node's timer is handled at the thaw.
            Occurrence::Wake => return true,
            // The operating system accepts the connection, but the transport's handshake times out.
            Occurrence::Accept(_)
                if until > self.environment.now + self.environment.config.dial_timeout =>
            {
                return false;
            }
            Occurrence::Event(_)
            | Occurrence::Ledger(_)
            | Occurrence::Arrival(_)
            | Occurrence::Pump(_)
            | Occurrence::Sweep
            | Occurrence::Accept(_)
            | Occurrence::Connected(_)
            | Occurrence::Publish(_) => {}
        }
        self.environment.host(node).deferred.push_back(what);
        true
    }

    /// Ends a freeze, unless a later one lasts longer.
    pub(super) fn thaw(&mut self, node: u32) {
        let now = self.environment.now;
        let host = self.environment.host(node);
        if host.frozen_until.is_none_or(|until| until > now) {
            return;
        }
        host.frozen_until = None;
        host.driver.wake_at = None;
        let deferred = std::mem::take(&mut host.deferred);
        self.environment.release_frozen(node);
        self.environment.count_checked_suspicions(node);
        for what in deferred {
            self.handle(node, what);
        }
        self.settle(node);
    }

    /// Drops deferred occurrences when the node crashes.
    pub(super) fn drop_deferred(&mut self, node: u32) {
        let environment = &mut self.environment;
        let host = environment.host(node);
        if host.frozen_until.take().is_none() {
            return;
        }
        for what in std::mem::take(&mut host.deferred) {
            match what {
                Occurrence::Event(key) => drop(environment.events.take(key)),
                Occurrence::Ledger(key) => drop(environment.operations.take(key)),
                Occurrence::Arrival(key) => drop(environment.arrivals.take(key)),
                // The dialler's dial fails, and the publisher tries again.
                Occurrence::Accept(_) | Occurrence::Publish(_) => {
                    environment.agenda.plan(environment.now, node, what)
                }
                Occurrence::Start
                | Occurrence::Wake
                | Occurrence::Pump(_)
                | Occurrence::Sweep
                | Occurrence::Connected(_)
                | Occurrence::Fault(_) => {}
            }
        }
        environment.release_frozen(node);
    }
}

impl Environment {
    pub(super) fn freeze(&mut self, node: u32, until: Instant) {
        let host = self.host(node);
        if !host.up {
            return;
        }
        host.frozen_until = Some(host.frozen_until.map_or(until, |held| held.max(until)));
        for key in self.links.select(|_, other| other.node == node) {
            if let Some(end) = self.links.end_mut(key) {
                end.pipe.hold(Hold::Frozen);
            }
        }
        self.plan_fault(until, Planned::Thaw(node));
    }

    pub(super) fn defer_event(&mut self, node: u32, event: Event) {
        let epoch = self.hosts[node as usize].epoch;
        let key = self.events.insert((epoch, event));
        self.host(node).deferred.push_back(Occurrence::Event(key));
    }

    /// Returns whether dials to `node` time out because it is frozen.
    pub(super) fn is_frozen(&self, node: u32) -> bool {
        self.hosts[node as usize].frozen_until.is_some()
    }

    fn release_frozen(&mut self, node: u32) {
        for key in self.links.select(|_, other| other.node == node) {
            self.resume(key, Hold::Frozen);
        }
    }
}
