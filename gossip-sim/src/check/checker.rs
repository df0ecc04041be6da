//! Properties that must hold in every run.

use std::collections::BTreeMap;
use std::time::Duration;

use gossip_core::{ChannelId, Instant};

use super::violation::{Breach, Violation};
use crate::NodeId;
use crate::ledger::ChainHash;

const MAX_VIOLATIONS: usize = 1_000;

/// Watches what nodes do and keeps what was wrong, at most 1,000 violations and the count of all.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    violations: Vec<Violation>,
    total: u64,
    chains: BTreeMap<ChannelId, Vec<ChainHash>>,
    nodes: Vec<Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    ledgers: BTreeMap<ChannelId, LedgerWatch>,
    /// Highest incarnation seen, by subject.
    incarnations: BTreeMap<u32, u64>,
    /// Subjects held dead while they were down, with the moment they went down.
    buried: BTreeMap<u32, Instant>,
}

#[derive(Debug, Default)]
struct LedgerWatch {
    height: u64,
    told: u64,
    storing: bool,
}

impl Checker {
    pub(crate) fn grow(&mut self) {
        self.nodes.push(Watched::default());
    }

    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    /// The node has started again, with its ledger or without.
    pub(crate) fn restarted(&mut self, node: u32, ledger_kept: bool) {
        let watched = &mut self.nodes[node as usize];
        watched.incarnations.clear();
        watched.buried.clear();
        if !ledger_kept {
            watched.ledgers.clear();
        }
        for ledger in watched.ledgers.values_mut() {
            ledger.storing = false;
        }
    }

    pub(crate) fn commit_asked(&mut self, now: Instant, node: u32, channel: &ChannelId, seq: u64) {
        let watch = self.ledger(node, channel);
        let (height, storing) = (watch.height, watch.storing);
        watch.storing = true;
        if storing {
            self.report(
                now,
                node,
                Breach::Overlap {
                    channel: channel.clone(),
                    seq,
                },
            );
        } else if seq != height {
            self.report(
                now,
                node,
                Breach::OutOfOrder {
                    channel: channel.clone(),
                    height,
                    seq,
                },
            );
        }
    }

    pub(crate) fn commit_failed(&mut self, node: u32, channel: &ChannelId) {
        self.ledger(node, channel).storing = false;
    }

    pub(crate) fn committed(
        &mut self,
        now: Instant,
        node: u32,
        (channel, seq): (&ChannelId, u64),
        hash: ChainHash,
    ) {
        let watch = self.ledger(node, channel);
        watch.storing = false;
        watch.height = seq + 1;
        let chain = self.chains.entry(channel.clone()).or_default();
        let forked = match usize::try_from(seq).ok().and_then(|seq| chain.get(seq)) {
            Some(known) => *known != hash,
            None => {
                chain.push(hash);
                false
            }
        };
        if forked {
            self.report(
                now,
                node,
                Breach::Forked {
                    channel: channel.clone(),
                    seq,
                },
            );
        }
    }

    /// The node says that its channel has this height.
    pub(crate) fn height_told(&mut self, now: Instant, node: u32, channel: &ChannelId, to: u64) {
        let watch = self.ledger(node, channel);
        let from = watch.told;
        watch.told = to;
        if to < from {
            self.report(
                now,
                node,
                Breach::HeightFell {
                    channel: channel.clone(),
                    from,
                    to,
                },
            );
        }
    }

    /// The observer holds the subject dead, which has been down since `down_since`, if it is.
    pub(crate) fn died(&mut self, observer: u32, subject: u32, down_since: Option<Instant>) {
        if let Some(since) = down_since {
            self.nodes[observer as usize].buried.insert(subject, since);
        }
    }

    /// The observer holds the subject alive, which has been down since `down_since`, if it is.
    pub(crate) fn appeared(
        &mut self,
        now: Instant,
        (observer, subject): (u32, u32),
        down_since: Option<Instant>,
        expiration: Duration,
    ) {
        let buried = self.nodes[observer as usize].buried.remove(&subject);
        if let (Some(since), Some(buried)) = (down_since, buried)
            && since == buried
            && now.since(since) > expiration
        {
            self.report(
                now,
                observer,
                Breach::Resurrected {
                    subject: NodeId::new(subject),
                },
            );
        }
    }

    pub(crate) fn forgot(&mut self, observer: u32, subject: u32) {
        let watched = &mut self.nodes[observer as usize];
        watched.incarnations.remove(&subject);
        watched.buried.remove(&subject);
    }

    /// The observer lists the subject with this incarnation, which may be earlier than one listed
    /// before only if it is the one that lives: its clock was set back.
    pub(crate) fn listed(
        &mut self,
        now: Instant,
        (observer, subject): (u32, u32),
        (seen, actual): (u64, u64),
    ) {
        let known = self.nodes[observer as usize]
            .incarnations
            .entry(subject)
            .or_insert(seen);
        let before = *known;
        *known = if seen == actual {
            seen
        } else {
            before.max(seen)
        };
        if seen < before && seen != actual {
            let subject = NodeId::new(subject);
            self.report(
                now,
                observer,
                Breach::Stale {
                    subject,
                    known: before,
                    seen,
                },
            );
        }
    }

    pub(crate) fn bound(
        &mut self,
        now: Instant,
        node: u32,
        what: &'static str,
        (actual, limit): (u64, u64),
    ) {
        if actual > limit {
            self.report(
                now,
                node,
                Breach::Overrun {
                    what,
                    actual,
                    limit,
                },
            );
        }
    }

