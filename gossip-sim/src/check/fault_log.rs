//! The fault log: when faults last affected each node, to detect false suspicions.

use std::time::Duration;

use gossip_core::Instant;

/// The last faults of the whole world and of each node, and the last freeze of each node.
#[derive(Debug, Default)]
pub(crate) struct FaultLog {
    world: Instant,
    split: bool,
    /// Until when a fault may delay messages.
    late: Instant,
    nodes: Vec<Disturbed>,
}

#[derive(Clone, Copy, Debug)]
struct Disturbed {
    /// The end of the last fault other than a freeze.
    until: Instant,
    /// Begin and end of the last freeze.
    frozen: Option<(Instant, Instant)>,
}

impl FaultLog {
    pub(crate) fn grow(&mut self) {
        self.nodes.push(Disturbed {
            until: Instant::START,
            frozen: None,
        });
    }

    /// A fault concerns all nodes until then.
    pub(crate) fn everywhere(&mut self, until: Instant) {
        self.world = self.world.max(until);
    }

    /// A partition begins or ends.
    pub(crate) fn split(&mut self, now: Instant, split: bool) {
        self.split = split;
        self.delays(now);
        self.everywhere(now);
    }

    /// A fault delays messages until then, or keeps them from a part of the network.
    pub(crate) fn delays(&mut self, until: Instant) {
        self.late = self.late.max(until);
    }

    /// The last time, not after `now`, at which a message delayed by a fault may have arrived.
    pub(crate) fn last_delay(&self, now: Instant) -> Instant {
        if self.split { now } else { self.late.min(now) }
    }

    /// A fault concerns this node until then.
    pub(crate) fn disturbed(&mut self, node: u32, until: Instant) {
        let held = &mut self.nodes[node as usize].until;
        *held = until.max(*held);
    }

    pub(crate) fn frozen(&mut self, node: u32, (from, until): (Instant, Instant)) {
        let held = &mut self.nodes[node as usize].frozen;
        *held = match *held {
            Some((earlier, later)) if later >= from => Some((earlier, later.max(until))),
            Some(_) | None => Some((from, until)),
        };
    }

    /// Returns whether only its own freeze explains that `observer` holds `subject` dead: its freeze ended at most
    /// `calm` ago, and no other fault has affected either node or the world since `calm` before that freeze.
    pub(crate) fn only_freeze_explains(
        &self,
        now: Instant,
        (observer, subject): (u32, u32),
        calm: Duration,
    ) -> bool {
        let (frozen, other) = (self.nodes[observer as usize], self.nodes[subject as usize]);
        let Some((from, until)) = frozen.frozen else {
            return false;
        };
        let settled = |at: Instant| at + calm <= from;
        let other_thawed = other.frozen.is_none_or(|(_, until)| settled(until));
        !self.split
            && now <= until + calm
            && settled(self.world)
            && settled(frozen.until)
            && settled(other.until)
            && other_thawed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Duration = Duration::from_secs(25);

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1_000)
    }

    fn with_freeze() -> FaultLog {
        let mut log = FaultLog::default();
        log.grow();
        log.grow();
        log.frozen(0, (at(100), at(140)));
        log
    }

    #[test]
    fn a_freeze_explains_deaths_seen_by_the_frozen_node_for_a_while() {
        assert!(with_freeze().only_freeze_explains(at(141), (0, 1), CALM));
        assert!(!with_freeze().only_freeze_explains(at(141), (1, 0), CALM));
        assert!(!with_freeze().only_freeze_explains(at(166), (0, 1), CALM));
    }

    #[test]
    fn any_other_recent_fault_explains_a_death() {
        let disturb: [fn(&mut FaultLog); 5] = [
            |log| log.disturbed(0, at(76)),
            |log| log.disturbed(1, at(120)),
            |log| log.everywhere(at(130)),
            |log| log.split(at(10), true),
            |log| log.frozen(1, (at(60), at(80))),
        ];
        for disturb in disturb {
            let mut log = with_freeze();
            disturb(&mut log);
            assert!(!log.only_freeze_explains(at(141), (0, 1), CALM));
        }
        let mut log = with_freeze();
        log.disturbed(1, at(75));
        assert!(log.only_freeze_explains(at(141), (0, 1), CALM));
    }

    #[test]
    fn delayed_messages_may_arrive_until_the_last_delaying_fault_ends_and_during_a_partition() {
        let mut log = with_freeze();
        log.delays(at(50));
        log.delays(at(40));
        assert_eq!(log.last_delay(at(45)), at(45));
        assert_eq!(log.last_delay(at(60)), at(50));
        log.split(at(70), true);
        assert_eq!(log.last_delay(at(90)), at(90));
        log.split(at(95), false);
        assert_eq!(log.last_delay(at(99)), at(95));
    }

    #[test]
    fn overlapping_freezes_count_as_one() {
        let mut log = with_freeze();
        log.frozen(0, (at(130), at(160)));
        log.disturbed(1, at(90));
        assert!(!log.only_freeze_explains(at(161), (0, 1), CALM));
    }
}
