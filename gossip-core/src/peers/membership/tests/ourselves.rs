//! Our own heartbeat, our own description, and uses of our identity by others.

use std::collections::BTreeMap;

use super::*;
use crate::{ChannelId, Config, Endpoint, JoinChannel, OrgId, Request, RequestError, Response};

/// A heartbeat signed with our key by another node.
fn ours(incarnation: u64, sequence: u64) -> Beat {
    let mut ours = beat("m1", sequence);
    ours.time.incarnation = incarnation;
    ours
}

fn identity_conflicts(bench: &Bench) -> Vec<u64> {
    let sent = bench.notes.iter().filter_map(|note| match note {
        Notification::IdentityInUse { incarnation } => Some(*incarnation),
        _ => None,
    });
    sent.collect()
}

#[test]
fn self_info_shows_our_latest_heartbeat_without_a_new_signature() {
    let mut bench = Bench::new();
    let own = bench.node.self_info();
    assert_eq!(own.heartbeat, None, "none is signed without members");
    assert_eq!((own.peer, own.incarnation), (peer("m1"), 5));
    bench.member("m2");
    let (signatures, version) = (bench.signatures, bench.node.self_version());
    let own = bench.node.self_info();
    assert_eq!(own.endpoint, Some(Endpoint::new(&external("m1"))));
    assert_eq!(own.internal_endpoint, Some(Endpoint::new(&internal("m1"))));
    assert_eq!(who(&[own.heartbeat.unwrap()]), [("m1".to_owned(), true)]);
    assert_eq!(bench.node.self_info().incarnation, 5);
    assert_eq!(
        (bench.signatures, bench.node.self_version()),
        (signatures, version)
    );
    let metadata = bytes::Bytes::from_static(b"new");
    bench
        .ask(Request::UpdateMetadata {
            metadata: metadata.clone(),
        })
        .unwrap();
    assert_ne!(bench.node.self_version(), version);
    assert_eq!(bench.node.self_info().metadata, metadata);
}

#[test]
fn members_include_their_signed_heartbeats() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.receive(link, &beat("m2", 7).message());
    let members = bench.node.members();
    assert_eq!(members[0].heartbeat, Some(beat("m2", 7).envelope()));
}

#[test]
fn a_new_external_endpoint_is_pushed_at_once() {
    let mut bench = Bench::with(|config| config.external_endpoint = None);
    bench.member("m2");
    bench.advance(secs(1));
    bench.sent();
    let external = Some(Endpoint::new("m1.example:9"));
    assert_eq!(
        bench.ask(Request::UpdateEndpoint { external }),
        Ok(Response::Done)
    );
    bench.advance(millis(20));
    let sent = bench.sent_like(|message| match message.content() {
        Content::Alive(alive) => Some(alive.endpoint.clone()),
        _ => None,
    });
    assert_eq!(sent, [("m2".to_owned(), "m1.example:9".to_owned())]);
}

#[test]
fn foreign_anchors_are_contacted_only_while_we_have_an_external_endpoint() {
    let mut bench = Bench::with(|config| config.external_endpoint = None);
    let members = BTreeMap::from([
        (OrgId::new(b"m"), Vec::new()),
        (OrgId::new(b"a"), vec![Endpoint::new("a1.example:1")]),
    ]);
    let channel = ChannelId::new("main");
    let config = JoinChannel {
        sequence: 1,
        members,
    };
    bench.ask(Request::JoinChannel { channel, config }).unwrap();
    bench.advance(secs(1));
    assert!(bench.dials.is_empty());
    let external = Some(Endpoint::new(&external("m1")));
    bench.ask(Request::UpdateEndpoint { external }).unwrap();
    bench.advance(millis(0));
    assert_eq!(bench.dials.len(), 1);
    bench
        .ask(Request::UpdateEndpoint { external: None })
        .unwrap();
    bench.fail_dial();
    bench.advance(secs(60));
    assert!(bench.dials.is_empty());
}

#[test]
fn an_external_endpoint_that_does_not_fit_the_wire_is_refused() {
    let mut bench = Bench::new();
    let long = Some(Endpoint::new(&"x".repeat(10_000)));
    let refused = bench.ask(Request::UpdateEndpoint { external: long });
    assert!(matches!(refused, Err(RequestError::TooLong { .. })));
    let before = bench.node.self_info().endpoint;
    assert_eq!(before, Some(Endpoint::new(&external("m1"))));
}

#[test]
fn a_later_incarnation_with_our_key_is_reported_once_per_time_and_is_no_member() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    for _ in 0..2 {
        bench.receive(link, &ours(9, 1).message());
    }
    assert_eq!(identity_conflicts(&bench), [9]);
    bench.receive(link, &ours(9, 2).message());
    assert_eq!(
        (
            identity_conflicts(&bench).len(),
            bench.metrics().identity_conflicts
        ),
        (2, 2)
    );
    assert_eq!(bench.liveness("m1"), None);
}

#[test]
fn former_incarnations_of_ours_and_forgeries_are_no_identity_conflicts() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.receive(link, &ours(4, 1_000).message());
    bench.receive(link, &ours(9, 1).signed_by("m2"));
    assert_eq!(identity_conflicts(&bench), [0_u64; 0]);
}

#[test]
fn a_listing_of_this_node_as_dead_is_ignored() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    answer(&mut bench, link, "m2", &[], &[&ours(9, 1)]);
    assert_eq!(bench.liveness("m1"), None);
    assert_eq!(bench.node.members().len(), 1);
    assert_eq!(identity_conflicts(&bench), [0_u64; 0]);
}

#[test]
fn endpoints_with_illegal_characters_are_ignored() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    for (sequence, hostile) in (1..).zip(["a b:1", "a\n:1", "a:1\0", "\u{202e}a:1", " "]) {
        let hostile = beat("m3", sequence).hidden().secret(Some(hostile));
        bench.receive(link, &hostile.message());
        let members = bench.node.members();
        let found = members.iter().find(|member| member.peer == peer("m3"));
        assert_eq!(
            found.unwrap().preferred_endpoint(),
            None,
            "{hostile:?}",
            hostile = hostile.secret
        );
    }
    let plain = beat("m3", 9).hidden().secret(Some("[2001:db8::1]:7051"));
    bench.receive(link, &plain.message());
    let members = bench.node.members();
    let found = members.iter().find(|member| member.peer == peer("m3"));
    let endpoint = found.unwrap().preferred_endpoint();
    assert_eq!(endpoint, Some(&Endpoint::new("[2001:db8::1]:7051")));
}

#[test]
fn our_own_endpoint_may_be_an_ipv6_literal() {
    let mut bench = Bench::with(|config: &mut Config| {
        config.endpoint = Endpoint::new("[::1]:7051");
        config.bootstrap = vec![
            Endpoint::new("[::1]:7051"),
            Endpoint::new("[2001:db8::1]:7051"),
        ];
    });
    bench.advance(millis(0));
    let dialled: Vec<_> = bench.dials.iter().map(|(_, to)| to.to_string()).collect();
    assert_eq!(dialled, ["[2001:db8::1]:7051"]);
}
