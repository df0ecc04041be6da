//! Seeds: endpoints through which an isolated peer finds the network.
//!
//! One state per endpoint, even if several channels name it. A seed is tried for ever, with back-off and jitter, while
//! no alive member is known there. Seeds do not depend on member records, so forgetting a member cannot isolate this
//! node.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{MemberCx, MemberSignal, Membership};
use crate::out::Out;
use crate::timer::TimerKey;
use crate::{ChannelId, Endpoint, Instant, Notification, OrgId, PeerId, SeedFailure};

/// All seeds by endpoint. Bounded by the configuration.
#[derive(Debug)]
pub(super) struct Seeds {
    table: BTreeMap<Endpoint, Seed>,
    /// The anchors that the channels name. Some of them are not used while we have no external endpoint.
    named: BTreeMap<ChannelId, BTreeMap<OrgId, Vec<Endpoint>>>,
}

#[derive(Debug)]
struct Seed {
    bootstrap: bool,
    /// For an endpoint remembered from an earlier run: when it is dropped.
    remembered_until: Option<Instant>,
    /// The channels that name it as an anchor, each with the organisation of the anchor.
    anchor_of: BTreeMap<ChannelId, OrgId>,
    state: SeedState,
    failures: u32,
    /// The time of the first of these failures.
    failing_since: Instant,
}

#[derive(Debug)]
enum SeedState {
    /// Idle until the timer fires.
    Waiting,
    Dialling,
    /// A request is outstanding.
    Asked {
        peer: PeerId,
    },
    /// This peer has answered there.
    Found {
        peer: PeerId,
    },
    /// The endpoint is our own.
    Own,
}

/// The outcome of a dial to a seed.
#[derive(Debug)]
pub(crate) enum Reached {
    /// The peer at the endpoint.
    Peer(PeerId),
    /// The endpoint is our own.
    Own,
    /// No connection, or no acceptable peer.
    Failed(SeedFailure),
}

/// Limit on the endpoints remembered from an earlier run.
const MAX_REMEMBERED: usize = 64;
/// Delay of the first remembered endpoint after the bootstrap peers, and of each one after the one before.
const REMEMBERED_PAUSE: Duration = Duration::from_secs(1);
const REMEMBERED_STAGGER: Duration = Duration::from_millis(20);

const RETRY_MIN: Duration = Duration::from_millis(200);

/// The failures in a row after which a seed is reported, and by how much more each further report needs.
const REPORT_AFTER: u32 = 5;
const REPORT_FACTOR: u32 = 4;

