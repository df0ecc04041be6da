//! A process that is suspended, and goes on later as if nothing had been.

use gossip_core::{Event, Instant};

use super::World;
use super::machine::{Machine, Planned};
use super::occurrence::What;
use crate::network::Hold;

impl World {
    /// Keeps what happens to a node while it is frozen; was it kept?
    pub(super) fn defers(&mut self, node: u32, what: What) -> bool {
        let Some(until) = self.machine.hosts[node as usize].frozen_until else {
            return false;
        };
        match what {
            What::Start | What::Fault(_) => return false,
            // When it goes on, it looks at its clock.
            What::Wake => return true,
            // Somebody connects: the system accepts, but the transport's own handshake waits in vain.
            What::Accept(_) if until > self.machine.now + self.machine.config.dial_timeout => {
                return false;
            }
            What::Event(_)
            | What::Ledger(_)
            | What::Arrival(_)
            | What::Pump(_)
            | What::Sweep
            | What::Accept(_)
            | What::Connected(_)
            | What::Publish(_) => {}
        }
        self.machine.host(node).deferred.push_back(what);
        true
    }

    /// Ends a freeze, unless another one has begun that lasts longer.
    pub(super) fn thaw(&mut self, node: u32) {
        let now = self.machine.now;
        let host = self.machine.host(node);
        if host.frozen_until.is_none_or(|until| until > now) {
            return;
        }
        host.frozen_until = None;
        host.driver.wake_at = None;
        let deferred = std::mem::take(&mut host.deferred);
        self.machine.release_frozen(node);
        self.machine.watch_accusations(node);
        for what in deferred {
            self.happen(node, what);
        }
        self.settle(node);
    }

    /// A crash also ends what has waited for the node.
    pub(super) fn drop_deferred(&mut self, node: u32) {
        let machine = &mut self.machine;
        let host = machine.host(node);
        if host.frozen_until.take().is_none() {
            return;
        }
        for what in std::mem::take(&mut host.deferred) {
            match what {
                What::Event(key) => drop(machine.events.take(key)),
                What::Ledger(key) => drop(machine.operations.take(key)),
                What::Arrival(key) => drop(machine.arrivals.take(key)),
                // Whoever dials learns that nobody is there; an application's turn comes again.
                What::Accept(_) | What::Publish(_) => machine.agenda.plan(machine.now, node, what),
                What::Start
                | What::Wake
                | What::Pump(_)
                | What::Sweep
                | What::Connected(_)
                | What::Fault(_) => {}
            }
        }
        machine.release_frozen(node);
    }
}

impl Machine {
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
        self.host(node).deferred.push_back(What::Event(key));
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
