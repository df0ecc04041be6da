use std::time::{Duration, Instant};

/// A window is never smaller than this.
const LEAST: u64 = 256 << 10;
/// How much larger than what the line was seen to carry in a round trip: room to find out whether
/// it carries more.
const GAIN: u64 = 2;
/// After a pause of this length the line may be another.
const STALE: Duration = Duration::from_secs(10);

/// How many bytes below control may be on their way, unread by the remote.
///
/// Whatever is on its way lies before the next urgent frame, in buffers of the system on both sides.
/// The window is as small as keeps the line busy: about twice what is taken during the shortest
/// round trip seen. It doubles with each round trip while a long line asks for more, and stays small
/// where the remote, not the line, is the slower part.
#[derive(Debug)]
pub(crate) struct Window {
    most: u64,
    size: u64,
    sent: u64,
    granted: u64,
    /// The shortest round trip of a full window.
    shortest: Option<Duration>,
    probe: Option<Probe>,
    /// When it was full last.
    full: Option<Instant>,
}

/// A round trip that is being measured.
#[derive(Debug)]
struct Probe {
    since: Instant,
    from: u64,
    until: u64,
}

impl Window {
    pub(crate) fn new(most: u64) -> Self {
        Self {
            most,
            size: LEAST.min(most),
            sent: 0,
            granted: 0,
            shortest: None,
            probe: None,
            full: None,
        }
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.sent.saturating_sub(self.granted) < self.size
    }

    pub(crate) const fn add(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes as u64);
    }

    /// The remote has taken `granted` bytes by now.
    pub(crate) fn update(&mut self, granted: u64, now: Instant) {
        self.granted = granted;
        if let Some(probe) = self.probe.take_if(|probe| probe.until <= granted) {
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
            from: self.granted,
            until: self.sent,
        });
    }

    /// Has the remote taken more than is known here?
    pub(crate) const fn has_news(&self, granted: u64) -> bool {
        granted > self.granted
    }

    fn adapt(&mut self, probe: &Probe, now: Instant) {
        let took = now.saturating_duration_since(probe.since);
        let took = took.max(Duration::from_nanos(1));
        let shortest = self.shortest.map_or(took, |shortest| shortest.min(took));
        self.shortest = Some(shortest);
        let taken = u128::from(self.granted.saturating_sub(probe.from));
        let wanted = u128::from(GAIN) * taken * shortest.as_nanos() / took.as_nanos();
        let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
        let wanted = wanted.clamp(LEAST.min(self.most), self.most);
        // One slow round trip says little.
        self.size = wanted.max(self.size - self.size / 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends all it may for `seconds`, over a line of `rate` bytes per second with this delay in
    /// each direction, whose remote takes things in steps of a millisecond and tells them by the
    /// piece. What was taken, and how much lay in buffers at the end.
    fn run(
        window: &mut Window,
        start: Instant,
        rate: u64,
        delay: Duration,
        seconds: u64,
    ) -> (u64, u64) {
        const STEP: Duration = Duration::from_millis(1);
        let mut told = std::collections::VecDeque::new();
        let (mut arriving, mut taken, mut heard) = (
            std::collections::VecDeque::new(),
            window.sent,
            window.granted,
        );
        let before = taken;
        let (mut arrived, mut now) = (window.sent, start);
        while now < start + Duration::from_secs(seconds) {
            while arriving.front().is_some_and(|(at, _)| *at <= now) {
                arrived += arriving.pop_front().map_or(0, |(_, bytes)| bytes);
            }
            let step = (rate / 1000).min(arrived - taken);
            taken += step;
            told.push_back((now + delay, taken));
            while told.front().is_some_and(|(at, _)| *at <= now) {
                heard = told.pop_front().map_or(heard, |(_, taken)| taken);
            }
            window.update(heard, now);
            while window.is_open() {
                window.add(32 << 10);
                arriving.push_back((now + delay, 32 << 10));
            }
            window.update(heard, now);
            now += STEP;
        }
        (taken - before, arrived - taken)
    }

    #[test]
    fn a_long_line_is_filled() {
        let (rate, delay) = (50_000_000, Duration::from_millis(50));
        let (taken, _) = run(&mut Window::new(64 << 20), Instant::now(), rate, delay, 20);
        assert!(
            taken > rate * 20 * 8 / 10,
            "only {taken} bytes went over it"
        );
    }

    #[test]
    fn a_slow_remote_on_a_short_line_has_little_waiting() {
        let (rate, delay) = (5_000_000, Duration::from_millis(1));
        let (taken, waiting) = run(&mut Window::new(64 << 20), Instant::now(), rate, delay, 20);
        assert!(
            taken > rate * 20 * 9 / 10,
            "only {taken} bytes went over it"
        );
        assert!(waiting <= 4 * LEAST, "{waiting} bytes wait at the remote");
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
        let (taken, _) = run(&mut window, later, rate, Duration::from_millis(50), 20);
        assert!(
            taken > rate * 20 * 8 / 10,
            "only {taken} bytes went over it"
        );
    }
}
