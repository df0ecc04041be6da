//! Pull: what a peer has missed it gets by asking, in four steps.
//!
//! A round: *hello* with a fresh nonce to a few peers; each answers with a *digest* of the ids that it holds
//! and may tell; of each id that is wanted one of those who hold it is *requested*; the *update* brings the
//! items. [`Pull`] is the machine, initiator and responder in one. It is used twice: for identities, once
//! per node, and for blocks, once per channel. It holds no items. What it
//! offers is a view of the identities held and of the ledger's latest blocks, taken when somebody asks; what
//! it brings goes through the gate like everything else.
//!
//! Answers to Fabric's `gossip/gossip/algo`, `gossip/gossip/pull` and `gossip/gossip/certstore.go`.
//!
//! # Deviations
//! - A round has one state: resting, awaiting digests, or awaiting updates. So rounds cannot overlap.
//! - A nonce is good for one peer and one round, a request's for one request. Digests, requests and updates
//!   that nobody asked for, come twice or too late are refused before anything is looked at, and counted.
//! - An item is taken once, from the peer that it was requested of; a bad one costs itself only.
//! - Everything is bounded: peers, ids and bytes per round; hellos per second of one link; one request at a
//!   time of one peer. An id counts once however often a digest repeats it.
//! - As soon as everybody asked has answered, the requests go out.
//! - A digest that cannot tell everything goes on at the next hello; a request is answered within a budget of
//!   bytes, blocks in as many updates as the ledger takes reads.
//! - **Who is asked.** Fabric's peers pull all the time. Ours learn identities with the membership and fetch
//!   missing blocks within milliseconds of noticing the gap, so between them a round would find nothing. We
//!   ask only while a peer is alive that understands nothing of this, for blocks only such peers, and
//!   everybody while push is turned off. Everybody who asks is answered.

#[cfg(test)]
mod tests;

mod responder;
mod round;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{Content, DataUpdate, Hello, PullIds, PullKind, RawEnvelope, SignedMessage};

use self::responder::Responder;
use self::round::{Round, Unsolicited};
use crate::compose::unsigned;
use crate::out::Out;
use crate::rng::ModuleRng;
use crate::snapshot::Stores;
use crate::timer::{ChannelTimer, TimerKey};
use crate::{ChannelId, Config, Instant, PeerId};

/// What an item is recognised by, and how that is told.
pub(crate) trait ItemId: Ord + Clone {
    fn encode(&self) -> Bytes;
    /// `None` if it is no id of this kind.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// How long a bad item is not asked for again of whoever sent it.
const GRUDGE: Duration = Duration::from_secs(300);
/// Bad items remembered; with more, the next ones may be asked for again.
const MAX_GRUDGES: usize = 1024;

/// A message for a peer.
pub(crate) type Outgoing = (PeerId, SignedMessage);

/// Initiator and responder of one kind of pull.
#[derive(Debug)]
pub(crate) struct Pull<I> {
    /// Of blocks; identities are pulled outside of channels.
    channel: Option<ChannelId>,
    round: Round<I>,
    responder: Responder,
    /// Bad items, by sender and id: they are not asked for again of whoever sent them.
    grudges: BTreeMap<(PeerId, I), Instant>,
    /// When the next round begins.
    next: Instant,
    rng: ModuleRng,
}

impl<I: ItemId> Pull<I> {
    /// Arms the first round.
    pub(crate) fn new(cx: &mut Out<'_>, channel: Option<ChannelId>, mut rng: ModuleRng) -> Self {
        let next = cx.now + rng.jitter(cx.config.pull.interval);
        let pull = Self {
            channel,
            round: Round::default(),
            responder: Responder::default(),
            grudges: BTreeMap::new(),
            next,
            rng,
        };
        cx.timers().set(pull.timer(), next);
        pull
    }

    /// Everything that is bounded here.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        stores.add("bad items of pulls", self.grudges.len(), MAX_GRUDGES);
        let links = config.link.max_links.get();
        stores.add("peers that pull", self.responder.len(), links);
    }

    /// Between two rounds: when the timer fires, peers have to be drawn.
    pub(crate) fn is_resting(&self) -> bool {
        self.round.is_resting()
    }

    /// The timer has fired between two rounds: says hello to `peers`, if there are any.
    pub(crate) fn begin(&mut self, cx: &mut Out<'_>, peers: Vec<PeerId>) -> Vec<Outgoing> {
        self.next = cx.now + self.rng.jitter(cx.config.pull.interval);
        let hellos = self.round.begin(&mut self.rng, peers);
        if hellos.is_empty() {
            self.arm(cx, self.next);
            return Vec::new();
        }
        cx.metrics().pull_rounds += 1;
        self.arm(cx, cx.now + cx.config.pull.digest_wait);
        let kind = self.kind();
        let hello = |(peer, nonce)| {
            let hello = Hello {
                nonce,
                metadata: Bytes::new(),
                kind,
            };
            (peer, self.message(Content::Hello(hello)))
        };
        hellos.into_iter().map(hello).collect()
    }

    /// The timer has fired within a round: requests what the digests have shown, or ends the round.
    pub(crate) fn step(&mut self, cx: &mut Out<'_>) -> Vec<Outgoing> {
        if self.round.awaits_digests() {
            return self.request(cx);
        }
        self.round.end();
        self.arm(cx, self.next);
        Vec::new()
    }

