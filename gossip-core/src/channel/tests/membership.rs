//! Participants, under changing configurations.

use std::sync::Arc;

use super::*;

fn join_as(bench: &mut Bench, channel: &str, orgs: &[&str]) -> Result<Response, RequestError> {
    let members = orgs
        .iter()
        .map(|org| (OrgId::new(org.as_bytes()), Vec::new()));
    let config = JoinChannel {
        sequence: 1,
        members: members.collect(),
    };
    bench.ask(Request::JoinChannel {
        channel: ChannelId::new(channel),
        config,
    })
}

#[test]
fn a_channel_without_our_organisation_or_with_a_bad_name_is_refused() {
    let mut bench = Bench::new();
    assert_eq!(
        join_as(&mut bench, "c", &["a"]),
        Err(RequestError::NotAMember(OrgId::new(b"m")))
    );
    assert!(matches!(
        join_as(&mut bench, "", &["m"]),
        Err(RequestError::UnnamedChannel)
    ));
    assert!(matches!(
        join_as(&mut bench, &"c".repeat(250), &["m"]),
        Err(RequestError::TooLong { .. })
    ));
    assert!(bench.node.channels().is_empty());
}

#[test]
fn channels_beyond_the_cap_are_refused() {
    let mut bench = Bench::with(|config| config.channel.max_channels = 2.try_into().unwrap());
    assert!(join_as(&mut bench, "c1", &["m"]).is_ok());
    assert!(join_as(&mut bench, "c2", &["m"]).is_ok());
    assert_eq!(
        join_as(&mut bench, "c3", &["m"]),
        Err(RequestError::TooManyChannels(2))
    );
}

#[test]
fn a_configuration_that_is_older_or_as_old_with_other_members_is_refused() {
    let mut bench = Bench::new();
    assert_eq!(bench.join(5, &["m"]), Ok(Response::Joined { height: 0 }));
    let old = RequestError::OldConfiguration {
        given: 4,
        current: 5,
    };
    assert_eq!(bench.join(4, &["m", "a"]), Err(old));
    bench.participant("a1");
    assert_eq!(peers(&bench), []);
    let other = RequestError::OtherMembers { sequence: 5 };
    assert_eq!(bench.join(5, &["m", "a"]), Err(other));
    assert_eq!(peers(&bench), []);
    assert!(bench.join(5, &["m"]).is_ok());
    assert!(bench.join(6, &["m", "a"]).is_ok());
}

#[test]
fn peers_of_a_removed_organisation_no_longer_take_part_and_get_no_answers() {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    let (ours, theirs) = (bench.participant("m2"), bench.participant("a1"));
    assert_eq!(peers(&bench), named(&[("a1", 0), ("m2", 0)]));
    bench.join(2, &["m"]).unwrap();
    assert_eq!(peers(&bench), named(&[("m2", 0)]));
    bench.sent();
    bench.receive(theirs, &state_info_pull("a1", "main"));
    bench.receive(theirs, &state_info("a1", 2, 7));
    assert_eq!(
        peers(&bench),
        named(&[("m2", 0)]),
        "nor does a newer state info bring it back"
    );
    assert_eq!(bench.sent().len(), 0);
    bench.receive(ours, &state_info_pull("m2", "main"));
    assert_eq!(bench.sent().len(), 1);
}

#[test]
fn a_peer_that_has_published_its_departure_does_not_take_part() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    bench.participant("m3");
    bench.receive(link, &left("m2", 2));
    assert_eq!(peers(&bench), named(&[("m3", 0)]));
    bench.sent();
    bench.publish(0, good_block(0));
    assert_eq!(bench.blocks_pushed(), named(&[("m3", 0)]));
    bench.receive(link, &state_info("m2", 3, 1));
    assert_eq!(peers(&bench), named(&[("m2", 1), ("m3", 0)]));
}

#[test]
fn dead_members_are_not_counted_and_forgotten_ones_are_not_told() {
    let mut bench = Bench::joined(&["m"], |_| {});
    bench.participant("m2");
    bench.advance(secs(26));
    assert_eq!(peers(&bench), []);
    let link = bench.participant("m3");
    bench.sent();
    bench.receive(link, &state_info_pull("m3", "main"));
    assert_eq!(snapshot_sizes(&mut bench), [3], "m2 may return");
    bench.advance(secs(500));
    let link = bench.connect("m3");
    bench.receive(link, &beat("m3", 9).message());
    bench.sent();
    bench.receive(link, &state_info_pull("m3", "main"));
    assert_eq!(snapshot_sizes(&mut bench), [1], "all are forgotten");
}

