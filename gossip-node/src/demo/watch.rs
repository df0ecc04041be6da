//! Looks at the network again and again until a stage is over, or nothing moves any more.

use std::time::{Duration, Instant};

use gossip::Runtime;

use crate::failure::Failure;

/// Between two looks. Times in the report do not depend on it.
const GLANCE: Duration = Duration::from_millis(50);

/// Peers named in a message about a stall.
const MAX_NAMED: usize = 5;

/// A stage of the demo in which every peer has to get a certain number of something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    /// What happens, for a message.
    pub(crate) doing: &'static str,
    /// What peers do with what they get: `has` or `sees`.
    pub(crate) verb: &'static str,
    /// What they get.
    pub(crate) what: &'static str,
    /// How many of it.
    pub(crate) all: u64,
}

impl Stage {
    /// Completes when `look` finds that every peer has got all. Fails when `look` does, or when it
    /// has found the same for longer than `patience`.
    pub(crate) async fn watch(
        &self,
        runtime: &impl Runtime,
        patience: Duration,
        names: &[String],
        look: impl Fn() -> Result<Vec<u64>, Failure>,
    ) -> Result<(), Failure> {
        let mut found = look()?;
        let mut changed = Instant::now();
        while found.iter().any(|have| *have < self.all) {
            if changed.elapsed() > patience {
                return Err(Failure::Stalled {
                    seconds: patience.as_secs(),
                    stage: self.doing,
                    lacking: self.lacking(names, &found),
                });
            }
            runtime.sleep_until(runtime.now() + GLANCE).await;
            let now = look()?;
            if now != found {
                changed = Instant::now();
                found = now;
            }
        }
        Ok(())
    }

    /// Which peers have less than they must: `peer1.org1 has 3 of 11 blocks, ...`.
    fn lacking(&self, names: &[String], found: &[u64]) -> String {
        let Self {
            verb, what, all, ..
        } = self;
        let behind: Vec<String> = names
            .iter()
            .zip(found)
            .filter(|(_, have)| *have < all)
            .map(|(name, have)| format!("{name} {verb} {have} of {all} {what}"))
            .collect();
        let named = behind.len().min(MAX_NAMED);
        let mut text = behind[..named].join(", ");
        if behind.len() > named {
            text.push_str(&format!(" and {} more", behind.len() - named));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use gossip::smol::SmolRuntime;

    use super::*;

    const STAGE: Stage = Stage {
        doing: "distributing blocks",
        verb: "has",
        what: "blocks",
        all: 9,
    };

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|peer| format!("peer{peer}")).collect()
    }

    fn watch(peers: usize, look: impl Fn() -> Result<Vec<u64>, Failure>) -> Result<(), Failure> {
        let runtime = SmolRuntime::global();
        smol::block_on(STAGE.watch(&runtime, Duration::from_millis(200), &names(peers), look))
    }

    #[test]
    fn a_stage_is_over_when_every_peer_has_got_all() {
        let looks = Cell::new(0);
        let look = || {
            looks.set(looks.get() + 3);
            Ok(vec![9, looks.get()])
        };
        assert!(watch(2, look).is_ok());
        assert_eq!(looks.get(), 9);
    }

    #[test]
    fn a_stall_names_the_peers_that_lack_something() {
        let error = watch(3, || Ok(vec![9, 4, 0])).unwrap_err().to_string();
        let expected =
            "while distributing blocks: peer1 has 4 of 9 blocks, peer2 has 0 of 9 blocks";
        assert!(error.ends_with(expected), "{error}");
        let error = watch(8, || Ok(vec![0; 8])).unwrap_err().to_string();
        assert!(
            error.ends_with("peer4 has 0 of 9 blocks and 3 more"),
            "{error}"
        );
    }

    #[test]
    fn a_failure_of_a_peer_ends_the_stage_at_once() {
        let halted = || Err(Failure::step("go on", "a ledger failed"));
        assert!(watch(1, halted).is_err());
    }
}
