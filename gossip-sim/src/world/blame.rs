//! Whose fault a death is.

use super::machine::Machine;
use crate::NodeId;
use crate::check::Breach;
use crate::fault::Fault;

impl Machine {
    /// Notes whom a fault disturbs, and until when.
    pub(super) fn unsettle(&mut self, fault: &Fault) {
        let now = self.now;
        let unrest = &mut self.unrest;
        if let Some(lasting) = fault.delays_for() {
            unrest.delays(now + lasting);
        }
        match fault {
            Fault::Cut { a, b } => {
                unrest.disturbed(a.index(), now);
                unrest.disturbed(b.index(), now);
            }
            Fault::Partition { .. } => unrest.split(now, true),
            Fault::Heal => unrest.split(now, false),
            Fault::Loss { lasting, .. } => unrest.everywhere(now + *lasting),
            Fault::Stall { from, to, lasting } => {
                unrest.disturbed(from.index(), now + *lasting);
                unrest.disturbed(to.index(), now + *lasting);
            }
            Fault::Slow { a, b, lasting, .. } => {
                unrest.disturbed(a.index(), now + *lasting);
                unrest.disturbed(b.index(), now + *lasting);
            }
            Fault::OneWay { from, to, lasting } => {
                for node in from.iter().chain(to) {
                    unrest.disturbed(node.index(), now + *lasting);
                }
            }
            Fault::Crash { node } | Fault::Restart { node, .. } => {
                unrest.disturbed(node.index(), now);
            }
            Fault::SlowCrypto { node, lasting, .. } | Fault::SlowLedger { node, lasting, .. } => {
                unrest.disturbed(node.index(), now + *lasting);
            }
            Fault::Freeze { node, lasting } => {
                unrest.frozen(node.index(), (now, now + *lasting));
            }
        }
    }

    /// Somebody holds somebody dead: only because it has slept itself?
    pub(super) fn judge_death(&mut self, observer: u32, subject: u32) {
        if self.is_healthy_to_sleeper(observer, subject) {
            let subject = NodeId::new(subject);
            self.checker
                .report(self.now, observer, Breach::Accused { subject });
        }
    }

    /// Counts whom a node that was frozen sees and must not hold dead.
    pub(super) fn watch_accusations(&mut self, sleeper: u32) {
        let nodes = u32::try_from(self.hosts.len()).unwrap_or(u32::MAX);
        let watched = (0..nodes).filter(|&subject| {
            self.census.sees(sleeper, subject) && self.is_healthy_to_sleeper(sleeper, subject)
        });
        let watched = watched.count() as u64;
        self.stats.accusations_watched += watched;
    }

    fn is_healthy_to_sleeper(&self, sleeper: u32, subject: u32) -> bool {
        let calm = self.hosts[sleeper as usize]
            .config
            .membership
            .alive_expiration;
        self.hosts[subject as usize].up
            && self
                .unrest
                .has_no_reason_but_sleep(self.now, (sleeper, subject), calm)
    }
}
