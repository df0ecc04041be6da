use std::time::Duration;

use gossip_proto::PeerTime;
use proptest::prelude::*;

use super::*;

type Store = MessageStore<u64, u64, &'static str>;

fn store(ttl: Option<u64>) -> Store {
    bounded(ttl, 100, 100)
}

fn bounded(ttl: Option<u64>, max_live: usize, max_tombstones: usize) -> Store {
    MessageStore::new(Bounds {
        ttl: ttl.map(Duration::from_secs),
        max_live,
        max_tombstones,
    })
}

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

fn keys(store: &Store) -> Vec<u64> {
    store.live().keys().copied().collect()
}

#[test]
fn messages_of_different_keys_are_all_held() {
    let mut store = store(None);
    for key in 0..3 {
        assert_eq!(store.add(at(0), key, 0, "m"), Ok(None));
    }
    assert_eq!((store.len(), keys(&store)), (3, vec![0, 1, 2]));
    assert_eq!(store.get(&1), Some(&"m"));
    assert_eq!(store.get(&3), None);
}

#[test]
fn a_later_message_replaces_the_earlier_one_and_an_earlier_or_equal_one_is_refused() {
    let mut store = store(None);
    assert_eq!(store.add(at(0), 7, 0, "0"), Ok(None));
    for (time, before) in (1..10).zip(["0"].into_iter().chain(["n"; 8])) {
        assert_eq!(store.check(&7, &time), Ok(()));
        assert_eq!(store.add(at(0), 7, time, "n"), Ok(Some(before)));
        assert_eq!(store.len(), 1);
    }
    store.add(at(0), 7, 10, "ten").unwrap();
    for time in (0..=10).rev() {
        assert_eq!(store.check(&7, &time), Err(Rejected::Held));
        assert_eq!(store.add(at(0), 7, time, "n"), Err(Rejected::Held));
    }
    assert_eq!(store.get(&7), Some(&"ten"));
}

#[test]
fn times_are_ordered_by_incarnation_and_then_by_sequence() {
    let time = |incarnation, sequence| PeerTime {
        incarnation,
        sequence,
    };
    let order = [time(1, 1), time(1, 2), time(2, 1)];
    for (place, earlier) in order.iter().enumerate() {
        for later in &order[place + 1..] {
            let mut store = MessageStore::new(Bounds {
                ttl: None,
                max_live: 2,
                max_tombstones: 2,
            });
            store.add(at(0), "a", *earlier, ()).unwrap();
            assert_eq!(store.check("a", earlier), Err(Rejected::Held));
            assert_eq!(store.check("b", earlier), Ok(()), "another peer");
            assert_eq!(store.add(at(0), "a", *later, ()), Ok(Some(())));
            assert_eq!(store.check("a", earlier), Err(Rejected::Held));
        }
    }
}

#[test]
fn an_expired_message_is_removed_and_still_refused_at_any_later_time() {
    let mut store = store(Some(3));
    let add_all = |store: &mut Store, now, keys: std::ops::Range<u64>| {
        keys.filter(|key| {
            let checked = store.check(key, &5);
            let added = store.add(at(now), *key, 5, "m");
            assert_eq!(checked, added.map(|_| ()));
            added.is_ok()
        })
        .count()
    };
    assert_eq!(add_all(&mut store, 0, 0..10), 10);
    assert_eq!(store.next_deadline(), Some(at(3)));
    assert_eq!(store.expire(at(2)), []);
    assert_eq!(add_all(&mut store, 2, 0..20), 10);
    assert_eq!(store.len(), 20);
    let expired: Vec<_> = store
        .expire(at(4))
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(expired, (0..10).collect::<Vec<_>>());
    assert_eq!(add_all(&mut store, 4, 0..20), 0);
    assert_eq!((store.len(), store.get(&3)), (10, None));
    assert_eq!(store.next_deadline(), Some(at(5)));
    assert_eq!(store.expire(at(8)).len(), 10);
    assert_eq!((store.len(), store.next_deadline()), (0, None));
    assert_eq!(add_all(&mut store, 1_000_000, 0..20), 0);
    assert_eq!(store.add(at(1_000_000), 3, 6, "later"), Ok(None));
    assert_eq!(store.add(at(1_000_000), 3, 5, "m"), Err(Rejected::Held));
    assert_eq!(store.check(&4, &5), Err(Rejected::Past));
}

