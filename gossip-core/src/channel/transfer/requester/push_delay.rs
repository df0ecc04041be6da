//! How late pushes are.

use std::time::Duration;

use crate::Instant;

/// A push that delays by more is a lost one.
const MAX_TIMEOUT: Duration = Duration::from_millis(500);

/// After so many late pushes one after the other, the way that they come by is not the best one.
const LATE_PUSHES: u32 = 2;

/// How long pushes push_delay behind what tells of their blocks.
#[derive(Debug, Default)]
pub(super) struct PushDelay {
    /// The push_delay that is to be expected, and some more.
    timeout: Duration,
    /// The number that was missing for too long last, and since when.
    overdue: Option<(u64, Instant)>,
    /// So many pushes in a row were late.
    late: u32,
}

impl PushDelay {
    /// A push is waited for this long.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A block came so long after something had told of it, if anything had. So long as `late`, or longer, is late.
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

    /// A push has come of a block that was there already: if it was fetched, that was too early.
    pub(super) fn on_late_push(&mut self, now: Instant, seq: u64) {
        if let Some((_, since)) = self.overdue.take_if(|(number, _)| *number == seq) {
            self.learn(now.since(since));
        }
    }

    /// Have the last pushes all been late? Says so once, and looks at the next ones then.
    pub(super) fn take_late(&mut self) -> bool {
        let late = self.late >= LATE_PUSHES;
        if late {
            self.late = 0;
        }
        late
    }

    /// A push lagged by so much: be patient for twice as long, and a little less each time.
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
    fn pushes_late_in_a_row_are_reported_once() {
        let mut delays = PushDelay::default();
        delays.on_pushed(push_delay(20), LATE);
        assert!(!delays.take_late(), "that may be chance");
        delays.on_pushed(push_delay(30), LATE);
        assert!(delays.take_late());
        assert!(!delays.take_late());
        delays.on_pushed(push_delay(30), LATE);
        assert!(
            !delays.take_late(),
            "a new way may just have been asked for"
        );
    }

    #[test]
    fn one_push_in_time_starts_the_count_anew() {
        for in_time in [None, push_delay(19)] {
            let mut delays = PushDelay::default();
            delays.on_pushed(push_delay(50), LATE);
            delays.on_pushed(in_time, LATE);
            delays.on_pushed(push_delay(50), LATE);
            assert!(!delays.take_late(), "{in_time:?}");
        }
    }

    #[test]
    fn patience_is_twice_the_lag_and_fades() {
        let mut delays = PushDelay::default();
        delays.on_pushed(push_delay(100), LATE);
        assert_eq!(delays.timeout(), Duration::from_millis(200));
        delays.on_pushed(push_delay(0), LATE);
        assert_eq!(delays.timeout(), Duration::from_micros(187_500));
        delays.on_pushed(push_delay(10_000), LATE);
        assert_eq!(delays.timeout(), MAX_TIMEOUT);
    }

    #[test]
    fn a_push_of_a_block_that_was_fetched_teaches_patience_once() {
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