fn snapshot_sizes(bench: &mut Bench) -> Vec<usize> {
    let sent = bench.sent_like(|message| match message.content() {
        Content::StateSnapshot(elements) => Some(elements.len()),
        _ => None,
    });
    sent.into_iter().map(|(_, count)| count).collect()
}

#[test]
fn participants_beyond_the_cap_are_refused_and_counted() {
    let mut bench = Bench::joined(&["m"], |config| {
        config.membership.max_members = 2.try_into().unwrap()
    });
    bench.participant("m2");
    let link = bench.participant("m3");
    let late = bench.connect("m4");
    bench.receive(late, &state_info("m4", 1, 0));
    assert_eq!(bench.metrics().state_infos_shed, 1);
    bench.receive(link, &state_info("m3", 2, 5));
    assert_eq!(
        peers(&bench),
        named(&[("m2", 0), ("m3", 5)]),
        "a newer state info of a known peer is taken"
    );
}

#[test]
fn state_infos_of_peers_that_never_become_members_are_removed() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    bench.connect("m9");
    bench.receive(link, &state_info("m9", 1, 3));
    for sequence in 2..12 {
        bench.advance(secs(5));
        bench.receive(link, &beat("m2", sequence).message());
    }
    bench.sent();
    bench.receive(link, &state_info_pull("m2", "main"));
    assert_eq!(snapshot_sizes(&mut bench), [2]);
}

#[test]
fn leaving_alone_ends_the_channel_at_once() {
    let mut bench = Bench::joined(&["m"], |_| {});
    assert_eq!(leave(&mut bench), Ok(Response::Done));
    assert!(bench.node.channels().is_empty());
    assert_eq!(
        leave(&mut bench),
        Err(RequestError::UnknownChannel(main_channel()))
    );
}

#[test]
fn leaving_publishes_the_departure_and_then_ends_the_channel() {
    let mut bench = Bench::joined(&["m"], |_| {});
    bench.participant("m2");
    bench.advance(secs(2));
    bench.sent();
    leave(&mut bench).unwrap();
    bench.advance(millis(600));
    let told = own_infos(&mut bench);
    assert_eq!(told.len(), 1);
    assert!(told[0].1.left_channel);
    assert!(bench.node.channels().is_empty());
    bench.advance(secs(60));
    assert!(own_infos(&mut bench).is_empty());
}

#[test]
fn a_left_channel_is_gone_for_the_application_before_the_departure_is_published() {
    let mut bench = Bench::joined(&["m"], |_| {});
    bench.participant("m2");
    bench.advance(secs(2));
    bench.hold_signatures = true;
    let before = bench.node.channels_version();
    leave(&mut bench).unwrap();
    assert_ne!(bench.node.channels_version(), before);
    assert!(bench.node.channels().is_empty());
    assert_eq!(bench.node.channel(&main_channel()), None);
    let unknown = RequestError::UnknownChannel(main_channel());
    assert_eq!(leave(&mut bench), Err(unknown.clone()));
    let (channel, seq, block) = (main_channel(), 0, good_block(0));
    let request = Request::Publish {
        channel: channel.clone(),
        seq,
        block,
    };
    assert_eq!(bench.ask(request), Err(unknown.clone()));
    let chaincodes = Vec::new();
    let request = Request::UpdateChaincodes {
        channel: channel.clone(),
        chaincodes,
    };
    assert_eq!(bench.ask(request), Err(unknown.clone()));
    let height = 1;
    let request = Request::UpdateLedgerHeight { channel, height };
    assert_eq!(bench.ask(request), Err(unknown));
    assert!(bench.commits.is_empty());
}

#[test]
fn leaving_ends_the_channel_also_if_the_last_peer_dies_before_the_departure_is_published() {
    let mut bench = Bench::joined(&["m"], |_| {});
    bench.participant("m2");
    bench.hold_signatures = true;
    bench.advance(secs(24));
    bench.cannot_sign = true;
    leave(&mut bench).unwrap();
    bench.hold_signatures = false;
    bench.answer_all();
    bench.advance(secs(60));
    assert!(bench.node.channels().is_empty());
}