#[test]
fn messages_expire_only_when_the_owner_calls_expire() {
    let mut store = store(Some(3));
    for key in 0..10 {
        store.add(at(0), key, 0, "m").unwrap();
    }
    assert_eq!((store.len(), store.get(&3)), (10, Some(&"m")));
    assert_eq!(store.expire(at(60)).len(), 10);
    assert_eq!(store.len(), 0);
    assert_eq!(store.check(&3, &0), Err(Rejected::Past));
}

#[test]
fn without_a_time_to_live_nothing_expires() {
    let mut store = store(None);
    store.add(at(0), 1, 0, "m").unwrap();
    assert_eq!(store.next_deadline(), None);
    assert_eq!(store.expire(at(1_000_000)), []);
    assert_eq!(store.len(), 1);
}

#[test]
fn the_age_of_a_message_counts_from_its_last_replacement() {
    let mut store = store(Some(3));
    store.add(at(0), 1, 0, "m").unwrap();
    store.add(at(1), 2, 0, "m").unwrap();
    store.add(at(2), 1, 1, "n").unwrap();
    assert_eq!(store.add(at(2), 2, 0, "m"), Err(Rejected::Held));
    assert_eq!(
        store.next_deadline(),
        Some(at(4)),
        "a repetition does not count"
    );
    assert_eq!(store.expire(at(4)), [(2, "m")]);
    assert_eq!(store.next_deadline(), Some(at(5)));
    assert_eq!(store.expire(at(5)), [(1, "n")]);
}

#[test]
fn a_purge_removes_the_given_keys_and_their_tombstones() {
    let mut store = store(None);
    for key in 0..10 {
        store.add(at(0), key, 0, "m").unwrap();
    }
    assert_eq!(store.purge(.., |key| *key > 9), 0);
    assert_eq!(store.len(), 10);
    store.retire(&4);
    assert_eq!(store.purge(.., |key| key % 2 == 0), 4);
    assert_eq!(keys(&store), [1, 3, 5, 7, 9]);
    assert_eq!(
        store.add(at(0), 4, 0, "m"),
        Ok(None),
        "no tombstone is left"
    );
    assert_eq!(store.purge(3..=5, |_| true), 3);
    assert_eq!(keys(&store), [1, 7, 9]);
}

#[test]
fn a_retired_message_leaves_a_tombstone_until_it_is_removed() {
    let mut store = store(None);
    store.add(at(0), 1, 5, "m").unwrap();
    assert_eq!(store.retire(&1), Some("m"));
    assert_eq!(store.retire(&1), None);
    assert_eq!((store.len(), store.tombstone_of(&1)), (0, Some(&5)));
    assert_eq!(store.add(at(0), 1, 5, "m"), Err(Rejected::Past));
    store.remove_tombstone(&1);
    assert_eq!(store.add(at(0), 1, 2, "m"), Ok(None));
}

#[test]
fn a_full_store_refuses_new_keys_and_takes_newer_messages_of_known_ones() {
    let mut store = bounded(None, 2, 2);
    store.add(at(0), 1, 0, "m").unwrap();
    store.add(at(0), 2, 0, "m").unwrap();
    assert_eq!(store.add(at(0), 3, 0, "m"), Err(Rejected::Full));
    assert_eq!(store.add(at(0), 2, 1, "n"), Ok(Some("m")));
    assert_eq!(keys(&store), [1, 2]);
    store.retire(&1);
    assert_eq!(store.add(at(0), 3, 0, "m"), Ok(None));
    assert_eq!(store.add(at(0), 1, 1, "m"), Err(Rejected::Full));
    assert_eq!(
        store.tombstone_of(&1),
        Some(&0),
        "a refusal changes nothing"
    );
}

#[test]
fn only_the_cap_removes_tombstones_and_the_oldest_first() {
    let mut store = bounded(None, 10, 2);
    for key in 0..3 {
        store.add(at(0), key, 5, "m").unwrap();
    }
    for key in [1, 0, 2] {
        store.retire(&key);
    }
    assert_eq!(store.check(&1, &5), Ok(()));
    assert_eq!(store.check(&0, &5), Err(Rejected::Past));
    assert_eq!(store.check(&2, &5), Err(Rejected::Past));
}

