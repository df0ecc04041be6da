//! A round on its own.

use std::collections::BTreeMap;

use crate::PeerId;
use crate::pull::round::{Round, Unsolicited};
use crate::rng::ModuleRng;

fn peer(name: &str) -> PeerId {
    PeerId::new(name.as_bytes())
}

fn begun(names: &[&str]) -> (Round<u64>, ModuleRng, BTreeMap<PeerId, u64>) {
    let mut rng = ModuleRng::fork(&[3; 32], "round");
    let mut round = Round::default();
    let peers = names.iter().map(|name| peer(name)).collect();
    let nonces = round.begin(&mut rng, peers).into_iter().collect();
    (round, rng, nonces)
}

#[test]
fn wanted_ids_are_requested_and_taken_once() {
    let (mut round, mut rng, nonces) = begun(&["b"]);
    let nonce = nonces[&peer("b")];
    round
        .on_digest(&peer("b"), nonce, [0, 2].into_iter())
        .unwrap();
    assert!(round.has_all_digests());
    assert_eq!(round.request(&mut rng), [(peer("b"), nonce, vec![0, 2])]);
    assert!(round.expects_update(&peer("b"), nonce));
    assert!(round.take(&peer("b"), &0, 1, 9));
    assert!(!round.take(&peer("b"), &0, 1, 9), "once");
    assert!(!round.take(&peer("b"), &1, 1, 9), "not requested");
    assert!(round.take(&peer("b"), &2, 1, 9));
    assert!(!round.expects_update(&peer("b"), nonce), "complete");
}

#[test]
fn a_peer_that_was_not_asked_is_refused_regardless_of_its_nonce() {
    let (mut round, mut rng, nonces) = begun(&["b"]);
    let nonce = nonces[&peer("b")];
    for guess in [0, nonce] {
        let digest = round.on_digest(&peer("c"), guess, [7].into_iter());
        assert_eq!(digest, Err(Unsolicited));
    }
    round.on_digest(&peer("b"), nonce, [1].into_iter()).unwrap();
    round.request(&mut rng);
    assert!(!round.expects_update(&peer("c"), nonce));
    assert!(!round.expects_update(&peer("b"), nonce ^ 1));
    assert!(!round.take(&peer("c"), &1, 1, 9));
}

#[test]
fn a_second_digest_of_a_peer_is_refused() {
    let (mut round, mut rng, nonces) = begun(&["b", "c"]);
    let nonce = nonces[&peer("b")];
    round.on_digest(&peer("b"), nonce, [1].into_iter()).unwrap();
    let again = round.on_digest(&peer("b"), nonce, [2].into_iter());
    assert_eq!(again, Err(Unsolicited));
    assert!(!round.has_all_digests(), "c has not answered");
    assert_eq!(round.request(&mut rng).len(), 1);
}

#[test]
fn ids_that_several_peers_hold_are_shared_out_and_requested_once() {
    let (mut round, mut rng, nonces) = begun(&["b", "c", "d"]);
    for (peer, nonce) in &nonces {
        round.on_digest(peer, *nonce, 0..100).unwrap();
    }
    let requests = round.request(&mut rng);
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|(_, _, ids)| ids.len() > 15));
    let mut all: Vec<u64> = requests.into_iter().flat_map(|(_, _, ids)| ids).collect();
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<_>>());
}

#[test]
fn a_repeated_id_in_a_digest_does_not_attract_the_request() {
    let mut to_the_liar = 0_usize;
    for seed in 0..100 {
        let mut rng = ModuleRng::fork(&[seed; 32], "round");
        let mut round = Round::default();
        let nonces = round.begin(&mut rng, vec![peer("b"), peer("z")]);
        for (asked, nonce) in nonces {
            let times = if asked == peer("z") { 1000 } else { 1 };
            let ids = std::iter::repeat_n(5, times);
            round.on_digest(&asked, nonce, ids).unwrap();
        }
        to_the_liar += usize::from(round.request(&mut rng)[0].0 == peer("z"));
    }
    assert!((25..75).contains(&to_the_liar), "{to_the_liar}");
}

#[test]
fn nonces_differ_between_peers_and_rounds() {
    let (mut round, mut rng, first) = begun(&["b", "c", "d"]);
    round.end();
    let peers = vec![peer("b"), peer("c"), peer("d")];
    let second = round.begin(&mut rng, peers);
    let mut all: Vec<u64> = first.into_values().collect();
    all.extend(second.into_iter().map(|(_, nonce)| nonce));
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 6);
}

#[test]
fn bytes_of_one_peer_are_bounded_but_one_item_always_fits() {
    let (mut round, mut rng, nonces) = begun(&["b"]);
    round
        .on_digest(&peer("b"), nonces[&peer("b")], 0..4)
        .unwrap();
    round.request(&mut rng);
    assert!(round.take(&peer("b"), &0, 50, 10), "the first");
    assert!(!round.take(&peer("b"), &1, 1, 10));
}

#[test]
fn a_round_without_peers_or_wanted_ids_ends() {
    let (round, _, _) = begun(&[]);
    assert!(round.is_resting());
    let (mut round, mut rng, nonces) = begun(&["b"]);
    round
        .on_digest(&peer("b"), nonces[&peer("b")], std::iter::empty())
        .unwrap();
    assert!(round.request(&mut rng).is_empty());
    assert!(round.is_resting());
}
