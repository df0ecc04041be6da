use std::time::Duration;

/// Latencies of single items. All are kept: a run has thousands, not millions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    sorted: Vec<Duration>,
}

impl Latencies {
    pub(crate) fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self { sorted: all }
    }

    /// The latency that a share `quantile` of all items does not exceed, in milliseconds; 0 without
    /// items.
    pub(crate) fn millis(&self, quantile: f64) -> f64 {
        let last = self.sorted.len().saturating_sub(1);
        let place = (quantile * last as f64).round() as usize;
        self.sorted
            .get(place.min(last))
            .map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    }

    /// The share of `expected` items that took no longer than `limit`.
    pub(crate) fn share_within(&self, limit: Duration, expected: usize) -> f64 {
        let within = self.sorted.partition_point(|latency| *latency <= limit);
        within as f64 / expected.max(1) as f64
    }

    /// The distribution for a chart: percent and milliseconds.
    pub(crate) fn curve(&self) -> Vec<(f64, f64)> {
        let percents = (0..=98)
            .step_by(2)
            .map(f64::from)
            .chain([99.0, 99.5, 99.9, 100.0]);
        percents
            .map(|percent| (percent, self.millis(percent / 100.0)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_taken_of_the_sorted_latencies() {
        let all = (0..=100).rev().map(Duration::from_millis).collect();
        let latencies = Latencies::new(all);
        assert_eq!(latencies.millis(0.5), 50.0);
        assert_eq!(latencies.millis(0.99), 99.0);
        assert_eq!(latencies.millis(1.0), 100.0);
        assert_eq!(latencies.share_within(Duration::from_millis(49), 200), 0.25);
        assert_eq!(Latencies::default().millis(0.5), 0.0);
    }
}
