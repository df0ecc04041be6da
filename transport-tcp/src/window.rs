use std::time::{Duration, Instant};

/// The smallest window.
const MIN_SIZE: u64 = 256 << 10;
/// The window is this many times what the line carries in a round trip, to find out whether the
/// line carries more.
const HEADROOM: u64 = 2;
/// After a pause of this length, the line is measured again.
const STALE: Duration = Duration::from_secs(10);

/// How many bytes below the control class may be in flight, not yet consumed by the remote.
///
/// Bytes in flight wait in socket buffers on both sides, before the next urgent frame. The window
/// is the smallest that keeps the line busy: about twice what the remote consumes during the
/// shortest round trip seen. It doubles with each round trip while a long line needs more, and
/// stays small where the remote, not the line, is the bottleneck.
#[derive(Debug)]
pub(crate) struct Window {
    max: u64,
    size: u64,
    sent: u64,
    acknowledged: u64,
    /// The shortest round trip with a full window.
    shortest: Option<Duration>,
    probe: Option<Probe>,
    /// When the window was last full.
    full: Option<Instant>,
}

/// A measurement of a round trip.
#[derive(Debug)]
struct Probe {
    since: Instant,
    from: u64,
    until: u64,
}

impl Window {
    pub(crate) fn new(max: u64) -> Self {
        Self {
            max,
            size: MIN_SIZE.min(max),
            sent: 0,
            acknowledged: 0,
            shortest: None,
            probe: None,
            full: None,
        }
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.sent.saturating_sub(self.acknowledged) < self.size
    }

    pub(crate) const fn add(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes as u64);
    }

    /// The remote has consumed `acknowledged` bytes in total.
    pub(crate) fn update(&mut self, acknowledged: u64, now: Instant) {
        self.acknowledged = acknowledged;
        if let Some(probe) = self.probe.take_if(|probe| probe.until <= acknowledged) {
            self.adapt(&probe, now);
        }
        if self.is_open() {
            return;
        }
        if self
            .full
            .is_some_and(|full| now.saturating_duration_since(full) >= STALE)
        {
            self.shortest = None;
        }
        self.full = Some(now);
        self.probe.get_or_insert(Probe {
            since: now,
            from: self.acknowledged,
            until: self.sent,
        });
    }

    /// Whether the remote has consumed more than the window knows.
    pub(crate) const fn has_advanced(&self, acknowledged: u64) -> bool {
        acknowledged > self.acknowledged
    }

    fn adapt(&mut self, probe: &Probe, now: Instant) {
        let took = now.saturating_duration_since(probe.since);
        let took = took.max(Duration::from_nanos(1));
        let shortest = self.shortest.map_or(took, |shortest| shortest.min(took));
        self.shortest = Some(shortest);
        let acknowledged = u128::from(self.acknowledged.saturating_sub(probe.from));
        let wanted = u128::from(HEADROOM) * acknowledged * shortest.as_nanos() / took.as_nanos();
        let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
        let wanted = wanted.clamp(MIN_SIZE.min(self.max), self.max);
        // A single slow round trip shrinks the window by a quarter at most.
        self.size = wanted.max(self.size - self.size / 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends as much as the window allows for `seconds`, over a line of `rate` bytes per second
    /// with this delay in each direction. The remote consumes in steps of a millisecond and sends
    /// window updates. Returns the bytes consumed and the bytes buffered at the end.
    fn run(
        window: &mut Window,
        start: Instant,
        rate: u64,
        delay: Duration,
        seconds: u64,
    ) -> (u64, u64) {
        const STEP: Duration = Duration::from_millis(1);
        let mut updates = std::collections::VecDeque::new();
        let (mut arriving, mut consumed, mut acknowledged) = (
            std::collections::VecDeque::new(),
            window.sent,
            window.acknowledged,
        );
        let before = consumed;
        let (mut arrived, mut now) = (window.sent, start);
        while now < start + Duration::from_secs(seconds) {
            while arriving.front().is_some_and(|(at, _)| *at <= now) {
                arrived += arriving.pop_front().map_or(0, |(_, bytes)| bytes);
            }
            let step = (rate / 1000).min(arrived - consumed);
            consumed += step;
            updates.push_back((now + delay, consumed));
            while updates.front().is_some_and(|(at, _)| *at <= now) {
                acknowledged = updates
                    .pop_front()
                    .map_or(acknowledged, |(_, consumed)| consumed);
            }
            window.update(acknowledged, now);
            while window.is_open() {
                window.add(32 << 10);
                arriving.push_back((now + delay, 32 << 10));
            }
            window.update(acknowledged, now);
            now += STEP;
        }
        (consumed - before, arrived - consumed)
    }

    #[test]
    fn a_long_line_is_filled() {
        let (rate, delay) = (50_000_000, Duration::from_millis(50));
        let (consumed, _) = run(&mut Window::new(64 << 20), Instant::now(), rate, delay, 20);
        assert!(
            consumed > rate * 20 * 8 / 10,
            "only {consumed} bytes went over it"
        );
    }

    #[test]
    fn a_slow_remote_on_a_short_line_has_little_waiting() {
        let (rate, delay) = (5_000_000, Duration::from_millis(1));
        let (consumed, waiting) = run(&mut Window::new(64 << 20), Instant::now(), rate, delay, 20);
        assert!(
            consumed > rate * 20 * 9 / 10,
            "only {consumed} bytes went over it"
        );
        assert!(
            waiting <= 4 * MIN_SIZE,
            "{waiting} bytes wait at the remote"
        );
    }

    #[test]
    fn the_most_is_never_exceeded() {
        let mut window = Window::new(300_000);
        run(
            &mut window,
            Instant::now(),
            50_000_000,
            Duration::from_millis(50),
            5,
        );
        assert!(window.size <= 300_000);
    }

    #[test]
    fn a_line_that_has_become_long_during_a_pause_is_measured_again() {
        let mut window = Window::new(64 << 20);
        let start = Instant::now();
        let rate = 50_000_000;
        run(&mut window, start, rate, Duration::from_millis(1), 5);
        window.update(window.sent, start + Duration::from_secs(6));
        let later = start + Duration::from_secs(60);
        let (consumed, _) = run(&mut window, later, rate, Duration::from_millis(50), 20);
        assert!(
            consumed > rate * 20 * 8 / 10,
            "only {consumed} bytes went over it"
        );
    }
}