impl Seeds {
    pub(super) fn new(cx: &mut Out<'_>) -> Self {
        let mut seeds = Self {
            table: BTreeMap::new(),
            named: BTreeMap::new(),
        };
        for endpoint in &cx.config.bootstrap {
            if is_own(cx, endpoint) {
                continue;
            }
            seeds.entry(cx, endpoint).bootstrap = true;
        }
        seeds.remember(cx);
        seeds
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Adds the remembered endpoints. They are tried a little later than other seeds, and only if no member has been
    /// found by then.
    fn remember(&mut self, cx: &mut Out<'_>) {
        let until = cx.now + cx.config.membership.forget_after;
        for (place, endpoint) in (1..).zip(cx.config.remembered.iter().take(MAX_REMEMBERED)) {
            if is_own(cx, endpoint) || self.table.contains_key(endpoint) {
                continue;
            }
            self.entry(cx, endpoint).remembered_until = Some(until);
            let at = cx.now + REMEMBERED_PAUSE + REMEMBERED_STAGGER.saturating_mul(place);
            cx.timers().set(TimerKey::Seed(endpoint.clone()), at);
        }
    }

    fn entry(&mut self, cx: &mut Out<'_>, endpoint: &Endpoint) -> &mut Seed {
        self.table.entry(endpoint.clone()).or_insert_with(|| {
            let now = cx.now;
            cx.timers().set(TimerKey::Seed(endpoint.clone()), now);
            Seed {
                bootstrap: false,
                remembered_until: None,
                anchor_of: BTreeMap::new(),
                state: SeedState::Waiting,
                failures: 0,
                failing_since: now,
            }
        })
    }

    pub(super) fn on_response(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        let again = cx.now + cx.config.membership.reconnect_interval;
        for (endpoint, seed) in &mut self.table {
            if matches!(&seed.state, SeedState::Asked { peer: asked } if asked == peer) {
                seed.state = SeedState::Found { peer: peer.clone() };
                seed.failures = 0;
                cx.timers().set(TimerKey::Seed(endpoint.clone()), again);
            }
        }
    }
}

/// Returns whether an endpoint is our own by Fabric's rule: as configured, or our port on the loopback.
fn is_own(cx: &Out<'_>, endpoint: &Endpoint) -> bool {
    let config = cx.config;
    if *endpoint == config.endpoint || Some(endpoint) == config.external_endpoint.as_ref() {
        return true;
    }
    let port = config
        .endpoint
        .as_str()
        .rsplit_once(':')
        .map(|(_, port)| port);
    matches!(
        (endpoint.as_str().rsplit_once(':'), port),
        (Some(("127.0.0.1" | "localhost" | "[::1]", theirs)), Some(ours))
            if theirs == ours && is_loopback(config.endpoint.as_str())
    )
}

/// Two nodes on one machine may share a port on different interfaces. So a loopback seed is our own only if our
/// endpoint is on the loopback or on all interfaces.
fn is_loopback(endpoint: &str) -> bool {
    ["127.", "localhost:", "[::1]:", "0.0.0.0:", "[::]:"]
        .iter()
        .any(|prefix| endpoint.starts_with(prefix))
}

impl Membership {
    /// Sets the anchors of a channel, in place of those it named before. Foreign anchors are not used while we have no
    /// external endpoint.
    pub(crate) fn set_anchors(
        &mut self,
        cx: &mut Out<'_>,
        channel: &ChannelId,
        anchors: &BTreeMap<OrgId, Vec<Endpoint>>,
    ) {
        if anchors.is_empty() {
            self.seeds.named.remove(channel);
        } else {
            self.seeds.named.insert(channel.clone(), anchors.clone());
        }
        let mut named = BTreeSet::new();
        for (org, endpoints) in anchors {
            if *org != self.own_org && self.own.external.is_none() {
                continue;
            }
            for endpoint in endpoints {
                if !endpoint.as_str().is_empty() && !is_own(cx, endpoint) {
                    let seed = self.seeds.entry(cx, endpoint);
                    seed.anchor_of.insert(channel.clone(), org.clone());
                    named.insert(endpoint.clone());
                }
            }
        }
        self.seeds.table.retain(|endpoint, seed| {
            if !named.contains(endpoint) {
                seed.anchor_of.remove(channel);
            }
            let kept = seed.is_wanted(cx.now);
            if !kept {
                cx.timers().cancel(&TimerKey::Seed(endpoint.clone()));
            }
            kept
        });
    }

    /// Applies a change of our external endpoint: it decides which anchors we may contact.
    pub(super) fn refresh_anchors(&mut self, cx: &mut Out<'_>) {
        for (channel, anchors) in self.seeds.named.clone() {
            self.set_anchors(cx, &channel, &anchors);
        }
    }

    /// Handles a seed's timer: tries the seed again unless its peer is still alive.
    pub(crate) fn fire_seed(&mut self, cx: &mut Out<'_>, endpoint: &Endpoint) {
        let alone = self.is_alone();
        let Some(seed) = self.seeds.table.get_mut(endpoint) else {
            return;
        };
        if !seed.is_wanted(cx.now) || seed.is_only_remembered() && !alone {
            self.seeds.table.remove(endpoint);
            return;
        }
        match &seed.state {
            SeedState::Own => return,
            SeedState::Found { peer }
                if self
                    .records
                    .get(peer.as_bytes())
                    .is_some_and(|r| r.is_alive()) =>
            {
                let again = cx.now + cx.config.membership.reconnect_interval;
                cx.timers().set(TimerKey::Seed(endpoint.clone()), again);
                return;
            }
            // The peer is connected but has not answered: retry with back-off.
            SeedState::Asked { .. } => {
                self.retry_seed(cx, endpoint, SeedFailure::NoAnswer);
                return;
            }
            SeedState::Waiting | SeedState::Dialling | SeedState::Found { .. } => {}
        }
        seed.state = SeedState::Dialling;
        let link = &cx.config.link;
        let timeout = link.dial_timeout.saturating_add(link.handshake_timeout);
        let again = cx.now + timeout.saturating_mul(2);
        cx.timers().set(TimerKey::Seed(endpoint.clone()), again);
        cx.raise(MemberSignal::Dial(endpoint.clone()));
    }

