//! A process that is suspended, and goes on later as if nothing had been.

use gossip_core::{Event, Instant};

use super::World;
use super::environment::{Environment, Planned};
use super::occurrence::Occurrence;
use crate::network::Hold;

impl World {
    /// Keeps what happens to a node while it is frozen; was it kept?
    pub(super) fn defers(&mut self, node: u32, what: Occurrence) -> bool {
        let Some(until) = self.environment.hosts[node as usize].frozen_until else {
            return false;
        };
        match what {
            Occurrence::Start | Occurrence::Fault(_) => return false,
            // When it goes on, it looks at its clock.
            Occurrence::Wake => return true,
            // Somebody connects: the system accepts, but the transport's own handshake waits in vain.
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

    /// Ends a freeze, unless another one has begun that lasts longer.
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
            self.happen(node, what);
        }
        self.settle(node);
    }

    /// A crash also ends what has waited for the node.
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
                // Whoever dials learns that nobody is there; an application's turn comes again.
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

    /// Does nobody answer a dial at `node` in time?
    pub(super) fn is_deaf(&self, node: u32) -> bool {
        self.hosts[node as usize].frozen_until.is_some()
    }

    fn release_frozen(&mut self, node: u32) {
        for key in self.links.select(|_, other| other.node == node) {
            self.resume(key, Hold::Frozen);
        }
    }
}
