//! Our requests and the responses to them.

use super::*;

fn view(alive: &[&Beat]) -> MembershipResponse {
    MembershipResponse {
        alive: alive.iter().map(|beat| beat.envelope()).collect(),
        ..MembershipResponse::default()
    }
}

#[test]
fn requests_carry_our_internal_endpoint_inside_our_organisation_only() {
    let mut bench = Bench::new();
    for name in ["m2", "a1", "?1"] {
        bench.member(name);
    }
    let mut asked = Vec::new();
    bench.until("six requests", secs(1), |bench| {
        asked.extend(requests(bench));
        asked.len() >= 6
    });
    assert!(
        asked.iter().all(|(to, _, secret)| *secret == (to == "m2")),
        "{asked:?}"
    );
}

#[test]
fn a_response_is_accepted_once_from_the_peer_asked_with_its_nonce() {
    let mut bench = Bench::new();
    let (link, other) = (bench.member("m2"), bench.member("m3"));
    bench.receive(link, &response(0, view(&[&beat("m4", 1)])));
    assert_eq!(bench.metrics().violations, 1, "no request is outstanding");
    let nonce = asked(&mut bench, "m2");
    bench.receive(link, &response(nonce ^ 1, view(&[&beat("m4", 1)])));
    bench.receive(other, &response(nonce, view(&[&beat("m4", 1)])));
    assert_eq!(bench.metrics().violations, 3);
    assert_eq!(bench.liveness("m4"), None);
    bench.receive(link, &response(nonce, view(&[&beat("m4", 1)])));
    bench.receive(link, &response(nonce, view(&[&beat("m5", 1)])));
    assert_eq!(
        (bench.liveness("m4"), bench.liveness("m5")),
        (Some(true), None)
    );
    assert_eq!(bench.metrics().violations, 4);
}

#[test]
fn a_response_after_the_timeout_is_ignored() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    let nonce = asked(&mut bench, "m2");
    bench.advance(secs(5));
    bench.receive(link, &response(nonce, view(&[&beat("m4", 1)])));
    assert_eq!(bench.liveness("m4"), None);
}

#[test]
fn one_request_at_a_time_is_outstanding_per_peer() {
    let mut bench = Bench::with(|config| config.membership.sync_interval = millis(200));
    bench.member("m2");
    asked(&mut bench, "m2");
    bench.advance(millis(4_800));
    assert_eq!(requests(&mut bench), []);
    asked(&mut bench, "m2");
}

#[test]
fn an_invalid_element_of_a_response_is_skipped() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    let nonce = asked(&mut bench, "m2");
    let limits = gossip_proto::Limits::default();
    let garbage =
        RawEnvelope::parse(bytes::Bytes::from_static(b"\x0a\x03\xff\xff\xff"), &limits).unwrap();
    let mut bad = MembershipResponse {
        alive: vec![
            garbage.clone(),
            state_info("m6", 1, 1).envelope().clone(),
            beat("m4", 1).signed_by("m2").envelope().clone(),
            beat("m5", 1).envelope(),
        ],
        dead: vec![garbage, beat("m7", 1).envelope()],
        ..MembershipResponse::default()
    };
    bad.alive.push(beat("m8", 1).envelope());
    bench.receive(link, &response(nonce, bad));
    let known = ["m4", "m5", "m6", "m7", "m8"].map(|name| bench.liveness(name));
    assert_eq!(known, [None, Some(true), None, Some(false), Some(true)]);
    assert_eq!(bench.metrics().violations, 3);
}

#[test]
fn identities_in_a_response_verify_heartbeats_without_identity() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    let nonce = asked(&mut bench, "m2");
    let mut told = view(&[&beat("m4", 1).anonymous(), &beat("m5", 1).anonymous()]);
    let identity = |of: &str, bytes| gossip_proto::PeerIdentity {
        pki_id: bytes::Bytes::copy_from_slice(of.as_bytes()),
        cert: bytes,
        metadata: bytes::Bytes::new(),
    };
    told.identities = vec![
        identity("m4", identity_of("m4")),
        identity("m5", identity_of("m4")),
    ];
    bench.receive(link, &response(nonce, told));
    assert_eq!(bench.liveness("m4"), Some(true));
    assert_eq!(bench.liveness("m5"), None, "the identity of another peer");
}

#[test]
fn after_a_heartbeat_of_an_unknown_identity_views_are_requested_with_identities() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    for _ in 0..3 {
        answer(&mut bench, link, "m2", &[], &[]);
    }
    bench.receive(link, &beat("m4", 1).anonymous().message());
    bench.advance(secs(1));
    let wants = bench.sent_like(|message| match message.content() {
        Content::MembershipRequest(request) => Some(request.want_identities),
        _ => None,
    });
    assert_eq!(wants, [("m2".to_owned(), true)]);
}

#[test]
fn without_changes_views_are_requested_less_often() {
    let mut bench = Bench::with(|config| config.membership.alive_expiration = secs(60));
    let link = bench.member("m2");
    let count = |bench: &mut Bench| {
        let before = bench.now;
        for sequence in 0..3 {
            let beat = beat("m2", 1000 + sequence + before.as_nanos());
            answer(bench, link, "m2", &[&beat], &[]);
        }
        bench.now.since(before)
    };
    for _ in 0..10 {
        count(&mut bench);
    }
    let usual = count(&mut bench);
    assert!(usual >= secs(25), "{usual:?}");
    bench.receive(link, &beat("m9", 1).message());
    let begun = bench.now;
    asked(&mut bench, "m2");
    assert!(
        bench.now.since(begun) <= secs(6),
        "a change restores the usual interval"
    );
}

#[test]
fn the_list_in_a_response_is_cut_at_the_limit_on_members() {
    let mut bench = Bench::with(|config| config.membership.max_members = 3.try_into().unwrap());
    let link = bench.member("m2");
    let checked = bench.checked;
    let names = ["m3", "m4", "m5", "m6", "m7"].map(|name| beat(name, 1));
    let all: Vec<&Beat> = names.iter().collect();
    answer(&mut bench, link, "m2", &all, &[]);
    assert_eq!(bench.checked - checked, 3);
    assert_eq!(bench.node.members().len(), 3);
    assert_eq!(bench.metrics().members_shed, 1);
}

#[test]
fn a_request_whose_heartbeat_cannot_be_signed_does_not_block_later_ones() {
    let mut bench = Bench::new();
    let link = bench.connect("m2");
    bench.cannot_sign = true;
    bench.receive(link, &beat("m2", 1).message());
    bench.advance(secs(6));
    assert_eq!(requests(&mut bench), []);
    bench.cannot_sign = false;
    asked(&mut bench, "m2");
}

#[test]
fn heartbeats_of_invented_peers_do_not_keep_exchanges_frequent() {
    let requests = |inventions: u64| {
        let mut bench = Bench::new();
        let link = bench.member("m2");
        for second in 0..60u64 {
            for number in 0..inventions {
                let name = format!("m{}", 1000 + second * 100 + number);
                bench.receive(link, &beat(&name, 1).anonymous().message());
            }
            bench.receive(link, &beat("m2", 2 + second).message());
            if let Some((_, nonce, _)) = requests(&mut bench).pop() {
                let view = view(&[]);
                bench.receive(link, &response(nonce, view));
            }
            bench.advance(secs(1));
        }
        bench.metrics().messages_sent
    };
    let (usual, flooded) = (requests(0), requests(50));
    assert!(
        flooded < usual + 40,
        "{flooded} messages instead of {usual}"
    );
}
