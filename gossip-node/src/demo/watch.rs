//! Polls the network until a stage is complete or makes no progress.

use std::time::{Duration, Instant};

use gossip::Runtime;

use crate::failure::Failure;

/// Time between two polls. Times in the report do not depend on it.
const INTERVAL: Duration = Duration::from_millis(50);

/// Peers named in a message about a stall.
const MAX_NAMED: usize = 5;

/// A stage of the demo in which a count has to reach the same number at every peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    /// The name of the stage, for a message.
    pub(crate) doing: &'static str,
    /// The verb of a peer in a message: `has` or `sees`.
    pub(crate) verb: &'static str,
    /// The unit of the count.
    pub(crate) what: &'static str,
    /// The number to reach.
    pub(crate) all: u64,
}

impl Stage {
    /// Completes when `poll` returns the full count for every peer. Fails when `poll` fails, or when its
    /// result has not changed for longer than `timeout`.
    pub(crate) async fn watch(
        &self,
        runtime: &impl Runtime,
        timeout: Duration,
        names: &[String],
        poll: impl Fn() -> Result<Vec<u64>, Failure>,
    ) -> Result<(), Failure> {
        let mut found = poll()?;
        let mut changed = Instant::now();
        while found.iter().any(|have| *have < self.all) {
            if changed.elapsed() > timeout {
                return Err(Failure::Stalled {
                    seconds: timeout.as_secs(),
                    stage: self.doing,
                    lacking: self.lacking(names, &found),
                });
            }
            runtime.sleep_until(runtime.now() + INTERVAL).await;
            let now = poll()?;
            if now != found {
                changed = Instant::now();
                found = now;
            }
        }
        Ok(())
    }

    /// Names the peers that are behind: `peer1.org1 has 3 of 11 blocks, ...`.
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

    fn watch(peers: usize, poll: impl Fn() -> Result<Vec<u64>, Failure>) -> Result<(), Failure> {
        let runtime = SmolRuntime::global();
        smol::block_on(STAGE.watch(&runtime, Duration::from_millis(200), &names(peers), poll))
    }

    #[test]
    fn a_stage_is_complete_when_every_peer_has_the_full_count() {
        let polls = Cell::new(0);
        let poll = || {
            polls.set(polls.get() + 3);
            Ok(vec![9, polls.get()])
        };
        assert!(watch(2, poll).is_ok());
        assert_eq!(polls.get(), 9);
    }

    #[test]
    fn a_stall_names_the_peers_that_are_behind() {
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
        let halted = || Err(Failure::step("continue", "a ledger failed"));
        assert!(watch(1, halted).is_err());
    }
}
