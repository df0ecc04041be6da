//! Requests for state infos, and the answers to them.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{Content, SignedMessage, StateInfoPull, channel_mac};

use crate::channel::Channel;
use crate::compose::unsigned;
use crate::cyclic::from_after;
use crate::gate::admitted::Sender;
use crate::have_set::{self, HaveSet};
use crate::out::Out;
use crate::peers::membership::Membership;
use crate::rng::ModuleRng;
use crate::snapshot::Stores;
use crate::timer::{ChannelTimer, TimerKey};
use crate::{Config, Instant, OrgId, PeerId};

/// Requests under way, and the position of the last partial answer.
#[derive(Debug)]
pub(crate) struct StateInfoExchange {
    /// Peers asked for a snapshot, and until when the answer counts. Bounded by the requests per round, as each round
    /// removes overdue ones.
    asked: BTreeMap<PeerId, Instant>,
    /// The last peer in the last partial snapshot.
    told: Option<PeerId>,
    delay: Duration,
    rng: ModuleRng,
    nonces: ModuleRng,
}

/// How long the answer to a request for state infos counts.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Without news, requests for state infos become rarer, up to this many times the interval.
const MAX_SLOWDOWN: u32 = 4;

impl StateInfoExchange {
    pub(crate) fn new(interval: Duration, rng: ModuleRng, nonces: ModuleRng) -> Self {
        Self {
            asked: BTreeMap::new(),
            told: None,
            delay: interval,
            rng,
            nonces,
        }
    }

    /// A new participant is known: there may be more to learn.
    pub(crate) fn on_newcomer(&mut self, interval: Duration) {
        self.delay = interval;
    }

    pub(crate) fn forget(&mut self, peer: &PeerId) {
        self.asked.remove(peer);
    }

    /// Returns whether an answer of this peer is expected.
    pub(crate) fn expects(&self, now: Instant, peer: &PeerId) -> bool {
        self.asked.get(peer).is_some_and(|until| *until > now)
    }

    /// Notes the peers that are asked for their state infos.
    pub(crate) fn on_asked(&mut self, now: Instant, peers: &[PeerId]) {
        self.asked.retain(|_, until| *until > now);
        for peer in peers {
            self.asked.insert(peer.clone(), now + ANSWER_TIMEOUT);
        }
    }

    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let most = config.channel.request_peers.saturating_mul(8);
        stores.add("peers asked for state infos", self.asked.len(), most);
    }
}

impl Channel {
    /// Arms the timer of the next round of requests.
    pub(super) fn arm_request(&mut self, cx: &mut Out<'_>) {
        let interval = cx.config.channel.request_interval;
        let StateInfoExchange { delay, rng, .. } = &mut self.exchange;
        *delay = delay
            .saturating_mul(2)
            .min(interval.saturating_mul(MAX_SLOWDOWN));
        let at = cx.now + rng.jitter(*delay);
        let key = TimerKey::Channel(ChannelTimer::RequestStateInfo, self.id.clone());
        cx.timers().set(key, at);
    }

    /// A request for state infos, with the proof that we know the channel.
    pub(super) fn pull_request(&self, own: &PeerId) -> SignedMessage {
        self.pull_message(own, 0, Bytes::new())
    }

    /// A request for the state infos that we do not hold, to a peer that understands it. With `inside`, the peer's
    /// organisation may know of all members of ours, otherwise only of those with an external endpoint.
    pub(super) fn pull_request_for_news(
        &mut self,
        config: &Config,
        membership: &Membership,
        inside: bool,
    ) -> SignedMessage {
        let nonce = self.exchange.nonces.next_u64();
        let own_org = &config.identity.org;
        let infos = self.participants.infos().iter();
        let told = infos
            .filter(|(peer, held)| inside || is_shown(membership, own_org, peer, &held.value.org));
        let statements = told.map(|(peer, held)| (peer, held.time, !held.value.left));
        let held = have_set::encode(nonce, statements);
        self.pull_message(&config.identity.peer, nonce, held)
    }

    fn pull_message(&self, own: &PeerId, nonce: u64, held: Bytes) -> SignedMessage {
        let mac = channel_mac(own.as_bytes(), self.id.as_str().as_bytes());
        let channel_mac = Bytes::copy_from_slice(&mac);
        let request = StateInfoPull { channel_mac, held };
        unsigned(None, nonce, Content::StateInfoPull(request))
    }

    /// The state infos that a requester may see, ours included, as many as fit into the configuration's budget. The
    /// next snapshot continues where this one ends. If the requester says what it `held`, the snapshot contains the
    /// rest; `None` if there is no rest.
    pub(super) fn snapshot(
        &mut self,
        config: &Config,
        membership: &Membership,
        requester: &Sender,
        held: Option<&HaveSet>,
    ) -> Option<SignedMessage> {
        let own_org = &config.identity.org;
        let inside = requester.org.as_ref() == Some(own_org);
        let is_known = |peer: &PeerId, time, present| {
            held.is_some_and(|held| *peer == requester.peer || held.contains(peer, time, present))
        };
        let mut elements = Vec::new();
        if let Some((time, present, own)) = self.own.published()
            && (inside || membership.is_self_external())
            && !is_known(&config.identity.peer, time, present)
        {
            elements.push(own.clone());
        }
        let mut spent = 0_usize;
        let mut last: Option<&PeerId> = None;
        for (peer, info) in from_after(self.participants.infos(), self.exchange.told.as_ref()) {
            let (time, info) = (info.time, &info.value);
            if !inside && !is_shown(membership, own_org, peer, &info.org) {
                continue;
            }
            if is_known(peer, time, !info.left) {
                continue;
            }
            spent = spent.saturating_add(info.envelope.encoded().len());
            if spent > config.channel.max_snapshot_bytes && last.is_some() {
                self.exchange.told = last.cloned();
                break;
            }
            last = Some(peer);
            elements.push(info.envelope.clone());
        }
        if held.is_some() && elements.is_empty() {
            return None;
        }
        Some(unsigned(
            Some(&self.id),
            0,
            Content::StateSnapshot(elements),
        ))
    }
}

/// Returns whether other organisations may know of a peer.
fn is_shown(membership: &Membership, own_org: &OrgId, peer: &PeerId, org: &OrgId) -> bool {
    org != own_org || membership.is_external(peer.as_bytes())
}
