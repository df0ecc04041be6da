//! Counters of a world.

use std::time::Duration;

use gossip_core::proto::{Content, Kind, SignedMessage};
use serde::Serialize;

use crate::fault::{Fault, FaultClass, Incarnation, LedgerFate};

const STEPS: usize = 32;
const OCTAVES: usize = 64;

/// A histogram of durations, with an error below 4 %. Its memory does not depend on their number.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

/// A summary of durations, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Number of durations.
    pub count: u64,
    /// The median.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The longest duration, exact.
    pub max_ms: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: vec![0; STEPS * OCTAVES],
            count: 0,
            max: 0,
        }
    }
}

impl Histogram {
    /// Adds a duration.
    pub fn add(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanos)] += 1;
        self.count += 1;
        self.max = self.max.max(nanos);
    }

    /// The percentiles of all durations.
    #[must_use]
    pub fn percentiles(&self) -> Percentiles {
        Percentiles {
            count: self.count,
            p50_ms: millis(self.quantile(50)),
            p99_ms: millis(self.quantile(99)),
            max_ms: millis(self.max),
        }
    }

    /// The upper edge of the bucket that holds the given percentile, in nanoseconds.
    fn quantile(&self, percent: u64) -> u64 {
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (index, held) in self.buckets.iter().enumerate() {
            seen += held;
            if seen >= rank {
                return upper_edge(index).min(self.max);
            }
        }
        self.max
    }
}

fn bucket(nanos: u64) -> usize {
    let steps = STEPS as u64;
    if nanos < steps {
        return usize::try_from(nanos).unwrap_or(0);
    }
    let octave = u64::from(nanos.ilog2() - STEPS.ilog2());
    let step = (nanos >> octave) - steps;
    usize::try_from((octave + 1) * steps + step).unwrap_or(STEPS * OCTAVES - 1)
}

fn upper_edge(index: usize) -> u64 {
    let (octave, step) = ((index / STEPS) as u64, (index % STEPS) as u64);
    match octave.checked_sub(1) {
        None => step,
        Some(shift) => (((STEPS as u64 + step + 1) << shift).wrapping_sub(1)).max(step),
    }
}

#[allow(clippy::cast_precision_loss, reason = "a report shows fewer digits")]
fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

/// Messages of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct KindTraffic {
    /// The kind's name in the schema.
    pub kind: &'static str,
    /// Messages handed to the transport.
    pub messages: u64,
    /// Bytes of these messages.
    pub bytes: u64,
}

/// Counters of a world since its start.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Events delivered to nodes.
    pub events: u64,
    /// Copies of blocks that arrived, pushed or requested.
    pub block_copies: u64,
    /// Blocks committed by nodes that did not publish them.
    pub copies_needed: u64,
    /// Notifications dropped because the application did not take them.
    pub notifications_shed: u64,
    /// Messages sent on links that were already down.
    pub sends_lost: u64,
    /// Deaths reported of nodes that were running and reachable.
    pub false_deaths: u64,
    /// Frames forged by a test.
    pub frames_forged: u64,
    /// Frames lost to [`Fault::Loss`].
    pub frames_lost: u64,
    /// Dials lost to [`Fault::Loss`].
    pub dials_lost: u64,
    /// Restarts after a crash that lost the ledger.
    pub ledgers_lost: u64,
    /// Restarts with a clock that was set back.
    pub clocks_set_back: u64,
    /// Pairs of a thawed node and a healthy peer that it must not hold dead.
    pub suspicions_checked: u64,
    /// Notifications that a member died.
    pub deaths: u64,
    /// Notifications that a member was forgotten or left.
    pub forgotten: u64,
    faults: [u64; FaultClass::ALL.len()],
    sent: [(u64, u64); Kind::ALL.len()],
}

impl Stats {
    pub(crate) const fn new() -> Self {
        Self {
            events: 0,
            block_copies: 0,
            copies_needed: 0,
            notifications_shed: 0,
            sends_lost: 0,
            false_deaths: 0,
            frames_forged: 0,
            frames_lost: 0,
            dials_lost: 0,
            ledgers_lost: 0,
            clocks_set_back: 0,
            suspicions_checked: 0,
            deaths: 0,
            forgotten: 0,
            faults: [0; FaultClass::ALL.len()],
            sent: [(0, 0); Kind::ALL.len()],
        }
    }

