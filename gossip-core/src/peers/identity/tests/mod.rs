mod expiry;
mod suspects;

use std::time::Duration;

use super::*;
use crate::node::bench::*;
use crate::out::Io;
use crate::{Config, Endpoint};

fn config(cap: usize) -> Config {
    let own = SelfIdentity {
        peer: PeerId::new(b"me"),
        org: OrgId::new(b"org1"),
        bytes: Bytes::from_static(b"my identity"),
    };
    let mut config = Config::new(own, Endpoint::new("me:1"));
    config.identities.max_identities = cap.try_into().unwrap();
    config
}

fn valid(name: &[u8], expires_in: Option<Duration>) -> ValidIdentity {
    ValidIdentity {
        peer: PeerId::new(name),
        org: Some(OrgId::new(b"org1")),
        expires_in,
    }
}

#[test]
fn an_identity_that_expires_sets_a_timer() {
    let config = config(8);
    let mut io = Io::default();
    let mut cx = Out {
        now: Instant::from_millis(10),
        config: &config,
        io: &mut io,
    };
    let mut identities = Identities::new(config.identity.clone(), 7);
    let left = Duration::from_secs(5);
    identities.put(
        &mut cx,
        &valid(b"a", Some(left)),
        &Bytes::from_static(b"a"),
        |_| false,
    );
    identities.put(
        &mut cx,
        &valid(b"b", None),
        &Bytes::from_static(b"b"),
        |_| false,
    );
    assert_eq!(io.timers.next(), Some(Instant::from_millis(5010)));
    assert_eq!(
        io.timers.pop_due(Instant::from_millis(5010)),
        Some(TimerKey::Identity(PeerId::new(b"a")))
    );
    assert_eq!(io.timers.next(), None);
}

#[test]
fn at_the_limit_identities_of_non_members_are_dropped_first_and_our_own_stays() {
    let config = config(3);
    let mut io = Io::default();
    let mut identities = Identities::new(config.identity.clone(), 7);
    for (at, name) in [(1, b"m"), (2, b"s"), (3, b"t")] {
        let mut cx = Out {
            now: Instant::from_millis(at),
            config: &config,
            io: &mut io,
        };
        identities.put(
            &mut cx,
            &valid(name, None),
            &Bytes::from_static(b"x"),
            |peer| peer.as_bytes() == b"m",
        );
    }
    assert!(identities.get(b"me").is_some());
    assert!(identities.get(b"m").is_some());
    assert!(identities.get(b"s").is_none());
    assert!(identities.get(b"t").is_some());
    assert_eq!(io.metrics.identities_shed, 1);
}

#[test]
fn our_own_identity_cannot_be_removed() {
    let config = config(3);
    let mut io = Io::default();
    let mut cx = Out {
        now: Instant::START,
        config: &config,
        io: &mut io,
    };
    let mut identities = Identities::new(config.identity.clone(), 7);
    assert!(!identities.remove(&mut cx, &PeerId::new(b"me")));
    assert!(identities.get(b"me").is_some());
}

#[test]
fn a_verified_signature_counts_as_a_use_of_the_identity() {
    let mut bench = Bench::with(|config| config.identities.max_identities = 4.try_into().unwrap());
    for name in ["m2", "m3", "m4"] {
        bench.advance(secs(1));
        bench.member(name);
    }
    bench.advance(secs(1));
    let link = bench.connect("m2");
    bench.advance(secs(1));
    bench.receive(link, &beat("m3", 2).message());
    bench.advance(secs(1));
    for (name, held) in [("m5", ["m2", "m3"]), ("m6", ["m3", "m5"])] {
        bench.receive(link, &beat(name, 1).message());
        assert!(held.iter().all(|name| bench.holds_identity(name)), "{name}");
    }
}

#[test]
fn a_known_identity_is_not_validated_again_with_each_heartbeat() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.hold_checks = true;
    bench.receive(link, &beat("m2", 2).message());
    let (_, job) = bench.jobs.pop_front().unwrap();
    assert!(matches!(job, crate::CryptoJob::Verify { .. }), "{job:?}");
}

#[test]
fn an_unused_identity_is_kept() {
    let mut bench = Bench::new();
    let link = bench.connect("m2");
    bench.link_down(link);
    bench.advance(secs(24 * 60 * 60));
    assert!(bench.holds_identity("m2"));
}

#[test]
fn an_identity_is_not_stored_before_it_is_proven() {
    let mut bench = Bench::new();
    let link = bench.link_up("m9", None);
    bench.answer_all();
    bench.hold_checks = true;
    bench.authenticate(link);
    assert!(!bench.holds_identity("m9"), "not before it is proven");
    let (ticket, _) = bench.jobs.pop_front().unwrap();
    let outcome = crate::CryptoOutcome::Authenticated(Err(crate::CryptoError::BadSignature));
    bench.event(crate::Event::CryptoDone { ticket, outcome });
    assert!(!bench.holds_identity("m9"));
    bench.hold_checks = false;
    bench.connect("m9");
    assert!(bench.holds_identity("m9"));
}
