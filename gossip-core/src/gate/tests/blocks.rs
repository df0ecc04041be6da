//! Blocks at the gate.

use super::*;
use bytes::Bytes;

#[test]
fn a_pushed_block_is_verified_committed_and_forwarded() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.participant("m3");
    bench.sent();
    bench.receive(link, &pushed(0, good_block(0)));
    assert_eq!(bench.commits, [(main_channel(), 0)]);
    assert_eq!(bench.blocks_pushed(), named(&[("m3", 0)]));
    let checked = bench.checked;
    bench.receive(link, &pushed(0, good_block(0)));
    assert_eq!(
        bench.checked, checked,
        "a known block is not verified again"
    );
    assert_eq!(bench.blocks_pushed(), []);
}

#[test]
fn a_block_that_does_not_verify_is_neither_committed_nor_forwarded() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.participant("m3");
    bench.sent();
    bench.receive(link, &pushed(0, "bad".into()));
    assert_eq!((bench.commits.len(), bench.metrics().blocks_bad), (0, 1));
    assert_eq!(bench.blocks_pushed(), []);
    bench.receive(link, &pushed(0, good_block(0)));
    assert_eq!(bench.commits.len(), 1, "the genuine block is accepted");
}

#[test]
fn blocks_are_taken_from_our_own_organisation_only() {
    let mut bench = joined();
    let link = bench.participant("a1");
    let before = bench.metrics().violations;
    bench.receive(link, &pushed(0, good_block(0)));
    assert_eq!(bench.commits, []);
    assert_eq!(bench.metrics().violations, before + 1);
}

#[test]
fn blocks_of_a_channel_that_we_are_not_in_are_dropped() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    let checked = bench.checked;
    bench.receive(link, &pushed(0, good_block(0)));
    assert_eq!(bench.checked, checked);
}

#[test]
fn private_data_is_removed_from_a_block_before_it_is_forwarded() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.participant("m3");
    bench.sent();
    let secret = Bytes::from_static(b"private data");
    bench.receive(link, &pushed_with(0, good_block(0), vec![secret]));
    let forwarded = bench.sent_like(|message| match message.content() {
        Content::Data(payload) => Some(payload.clone()),
        _ => None,
    });
    assert_eq!(forwarded.len(), 1);
    assert_eq!(forwarded[0].1.private_data, [] as [Bytes; 0]);
    assert_eq!(forwarded[0].1.data, good_block(0));
    assert_eq!(bench.commits.len(), 1);
}

#[test]
fn a_forwarded_block_has_the_bytes_that_arrived() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.participant("m3");
    bench.sent();
    let block = pushed(0, good_block(0));
    bench.receive(link, &block);
    let relayed = bench.sent_like(|message| {
        matches!(message.content(), Content::Data(_)).then(|| message.encoded().clone())
    });
    assert_eq!(relayed, [("m3".to_owned(), block.encoded().clone())]);
}

#[test]
fn a_published_block_that_does_not_verify_is_refused() {
    let mut bench = joined();
    let id = bench.publish(0, "bad".into());
    assert!(matches!(
        bench.reply(id),
        Some(Err(crate::RequestError::BadBlock(_)))
    ));
    let id = bench.publish(0, good_block(0));
    assert_eq!(bench.was_fresh(id), Some(true));
    let id = bench.publish(0, good_block(0));
    assert_eq!(bench.was_fresh(id), Some(false));
}

#[test]
fn publications_at_the_gate_are_bounded() {
    let mut bench = Bench::joined(&["m"], |config| {
        config.state_transfer.max_publications = 2.try_into().unwrap();
    });
    bench.hold_checks = true;
    let ids = [0, 1, 2].map(|seq| bench.publish(seq, good_block(seq)));
    assert_eq!(bench.reply(ids[2]), Some(Err(crate::RequestError::Busy)));
    bench.answer_all();
    assert!(
        ids[..2]
            .iter()
            .all(|id| matches!(bench.reply(*id), Some(Ok(_))))
    );
    let id = bench.publish(2, good_block(2));
    bench.answer_all();
    assert!(
        matches!(bench.reply(id), Some(Ok(_))),
        "the count goes down again"
    );
}

#[test]
fn the_next_number_is_accepted_even_at_the_limit_of_publications() {
    let mut bench = Bench::joined(&["m"], |config| {
        config.state_transfer.max_publications = 2.try_into().unwrap();
    });
    bench.hold_checks = true;
    for seq in [1, 2] {
        bench.publish(seq, good_block(seq));
    }
    let ids = [3, 0].map(|seq| bench.publish(seq, good_block(seq)));
    assert_eq!(bench.reply(ids[0]), Some(Err(crate::RequestError::Busy)));
    assert_eq!(bench.reply(ids[1]), None);
    bench.answer_all();
    assert!(matches!(bench.reply(ids[1]), Some(Ok(_))));
}

#[test]
fn a_publication_that_fails_at_the_gate_frees_its_place() {
    let mut bench = Bench::joined(&["m"], |config| {
        config.state_transfer.max_publications = 1.try_into().unwrap();
    });
    for _ in 0..5 {
        let id = bench.publish(0, "bad".into());
        assert!(matches!(
            bench.reply(id),
            Some(Err(crate::RequestError::BadBlock(_)))
        ));
    }
}

