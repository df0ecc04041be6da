//! Injection of faults.

use std::time::Duration;

use gossip_core::Instant;

use super::World;
use super::environment::{Environment, Impairment, Loss, OneWay, Planned};
use super::host::Slow;
use super::occurrence::Occurrence;
use crate::NodeId;
use crate::fault::{Fault, Incarnation, LedgerFate};
use crate::ledger::SimLedger;
use crate::network::{EndState, Hold};

impl World {
    /// Injects a fault now; returns `false` if its class is masked.
    pub fn inject(&mut self, fault: &Fault) -> bool {
        if !self.environment.config.faults.allows(fault.class()) {
            return false;
        }
        let now = self.environment.now;
        let environment = &mut self.environment;
        environment.stats.fault(fault);
        environment.log_fault(fault);
        match fault {
            Fault::Cut { a, b } => environment.cut(|x, y| x == a.index() && y == b.index()),
            Fault::Partition { island } => environment.partition(island),
            Fault::Heal => environment.hosts.iter_mut().for_each(|host| host.side = 0),
            Fault::Stall { from, to, lasting } => environment.stall((*from, *to), now + *lasting),
            Fault::OneWay { from, to, lasting } => {
                environment.cut_one_way(from, to, now + *lasting)
            }
            Fault::Loss { percent, lasting } => {
                let (percent, until) = (*percent, now + *lasting);
                environment.loss = Loss { percent, until };
            }
            Fault::Freeze { node, lasting } => environment.freeze(node.index(), now + *lasting),
            Fault::Slow {
                a,
                b,
                factor,
                lasting,
            } => {
                environment.slow((*a, *b), *factor, *lasting);
                environment.slow((*b, *a), *factor, *lasting);
            }
            Fault::Crash { node } => self.crash(node.index()),
            Fault::Restart {
                node,
                ledger,
                incarnation,
            } => self.restart(*node, *ledger, *incarnation),
            Fault::SlowCrypto {
                node,
                factor,
                lasting,
            } => {
                let (factor, until) = (*factor, now + *lasting);
                environment.hosts[node.place()].crypto_slow = Slow { factor, until };
            }
            Fault::SlowLedger {
                node,
                factor,
                lasting,
            } => {
                let (factor, until) = (*factor, now + *lasting);
                environment.hosts[node.place()].ledger_slow = Slow { factor, until };
            }
        }
        true
    }

    fn restart(&mut self, node: NodeId, ledger: LedgerFate, incarnation: Incarnation) {
        let environment = &mut self.environment;
        let host = &mut environment.hosts[node.place()];
        if host.up {
            return;
        }
        if ledger == LedgerFate::Lost {
            host.ledger = SimLedger::default();
            environment.checker.ledger_lost(node.index());
        }
        self.begin(node.index(), incarnation);
    }

    /// Plans a fault, for example one of [`Chaos::plan`](crate::Chaos::plan).
    pub fn schedule(&mut self, at: Instant, fault: Fault) {
        self.environment
            .plan_fault(at.max(self.environment.now), Planned::Begin(fault));
    }

    pub(super) fn planned(&mut self, key: u32) {
        match self.environment.faults.take(key) {
            Some(Planned::Begin(fault)) => {
                self.inject(&fault);
            }
            Some(Planned::Unstall(from, to)) => self.environment.unstall((from, to)),
            Some(Planned::Speed(from, to)) => self.environment.speed_up((from, to)),
            Some(Planned::BothWays) => self.environment.end_one_ways(),
            Some(Planned::Thaw(node)) => self.thaw(node),
            None => {}
        }
    }
}

impl Environment {
    /// Breaks the links of which `between` holds for the nodes at their ends, in either order.
    fn cut(&mut self, between: impl Fn(u32, u32) -> bool) {
        let ends = self.links.select(|end, other| {
            let accepted = if end.dial.is_some() {
                other.state
            } else {
                end.state
            };
            accepted != EndState::Pending && between(end.node, other.node)
        });
        for key in ends {
            self.break_link(key);
        }
    }

    /// Separates the island from all other nodes.
    fn partition(&mut self, island: &[NodeId]) {
        for host in &mut self.hosts {
            host.side = 0;
        }
        for node in island {
            self.hosts[node.place()].side = 1;
        }
        let sides: Vec<u8> = self.hosts.iter().map(|host| host.side).collect();
        self.cut(|x, y| sides[x as usize] < sides[y as usize]);
    }

