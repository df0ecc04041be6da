//! State infos at the gate.

use super::*;

#[test]
fn a_state_info_of_an_unknown_peer_awaits_its_identity_which_is_requested() {
    let mut bench = joined();
    let link = bench.participant("m2");
    for _ in 0..100 {
        bench.advance(millis(100));
        for (_, nonce) in bench.sent_like(|message| match message.content() {
            Content::MembershipRequest(_) => Some(message.message().nonce),
            _ => None,
        }) {
            bench.receive(
                link,
                &response(nonce, gossip_proto::MembershipResponse::default()),
            );
        }
    }
    bench.sent();
    bench.receive(link, &state_info("m9", 1, 3));
    assert_eq!(heights(&bench), named(&[("m2", 0)]));
    let wants = bench.sent_like(|message| match message.content() {
        Content::MembershipRequest(request) => Some(request.want_identities),
        _ => None,
    });
    assert_eq!(wants, [("m2".to_owned(), true)]);
    bench.receive(link, &beat("m9", 1).message());
    assert_eq!(heights(&bench), named(&[("m2", 0), ("m9", 3)]));
}

#[test]
fn only_newer_state_infos_are_checked() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.receive(link, &state_info("m2", 5, 2));
    let checked = bench.checked;
    for old in [5, 4] {
        bench.receive(link, &state_info("m2", old, 9));
    }
    assert_eq!(bench.checked, checked);
    bench.receive(link, &state_info("m2", 6, 3));
    assert_eq!(heights(&bench), named(&[("m2", 3)]));
}

#[test]
fn a_forged_newer_state_info_does_not_replace_the_older_one() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.receive(link, &state_info("m2", 5, 2));
    bench.receive(link, &state_info_by("m3", "m2", 6, 9));
    bench.not_readers.insert("m2".to_owned());
    bench.receive(link, &state_info_by("m3", "m2", 7, 9));
    assert_eq!(heights(&bench), named(&[("m2", 2)]));
}

#[test]
fn a_state_info_must_prove_the_channel_and_come_from_and_be_about_its_organisations() {
    let mut bench = joined();
    let (link, outsider) = (bench.participant("m2"), bench.member("b1"));
    bench.member("m3");
    let properties = gossip_proto::Properties::default();
    bench.receive(link, &state_info_with("m3", "m3", 1, "other", properties));
    bench.receive(link, &state_info("b1", 1, 1));
    bench.receive(outsider, &state_info("m3", 1, 1));
    assert_eq!(heights(&bench), named(&[("m2", 0)]));
    assert_eq!(bench.metrics().violations, 1);
}

#[test]
fn an_unsigned_state_info_is_refused() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.member("m3");
    let checked = bench.checked;
    let unsigned = SignedMessage::unsigned(state_info("m3", 1, 1).message().clone());
    bench.receive(link, &unsigned);
    assert_eq!(bench.checked, checked);
    assert_eq!(heights(&bench), named(&[("m2", 0)]));
}

#[test]
fn our_own_state_info_sent_by_another_peer_is_ignored() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.receive(link, &state_info("m1", u64::MAX, 99));
    assert_eq!(heights(&bench), named(&[("m2", 0)]));
}