#[test]
fn a_publication_whose_check_is_never_answered_is_refused_at_the_timeout() {
    let mut bench = joined();
    bench.hold_checks = true;
    let id = bench.publish(0, good_block(0));
    bench.advance(secs(29));
    assert_eq!(bench.reply(id), None);
    bench.advance(secs(2));
    assert!(matches!(bench.reply(id), Some(Err(_))));
}

#[test]
fn a_block_that_is_being_checked_is_not_requested() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let (link, other) = (bench.participant("m2"), bench.participant("m3"));
    bench.receive(other, &state_info("m3", 2, 2));
    bench.hold_checks = true;
    bench.receive(link, &pushed(0, good_block(0)));
    bench.receive(link, &pushed(1, good_block(1)));
    bench.sent();
    bench.advance(secs(2));
    assert_eq!(bench.metrics().state_requests_sent, 0);
    assert_eq!(bench.notes.iter().filter(|note| is_gap(note)).count(), 0);
    bench.answer_all();
    assert_eq!(bench.commits.len(), 2);
}

#[test]
fn a_block_is_requested_once_its_pushed_copy_fails_the_check() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let (link, other) = (bench.participant("m2"), bench.participant("m3"));
    bench.receive(other, &state_info("m3", 2, 1));
    bench.hold_checks = true;
    bench.receive(link, &pushed(0, Bytes::from_static(b"forged")));
    bench.advance(secs(2));
    bench.answer();
    bench.advance(millis(60));
    assert_eq!(bench.metrics().state_requests_sent, 1);
}

#[test]
fn a_block_too_long_for_a_message_is_refused() {
    let mut bench = Bench::joined(&["m"], |config| config.limits.max_envelope = 10_000);
    let fits = 10_000 - 249 - 128;
    let id = bench.publish(0, vec![0; fits + 1].into());
    assert_eq!(
        bench.reply(id),
        Some(Err(crate::RequestError::TooLong {
            what: "the block",
            actual: fits + 1,
            limit: fits
        }))
    );
    let id = bench.publish(0, vec![0; fits].into());
    let error = crate::CryptoError::BadBlock;
    let refused = Err(crate::RequestError::BadBlock(error));
    assert_eq!(bench.reply(id), Some(refused), "it is checked");
}

fn is_gap(note: &crate::Notification) -> bool {
    matches!(note, crate::Notification::GapDetected { .. })
}

#[test]
fn unsigned_fields_around_a_block_are_not_forwarded() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.participant("m3");
    bench.sent();
    let content = pushed(0, good_block(0)).content().clone();
    let wrapped = SignedMessage::unsigned(message(77, "main", Tag::ChanAndOrg, content));
    bench.receive(link, &wrapped);
    let relayed = bench.sent_like(|message| {
        matches!(message.content(), Content::Data(_)).then(|| message.encoded().clone())
    });
    let plain = pushed(0, good_block(0)).encoded().clone();
    assert_eq!(relayed, [("m3".to_owned(), plain)]);
}

fn overload(bench: &mut Bench) {
    let (ticket, _) = bench.jobs.pop_front().unwrap();
    let outcome = crate::CryptoOutcome::Verified(Err(crate::CryptoError::Overloaded));
    bench.event(crate::Event::CryptoDone { ticket, outcome });
}

#[test]
fn a_block_left_unchecked_by_overload_does_not_count_as_bad() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.hold_checks = true;
    bench.receive(link, &pushed(0, good_block(0)));
    overload(&mut bench);
    let id = bench.publish(0, good_block(0));
    overload(&mut bench);
    assert_eq!(bench.reply(id), Some(Err(crate::RequestError::Overloaded)));
    let metrics = bench.metrics();
    assert_eq!((metrics.blocks_bad, metrics.verifications_failed), (0, 0));
    bench.receive(link, &pushed(0, good_block(0)));
    bench.answer_all();
    assert_eq!(bench.commits.len(), 1);
}

#[test]
fn the_sender_of_a_block_left_unchecked_by_overload_is_asked_again_at_once() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.receive(link, &state_info("m2", 2, 1));
    let asked = |bench: &mut Bench| {
        bench.sent_like(|message| match message.content() {
            Content::StateRequest(_) => Some(message.message().nonce),
            _ => None,
        })
    };
    bench.advance(millis(60));
    let nonce = asked(&mut bench)[0].1;
    bench.hold_checks = true;
    let payload = gossip_proto::Payload {
        seq_num: 0,
        data: good_block(0),
        private_data: Vec::new(),
    };
    let content = Content::StateResponse(vec![payload]);
    let answer = SignedMessage::unsigned(message(nonce, "main", Tag::ChanOrOrg, content));
    bench.receive(link, &answer);
    overload(&mut bench);
    bench.advance(millis(60));
    assert_eq!(asked(&mut bench).len(), 1);
}

#[test]
fn publications_at_the_gate_are_answered_when_the_node_stops() {
    let mut bench = joined();
    bench.hold_checks = true;
    let ids = [0, 0, 1].map(|seq| bench.publish(seq, good_block(seq)));
    bench.ask(crate::Request::Stop).unwrap();
    for id in ids {
        assert_eq!(bench.reply(id), Some(Err(crate::RequestError::Stopped)));
    }
}
