//! The push delay: how late pushes are.

use std::time::Duration;

use crate::Instant;

/// A push with a longer delay counts as lost.
const MAX_TIMEOUT: Duration = Duration::from_millis(500);

/// After so many late pushes in a row, a quicker parent is sought.
const LATE_PUSHES: u32 = 2;

/// The delay of pushes after the first sign of their blocks.
#[derive(Debug, Default)]
pub(super) struct PushDelay {
    /// The delay to expect, with a margin.
    timeout: Duration,
    /// The last number that was missing for too long, and since when.
    overdue: Option<(u64, Instant)>,
    /// The number of late pushes in a row.
    late: u32,
}

impl PushDelay {
    /// How long to wait for a push.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A pushed block has arrived, with this delay after the first sign of it, if there was any. A delay of `late` or
    /// more is late.
    pub(super) fn on_pushed(&mut self, push_delay: Option<Duration>, late: Duration) {
        if let Some(push_delay) = push_delay {
            self.learn(push_delay);
        }
        self.late = if push_delay.is_some_and(|push_delay| push_delay >= late) {
            self.late.saturating_add(1)
        } else {
            0
        };
    }

    /// A number was missing for too long.
    pub(super) fn on_overdue(&mut self, number: u64, since: Instant) {
        self.overdue = Some((number, since));
    }

    /// A block that we have was pushed. If it was fetched, the request was too early.
    pub(super) fn on_late_push(&mut self, now: Instant, seq: u64) {
        if let Some((_, since)) = self.overdue.take_if(|(number, _)| *number == seq) {
            self.learn(now.since(since));
        }
    }

    /// Returns once whether the last pushes have all been late, and restarts the count.
    pub(super) fn take_late(&mut self) -> bool {
        let late = self.late >= LATE_PUSHES;
        if late {
            self.late = 0;
        }
        late
    }

    /// Sets the timeout to twice this delay, but reduces it only a little at a time.
    fn learn(&mut self, push_delay: Duration) {
        let before = self.timeout - self.timeout / 16;
        self.timeout = push_delay
            .saturating_mul(2)
            .clamp(before, MAX_TIMEOUT.max(before));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Duration = Duration::from_millis(20);

    fn push_delay(millis: u64) -> Option<Duration> {
        Some(Duration::from_millis(millis))
    }

    #[test]
    fn consecutive_late_pushes_are_reported_once() {
        let mut delays = PushDelay::default();
        delays.on_pushed(push_delay(20), LATE);
        assert!(!delays.take_late(), "one late push may be chance");
        delays.on_pushed(push_delay(30), LATE);
        assert!(delays.take_late());
        assert!(!delays.take_late());
        delays.on_pushed(push_delay(30), LATE);
        assert!(
            !delays.take_late(),
            "another parent may just have been requested"
        );
    }

    #[test]
    fn a_push_in_time_restarts_the_count() {
        for in_time in [None, push_delay(19)] {
            let mut delays = PushDelay::default();
            delays.on_pushed(push_delay(50), LATE);
            delays.on_pushed(in_time, LATE);
            delays.on_pushed(push_delay(50), LATE);
            assert!(!delays.take_late(), "{in_time:?}");
        }
    }

    #[test]
    fn the_timeout_is_twice_the_delay_and_decreases_slowly() {
        let mut delays = PushDelay::default();
        delays.on_pushed(push_delay(100), LATE);
        assert_eq!(delays.timeout(), Duration::from_millis(200));
        delays.on_pushed(push_delay(0), LATE);
        assert_eq!(delays.timeout(), Duration::from_micros(187_500));
        delays.on_pushed(push_delay(10_000), LATE);
        assert_eq!(delays.timeout(), MAX_TIMEOUT);
    }

    #[test]
    fn a_push_of_a_fetched_block_raises_the_timeout_once() {
        let (start, millis) = (Instant::START, Duration::from_millis);
        let mut delays = PushDelay::default();
        delays.on_overdue(7, start);
        delays.on_late_push(start + millis(90), 6);
        assert_eq!(delays.timeout(), Duration::ZERO);
        delays.on_late_push(start + millis(90), 7);
        assert_eq!(delays.timeout(), millis(180));
        delays.on_late_push(start + millis(200), 7);
        assert_eq!(delays.timeout(), millis(180));
    }
}