#[test]
fn joining_again_before_the_departure_is_published_withdraws_it() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    bench.advance(secs(2));
    bench.hold_signatures = true;
    leave(&mut bench).unwrap();
    bench.advance(millis(1));
    assert_eq!(bench.join(1, &["m"]), Ok(Response::Joined { height: 0 }));
    bench.hold_signatures = false;
    bench.answer_all();
    bench.advance(secs(1));
    assert_eq!(bench.node.channels(), [main_channel()]);
    assert!(!own_infos(&mut bench).last().unwrap().1.left_channel);
    bench.receive(link, &pushed(0, good_block(0)));
    assert_eq!(bench.commits.len(), 1);
}

#[test]
fn a_newer_configuration_without_us_is_a_departure() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    bench.advance(secs(2));
    let refused = Err(RequestError::NotAMember(OrgId::new(b"m")));
    assert_eq!(bench.join(1, &["a"]), refused, "not newer");
    assert_eq!(bench.node.channels(), [main_channel()]);
    bench.sent();
    assert_eq!(bench.join(2, &["a"]), refused);
    bench.advance(secs(1));
    assert!(own_infos(&mut bench)[0].1.left_channel);
    assert!(bench.node.channels().is_empty());
    bench.receive(link, &pushed(0, good_block(0)));
    assert_eq!(bench.commits, []);
}

#[test]
fn a_channel_is_joined_again_only_when_its_last_block_is_stored() {
    let mut bench = Bench::joined(&["m"], |_| {});
    bench.hold_commits = true;
    bench.publish(0, good_block(0));
    leave(&mut bench).unwrap();
    assert!(bench.node.channels().is_empty());
    assert_eq!(bench.join(1, &["m"]), Err(RequestError::Busy));
    bench.finish_commits();
    assert_eq!(bench.join(1, &["m"]), Ok(Response::Joined { height: 1 }));
}

#[test]
fn the_version_moves_when_a_channel_changes_and_only_then() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    let mut last = bench.node.channels_version();
    let mut moved = |bench: &Bench| {
        let now = bench.node.channels_version();
        std::mem::replace(&mut last, now) != now
    };
    bench.receive(link, &state_info("m2", 2, 1));
    assert!(moved(&bench), "a height");
    bench.receive(link, &state_info("m2", 2, 1));
    assert!(!moved(&bench), "known already");
    bench.receive(link, &pushed(0, good_block(0)));
    assert!(moved(&bench), "a block");
    bench.receive(link, &pushed(0, good_block(0)));
    assert!(!moved(&bench), "a duplicate");
    bench.receive(link, &state_info_pull("m2", "main"));
    assert!(!moved(&bench), "questions");
    leave(&mut bench).unwrap();
    bench.advance(secs(1));
    assert!(moved(&bench), "the end");
}

#[test]
fn a_view_is_rebuilt_only_as_far_as_its_channel_has_changed() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    bench.advance(secs(1));
    let channel = main_channel();
    let mut last = bench.node.channel_since(&channel, None).unwrap();
    // Whether the view and its list of peers were rebuilt.
    let mut rebuilt = |bench: &Bench| {
        let next = bench.node.channel_since(&channel, Some(&last)).unwrap();
        assert_eq!(*next, bench.node.channel(&channel).unwrap());
        let view = !Arc::ptr_eq(&last, &next);
        let peers = !Arc::ptr_eq(&last.peers, &next.peers);
        last = next;
        (view, peers)
    };
    assert_eq!(rebuilt(&bench), (false, false), "nothing");
    let before = bench.node.channels_version();
    join_as(&mut bench, "other", &["m"]).unwrap();
    assert_ne!(bench.node.channels_version(), before);
    assert_eq!(rebuilt(&bench), (false, false), "another channel");
    bench.receive(link, &pushed(0, good_block(0)));
    assert_eq!(rebuilt(&bench), (true, false), "a block");
    bench.advance(secs(1));
    assert_eq!(rebuilt(&bench), (true, false), "our own state info");
    bench.receive(link, &state_info("m2", 2, 1));
    assert_eq!(rebuilt(&bench), (true, true), "a peer's height");
    bench.connect("m3");
    bench.participant("m3");
    assert_eq!(rebuilt(&bench), (true, true), "a member");
}

