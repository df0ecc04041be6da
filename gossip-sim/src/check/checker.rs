//! The checker of properties that must hold in every run.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use gossip_core::{ChannelId, Instant};

use super::violation::{Breach, Violation};
use crate::NodeId;
use crate::ledger::ChainHash;

const MAX_VIOLATIONS: usize = 1_000;

/// Checks the behaviour of nodes; keeps at most 1,000 violations and the count of all.
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
    /// Subjects held dead while they were down, with the time they went down.
    dead: BTreeMap<u32, Instant>,
}

#[derive(Debug, Default)]
struct LedgerWatch {
    height: u64,
    reported: u64,
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

    /// The node has lost its ledger.
    pub(crate) fn ledger_lost(&mut self, node: u32) {
        self.nodes[node as usize].ledgers.clear();
    }

    /// The node starts with its ledger as its only state.
    pub(crate) fn started(&mut self, node: u32) {
        let watched = &mut self.nodes[node as usize];
        watched.incarnations.clear();
        watched.dead.clear();
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

    /// The node reports this height of its channel.
    pub(crate) fn height_told(&mut self, now: Instant, node: u32, channel: &ChannelId, to: u64) {
        let watch = self.ledger(node, channel);
        let from = watch.reported;
        watch.reported = to;
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

    /// The observer holds the subject dead; `down_since` is the time the subject went down, if it is down.
    pub(crate) fn died(&mut self, observer: u32, subject: u32, down_since: Option<Instant>) {
        if let Some(since) = down_since {
            self.nodes[observer as usize].dead.insert(subject, since);
        }
    }

    /// The observer holds the subject alive. If the subject is down, `down` is the time it went down, and the last
    /// time at which a message delayed by a fault may have arrived.
    pub(crate) fn appeared(
        &mut self,
        now: Instant,
        (observer, subject): (u32, u32),
        down: Option<(Instant, Instant)>,
        expiration: Duration,
    ) {
        let held_dead = self.nodes[observer as usize].dead.remove(&subject);
        if let (Some((since, news)), Some(dead_since)) = (down, held_dead)
            && since == dead_since
            && now.since(news) > expiration
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
        watched.dead.remove(&subject);
    }

    /// The observer lists the subject with this incarnation. It may be lower than one listed before only if the
    /// subject runs with it, because its clock was set back.
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
        if seen >= before || seen == actual {
            *known = seen;
        } else {
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
