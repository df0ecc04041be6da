use std::time::Duration;

use serde::Serialize;

use crate::World;
use crate::stats::{Percentiles, Stats};

/// Cost of blocks after the tree has grown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Warm {
    /// The first block measured.
    pub first: u64,
    /// Payload bytes sent per payload byte delivered to a peer that lacked it.
    pub payload_ratio: f64,
    /// Time from a block's publication to the last ledger.
    pub time_to_all: Percentiles,
}

/// Payload bytes of blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload {
    pub(super) sent: u64,
    pub(super) delivered: u64,
}

impl Warm {
    pub(super) fn new(world: &World, first: u64, before: Payload, after: Payload) -> Self {
        Self {
            first,
            payload_ratio: ratio(after.sent - before.sent, after.delivered - before.delivered),
            time_to_all: world.time_to_all_from(first),
        }
    }
}

/// Traffic of each node in an idle network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Idle {
    /// Measured virtual time in seconds.
    pub seconds: f64,
    /// Heartbeats, pulses, requests for views and views, per node and second.
    pub membership_messages: f64,
    /// Bytes of these messages, per node and second.
    pub membership_bytes: f64,
    /// Bytes of all messages, per node and second.
    pub all_bytes: f64,
}

impl Idle {
    pub(super) fn new(before: &Stats, after: &Stats, nodes: usize, time: Duration) -> Self {
        let per_node = |sent: u64| ratio(sent, nodes as u64) / time.as_secs_f64();
        let (earlier, later) = (before.membership_sent(), after.membership_sent());
        let all = |stats: &Stats| stats.traffic().iter().map(|kind| kind.bytes).sum::<u64>();
        Self {
            seconds: time.as_secs_f64(),
            membership_messages: per_node(later.0 - earlier.0),
            membership_bytes: per_node(later.1 - earlier.1),
            all_bytes: per_node(all(after) - all(before)),
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a report needs few digits")]
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