    /// Breaks the links of a crashed node.
    pub(super) fn drop_links(&mut self, node: u32) {
        for key in self.links.select(|end, _| end.node == node) {
            let Some(end) = self.links.end_mut(key) else {
                continue;
            };
            let accepting = end.state == EndState::Pending && end.dial.is_none();
            if accepting || end.state == EndState::Down {
                continue;
            }
            end.pipe.cut();
            self.tell_broken(key);
            self.lower(node, key);
        }
    }

    fn stall(&mut self, (from, to): (NodeId, NodeId), until: Instant) {
        let way = (from.index(), to.index());
        let impairment = self.impaired.entry(way).or_insert(Impairment::NONE);
        impairment.stalled_until = impairment.stalled_until.max(until);
        for key in self
            .links
            .select(|end, other| (end.node, other.node) == way)
        {
            if let Some(end) = self.links.end_mut(key) {
                end.pipe.hold(Hold::Stalled);
            }
        }
        self.plan_fault(until, Planned::Unstall(way.0, way.1));
    }

    fn unstall(&mut self, way: (u32, u32)) {
        let now = self.now;
        if self
            .impaired
            .get(&way)
            .is_some_and(|impairment| impairment.stalled_until > now)
        {
            return;
        }
        for key in self
            .links
            .select(|end, other| (end.node, other.node) == way)
        {
            self.resume(key, Hold::Stalled);
        }
        self.forget_impairment(way);
    }

    fn cut_one_way(&mut self, from: &[NodeId], to: &[NodeId], until: Instant) {
        let index = |nodes: &[NodeId]| nodes.iter().map(|node| node.index()).collect();
        let (from, to) = (index(from), index(to));
        self.one_ways.push(OneWay { from, to, until });
        for key in self
            .links
            .select(|end, other| self.is_one_way(end.node, other.node))
        {
            if let Some(end) = self.links.end_mut(key) {
                end.pipe.hold(Hold::OneWay);
            }
        }
        self.plan_fault(until, Planned::BothWays);
    }

    fn end_one_ways(&mut self) {
        let now = self.now;
        self.one_ways.retain(|one| one.until > now);
        for key in self
            .links
            .select(|end, other| !self.is_one_way(end.node, other.node))
        {
            self.resume(key, Hold::OneWay);
        }
    }

    /// Returns whether a one-way cut separates `from` from `to`.
    pub(super) fn is_one_way(&self, from: u32, to: u32) -> bool {
        let covers = |one: &OneWay| one.from.contains(&from) && one.to.contains(&to);
        self.one_ways.iter().any(covers)
    }

    pub(super) fn loses_frame(&mut self) -> bool {
        let lost = self.loses();
        self.stats.frames_lost += u64::from(lost);
        lost
    }

    pub(super) fn loses_dial(&mut self) -> bool {
        let lost = self.loses();
        self.stats.dials_lost += u64::from(lost);
        lost
    }

    fn loses(&mut self) -> bool {
        self.now < self.loss.until && self.fate.below(100) < u64::from(self.loss.percent)
    }

    fn slow(&mut self, (from, to): (NodeId, NodeId), factor: u32, lasting: Duration) {
        let (way, until) = ((from.index(), to.index()), self.now + lasting);
        let impairment = self.impaired.entry(way).or_insert(Impairment::NONE);
        impairment.slow_until = until;
        impairment.factor = factor;
        self.set_speed(way, factor);
        self.plan_fault(until, Planned::Speed(way.0, way.1));
    }

    fn speed_up(&mut self, way: (u32, u32)) {
        let now = self.now;
        if self
            .impaired
            .get(&way)
            .is_some_and(|impairment| impairment.slow_until > now)
        {
            return;
        }
        self.set_speed(way, 1);
        self.forget_impairment(way);
    }

    fn set_speed(&mut self, way: (u32, u32), factor: u32) {
        for key in self
            .links
            .select(|end, other| (end.node, other.node) == way)
        {
            if let Some(end) = self.links.end_mut(key) {
                end.pipe.slow_down(factor);
            }
        }
    }

    fn forget_impairment(&mut self, way: (u32, u32)) {
        let now = self.now;
        let over = |one: &Impairment| one.stalled_until <= now && one.slow_until <= now;
        if self.impaired.get(&way).is_some_and(over) {
            self.impaired.remove(&way);
        }
    }

    pub(super) fn plan_fault(&mut self, at: Instant, planned: Planned) {
        let key = self.faults.insert(planned);
        self.agenda.plan(at, 0, Occurrence::Fault(key));
    }
}

impl Impairment {
    const NONE: Self = Self {
        stalled_until: Instant::START,
        slow_until: Instant::START,
        factor: 1,
    };
}
