//! The latest message of each key, and what was known of those that are no more.
//!
//! Answers to Fabric's `gossip/gossip/msgstore` with its comparators (`protoext/comparators.go`): of two
//! messages with one key the later one counts, and equal ones are the same.
//!
//! # Deviations
//! - An operation costs a search of a tree, not a scan of the store.
//! - What has expired leaves a tombstone of its key and time, by which it and all before it are refused
//!   however late they come again. Only a cap pushes tombstones out, the oldest first; the original forgot
//!   them after twice the time to live, and took a replay for news.
//! - A message is refused, or taken, before anything changes.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::time::Duration;

use crate::Instant;
use crate::recent::Recent;

/// Messages `V` of keys `K`, each of a logical time `T`.
#[derive(Debug)]
pub(crate) struct MessageStore<K, T, V> {
    bounds: Bounds,
    live: BTreeMap<K, Held<T, V>>,
    /// When each live message came, in that order.
    ages: BTreeMap<u64, (Instant, K)>,
    tombstones: Recent<K, T>,
    last_serial: u64,
}

/// How much a store keeps, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Counted from when a message came, never refreshed; absent if messages do not expire.
    pub(crate) ttl: Option<Duration>,
    /// Messages held; when reached, those of further keys are refused.
    pub(crate) max_live: usize,
    /// Marks kept of messages that are no more; the oldest goes first.
    pub(crate) max_tombstones: usize,
}

/// A message held.
#[derive(Debug)]
pub(crate) struct Held<T, V> {
    pub(crate) time: T,
    pub(crate) value: V,
    serial: u64,
}

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// It or a later one is held.
    Held,
    /// It or a later one was held.
    Past,
    /// Its key is new and the store is full.
    Full,
}

impl<K: Ord + Clone, T: Ord, V> MessageStore<K, T, V> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            live: BTreeMap::new(),
            ages: BTreeMap::new(),
            tombstones: Recent::default(),
            last_serial: 0,
        }
    }

    /// Would a message be taken? Changes nothing.
    ///
    /// # Errors
    /// Why it would not.
    pub(crate) fn check<Q>(&self, key: &Q, time: &T) -> Result<(), Rejected>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        if let Some(held) = self.live.get(key) {
            let is_later = *time > held.time;
            return is_later.then_some(()).ok_or(Rejected::Held);
        }
        if self
            .tombstone_of(key)
            .is_some_and(|tombstone| time <= tombstone)
        {
            Err(Rejected::Past)
        } else if self.len() >= self.bounds.max_live {
            Err(Rejected::Full)
        } else {
            Ok(())
        }
    }

    /// Takes a message, and returns the one that it replaces.
    ///
    /// # Errors
    /// Why it is not taken; nothing has changed then.
    pub(crate) fn add(
        &mut self,
        now: Instant,
        key: K,
        time: T,
        value: V,
    ) -> Result<Option<V>, Rejected> {
        self.check(&key, &time)?;
        let serial = self.serial();
        let held = Held {
            time,
            value,
            serial,
        };
        self.ages.insert(serial, (now, key.clone()));
        let before = if let Some(before) = self.live.get_mut(&key) {
            let before = std::mem::replace(before, held);
            self.ages.remove(&before.serial);
            Some(before.value)
        } else {
            self.remove_tombstone(&key);
            self.live.insert(key, held);
            None
        };
        Ok(before)
    }

    /// The messages held.
    pub(crate) fn live(&self) -> &BTreeMap<K, Held<T, V>> {
        &self.live
    }

    pub(crate) fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.live.get(key).map(|held| &held.value)
    }

    /// Messages held, without tombstones.
    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// Marks of messages that are held no more.
    pub(crate) fn tombstones(&self) -> usize {
        self.tombstones.len()
    }

    /// The time of the last message of a key that is held no more.
    pub(crate) fn tombstone_of<Q>(&self, key: &Q) -> Option<&T>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.tombstones.get(key)
    }

    /// Drops a message, which leaves a tombstone.
    pub(crate) fn retire(&mut self, key: &K) -> Option<V> {
        let (key, held) = self.live.remove_entry(key)?;
        self.ages.remove(&held.serial);
        self.tombstones
            .insert(key, held.time, self.bounds.max_tombstones);
        Some(held.value)
    }

    /// Forgets that a message of this key was held.
    pub(crate) fn remove_tombstone(&mut self, key: &K) {
        self.tombstones.remove(key);
    }

    /// Drops without a trace what is in `keys`, tombstones too, and returns how many messages.
    pub(crate) fn purge(
        &mut self,
        keys: impl RangeBounds<K>,
        is_over: impl Fn(&K) -> bool,
    ) -> usize {
        let bounds = (keys.start_bound(), keys.end_bound());
        let keys = |over: &mut dyn Iterator<Item = &K>| -> Vec<K> {
            over.filter(|key| is_over(key)).cloned().collect()
        };
        let live = keys(&mut self.live.range::<K, _>(bounds).map(|(key, _)| key));
        let tombstones = keys(&mut self.tombstones.keys_in(bounds));
        for key in &tombstones {
            self.remove_tombstone(key);
        }
        for key in &live {
            if let Some(held) = self.live.remove(key) {
                self.ages.remove(&held.serial);
            }
        }
        live.len()
    }

    /// When to call [`MessageStore::expire`] at the latest.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let (_, (since, _)) = self.ages.first_key_value()?;
        Some(*since + self.bounds.ttl?)
    }

    /// Drops what has been held for as long as it may, and returns it, the oldest first. Each leaves a
    /// tombstone.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<(K, V)> {
        let mut expired = Vec::new();
        while self.next_deadline().is_some_and(|at| at <= now) {
            let Some((_, (_, key))) = self.ages.pop_first() else {
                break;
            };
            let value = self.retire(&key);
            expired.extend(value.map(|value| (key, value)));
        }
        expired
    }

    fn serial(&mut self) -> u64 {
        self.last_serial += 1;
        self.last_serial
    }
}

#[cfg(test)]
mod tests;