    /// Somebody says hello, to whom `ids` may be told: they are, if there are any.
    pub(crate) fn on_hello(
        &mut self,
        cx: &mut Out<'_>,
        peer: &PeerId,
        nonce: u64,
        ids: &BTreeSet<I>,
    ) -> Option<SignedMessage> {
        if ids.is_empty() {
            return None;
        }
        if !self.responder.on_hello(cx, peer, nonce) {
            cx.metrics().pull_refused += 1;
            return None;
        }
        let ids = ids.iter().map(ItemId::encode).collect();
        let kind = self.kind();
        Some(self.message(Content::Digest(PullIds { nonce, ids, kind })))
    }

    /// A peer tells what it holds. Returns the requests if nobody else's digest is awaited.
    pub(crate) fn on_digest(
        &mut self,
        cx: &mut Out<'_>,
        peer: &PeerId,
        digest: &PullIds,
        wants: impl Fn(&I) -> bool,
    ) -> Vec<Outgoing> {
        let most = cx.config.pull.max_ids.get();
        let ids = digest.ids.iter().take(most);
        let (now, grudges) = (cx.now, &self.grudges);
        let is_bad = |id: &I| {
            let until = grudges.get(&(peer.clone(), id.clone()));
            until.is_some_and(|until| *until > now)
        };
        let ids = ids.filter_map(|id| I::decode(id));
        let ids = ids.filter(|id| wants(id) && !is_bad(id));
        match self.round.on_digest(peer, digest.nonce, ids) {
            Err(Unsolicited) => {
                cx.metrics().pull_refused += 1;
                Vec::new()
            }
            Ok(()) if self.round.has_all_digests() => self.request(cx),
            Ok(()) => Vec::new(),
        }
    }

    /// A peer requests items. Returns which, once for each hello.
    pub(crate) fn on_request(
        &mut self,
        cx: &mut Out<'_>,
        peer: &PeerId,
        request: &PullIds,
    ) -> BTreeSet<I> {
        if !self.responder.on_request(cx.now, peer, request.nonce) {
            cx.metrics().pull_refused += 1;
            return BTreeSet::new();
        }
        let most = cx.config.pull.max_ids.get();
        let ids = request.ids.iter().take(most);
        ids.filter_map(|id| I::decode(id)).collect()
    }

    /// May an update of this peer bring something? Counts it if not.
    pub(crate) fn expects_update(&self, cx: &mut Out<'_>, peer: &PeerId, nonce: u64) -> bool {
        let expected = self.round.expects_update(peer, nonce);
        if !expected {
            cx.metrics().pull_refused += 1;
        }
        expected
    }

    /// An update of this peer holds an item of so many bytes: was it asked for? Then it was asked for once.
    pub(crate) fn take(&mut self, cx: &mut Out<'_>, peer: &PeerId, id: &I, bytes: usize) -> bool {
        let most = cx.config.pull.max_update_bytes;
        let taken = self.round.take(peer, id, bytes as u64, most);
        let metrics = cx.metrics();
        if taken {
            metrics.pull_items_received += 1;
        } else {
            metrics.pull_refused += 1;
        }
        taken
    }

    /// The message that brings items.
    pub(crate) fn update(&self, nonce: u64, data: Vec<RawEnvelope>) -> SignedMessage {
        let kind = self.kind();
        self.message(Content::DataUpdate(DataUpdate { nonce, data, kind }))
    }

    /// An item that `from` sent does not verify: it is not asked for it again soon.
    pub(crate) fn on_bad(&mut self, now: Instant, from: PeerId, id: I) {
        if self.grudges.len() >= MAX_GRUDGES {
            self.grudges.retain(|_, until| *until > now);
        }
        if self.grudges.len() < MAX_GRUDGES {
            self.grudges.insert((from, id), now + GRUDGE);
        }
    }

    fn request(&mut self, cx: &mut Out<'_>) -> Vec<Outgoing> {
        let requests = self.round.request(&mut self.rng);
        let at = if requests.is_empty() {
            self.next
        } else {
            cx.now + cx.config.pull.response_wait
        };
        self.arm(cx, at);
        let kind = self.kind();
        let mut outgoing = Vec::with_capacity(requests.len());
        for (peer, nonce, ids) in requests {
            cx.metrics().pull_items_requested += ids.len() as u64;
            let ids = ids.iter().map(ItemId::encode).collect();
            let request = Content::DataRequest(PullIds { nonce, ids, kind });
            outgoing.push((peer, self.message(request)));
        }
        outgoing
    }

    fn arm(&self, cx: &mut Out<'_>, at: Instant) {
        cx.timers().set(self.timer(), at);
    }

    fn timer(&self) -> TimerKey {
        match &self.channel {
            Some(channel) => TimerKey::Channel(ChannelTimer::Pull, channel.clone()),
            None => TimerKey::PullIdentities,
        }
    }

    fn kind(&self) -> PullKind {
        match &self.channel {
            Some(_) => PullKind::Block,
            None => PullKind::Identity,
        }
    }

    fn message(&self, content: Content) -> SignedMessage {
        unsigned(self.channel.as_ref(), 0, content)
    }
}