/// A model of the store that scans lists.
#[derive(Debug, Default)]
struct Model {
    /// Key, time, and time of receipt.
    live: Vec<(u64, u64, u64)>,
    tombstones: Vec<(u64, u64)>,
}

const TTL: u64 = 5;
const MAX_LIVE: usize = 4;
const MAX_TOMBSTONES: usize = 3;

impl Model {
    fn check(&self, key: u64, time: u64) -> Result<(), Rejected> {
        if let Some(held) = self.live.iter().find(|held| held.0 == key) {
            return (time > held.1).then_some(()).ok_or(Rejected::Held);
        }
        if self
            .tombstones
            .iter()
            .any(|tombstone| tombstone.0 == key && time <= tombstone.1)
        {
            return Err(Rejected::Past);
        }
        (self.live.len() < MAX_LIVE)
            .then_some(())
            .ok_or(Rejected::Full)
    }

    fn add(&mut self, now: u64, key: u64, time: u64) -> Result<bool, Rejected> {
        self.check(key, time)?;
        let before = self.live.len();
        self.live.retain(|held| held.0 != key);
        self.remove_tombstone(key);
        self.live.push((key, time, now));
        Ok(self.live.len() == before)
    }

    fn retire(&mut self, key: u64) -> bool {
        let Some(place) = self.live.iter().position(|held| held.0 == key) else {
            return false;
        };
        let (key, time, _) = self.live.remove(place);
        self.tombstones.push((key, time));
        if self.tombstones.len() > MAX_TOMBSTONES {
            self.tombstones.remove(0);
        }
        true
    }

    fn remove_tombstone(&mut self, key: u64) {
        self.tombstones.retain(|tombstone| tombstone.0 != key);
    }

    fn expire(&mut self, now: u64) -> Vec<u64> {
        let old = self.live.iter().filter(|held| held.2 + TTL <= now);
        let old: Vec<u64> = old.map(|held| held.0).collect();
        old.iter().for_each(|key| {
            self.retire(*key);
        });
        old
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(u64, u64),
    Retire(u64),
    Lift(u64),
    Purge(u64),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..8_u64, 0..6_u64).prop_map(|(key, time)| Step::Add(key, time)),
        1 => (0..8_u64).prop_map(Step::Retire),
        1 => (0..8_u64).prop_map(Step::Lift),
        1 => (0..8_u64).prop_map(Step::Purge),
        2 => (0..4_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #[test]
    fn the_store_behaves_like_a_scan_of_lists(steps in prop::collection::vec(step(), 0..80)) {
        let mut store: MessageStore<u64, u64, ()> = MessageStore::new(Bounds {
            ttl: Some(Duration::from_secs(TTL)),
            max_live: MAX_LIVE,
            max_tombstones: MAX_TOMBSTONES,
        });
        let mut model = Model::default();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Add(key, time) => {
                    let added = store.add(at(now), key, time, ());
                    prop_assert_eq!(added.map(|before| before.is_some()), model.add(now, key, time));
                }
                Step::Retire(key) => {
                    prop_assert_eq!(store.retire(&key).is_some(), model.retire(key));
                }
                Step::Lift(key) => {
                    store.remove_tombstone(&key);
                    model.remove_tombstone(key);
                }
                Step::Purge(modulus) => {
                    let is_over = |key: &u64| key % (modulus + 1) == 1;
                    let before = model.live.len();
                    model.live.retain(|held| !is_over(&held.0));
                    model.tombstones.retain(|tombstone| !is_over(&tombstone.0));
                    prop_assert_eq!(store.purge(.., is_over), before - model.live.len());
                }
                Step::Pass(seconds) => {
                    now += seconds;
                    let expired: Vec<u64> = store.expire(at(now)).iter().map(|one| one.0).collect();
                    prop_assert_eq!(expired, model.expire(now));
                }
            }
            prop_assert_eq!(store.len(), model.live.len());
            let first = model.live.iter().map(|held| held.2 + TTL).min();
            prop_assert_eq!(store.next_deadline(), first.map(at));
            for key in 0..8 {
                for time in 0..6 {
                    prop_assert_eq!(store.check(&key, &time), model.check(key, time));
                }
            }
            prop_assert_eq!(store.tombstones.len(), model.tombstones.len());
            prop_assert_eq!(store.tombstones.len(), model.tombstones.len());
            prop_assert_eq!(store.ages.len(), model.live.len());
        }
    }
}
