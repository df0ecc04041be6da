//! The peers around the node of a bench.

use super::{Bench, secs};

/// A node in `main` with these connected participants, after the initial exchange.
pub(crate) fn quiet(names: &[&str], adjust: impl FnOnce(&mut crate::Config)) -> Bench {
    let mut bench = Bench::joined(&["m", "a"], adjust);
    for name in names {
        bench.participant(name);
    }
    bench.advance(secs(1));
    bench.sent();
    bench
}

/// Turns push off.
pub(crate) fn push_off(config: &mut crate::Config) {
    config.push.fanout = 0;
}

pub(crate) fn members(count: usize) -> Vec<String> {
    (2..count + 2).map(|number| format!("m{number}")).collect()
}

pub(crate) fn names(names: &[String]) -> Vec<&str> {
    names.iter().map(|name| &**name).collect()
}
