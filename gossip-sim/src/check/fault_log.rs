//! When what was last disturbed, so that a death that is somebody's own fault can be told from others.

use std::time::Duration;

use gossip_core::Instant;

/// Which nodes and when the whole world were last disturbed by a fault, and who was frozen when.
#[derive(Debug, Default)]
pub(crate) struct FaultLog {
    world: Instant,
    split: bool,
    /// Until when old messages may have been held back.
    late: Instant,
    nodes: Vec<Disturbed>,
}

#[derive(Clone, Copy, Debug)]
struct Disturbed {
    /// By anything but a freeze.
    until: Instant,
    /// From when to when it was frozen last.
    frozen: Option<(Instant, Instant)>,
}

impl FaultLog {
    pub(crate) fn grow(&mut self) {
        self.nodes.push(Disturbed {
            until: Instant::START,
            frozen: None,
        });
    }

    /// A fault concerns everybody until then.
    pub(crate) fn everywhere(&mut self, until: Instant) {
        self.world = self.world.max(until);
    }

    /// The network is in two parts from now on, or no longer.
    pub(crate) fn split(&mut self, now: Instant, split: bool) {
        self.split = split;
        self.delays(now);
        self.everywhere(now);
    }

    /// A fault holds messages back until then, or hides news from a part of the network.
    pub(crate) fn delays(&mut self, until: Instant) {
        self.late = self.late.max(until);
    }

    /// The last moment at which something may have come that is as old as any fault.
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

    /// Has `accuser` been frozen until less than `calm` ago, and was nothing else wrong with either node or
    /// the world from `calm` before that freeze on? Then it has no reason to hold `accused` dead but its own
    /// sleep.
    pub(crate) fn only_freeze_explains(
        &self,
        now: Instant,
        (accuser, accused): (u32, u32),
        calm: Duration,
    ) -> bool {
        let (sleeper, other) = (self.nodes[accuser as usize], self.nodes[accused as usize]);
        let Some((asleep, awake)) = sleeper.frozen else {
            return false;
        };
        let settled = |at: Instant| at + calm <= asleep;
        let other_awake = other.frozen.is_none_or(|(_, awake)| settled(awake));
        !self.split
            && now <= awake + calm
            && settled(self.world)
            && settled(sleeper.until)
            && settled(other.until)
            && other_awake
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Duration = Duration::from_secs(25);

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1_000)
    }

    fn asleep() -> FaultLog {
        let mut log = FaultLog::default();
        log.grow();
        log.grow();
        log.frozen(0, (at(100), at(140)));
        log
    }

    #[test]
    fn only_sleep_is_no_reason() {
        assert!(asleep().only_freeze_explains(at(141), (0, 1), CALM));
        assert!(!asleep().only_freeze_explains(at(141), (1, 0), CALM));
        assert!(!asleep().only_freeze_explains(at(166), (0, 1), CALM));
    }

    #[test]
    fn whatever_else_was_wrong_lately_is_a_reason() {
        let disturb: [fn(&mut FaultLog); 5] = [
            |log| log.disturbed(0, at(76)),
            |log| log.disturbed(1, at(120)),
            |log| log.everywhere(at(130)),
            |log| log.split(at(10), true),
            |log| log.frozen(1, (at(60), at(80))),
        ];
        for disturb in disturb {
            let mut log = asleep();
            disturb(&mut log);
            assert!(!log.only_freeze_explains(at(141), (0, 1), CALM));
        }
        let mut log = asleep();
        log.disturbed(1, at(75));
        assert!(log.only_freeze_explains(at(141), (0, 1), CALM));
    }

    #[test]
    fn old_news_may_come_until_the_last_fault_that_delays_is_over_and_while_there_are_two_parts() {
        let mut log = asleep();
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
    fn freezes_that_overlap_are_one() {
        let mut log = asleep();
        log.frozen(0, (at(130), at(160)));
        log.disturbed(1, at(90));
        assert!(!log.only_freeze_explains(at(161), (0, 1), CALM));
    }
}