    pub(crate) fn report(&mut self, at: Instant, node: u32, breach: Breach) {
        self.total += 1;
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(Violation {
                at,
                node: NodeId::new(node),
                breach,
            });
        }
    }

    fn ledger(&mut self, node: u32, channel: &ChannelId) -> &mut LedgerWatch {
        let ledgers = &mut self.nodes[node as usize].ledgers;
        if !ledgers.contains_key(channel) {
            ledgers.insert(channel.clone(), LedgerWatch::default());
        }
        ledgers.entry(channel.clone()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(60_000);
    const EXPIRATION: Duration = Duration::from_secs(25);

    fn checker() -> (Checker, ChannelId) {
        let mut checker = Checker::default();
        checker.grow();
        checker.grow();
        (checker, ChannelId::new("c"))
    }

    fn breaches(checker: &Checker) -> Vec<Breach> {
        checker
            .violations()
            .iter()
            .map(|violation| violation.breach.clone())
            .collect()
    }

    fn commit(checker: &mut Checker, node: u32, channel: &ChannelId, seq: u64, hash: u8) {
        checker.commit_asked(NOW, node, channel, seq);
        checker.committed(NOW, node, (channel, seq), [hash; 32]);
    }

    #[test]
    fn a_gap_or_repetition_in_commits_is_noticed() {
        let (mut checker, channel) = checker();
        commit(&mut checker, 0, &channel, 0, 0);
        commit(&mut checker, 0, &channel, 1, 1);
        assert!(breaches(&checker).is_empty());
        checker.commit_asked(NOW, 0, &channel, 3);
        checker.commit_failed(0, &channel);
        checker.commit_asked(NOW, 0, &channel, 1);
        let found = [3, 1].map(|seq| Breach::OutOfOrder {
            channel: channel.clone(),
            height: 2,
            seq,
        });
        assert_eq!(breaches(&checker), found);
    }

    #[test]
    fn two_commits_at_a_time_are_noticed() {
        let (mut checker, channel) = checker();
        checker.commit_asked(NOW, 0, &channel, 0);
        checker.commit_asked(NOW, 0, &channel, 1);
        assert_eq!(breaches(&checker), [Breach::Overlap { channel, seq: 1 }]);
    }

    #[test]
    fn a_height_that_falls_is_noticed_unless_the_ledger_was_lost() {
        let (mut checker, channel) = checker();
        checker.height_told(NOW, 0, &channel, 5);
        checker.height_told(NOW, 0, &channel, 6);
        checker.restarted(0, false);
        checker.height_told(NOW, 0, &channel, 1);
        assert!(breaches(&checker).is_empty());
        checker.restarted(0, true);
        checker.height_told(NOW, 0, &channel, 0);
        assert_eq!(
            breaches(&checker),
            [Breach::HeightFell {
                channel,
                from: 1,
                to: 0
            }]
        );
    }

    #[test]
    fn a_fork_is_noticed_at_its_first_block() {
        let (mut checker, channel) = checker();
        commit(&mut checker, 0, &channel, 0, 7);
        commit(&mut checker, 1, &channel, 0, 7);
        commit(&mut checker, 0, &channel, 1, 8);
        commit(&mut checker, 1, &channel, 1, 9);
        assert_eq!(breaches(&checker), [Breach::Forked { channel, seq: 1 }]);
    }

    #[test]
    fn an_older_incarnation_is_noticed_until_the_member_was_forgotten() {
        let (mut checker, _) = checker();
        checker.listed(NOW, (0, 1), (5, 6));
        checker.listed(NOW, (0, 1), (6, 6));
        checker.forgot(0, 1);
        checker.listed(NOW, (0, 1), (2, 6));
        assert!(breaches(&checker).is_empty());
        checker.listed(NOW, (0, 1), (1, 6));
        let subject = NodeId::new(1);
        assert_eq!(
            breaches(&checker),
            [Breach::Stale {
                subject,
                known: 2,
                seen: 1
            }]
        );
    }

    #[test]
    fn a_dead_node_that_comes_alive_without_having_started_is_noticed() {
        let (mut checker, _) = checker();
        let down = Some(Instant::from_millis(1_000));
        checker.died(0, 1, down);
        checker.appeared(Instant::from_millis(20_000), (0, 1), down, EXPIRATION);
        checker.died(0, 1, down);
        checker.appeared(NOW, (0, 1), None, EXPIRATION);
        checker.died(0, 1, None);
        checker.appeared(NOW, (0, 1), down, EXPIRATION);
        assert!(breaches(&checker).is_empty());
        checker.died(0, 1, down);
        checker.appeared(NOW, (0, 1), down, EXPIRATION);
        assert_eq!(
            breaches(&checker),
            [Breach::Resurrected {
                subject: NodeId::new(1)
            }]
        );
    }

    #[test]
    fn an_exceeded_bound_is_noticed_and_kept_violations_are_bounded() {
        let (mut checker, _) = checker();
        checker.bound(NOW, 0, "things", (3, 3));
        assert!(breaches(&checker).is_empty());
        for _ in 0..2 * MAX_VIOLATIONS {
            checker.bound(NOW, 0, "things", (4, 3));
        }
        assert_eq!(
            breaches(&checker)[0],
            Breach::Overrun {
                what: "things",
                actual: 4,
                limit: 3
            }
        );
        assert_eq!(
            (checker.violations().len(), checker.total()),
            (1_000, 2_000)
        );
    }
}