    /// Messages and bytes by kind, without kinds that were never sent.
    #[must_use]
    pub fn traffic(&self) -> Vec<KindTraffic> {
        let kinds = Kind::ALL.into_iter().zip(self.sent);
        kinds
            .filter(|(_, (messages, _))| *messages > 0)
            .map(|(kind, (messages, bytes))| KindTraffic {
                kind: kind.as_str(),
                messages,
                bytes,
            })
            .collect()
    }

    /// Bytes of messages that carry blocks.
    #[must_use]
    pub const fn block_bytes_sent(&self) -> u64 {
        self.sent[Kind::Data as usize].1 + self.sent[Kind::StateResponse as usize].1
    }

    /// Messages and bytes of all kinds of membership messages.
    pub(crate) fn membership_sent(&self) -> (u64, u64) {
        let kinds = [
            Kind::Alive,
            Kind::MembershipRequest,
            Kind::MembershipResponse,
            Kind::Pulses,
        ];
        let sent = kinds.map(|kind| self.sent[kind as usize]);
        sent.iter().fold((0, 0), |(messages, bytes), one| {
            (messages + one.0, bytes + one.1)
        })
    }

    /// The number of faults of a class that took effect.
    #[must_use]
    pub const fn faults(&self, class: FaultClass) -> u64 {
        self.faults[class as usize]
    }

    pub(crate) fn fault(&mut self, fault: &Fault) {
        self.faults[fault.class() as usize] += u64::from(!fault.is_repair());
        if let Fault::Restart {
            ledger,
            incarnation,
            ..
        } = fault
        {
            self.ledgers_lost += u64::from(*ledger == LedgerFate::Lost);
            self.clocks_set_back += u64::from(*incarnation == Incarnation::Backwards);
        }
    }

    pub(crate) fn sent(&mut self, message: &SignedMessage, bytes: u64) {
        let entry = &mut self.sent[message.content().kind() as usize];
        entry.0 += 1;
        entry.1 += bytes;
    }

    pub(crate) fn received(&mut self, message: &SignedMessage) {
        match message.content() {
            Content::Data(_) => self.block_copies += 1,
            Content::StateResponse(payloads) => self.block_copies += payloads.len() as u64,
            Content::Alive(_)
            | Content::MembershipRequest(_)
            | Content::MembershipResponse(_)
            | Content::Hello(_)
            | Content::Digest(_)
            | Content::DataRequest(_)
            | Content::DataUpdate(_)
            | Content::Empty
            | Content::Conn(_)
            | Content::StateInfo(_)
            | Content::StateSnapshot(_)
            | Content::StateInfoPull(_)
            | Content::StateRequest(_)
            | Content::Leadership(_)
            | Content::PeerIdentity(_)
            | Content::Ack(_)
            | Content::PrivateRequest(_)
            | Content::PrivateResponse(_)
            | Content::PrivateData(_)
            | Content::Pulses(_)
            | Content::Tree(_)
            | Content::Application(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_four_percent() {
        let mut histogram = Histogram::default();
        for micros in 1..=100_000 {
            histogram.add(Duration::from_micros(micros));
        }
        let found = histogram.percentiles();
        assert_eq!(found.count, 100_000);
        assert!((50.0..52.0).contains(&found.p50_ms), "{found:?}");
        assert!((99.0..100.1).contains(&found.p99_ms), "{found:?}");
        assert!((found.max_ms - 100.0).abs() < 1e-9);
    }

    #[test]
    fn every_duration_has_a_bucket_whose_edge_is_not_below_it() {
        for nanos in [
            0,
            1,
            31,
            32,
            33,
            63,
            64,
            1_000,
            123_456_789,
            u64::MAX / 2,
            u64::MAX,
        ] {
            assert!(upper_edge(bucket(nanos)) >= nanos, "{nanos}");
        }
        assert_eq!(Histogram::default().percentiles(), Percentiles::default());
    }
}
