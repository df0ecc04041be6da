//! Publication of our own state info.

use super::*;
use gossip_proto::{Chaincode, channel_mac};

#[test]
fn no_state_info_is_signed_without_a_reader_and_the_first_member_gets_it() {
    let mut bench = Bench::joined(&["m"], |_| {});
    bench.publish(0, good_block(0));
    bench.advance(secs(60));
    assert_eq!(bench.signatures, 0);
    bench.member("m2");
    bench.advance(millis(600));
    let told = own_infos(&mut bench);
    assert!(!told.is_empty());
    assert!(
        told.iter()
            .all(|(to, properties)| to == "m2" && properties.ledger_height == 1)
    );
}

#[test]
fn a_first_change_is_published_at_once_and_later_ones_once_per_interval() {
    let mut bench = Bench::joined(&["m"], |_| {});
    bench.participant("m2");
    bench.advance(secs(2));
    own_infos(&mut bench);
    for seq in 0..40 {
        bench.publish(seq, good_block(seq));
        bench.advance(millis(50));
    }
    bench.advance(secs(1));
    let heights: Vec<_> = own_infos(&mut bench)
        .iter()
        .map(|(_, told)| told.ledger_height)
        .collect();
    assert!((4..=6).contains(&heights.len()), "{heights:?}");
    assert_eq!((heights[0], heights[heights.len() - 1]), (1, 40));
    bench.advance(secs(20));
    assert!(
        own_infos(&mut bench).is_empty(),
        "no change, no publication"
    );
}

#[test]
fn publications_contain_the_channel_mac_and_increasing_numbers() {
    let mut bench = Bench::joined(&["m"], |_| {});
    bench.participant("m2");
    let chaincodes = vec![Chaincode {
        name: "cc".to_owned(),
        version: "1".to_owned(),
        metadata: bytes::Bytes::new(),
    }];
    bench.advance(secs(1));
    let channel = main_channel();
    bench
        .ask(Request::UpdateChaincodes {
            channel,
            chaincodes: chaincodes.clone(),
        })
        .unwrap();
    bench.advance(secs(1));
    let infos = bench.sent_like(|message| match message.content() {
        Content::StateInfo(info) if *info.pki_id == *b"m1" => Some(info.clone()),
        _ => None,
    });
    assert!(
        infos
            .iter()
            .all(|(_, info)| *info.channel_mac == channel_mac(b"m1", b"main"))
    );
    assert!(
        infos
            .windows(2)
            .all(|pair| pair[0].1.time <= pair[1].1.time)
    );
    let last = infos.last().unwrap().1.properties.clone().unwrap();
    assert_eq!((last.chaincodes, last.ledger_height), (chaincodes, 0));
}

#[test]
fn a_publication_whose_signature_fails_is_tried_again() {
    let mut bench = Bench::joined(&["m"], |_| {});
    bench.participant("m2");
    bench.advance(secs(1));
    bench.sent();
    bench.cannot_sign = true;
    bench.publish(0, good_block(0));
    bench.advance(secs(3));
    assert!(own_infos(&mut bench).is_empty());
    bench.cannot_sign = false;
    bench.advance(secs(3));
    assert_eq!(own_infos(&mut bench)[0].1.ledger_height, 1);
}

#[test]
fn a_connecting_peer_that_may_know_us_gets_our_state_info_directly() {
    let adjust = |config: &mut crate::Config| config.external_endpoint = None;
    let mut bench = Bench::joined(&["m", "a"], adjust);
    bench.participant("m2");
    bench.advance(secs(1));
    bench.sent();
    for name in ["m3", "a1", "b1"] {
        bench.connect(name);
    }
    let to: Vec<_> = own_infos(&mut bench)
        .into_iter()
        .map(|(to, _)| to)
        .collect();
    assert_eq!(to, ["m3"]);
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    bench.participant("m2");
    bench.advance(secs(1));
    bench.sent();
    for name in ["m3", "a1", "b1"] {
        bench.connect(name);
    }
    let to: Vec<_> = own_infos(&mut bench)
        .into_iter()
        .map(|(to, _)| to)
        .collect();
    assert_eq!(to, ["m3", "a1"]);
}

#[test]
fn a_later_start_takes_precedence_over_all_publications_of_an_earlier_one() {
    let mut bench = Bench::with(|_| {});
    let time = |bench: &mut Bench| {
        let infos = bench.sent_like(|message| match message.content() {
            Content::StateInfo(info) if *info.pki_id == *b"m1" => Some(info.time),
            _ => None,
        });
        infos.last().unwrap().1
    };
    let link = bench.member("m2");
    // It joins long after its start.
    for sequence in 2..100 {
        bench.advance(secs(20));
        bench.receive(link, &beat("m2", sequence).message());
    }
    bench.join(1, &["m"]).unwrap();
    bench.advance(secs(1));
    let first = time(&mut bench);
    // The peer book provides the next incarnation, as the clock was set back.
    assert!(
        first
            < gossip_proto::PeerTime {
                incarnation: 6,
                sequence: 0
            },
        "{first}"
    );
    let channel = main_channel();
    bench.ask(Request::LeaveChannel { channel }).unwrap();
    bench.advance(secs(1));
    let left = time(&mut bench);
    bench.join(2, &["m"]).unwrap();
    bench.advance(secs(1));
    assert!(
        first < left && left < time(&mut bench),
        "and a rejoin before the departure"
    );
}

#[test]
fn each_change_is_published_once() {
    let mut bench = Bench::joined(&["m"], |_| {});
    bench.advance(secs(60));
    assert!(own_infos(&mut bench).is_empty(), "there is no reader");
    let link = bench.participant("m2");
    bench.advance(secs(6));
    own_infos(&mut bench);
    for height in 1..4 {
        bench.receive(link, &beat("m2", 1 + height).message());
        assert!(own_infos(&mut bench).is_empty(), "nothing has changed");
        bench.publish(height - 1, good_block(height - 1));
        bench.advance(secs(6));
        let told = own_infos(&mut bench).into_iter();
        let told: Vec<_> = told.map(|(to, told)| (to, told.ledger_height)).collect();
        assert_eq!(told, named(&[("m2", height)]));
    }
    bench.advance(secs(6));
    assert!(own_infos(&mut bench).is_empty());
}

#[test]
fn the_view_of_our_own_state_is_the_signed_one() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let own = |bench: &Bench| bench.node.channel(&main_channel()).unwrap();
    assert_eq!(own(&bench).state_info, None, "there is no reader");
    bench.participant("m2");
    bench.publish(0, good_block(0));
    bench.advance(secs(6));
    let told = own(&bench).state_info.unwrap();
    let told = SignedMessage::decode_nested(&told, &gossip_proto::Limits::default()).unwrap();
    assert!(told.envelope().is_signed());
    let Content::StateInfo(info) = told.content() else {
        panic!("{told:?}");
    };
    assert_eq!(*info.pki_id, *b"m1");
    assert_eq!(own(&bench).properties().unwrap().ledger_height, 1);
}
