//! State infos of publishers whose identity is not known yet.

use super::*;
use crate::Request;

#[test]
fn parked_state_infos_are_bounded_in_all_and_for_each_sender() {
    let mut bench = Bench::joined(&["m"], |config| {
        config.channel.max_awaiting_identity = 8.try_into().unwrap();
    });
    let (link, other) = (bench.participant("m2"), bench.participant("m3"));
    for name in ["m6", "m7", "m8"] {
        bench.receive(link, &state_info(name, 1, 3));
    }
    assert_eq!(
        bench.metrics().state_infos_shed,
        1,
        "a quarter is its share"
    );
    bench.receive(other, &state_info("m8", 1, 3));
    assert_eq!(bench.gate().awaiting_identity.len(), 3);
    for name in ["m6", "m7", "m8"] {
        bench.receive(link, &beat(name, 1).message());
    }
    let all = [("m2", 0), ("m3", 0), ("m6", 3), ("m7", 3), ("m8", 3)];
    assert_eq!(heights(&bench), named(&all));
    assert_eq!(bench.gate().awaiting_identity.len(), 0);
}

#[test]
fn a_forgery_does_not_take_the_place_of_a_parked_state_info() {
    let mut bench = joined();
    let (link, liar) = (bench.participant("m2"), bench.participant("m3"));
    bench.receive(liar, &state_info_by("m3", "m9", 7, 99));
    bench.receive(link, &state_info("m9", 1, 3));
    bench.receive(liar, &state_info_by("m3", "m9", 8, 99));
    bench.receive(link, &beat("m9", 1).message());
    let all = [("m2", 0), ("m3", 0), ("m9", 3)];
    assert_eq!(heights(&bench), named(&all));
}

#[test]
fn state_infos_are_parked_briefly() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.receive(link, &state_info("m8", 1, 3));
    bench.advance(secs(5));
    bench.receive(link, &state_info("m9", 1, 3));
    bench.advance(secs(5));
    assert_eq!(bench.gate().awaiting_identity.len(), 1);
    bench.advance(secs(5));
    assert_eq!(bench.gate().awaiting_identity.len(), 0);
}

#[test]
fn parked_state_infos_go_with_their_channel() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.receive(link, &state_info("m9", 1, 3));
    let channel = main_channel();
    bench.ask(Request::LeaveChannel { channel }).unwrap();
    bench.advance(secs(1));
    assert_eq!(bench.node.channels(), []);
    assert_eq!(bench.gate().awaiting_identity.len(), 0);
}

#[test]
fn an_unsigned_state_info_is_not_parked() {
    let mut bench = joined();
    let link = bench.participant("m2");
    let unsigned = SignedMessage::unsigned(state_info("m9", 1, 3).message().clone());
    bench.receive(link, &unsigned);
    assert_eq!(bench.gate().awaiting_identity.len(), 0);
}

#[test]
fn equal_state_infos_are_parked_once_and_long_ones_not_at_all() {
    let mut bench = joined();
    let (first, second) = (bench.participant("m2"), bench.participant("m3"));
    for link in [first, second] {
        bench.receive(link, &state_info("m9", 1, 3));
    }
    assert_eq!(bench.gate().awaiting_identity.len(), 1);
    let chaincode = crate::proto::Chaincode {
        name: "c".repeat(1000),
        version: String::new(),
        metadata: vec![0; 4000].into(),
    };
    let properties = gossip_proto::Properties {
        chaincodes: vec![chaincode],
        ..gossip_proto::Properties::default()
    };
    let long = state_info_with("m8", "m8", 1, "main", properties);
    bench.receive(first, &long);
    assert_eq!(bench.gate().awaiting_identity.len(), 1);
}
