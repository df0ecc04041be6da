//! Snapshots: requests for state infos, and answers.

use super::*;

/// Advances the time until `name` is asked for its state infos.
fn asked(bench: &mut Bench, name: &str) {
    for _ in 0..400 {
        let pulls = bench.sent_like(|message| match message.content() {
            Content::StateInfoPull(_) => Some(()),
            _ => None,
        });
        if pulls.iter().any(|(to, ())| to == name) {
            return;
        }
        bench.advance(millis(100));
    }
    panic!("{name} was not asked within 40 s");
}

pub(super) fn told(bench: &mut Bench) -> Vec<Vec<String>> {
    let limits = gossip_proto::Limits::default();
    let snapshots = bench.sent_like(|message| match message.content() {
        Content::StateSnapshot(elements) => {
            let mut names: Vec<_> = elements
                .iter()
                .map(|element| {
                    match SignedMessage::decode_nested(element, &limits)
                        .unwrap()
                        .content()
                    {
                        Content::StateInfo(info) => {
                            String::from_utf8_lossy(&info.pki_id).into_owned()
                        }
                        other => panic!("not a state info: {other:?}"),
                    }
                })
                .collect();
            names.sort_unstable();
            Some(names)
        }
        _ => None,
    });
    snapshots.into_iter().map(|(_, names)| names).collect()
}

#[test]
fn a_snapshot_is_accepted_only_from_a_peer_that_was_asked() {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    let link = bench.participant("m2");
    let other = bench.member("b1");
    bench.receive(link, &beat("m3", 1).message());
    let good = snapshot("main", &[state_info("m3", 1, 4)]);
    let fresh = bench.connect("m9");
    bench.receive(fresh, &good);
    bench.receive(other, &good);
    assert_eq!(peers(&bench), named(&[("m2", 0)]));
    asked(&mut bench, "m2");
    bench.receive(link, &snapshot("other", &[state_info("m3", 1, 4)]));
    assert_eq!(peers(&bench), named(&[("m2", 0)]));
    bench.receive(link, &good);
    assert_eq!(peers(&bench), named(&[("m2", 0), ("m3", 4)]));
}

#[test]
fn a_late_snapshot_is_not_accepted() {
    let mut bench = Bench::joined(&["m"], |config| config.channel.request_interval = secs(60));
    let link = bench.member("m2");
    bench.advance(secs(1));
    bench.receive(link, &beat("m3", 1).message());
    for sequence in 2..30 {
        bench.advance(secs(5));
        bench.receive(link, &beat("m2", sequence).message());
        bench.receive(link, &beat("m3", sequence).message());
    }
    asked_slowly(&mut bench, link);
    bench.advance(millis(5_100));
    bench.receive(link, &snapshot("main", &[state_info("m3", 1, 4)]));
    assert_eq!(peers(&bench), []);
}

fn asked_slowly(bench: &mut Bench, link: crate::LinkId) {
    for sequence in 100..200 {
        bench.receive(link, &beat("m2", sequence).message());
        bench.receive(link, &beat("m3", sequence).message());
        let pulls = bench.sent_like(|message| {
            matches!(message.content(), Content::StateInfoPull(_)).then_some(())
        });
        if pulls.iter().any(|(to, ())| to == "m2") {
            return;
        }
        bench.advance(secs(3));
    }
    panic!("not asked");
}

#[test]
fn a_bad_element_does_not_invalidate_the_rest_of_a_snapshot() {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    let link = bench.participant("m2");
    for name in ["m3", "m4", "b1", "m5"] {
        bench.receive(link, &beat(name, 1).message());
    }
    asked(&mut bench, "m2");
    let wrong = state_info_with("m4", "m4", 1, "other", Properties::default());
    let elements = [
        beat("m3", 9).message(),
        wrong,
        state_info("b1", 1, 1),
        state_info_by("m2", "m4", 1, 9),
        state_info("m5", 1, 5),
    ];
    bench.receive(link, &snapshot("main", &elements));
    assert_eq!(peers(&bench), named(&[("m2", 0), ("m5", 5)]));
    assert_eq!(bench.metrics().violations, 2);
}

#[test]
fn state_infos_of_non_members_are_not_taken_from_a_snapshot() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    bench.connect("m9");
    asked(&mut bench, "m2");
    bench.receive(link, &snapshot("main", &[state_info("m9", 1, 4)]));
    bench.sent();
    bench.receive(link, &state_info_pull("m2", "main"));
    assert_eq!(told(&mut bench), [["m1", "m2"]]);
}

#[test]
fn elements_of_a_snapshot_are_not_forwarded() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    bench.participant("m4");
    bench.receive(link, &beat("m3", 1).message());
    asked(&mut bench, "m2");
    bench.receive(link, &snapshot("main", &[state_info("m3", 1, 4)]));
    bench.advance(millis(50));
    let pushed = bench.sent_like(|message| match message.content() {
        Content::StateInfo(info) => (*info.pki_id == *b"m3").then_some(()),
        _ => None,
    });
    assert_eq!(pushed, []);
}

#[test]
fn foreign_organisations_get_the_state_infos_of_our_public_peers_and_of_all_foreign_ones() {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    let link = bench.participant("m2");
    bench.receive(link, &beat("m3", 1).hidden().message());
    bench.receive(link, &state_info("m3", 1, 0));
    let foreign = bench.participant("a1");
    bench.advance(secs(1));
    bench.sent();
    bench.receive(foreign, &state_info_pull("a1", "main"));
    bench.receive(link, &state_info_pull("m2", "main"));
    let all = vec!["a1", "m1", "m2", "m3"];
    assert_eq!(told(&mut bench), [vec!["a1", "m1", "m2"], all]);
}

#[test]
fn a_peer_without_external_endpoint_does_not_send_its_state_info_to_foreign_peers() {
    let mut bench = Bench::joined(&["m", "a"], |config| config.external_endpoint = None);
    bench.participant("m2");
    let foreign = bench.participant("a1");
    bench.advance(secs(1));
    bench.sent();
    bench.receive(foreign, &state_info_pull("a1", "main"));
    assert_eq!(told(&mut bench), [["a1", "m2"]]);
}

#[test]
fn requests_are_sent_only_to_members_of_the_channels_organisations() {
    let mut bench = Bench::joined(&["m", "a"], |config| config.channel.request_peers = 9);
    for name in ["m2", "a1", "b1"] {
        bench.member(name);
    }
    bench.advance(secs(10));
    let pulls = bench
        .sent_like(|message| matches!(message.content(), Content::StateInfoPull(_)).then_some(()));
    let mut to: Vec<_> = pulls.into_iter().map(|(to, ())| to).collect();
    to.sort_unstable();
    to.dedup();
    assert_eq!(to, ["a1", "m2"]);
}

#[test]
fn a_snapshot_beyond_its_budget_is_sent_in_parts_that_cover_all_participants() {
    let mut bench = Bench::joined(&["m"], |config| config.channel.max_snapshot_bytes = 250);
    let link = bench.participant("m2");
    for name in ["m3", "m4", "m5"] {
        bench.participant(name);
    }
    bench.advance(secs(1));
    bench.sent();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        bench.receive(link, &state_info_pull("m2", "main"));
        let mut parts = told(&mut bench);
        let part = parts.pop().unwrap();
        assert!(part.len() < 5, "{part:?}");
        assert!(part.contains(&"m1".to_owned()), "our own is in each part");
        seen.extend(part);
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
    assert_eq!(bench.bulk, 0);
}
