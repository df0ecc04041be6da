//! Validity periods of certificates.

use std::time::{Duration, SystemTime};

/// A validity period in whole seconds, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: SystemTime,
    /// The last second.
    pub not_after: SystemTime,
}

/// Certificates begin a little earlier, so that they are valid at peers whose clocks are late.
const BACKDATED: Duration = Duration::from_secs(5 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Validity {
    /// From five minutes ago until `days` days from now.
    #[must_use]
    pub fn days(days: u32) -> Self {
        let now = SystemTime::now();
        Self {
            not_before: now - BACKDATED,
            not_after: now + DAY * days,
        }
    }
}
