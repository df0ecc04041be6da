//! False suspicions: deaths that a node reports only because it was frozen itself.

use super::environment::Environment;
use crate::NodeId;
use crate::check::Breach;
use crate::fault::Fault;

impl Environment {
    /// Adds a fault to the fault log: the nodes it concerns, and its end.
    pub(super) fn log_fault(&mut self, fault: &Fault) {
        let now = self.now;
        let fault_log = &mut self.fault_log;
        if let Some(lasting) = fault.delays_for() {
            fault_log.delays(now + lasting);
        }
        match fault {
            Fault::Cut { a, b } => {
                fault_log.disturbed(a.index(), now);
                fault_log.disturbed(b.index(), now);
            }
            Fault::Partition { .. } => fault_log.split(now, true),
            Fault::Heal => fault_log.split(now, false),
            Fault::Loss { lasting, .. } => fault_log.everywhere(now + *lasting),
            Fault::Stall { from, to, lasting } => {
                fault_log.disturbed(from.index(), now + *lasting);
                fault_log.disturbed(to.index(), now + *lasting);
            }
            Fault::Slow { a, b, lasting, .. } => {
                fault_log.disturbed(a.index(), now + *lasting);
                fault_log.disturbed(b.index(), now + *lasting);
            }
            Fault::OneWay { from, to, lasting } => {
                for node in from.iter().chain(to) {
                    fault_log.disturbed(node.index(), now + *lasting);
                }
            }
            Fault::Crash { node } | Fault::Restart { node, .. } => {
                fault_log.disturbed(node.index(), now);
            }
            Fault::SlowCrypto { node, lasting, .. } | Fault::SlowLedger { node, lasting, .. } => {
                fault_log.disturbed(node.index(), now + *lasting);
            }
            Fault::Freeze { node, lasting } => {
                fault_log.frozen(node.index(), (now, now + *lasting));
            }
        }
    }

    /// Reports a violation if `observer` holds `subject` dead only because `observer` was frozen.
    pub(super) fn check_suspicion(&mut self, observer: u32, subject: u32) {
        if self.would_be_false_suspicion(observer, subject) {
            let subject = NodeId::new(subject);
            self.checker
                .report(self.now, observer, Breach::FalseSuspicion { subject });
        }
    }

    /// Counts the peers that a thawed node sees and must not hold dead.
    pub(super) fn count_checked_suspicions(&mut self, observer: u32) {
        let nodes = u32::try_from(self.hosts.len()).unwrap_or(u32::MAX);
        let watched = (0..nodes).filter(|&subject| {
            self.visibility.sees(observer, subject)
                && self.would_be_false_suspicion(observer, subject)
        });
        let watched = watched.count() as u64;
        self.stats.suspicions_checked += watched;
    }

    fn would_be_false_suspicion(&self, observer: u32, subject: u32) -> bool {
        let calm = self.hosts[observer as usize]
            .config
            .membership
            .alive_expiration;
        self.hosts[subject as usize].up
            && self
                .fault_log
                .only_freeze_explains(self.now, (observer, subject), calm)
    }
}
