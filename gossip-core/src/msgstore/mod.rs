//! The latest message of each key, and tombstones of removed ones.
//!
//! Corresponds to Fabric's `gossip/gossip/msgstore` with its comparators (`protoext/comparators.go`): of two messages
//! with one key the later one counts, and messages of equal time are the same.
//!
//! # Deviations
//! - An operation costs a search of a tree, not a scan of the store.
//! - An expired message leaves a tombstone of its key and time. It and all earlier messages are refused, regardless of
//!   the time that has passed. Only the cap removes tombstones, the oldest first. The original forgets them after twice
//!   the time to live, and then accepts a replay as new.
//! - A message is refused or taken before any state changes.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::time::Duration;

use crate::Instant;
use crate::recent::Recent;

/// Messages `V` of keys `K`, each with a logical time `T`.
#[derive(Debug)]
pub(crate) struct MessageStore<K, T, V> {
    bounds: Bounds,
    live: BTreeMap<K, Held<T, V>>,
    /// The time of receipt of each live message, in that order.
    ages: BTreeMap<u64, (Instant, K)>,
    tombstones: Recent<K, T>,
    last_serial: u64,
}

/// The capacity of a store, and its time to live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Counted from the receipt of a message, never refreshed; `None` if messages do not expire.
    pub(crate) ttl: Option<Duration>,
    /// The most messages held. Beyond that, messages with new keys are refused.
    pub(crate) max_live: usize,
    /// The most tombstones. Beyond that, the oldest is removed.
    pub(crate) max_tombstones: usize,
}

/// A message held.
#[derive(Debug)]
pub(crate) struct Held<T, V> {
    pub(crate) time: T,
    pub(crate) value: V,
    serial: u64,
}

/// The reason for which a message is not taken.
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

    /// Returns whether a message would be taken. Changes nothing.
    ///
    /// # Errors
    /// The reason for which it would not be taken.
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
    /// The reason for which it is not taken. Nothing changes then.
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

    /// The number of messages held, without tombstones.
    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// The number of tombstones.
    pub(crate) fn tombstones(&self) -> usize {
        self.tombstones.len()
    }

    /// The time of the tombstone of a key.
    pub(crate) fn tombstone_of<Q>(&self, key: &Q) -> Option<&T>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.tombstones.get(key)
    }

    /// Removes a message, and leaves a tombstone.
    pub(crate) fn retire(&mut self, key: &K) -> Option<V> {
        let (key, held) = self.live.remove_entry(key)?;
        self.ages.remove(&held.serial);
        self.tombstones
            .insert(key, held.time, self.bounds.max_tombstones);
        Some(held.value)
    }

    /// Removes the tombstone of a key.
    pub(crate) fn remove_tombstone(&mut self, key: &K) {
        self.tombstones.remove(key);
    }

    /// Removes the messages of `keys` and their tombstones. Returns the number of messages.
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

    /// The time by which to call [`MessageStore::expire`].
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let (_, (since, _)) = self.ages.first_key_value()?;
        Some(*since + self.bounds.ttl?)
    }

    /// Removes expired messages and returns them, the oldest first. Each leaves a tombstone.
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
