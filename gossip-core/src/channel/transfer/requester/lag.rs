//! How late pushes are.

use std::time::Duration;

use crate::Instant;

/// A push that lags by more is a lost one.
const MAX_PATIENCE: Duration = Duration::from_millis(500);

/// After so many late pushes one after the other, the way that they come by is not the best one.
const LATE_PUSHES: u32 = 2;

/// How long pushes lag behind what tells of their blocks.
#[derive(Debug, Default)]
pub(super) struct Lag {
    /// The lag that is to be expected, and some more.
    patience: Duration,
    /// The number that was missing for too long last, and since when.
    overdue: Option<(u64, Instant)>,
    /// So many pushes in a row were late.
    late: u32,
}

impl Lag {
    /// A push is waited for this long.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// A block came so long after something had told of it, if anything had. So long as `late`, or longer, is late.
    pub(super) fn on_pushed(&mut self, lag: Option<Duration>, late: Duration) {
        if let Some(lag) = lag {
            self.learn(lag);
        }
        self.late = if lag.is_some_and(|lag| lag >= late) {
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
    fn learn(&mut self, lag: Duration) {
        let before = self.patience - self.patience / 16;
        self.patience = lag
            .saturating_mul(2)
            .clamp(before, MAX_PATIENCE.max(before));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Duration = Duration::from_millis(20);

    fn lag(millis: u64) -> Option<Duration> {
        Some(Duration::from_millis(millis))
    }

    #[test]
    fn pushes_late_in_a_row_are_reported_once() {
        let mut lags = Lag::default();
        lags.on_pushed(lag(20), LATE);
        assert!(!lags.take_late(), "that may be chance");
        lags.on_pushed(lag(30), LATE);
        assert!(lags.take_late());
        assert!(!lags.take_late());
        lags.on_pushed(lag(30), LATE);
        assert!(!lags.take_late(), "a new way may just have been asked for");
    }

    #[test]
    fn one_push_in_time_starts_the_count_anew() {
        for in_time in [None, lag(19)] {
            let mut lags = Lag::default();
            lags.on_pushed(lag(50), LATE);
            lags.on_pushed(in_time, LATE);
            lags.on_pushed(lag(50), LATE);
            assert!(!lags.take_late(), "{in_time:?}");
        }
    }

    #[test]
    fn patience_is_twice_the_lag_and_fades() {
        let mut lags = Lag::default();
        lags.on_pushed(lag(100), LATE);
        assert_eq!(lags.patience(), Duration::from_millis(200));
        lags.on_pushed(lag(0), LATE);
        assert_eq!(lags.patience(), Duration::from_micros(187_500));
        lags.on_pushed(lag(10_000), LATE);
        assert_eq!(lags.patience(), MAX_PATIENCE);
    }

    #[test]
    fn a_push_of_a_block_that_was_fetched_teaches_patience_once() {
        let (start, millis) = (Instant::START, Duration::from_millis);
        let mut lags = Lag::default();
        lags.on_overdue(7, start);
        lags.on_late_push(start + millis(90), 6);
        assert_eq!(lags.patience(), Duration::ZERO);
        lags.on_late_push(start + millis(90), 7);
        assert_eq!(lags.patience(), millis(180));
        lags.on_late_push(start + millis(200), 7);
        assert_eq!(lags.patience(), millis(180));
    }
}
