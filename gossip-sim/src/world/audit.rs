//! Checks that are too slow to run at each event.

use std::collections::BTreeSet;

use gossip_core::{ChannelId, JoinChannel, OrgId};

use super::World;
use super::environment::Environment;
use super::host::Host;
use crate::NodeId;
use crate::check::Breach;

impl World {
    /// Checks the state of every running node: members against notifications, incarnations and heights against
    /// earlier ones, lists against their bounds. Adds each breach to [`World::violations`].
    pub fn audit(&mut self) {
        for node in self.nodes() {
            self.audit_members(node.index());
            self.audit_channels(node.index());
        }
    }

    /// Adds to the violations each running node that does not see a running node that it should see, or that still
    /// sees a node that does not run. Call it when all faults are repaired and the last death must have been
    /// detected.
    pub fn audit_views(&mut self) {
        self.refresh_visibility();
        let environment = &mut self.environment;
        for (observer, subject) in environment.visibility.missing(usize::MAX) {
            let subject = NodeId::new(subject);
            environment
                .checker
                .report(environment.now, observer, Breach::Unseen { subject });
        }
        let stale = environment
            .visibility
            .stale(|node| !environment.hosts[node as usize].up);
        for (observer, subject) in stale {
            let subject = NodeId::new(subject);
            environment
                .checker
                .report(environment.now, observer, Breach::HeldAlive { subject });
        }
    }

    /// Adds to the violations each member that a node still lists, alive or dead, although it has been down for
    /// longer than expiration and forgetting take.
    pub fn audit_forgotten(&mut self) {
        for node in self.nodes() {
            let Some(core) = &self.nodes[node.place()] else {
                continue;
            };
            let environment = &mut self.environment;
            let (now, config) = (
                environment.now,
                &environment.hosts[node.place()].config.membership,
            );
            let horizon = config.alive_expiration + config.forget_after;
            for member in core.members() {
                let subject = environment.peers.get(&member.peer).copied();
                let since =
                    subject.and_then(|subject| environment.hosts[subject as usize].down_since());
                if let (Some(subject), Some(since)) = (subject, since)
                    && now > since + horizon
                {
                    let subject = NodeId::new(subject);
                    environment
                        .checker
                        .report(now, node.index(), Breach::NotForgotten { subject });
                }
            }
        }
    }

    /// Adds to the violations each running node that joined `channel` and holds fewer than `due` blocks of it.
    pub fn audit_ledgers(&mut self, channel: &ChannelId, due: u64) {
        let behind: Vec<_> = self.incomplete_ledgers(channel, due).collect();
        for node in behind {
            let breach = Breach::Behind {
                channel: channel.clone(),
                height: self.ledger(node).height(channel),
                due,
            };
            let now = self.environment.now;
            self.environment.checker.report(now, node.index(), breach);
        }
    }

    /// Returns whether every running node sees exactly the running nodes that it may see. Unlike
    /// [`World::views_complete`], it is false if a node that does not run is seen.
    #[must_use]
    pub fn views_equal(&mut self) -> bool {
        self.refresh_visibility();
        let environment = &self.environment;
        environment.visibility.is_complete()
            && environment
                .visibility
                .stale(|node| !environment.hosts[node as usize].up)
                .is_empty()
    }

    fn audit_members(&mut self, node: u32) {
        let Some(core) = &self.nodes[node as usize] else {
            return;
        };
        let environment = &mut self.environment;
        let (now, members) = (environment.now, core.members());
        let limit = environment.hosts[node as usize]
            .config
            .membership
            .max_members
            .get() as u64;
        environment
            .checker
            .bound(now, node, "members", (members.len() as u64, limit));
        for member in members {
            let Some(&subject) = environment.peers.get(&member.peer) else {
                continue;
            };
            if member.alive != environment.visibility.sees(node, subject) {
                let subject = NodeId::new(subject);
                environment
                    .checker
                    .report(now, node, Breach::ViewMismatch { subject });
            }
            let actual = environment.hosts[subject as usize].incarnation;
            let incarnations = (member.incarnation, actual);
            environment
                .checker
                .listed(now, (node, subject), incarnations);
        }
    }

    fn audit_channels(&mut self, node: u32) {
        let Some(core) = &self.nodes[node as usize] else {
            return;
        };
        let environment = &mut self.environment;
        if environment.hosts[node as usize].driver.heights > 0 {
            return;
        }
        let now = environment.now;
        let window = environment.hosts[node as usize]
            .config
            .state_transfer
            .window
            .get() as u64;
        for channel in core.channels() {
            let Some(info) = core.channel(&channel) else {
                continue;
            };
            environment
                .checker
                .height_told(now, node, &channel, info.height);
            let buffered = (info.buffered as u64, window + 1);
            environment
                .checker
                .bound(now, node, "blocks buffered", buffered);
        }
    }
}

impl Environment {
    /// Records that the organisations of a channel may know each other's peers.
    pub(super) fn link_orgs(&mut self, config: &JoinChannel) {
        for org in config.members.keys() {
            let known = self.linked.entry(org.clone()).or_default();
            for other in config.members.keys() {
                if !known.contains(other) {
                    known.insert(other.clone());
                }
            }
        }
    }

    /// Computes the due part of the visibility matrix: a running node should see running nodes of its own
    /// organisation and, if both have an external endpoint, of the organisations in its channels.
    pub(super) fn expect_views(&mut self) {
        let hosts = &self.hosts;
        let linked = links_of_orgs(hosts);
        self.visibility.expect(|observer, subject| {
            let (a, b) = (&hosts[observer as usize], &hosts[subject as usize]);
            let public =
                a.config.external_endpoint.is_some() && b.config.external_endpoint.is_some();
            let orgs = (&a.config.identity.org, &b.config.identity.org);
            a.is_running()
                && b.is_running()
                && (orgs.0 == orgs.1 || public && linked.contains(&orgs))
        });
    }
}

fn links_of_orgs(hosts: &[Host]) -> BTreeSet<(&OrgId, &OrgId)> {
    let mut linked = BTreeSet::new();
    for host in hosts.iter().filter(|host| host.is_running()) {
        let own = &host.config.identity.org;
        for other in host.joins.values().flat_map(|join| join.members.keys()) {
            linked.insert((own, other));
        }
    }
    linked
}
