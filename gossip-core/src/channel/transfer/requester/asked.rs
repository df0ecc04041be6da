//! Requests under way, and how long answers take.

use std::time::Duration;

use gossip_proto::Payload;

use crate::{Instant, PeerId};

/// A late request keeps its peer from being asked for this many more times the response timeout: an
/// answer that is merely slow would otherwise queue behind itself.
const LATE_PATIENCE: u32 = 4;
/// An answer may take so long as long as none has come.
const UNKNOWN: Duration = Duration::from_secs(1);
/// And so long at least: a block more than once costs more than a moment.
const LEAST: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Asked {
    pub(super) peer: PeerId,
    pub(super) nonce: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) since: Instant,
    pub(super) deadline: Instant,
    /// The peer has offered it, and the deadline is what answers usually take: it is nobody's fault to miss it,
    /// until the timeout of all others is over too.
    pub(super) hurried: bool,
    pub(super) late: bool,
}

impl Asked {
    /// Is its peer not to be asked for more?
    pub(super) fn is_busy(&self, now: Instant, timeout: Duration) -> bool {
        !self.late || now < self.busy_until(timeout)
    }

    pub(super) fn busy_until(&self, timeout: Duration) -> Instant {
        self.deadline + timeout.saturating_mul(LATE_PATIENCE)
    }

    /// Is it awaited of one who has offered it?
    pub(super) fn is_offered(&self) -> bool {
        self.hurried && !self.late
    }

    /// Whoever offered and has not delivered by then has lied.
    pub(super) fn unkept_at(&self, timeout: Duration) -> Option<Instant> {
        (self.late && self.hurried).then(|| self.since + timeout)
    }

    /// Whether an answer is within contract: numbers of the range only, strictly increasing. Less
    /// than was asked for is fine.
    pub(super) fn covers(&self, payloads: &[Payload]) -> bool {
        let range = self.start..=self.end;
        payloads
            .iter()
            .all(|payload| range.contains(&payload.seq_num))
            && payloads.is_sorted_by(|a, b| a.seq_num < b.seq_num)
    }
}

/// How long answers take, with their deviation, as TCP estimates it (RFC 6298).
#[derive(Debug, Default)]
pub(super) struct AnswerTime {
    usual: Option<(Duration, Duration)>,
}

impl AnswerTime {
    pub(super) fn learn(&mut self, took: Duration) {
        self.usual = Some(match self.usual {
            None => (took, took / 2),
            Some((mean, deviation)) => (
                mean - mean / 8 + took / 8,
                deviation - deviation / 4 + mean.abs_diff(took) / 4,
            ),
        });
    }

    /// Longer than nearly all answers take, but no longer than the timeout.
    pub(super) fn hedge_after(&self, timeout: Duration) -> Duration {
        let known = |(mean, deviation): (Duration, Duration)| {
            mean.saturating_add(deviation.saturating_mul(4)).max(LEAST)
        };
        self.usual.map_or(UNKNOWN, known).min(timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patience_with_answers_follows_how_long_they_take() {
        let (timeout, millis) = (Duration::from_secs(3), Duration::from_millis);
        let mut time = AnswerTime::default();
        assert_eq!(time.hedge_after(timeout), UNKNOWN);
        for _ in 0..50 {
            time.learn(millis(20));
        }
        assert_eq!(time.hedge_after(timeout), LEAST);
        for _ in 0..50 {
            time.learn(millis(600));
        }
        let hedge_after = time.hedge_after(timeout);
        assert!(
            (millis(600)..millis(700)).contains(&hedge_after),
            "{hedge_after:?}"
        );
        for _ in 0..50 {
            time.learn(Duration::from_secs(60));
        }
        assert_eq!(time.hedge_after(timeout), timeout);
    }
}
