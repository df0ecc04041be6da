//! State infos that await the identity of their publisher.

use super::*;
use crate::Request;

#[test]
fn state_infos_awaiting_identity_are_bounded_in_total_and_per_sender() {
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
        "one sender may use a quarter"
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
fn a_forgery_does_not_replace_a_state_info_awaiting_identity() {
    let mut bench = joined();
    let (link, forger) = (bench.participant("m2"), bench.participant("m3"));
    bench.receive(forger, &state_info_by("m3", "m9", 7, 99));
    bench.receive(link, &state_info("m9", 1, 3));
    bench.receive(forger, &state_info_by("m3", "m9", 8, 99));
    bench.receive(link, &beat("m9", 1).message());
    let all = [("m2", 0), ("m3", 0), ("m9", 3)];
    assert_eq!(heights(&bench), named(&all));
}

#[test]
fn state_infos_await_an_identity_for_a_bounded_time() {
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
fn leaving_a_channel_drops_its_state_infos_awaiting_identity() {
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
fn an_unsigned_state_info_does_not_await_an_identity() {
    let mut bench = joined();
    let link = bench.participant("m2");
    let unsigned = SignedMessage::unsigned(state_info("m9", 1, 3).message().clone());
    bench.receive(link, &unsigned);
    assert_eq!(bench.gate().awaiting_identity.len(), 0);
}

#[test]
fn equal_state_infos_await_identity_once_and_long_ones_are_dropped() {
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