    /// Handles the end of a dial. The endpoint need not be a seed.
    pub(crate) fn on_reached(
        &mut self,
        cx: &mut MemberCx<'_>,
        endpoint: &Endpoint,
        reached: Reached,
    ) {
        let Some(seed) = self.seeds.table.get_mut(endpoint) else {
            return;
        };
        match reached {
            Reached::Own => {
                seed.state = SeedState::Own;
                cx.timers().cancel(&TimerKey::Seed(endpoint.clone()));
            }
            // The dial that has shown this ends without a link.
            Reached::Failed(_) if matches!(seed.state, SeedState::Own) => {}
            Reached::Failed(failure) => self.retry_seed(cx, endpoint, failure),
            Reached::Peer(peer) => {
                let org = cx.identities.org_of(peer.as_bytes());
                if !seed.accepts(&self.own_org, org) {
                    tracing::warn!(%endpoint, %peer, "the peer at this seed is of the wrong organisation");
                    if seed.anchor_of.is_empty() && !self.records.contains_key(peer.as_bytes()) {
                        cx.raise(MemberSignal::RefuseBootstrap(peer));
                    }
                    self.retry_seed(cx, endpoint, SeedFailure::WrongOrganisation);
                    return;
                }
                seed.state = SeedState::Asked { peer: peer.clone() };
                let again = cx.now + cx.config.membership.response_timeout;
                cx.timers().set(TimerKey::Seed(endpoint.clone()), again);
                self.request(cx, &peer);
            }
        }
    }

    /// Retries the seeds whose peer has disconnected without an answer.
    pub(super) fn retry_seeds_of(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        let asked =
            |seed: &Seed| matches!(&seed.state, SeedState::Asked { peer: asked } if asked == peer);
        let seeds = self.seeds.table.iter();
        let seeds = seeds.filter(|(_, seed)| asked(seed));
        let endpoints: Vec<Endpoint> = seeds.map(|(endpoint, _)| endpoint.clone()).collect();
        for endpoint in &endpoints {
            self.retry_seed(cx, endpoint, SeedFailure::Ended);
        }
    }

    /// Retries the seeds of a peer that is no longer alive: another peer may be there now.
    pub(super) fn wake_seeds_of(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        for (endpoint, seed) in &mut self.seeds.table {
            if matches!(&seed.state, SeedState::Found { peer: found } if found == peer) {
                seed.state = SeedState::Waiting;
                let at = cx.now + self.rng.jitter(RETRY_MIN);
                cx.timers().set(TimerKey::Seed(endpoint.clone()), at);
            }
        }
    }

    fn retry_seed(&mut self, cx: &mut Out<'_>, endpoint: &Endpoint, failure: SeedFailure) {
        let Some(seed) = self.seeds.table.get_mut(endpoint) else {
            return;
        };
        seed.state = SeedState::Waiting;
        let factor = 1_u32.checked_shl(seed.failures.min(16)).unwrap_or(u32::MAX);
        if seed.failures == 0 {
            seed.failing_since = cx.now;
        }
        seed.failures = seed.failures.saturating_add(1);
        if seed.is_reported() {
            let (failures, since) = (seed.failures, seed.failing_since);
            tracing::warn!(%endpoint, %failure, failures, "a seed is not reached");
            cx.notify(Notification::SeedUnreachable {
                endpoint: endpoint.clone(),
                failure,
                since,
            });
        }
        let pause = (RETRY_MIN * factor).min(cx.config.membership.seed_interval);
        let at = cx.now + self.rng.jitter(pause);
        cx.timers().set(TimerKey::Seed(endpoint.clone()), at);
    }
}

impl Seed {
    /// Returns whether a peer of `org` is acceptable: for a bootstrap or remembered endpoint one of our organisation,
    /// for an anchor one of an organisation that the anchor is declared for.
    fn accepts(&self, own: &OrgId, org: Option<&OrgId>) -> bool {
        let Some(org) = org else {
            return false;
        };
        if (self.bootstrap || self.remembered_until.is_some()) && org == own {
            return true;
        }
        self.anchor_of.values().any(|declared| declared == org)
    }

    /// Returns whether this failure is reported. Endpoints of an earlier run may be gone.
    fn is_reported(&self) -> bool {
        let mut next = REPORT_AFTER;
        while next < self.failures {
            next = next.saturating_mul(REPORT_FACTOR);
        }
        next == self.failures && !self.is_only_remembered()
    }

    fn is_only_remembered(&self) -> bool {
        !self.bootstrap && self.anchor_of.is_empty()
    }

    fn is_wanted(&self, now: Instant) -> bool {
        !self.is_only_remembered() || self.remembered_until.is_some_and(|until| now < until)
    }
}
