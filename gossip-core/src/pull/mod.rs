//! Pull: a peer requests what it has missed, in four steps.
//!
//! A round: *hello* with a fresh nonce to a few peers; each answers with a *digest* of the ids that it holds and may
//! reveal; each wanted id is *requested* from one of the peers that hold it; the *update* contains the items. [`Pull`]
//! is the state machine of initiator and responder. It is used twice: for identities, once per node, and for blocks,
//! once per channel. It holds no items. It offers the identities held and the ledger's latest blocks, as they are at
//! the time of a hello; items received pass the gate like all other messages.
//!
//! Corresponds to Fabric's `gossip/gossip/algo`, `gossip/gossip/pull` and `gossip/gossip/certstore.go`.
//!
//! # Deviations
//! - A round has one state: resting, awaiting digests, or awaiting updates. So rounds cannot overlap.
//! - A nonce is valid for one peer and one round; that of a request for one request. Unsolicited, repeated or late
//!   digests, requests and updates are refused before their content is read, and counted.
//! - An item is taken once, from the peer that it was requested from; a bad item costs only itself.
//! - Everything is bounded: peers, ids and bytes per round; hellos per second and link; one request at a time per peer.
//!   An id counts once, regardless of repetitions in a digest.
//! - The requests are sent as soon as all peers asked have answered.
//! - A digest that cannot contain all ids continues at the next hello. A request is answered within a budget of bytes,
//!   blocks in as many updates as the ledger takes reads.
//! - **Peers asked.** Fabric's peers pull all the time. Ours get identities with the membership and fetch missing
//!   blocks within milliseconds of noticing a gap, so between them a round would find nothing. We pull only while a
//!   legacy peer is alive; blocks only from legacy peers, and from all peers while push is off. Each peer that pulls is
//!   answered.

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

/// The id of an item, and its encoding.
pub(crate) trait ItemId: Ord + Clone {
    fn encode(&self) -> Bytes;
    /// `None` if it is not an id of this kind.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// The time for which a bad item is not requested again from its sender.
const BAD_ITEM_TIMEOUT: Duration = Duration::from_secs(300);
/// The most bad items remembered. Beyond that, further ones may be requested again.
const MAX_BAD_ITEMS: usize = 1024;

/// A message for a peer.
pub(crate) type Outgoing = (PeerId, SignedMessage);

/// Initiator and responder of one kind of pull.
#[derive(Debug)]
pub(crate) struct Pull<I> {
    /// The channel of blocks; `None` for identities.
    channel: Option<ChannelId>,
    round: Round<I>,
    responder: Responder,
    /// Bad items, by sender and id, with the time until which they are not requested again from that sender.
    bad_items: BTreeMap<(PeerId, I), Instant>,
    /// The time at which the next round begins.
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
            bad_items: BTreeMap::new(),
            next,
            rng,
        };
        cx.timers().set(pull.timer(), next);
        pull
    }

    /// Reports all bounded stores.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        stores.add("bad items of pulls", self.bad_items.len(), MAX_BAD_ITEMS);
        let links = config.link.max_links.get();
        stores.add("peers that pull", self.responder.len(), links);
    }

    /// Returns whether no round is under way: peers have to be drawn when the timer fires.
    pub(crate) fn is_resting(&self) -> bool {
        self.round.is_resting()
    }

    /// The timer has fired between two rounds. Sends a hello to each of `peers`.
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

    /// The timer has fired within a round. Requests the ids of the digests, or ends the round.
    pub(crate) fn step(&mut self, cx: &mut Out<'_>) -> Vec<Outgoing> {
        if self.round.awaits_digests() {
            return self.request(cx);
        }
        self.round.end();
        self.arm(cx, self.next);
        Vec::new()
    }

    /// A peer sends a hello. Answers with a digest of `ids`, which it may see, if there are any.
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

    /// A peer sends a digest. Returns the requests if it was the last digest awaited.
    pub(crate) fn on_digest(
        &mut self,
        cx: &mut Out<'_>,
        peer: &PeerId,
        digest: &PullIds,
        wants: impl Fn(&I) -> bool,
    ) -> Vec<Outgoing> {
        let most = cx.config.pull.max_ids.get();
        let ids = digest.ids.iter().take(most);
        let (now, bad_items) = (cx.now, &self.bad_items);
        let is_bad = |id: &I| {
            let until = bad_items.get(&(peer.clone(), id.clone()));
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

    /// A peer requests items. Returns their ids, once per hello.
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

    /// Returns whether an update of this peer is expected. Counts it if not.
    pub(crate) fn expects_update(&self, cx: &mut Out<'_>, peer: &PeerId, nonce: u64) -> bool {
        let expected = self.round.expects_update(peer, nonce);
        if !expected {
            cx.metrics().pull_refused += 1;
        }
        expected
    }

    /// An update contains an item of so many bytes. Returns whether the item is requested; each request counts once.
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

    /// The update message with these items.
    pub(crate) fn update(&self, nonce: u64, data: Vec<RawEnvelope>) -> SignedMessage {
        let kind = self.kind();
        self.message(Content::DataUpdate(DataUpdate { nonce, data, kind }))
    }

    /// An item that `from` sent does not verify. It is not requested from that peer again soon.
    pub(crate) fn on_bad(&mut self, now: Instant, from: PeerId, id: I) {
        if self.bad_items.len() >= MAX_BAD_ITEMS {
            self.bad_items.retain(|_, until| *until > now);
        }
        if self.bad_items.len() < MAX_BAD_ITEMS {
            self.bad_items.insert((from, id), now + BAD_ITEM_TIMEOUT);
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
