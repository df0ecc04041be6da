//! The cost of a workload: wall time, processor time, memory, and traffic on the loopback
//! interface.

mod latency;
mod system;

use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

pub(crate) use self::latency::Latencies;
pub(crate) use self::system::{Loopback, resident_bytes};

/// Measures from its creation until [`Meter::stop`].
#[derive(Debug)]
pub(crate) struct Meter {
    wall: Instant,
    cpu: ProcessTime,
    loopback: Loopback,
}

/// Resources used in a period.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) wall: Duration,
    /// User and system time of all threads of this process.
    pub(crate) cpu: Duration,
    /// Traffic of the whole machine: nothing else may use the loopback interface meanwhile.
    pub(crate) loopback: Loopback,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self {
            loopback: Loopback::now(),
            wall: Instant::now(),
            cpu: ProcessTime::now(),
        }
    }

    pub(crate) fn stop(&self) -> Usage {
        Usage {
            wall: self.wall.elapsed(),
            cpu: self.cpu.elapsed(),
            loopback: Loopback::now().since(&self.loopback),
        }
    }
}