#[test]
fn a_view_from_before_a_rejoin_is_not_reused() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    let channel = main_channel();
    let before = bench.node.channel_since(&channel, None).unwrap();
    bench.advance(secs(1));
    leave(&mut bench).unwrap();
    bench.advance(secs(1));
    assert_eq!(bench.node.channel_since(&channel, Some(&before)), None);
    bench.join(1, &["m"]).unwrap();
    let after = bench.node.channel_since(&channel, Some(&before)).unwrap();
    assert!(after.peers.is_empty());
    bench.receive(link, &state_info("m2", 2, 1));
    let after = bench.node.channel_since(&channel, Some(&before)).unwrap();
    assert_eq!(after.peers[0].height, 1);
}

#[test]
fn chaincodes_that_do_not_fit_the_wire_are_refused() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let mut update = |count: usize, name: usize, metadata: usize| {
        let chaincode = crate::proto::Chaincode {
            name: "n".repeat(name),
            version: "1".to_owned(),
            metadata: vec![0; metadata].into(),
        };
        bench.ask(Request::UpdateChaincodes {
            channel: main_channel(),
            chaincodes: vec![chaincode; count],
        })
    };
    assert_eq!(update(1, 1024, 1 << 10), Ok(Response::Done));
    for (count, name, metadata) in [(1, 1025, 0), (1, 1, (64 << 10) + 1), (3, 1, 60 << 10)] {
        let result = update(count, name, metadata);
        assert!(
            matches!(result, Err(RequestError::TooLong { .. })),
            "{result:?}"
        );
    }
}

#[test]
fn the_height_of_a_peer_has_the_time_of_its_receipt() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    let heard = |bench: &Bench| bench.node.channel(&main_channel()).unwrap().peers[0].heard;
    let first = bench.now;
    bench.advance(secs(7));
    assert_eq!(heard(&bench), first);
    bench.receive(link, &state_info("m2", 2, 5));
    assert_eq!(heard(&bench), first + secs(7));
}

/// The number of state infos that `link` gets from us.
fn state_infos_sent(bench: &mut Bench, name: &str) -> usize {
    let link = bench.connect(name);
    bench.receive(link, &beat(name, 99).message());
    bench.sent();
    bench.receive(link, &state_info_pull(name, "main"));
    snapshot_sizes(bench).pop().unwrap()
}

#[test]
fn the_state_info_of_a_forgotten_peer_does_not_count_until_the_peer_is_back() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.member("m2");
    bench.receive(link, &state_info("m2", 4, 3));
    bench.receive(link, &state_info("m2", 5, 4));
    bench.link_down(link);
    bench.advance(secs(1000));
    assert_eq!(bench.liveness("m2"), None);
    let other = bench.participant("m3");
    let checked = bench.checked;
    for sequence in [4, 5] {
        bench.receive(other, &state_info("m2", sequence, 3));
    }
    assert_eq!(bench.checked, checked, "a replay is not verified");
    assert_eq!(state_infos_sent(&mut bench, "m3"), 2);
    let link = bench.connect("m2");
    bench.receive(link, &state_info("m2", 4, 3));
    assert_eq!(
        state_infos_sent(&mut bench, "m3"),
        2,
        "older than its last one"
    );
    bench.receive(link, &state_info("m2", 5, 4));
    bench.receive(link, &beat("m2", 2).message());
    assert_eq!(peers(&bench), named(&[("m2", 4), ("m3", 0)]));
}

#[test]
fn the_last_state_info_of_a_peer_counts_again_once_it_is_a_member_again() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    bench.link_down(link);
    bench.advance(secs(1000));
    let other = bench.participant("m3");
    bench.receive(other, &beat("m2", 2).message());
    bench.receive(other, &state_info("m2", 1, 0));
    assert_eq!(peers(&bench), named(&[("m2", 0), ("m3", 0)]));
}

#[test]
fn state_infos_of_a_peer_count_after_its_clock_was_set_back() {
    let mut bench = Bench::joined(&["m"], |_| {});
    bench.incarnations.insert("m2".to_owned(), 9);
    let link = bench.connect("m2");
    let mut first = beat("m2", 1);
    first.time.incarnation = 9;
    bench.receive(link, &first.message());
    bench.receive(link, &state_info("m2", 7, 3));
    bench.link_down(link);
    bench.incarnations.insert("m2".to_owned(), 1);
    let link = bench.connect("m2");
    bench.receive(link, &beat("m2", 1).message());
    bench.receive(link, &state_info("m2", 1, 1));
    assert_eq!(peers(&bench), named(&[("m2", 1)]));
}
