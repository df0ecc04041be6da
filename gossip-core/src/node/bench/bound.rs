use std::fmt::Debug;

/// Bounds the steps of a loop in a test: if the core does not reach the awaited state, the test fails instead of
/// looping for ever.
#[derive(Debug)]
pub(crate) struct Bound {
    what: &'static str,
    most: u32,
    steps: u32,
}

impl Bound {
    /// At most `most` steps may pass until `what`.
    pub(crate) const fn new(what: &'static str, most: u32) -> Self {
        Self {
            what,
            most,
            steps: 0,
        }
    }

    /// Counts one step; `so_far` describes the progress.
    ///
    /// # Panics
    /// If the bound is exceeded.
    #[track_caller]
    pub(crate) fn step(&mut self, so_far: impl Debug) {
        self.steps += 1;
        assert!(
            self.steps <= self.most,
            "waited for {}: not within {} steps, so far {so_far:?}",
            self.what,
            self.most
        );
    }
}

#[test]
#[should_panic(expected = "waited for the end: not within 3 steps, so far 3")]
fn a_loop_without_end_panics_and_reports_what_it_waited_for() {
    let mut bound = Bound::new("the end", 3);
    for step in 0.. {
        bound.step(step);
    }
}
