//! Tests of identities that expire, from outside a node.

use super::*;
use crate::Notification;

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

/// The notifications about the expiry of our identity, each with its time in seconds since the start.
fn warnings(left: u64, span: u64) -> Vec<(u64, Notification)> {
    let mut bench = Bench::expiring(Some(secs(left)));
    let mut told = Vec::new();
    for second in 0..=span / 600 {
        bench.advance(if second == 0 { secs(0) } else { secs(600) });
        let at = second * 600;
        told.extend(bench.notes.drain(..).map(|note| (at, note)));
    }
    told
}

fn expires(left: u64) -> Notification {
    let left = secs(left);
    Notification::IdentityExpires { left }
}

#[test]
fn the_application_is_warned_before_our_own_identity_expires() {
    let expected = [
        (DAY, expires(7 * DAY)),
        (7 * DAY, expires(DAY)),
        (8 * DAY - HOUR, expires(HOUR)),
        (8 * DAY, Notification::IdentityExpired),
    ];
    assert_eq!(warnings(8 * DAY, 10 * DAY), expected);
}

#[test]
fn the_warning_is_immediate_if_our_identity_expires_soon_after_the_start() {
    let expected = [
        (0, expires(2 * HOUR)),
        (HOUR, expires(HOUR)),
        (2 * HOUR, Notification::IdentityExpired),
    ];
    assert_eq!(warnings(2 * HOUR, DAY), expected);
    assert_eq!(warnings(0, DAY), [(0, Notification::IdentityExpired)]);
}

#[test]
fn a_node_whose_identity_has_expired_keeps_running() {
    let mut bench = Bench::expiring(Some(secs(10)));
    bench.advance(secs(20));
    assert_eq!(bench.notes.last(), Some(&Notification::IdentityExpired));
    bench.member("m2");
    assert_eq!(bench.liveness("m2"), Some(true));
    assert!(bench.holds_identity("m1"));
}

#[test]
fn an_identity_without_expiry_causes_no_warning() {
    let mut bench = Bench::expiring(None);
    bench.advance(secs(HOUR));
    assert_eq!(bench.notes, []);
}

#[test]
fn the_identities_show_the_expiry_of_our_own() {
    let mut bench = Bench::expiring(Some(secs(100)));
    bench.advance(secs(40));
    let Ok(crate::Response::Identities(known)) = bench.ask(crate::Request::Identities) else {
        panic!("no identities");
    };
    assert_eq!(known[0].expires_in, Some(secs(60)));
}
