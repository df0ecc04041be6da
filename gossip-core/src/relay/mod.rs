//! Relay: state infos of channels that we have not joined, remembered so that each is forwarded once.
//!
//! Corresponds to the node-level store of Fabric's `gossip/gossip_impl.go`.
//!
//! # Deviations
//! - Remembered by publisher and channel. The original remembers one per publisher, so that only the channel joined
//!   last is relayed.
//! - The existence of a channel cannot be proved to us. So a publisher has a few places only, and the state infos of
//!   further channels are dropped before their signatures are checked.

use std::collections::BTreeMap;

use gossip_proto::{PeerTime, StateInfo};

use crate::id::Mac;
use crate::msgstore::{Bounds, MessageStore, Rejected};
use crate::out::Out;
use crate::snapshot::Stores;
use crate::timer::TimerKey;
use crate::{Config, PeerId};

/// Publishers and their state infos in channels that we have not joined.
#[derive(Debug)]
pub(crate) struct Relay {
    seen: MessageStore<(PeerId, Mac), PeerTime, ()>,
    /// The number of channels remembered per publisher.
    places: BTreeMap<PeerId, usize>,
}

/// As a multiple of the interval of publication (`publishStateInfoInterval`).
const TTL: u32 = 100;

impl Relay {
    pub(crate) fn new(config: &Config) -> Self {
        let max = config.channel.max_relayed.get();
        Self {
            seen: MessageStore::new(Bounds {
                ttl: Some(config.channel.publish_interval.saturating_mul(TTL)),
                max_live: max,
                max_tombstones: max,
            }),
            places: BTreeMap::new(),
        }
    }

    /// Returns an error if the state info is not new, or if there is no place for it.
    pub(crate) fn check(
        &self,
        config: &Config,
        key: &(PeerId, Mac),
        info: &StateInfo,
    ) -> Result<(), Rejected> {
        self.seen.check(key, &info.time)?;
        let most = config.channel.max_relayed_per_peer.get();
        let full = self.places.get(&key.0).is_some_and(|taken| *taken >= most);
        if full && self.seen.get(key).is_none() {
            return Err(Rejected::Full);
        }
        Ok(())
    }

    /// Remembers an authentic state info. Returns whether to forward it.
    pub(crate) fn add(&mut self, cx: &mut Out<'_>, key: (PeerId, Mac), info: &StateInfo) -> bool {
        let checked = self.check(cx.config, &key, info);
        let publisher = key.0.clone();
        let added = checked.and_then(|()| self.seen.add(cx.now, key, info.time, ()));
        match added {
            Ok(before) => {
                if before.is_none() {
                    *self.places.entry(publisher).or_default() += 1;
                }
                self.arm(cx);
                true
            }
            Err(refused) => {
                count(cx, refused);
                false
            }
        }
    }

    /// Drops the state infos that have expired.
    pub(crate) fn fire(&mut self, cx: &mut Out<'_>) {
        for ((publisher, _), ()) in self.seen.expire(cx.now) {
            if let Some(taken) = self.places.get_mut(&publisher) {
                *taken = taken.saturating_sub(1);
                if *taken == 0 {
                    self.places.remove(&publisher);
                }
            }
        }
        self.arm(cx);
    }

    /// A publisher's identity is no longer known, so none of its messages passes the gate.
    pub(crate) fn forget(&mut self, publisher: &PeerId) {
        let (first, last) = ([0; 32], [u8::MAX; 32]);
        let of_it = (publisher.clone(), first)..=(publisher.clone(), last);
        self.seen.purge(of_it, |_| true);
        self.places.remove(publisher);
    }

    /// Reports all bounded stores.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let max = config.channel.max_relayed.get();
        stores.add("state infos relayed", self.seen.len(), max);
        stores.add(
            "state infos relayed in the past",
            self.seen.tombstones(),
            max,
        );
    }

    /// The number of state infos remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    fn arm(&self, cx: &mut Out<'_>) {
        if let Some(at) = self.seen.next_deadline() {
            cx.timers().set_earlier(TimerKey::Relay, at);
        }
    }
}

/// Counts a state info that is not forwarded.
pub(crate) fn count(cx: &mut Out<'_>, refused: Rejected) {
    match refused {
        Rejected::Held | Rejected::Past => cx.metrics().duplicates += 1,
        Rejected::Full => cx.metrics().relays_shed += 1,
    }
}

#[cfg(test)]
mod tests;
