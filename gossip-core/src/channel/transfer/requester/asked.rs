//! Requests under way, and the answer times.

use std::time::Duration;

use gossip_proto::Payload;

use crate::{Instant, PeerId};

/// The peer of a late request is not asked again for so many times the response timeout. Otherwise a slow answer would
/// queue behind itself.
const LATE_FACTOR: u32 = 4;
/// The answer time to expect as long as none is known.
const DEFAULT_WAIT: Duration = Duration::from_secs(1);
/// The least answer time to expect: a redundant block costs more than a short wait.
const MIN_WAIT: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Asked {
    pub(super) peer: PeerId,
    pub(super) nonce: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) since: Instant,
    pub(super) deadline: Instant,
    /// The peer offered the block, and the deadline is the usual answer time. Missing it counts as a fault only after
    /// the response timeout.
    pub(super) offered: bool,
    pub(super) late: bool,
}

impl Asked {
    /// Returns whether its peer must not be asked for more.
    pub(super) fn is_busy(&self, now: Instant, timeout: Duration) -> bool {
        !self.late || now < self.busy_until(timeout)
    }

    pub(super) fn busy_until(&self, timeout: Duration) -> Instant {
        self.deadline + timeout.saturating_mul(LATE_FACTOR)
    }

    /// Returns whether it is awaited from a peer that offered the block.
    pub(super) fn is_awaited_offer(&self) -> bool {
        self.offered && !self.late
    }

    /// The time by which a peer that made an offer must have delivered.
    pub(super) fn offer_deadline(&self, timeout: Duration) -> Option<Instant> {
        (self.late && self.offered).then(|| self.since + timeout)
    }

    /// Returns whether an answer is within contract: only numbers of the range, strictly increasing. Fewer than
    /// requested are allowed.
    pub(super) fn covers(&self, payloads: &[Payload]) -> bool {
        let range = self.start..=self.end;
        payloads
            .iter()
            .all(|payload| range.contains(&payload.seq_num))
            && payloads.is_sorted_by(|a, b| a.seq_num < b.seq_num)
    }
}

/// The mean and the deviation of answer times, estimated as in TCP (RFC 6298).
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

    /// More than nearly all answers take, but no more than the timeout.
    pub(super) fn hedge_after(&self, timeout: Duration) -> Duration {
        let known = |(mean, deviation): (Duration, Duration)| {
            mean.saturating_add(deviation.saturating_mul(4))
                .max(MIN_WAIT)
        };
        self.usual.map_or(DEFAULT_WAIT, known).min(timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hedge_delay_follows_the_answer_times() {
        let (timeout, millis) = (Duration::from_secs(3), Duration::from_millis);
        let mut time = AnswerTime::default();
        assert_eq!(time.hedge_after(timeout), DEFAULT_WAIT);
        for _ in 0..50 {
            time.learn(millis(20));
        }
        assert_eq!(time.hedge_after(timeout), MIN_WAIT);
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
