//! Scenarios of channels and of block dissemination, over real nodes in virtual time.

use std::collections::BTreeSet;

use bytes::Bytes;
use gossip_core::{BlockOrigin, Delivery, Interest, Notification, OrgId, Request, RequestError};
use gossip_proto::{Chaincode, Content, GossipMessage, Leadership, PeerTime, Tag};
use gossip_sim::NodeId;
use tests::scenario::{Net, SOON, channel, secs};

const ORG: [(&str, &[&str]); 1] = [("org", &["p0"])];

/// `count` peers of one organisation in the channel `c`.
fn joined(net: &mut Net, count: usize) -> Vec<NodeId> {
    let nodes: Vec<_> = (0..count)
        .map(|index| net.start("org", &format!("p{index}"), &[]))
        .collect();
    for node in &nodes {
        net.join(*node, "c", &ORG);
    }
    net.until_full_view(&nodes);
    net.until(SOON, "all see all in the channel", |net| {
        net.is_full_channel(&nodes, "c")
    });
    nodes
}

fn all_hold(net: &Net, nodes: &[NodeId], height: u64) -> bool {
    nodes.iter().all(|node| net.height(*node, "c") == height)
}

#[test]
fn ten_blocks_reach_ten_peers_exactly_once_each() {
    let mut net = Net::new(1);
    let nodes = joined(&mut net, 11);
    net.publish(nodes[0], "c", 0, 10);
    net.until(SOON, "all hold all", |net| all_hold(net, &nodes, 10));
    for node in &nodes {
        let notes = net.world.take_notifications(*node);
        let committed: Vec<_> = notes
            .iter()
            .filter_map(|note| {
                let Notification::Committed { seq, origin, .. } = note else {
                    return None;
                };
                Some((*seq, *origin))
            })
            .collect();
        let numbers: Vec<_> = committed.iter().map(|(seq, _)| *seq).collect();
        assert_eq!(numbers, (0..10).collect::<Vec<_>>());
        let local = *node == nodes[0];
        assert!(
            committed
                .iter()
                .all(|(_, origin)| (*origin == BlockOrigin::Local) == local)
        );
    }
    net.assert_sound();
}

#[test]
fn a_height_that_grows_is_seen_by_all() {
    let mut net = Net::new(2);
    let nodes = joined(&mut net, 6);
    net.publish(nodes[0], "c", 0, 5);
    net.until(SOON, "all see the height of all", |net| {
        nodes.iter().all(|node| {
            net.participants(*node, "c")
                .iter()
                .all(|(_, height)| *height == 5)
        })
    });
    // The last receiver forwards it once more.
    net.world.run_for(secs(1));
    let before = net.world.stats().traffic();
    net.world.run_for(secs(3));
    let infos = |traffic: &[gossip_sim::KindTraffic]| {
        traffic
            .iter()
            .find(|kind| kind.kind == "state_info")
            .map(|kind| kind.messages)
    };
    assert_eq!(
        infos(&net.world.stats().traffic()),
        infos(&before),
        "no further messages"
    );
}

#[test]
fn the_chaincodes_of_one_peer_are_seen_by_all() {
    let mut net = Net::new(16);
    let nodes = joined(&mut net, 6);
    let chaincodes = vec![Chaincode {
        name: "cars".to_owned(),
        version: "1.0".to_owned(),
        metadata: Bytes::new(),
    }];
    let update = Request::UpdateChaincodes {
        channel: channel("c"),
        chaincodes: chaincodes.clone(),
    };
    net.ask(nodes[2], update).unwrap();
    let teller = net.world.identity(nodes[2]).peer.clone();
    net.until(SOON, "all see its chaincodes", |net| {
        let others = nodes.iter().filter(|node| **node != nodes[2]);
        others.into_iter().all(|node| {
            let info = net.world.node(*node).unwrap().channel(&channel("c"));
            let peers = info.map(|info| info.peers).unwrap_or_default();
            let of_teller = peers.iter().find(|peer| peer.peer == teller);
            of_teller.is_some_and(|peer| peer.properties().chaincodes == chaincodes)
        })
    });
}

#[test]
fn a_leadership_declaration_is_delivered_to_each_peer_once() {
    let mut net = Net::new(17);
    let nodes = joined(&mut net, 10);
    let interest = Interest {
        accepted: true,
        ..Interest::default()
    };
    for node in &nodes {
        net.ask(*node, Request::Listen(interest)).unwrap();
    }
    let leadership = Leadership {
        pki_id: Bytes::copy_from_slice(net.world.identity(nodes[0]).peer.as_bytes()),
        time: PeerTime {
            incarnation: 1,
            sequence: 1,
        },
        is_declaration: true,
    };
    let message = Box::new(GossipMessage {
        nonce: 0,
        channel: "c".into(),
        tag: Tag::ChanAndOrg,
        content: Content::Leadership(leadership),
    });
    net.ask(nodes[0], Request::Gossip { message }).unwrap();
    net.world.run_for(secs(10));
    for node in &nodes[1..] {
        let heard = net.world.take_deliveries(*node).into_iter();
        let declarations = heard.filter(|delivery| {
            let Delivery::Accepted { message, .. } = delivery else {
                return false;
            };
            matches!(message.content(), Content::Leadership(_))
        });
        assert_eq!(declarations.count(), 1);
    }
}

#[test]
fn seven_peers_publish_ten_blocks_each_and_all_receive_all() {
    let mut net = Net::new(3);
    let nodes = joined(&mut net, 7);
    for (index, node) in (0..).zip(&nodes) {
        net.publish(*node, "c", index * 10, 10);
    }
    net.until(SOON, "all hold all", |net| all_hold(net, &nodes, 70));
    net.assert_sound();
}

#[test]
fn a_publisher_does_not_get_its_block_back_from_its_only_neighbour() {
    let mut net = Net::new(4);
    let nodes = joined(&mut net, 2);
    net.publish(nodes[0], "c", 0, 10);
    net.until(SOON, "both hold all", |net| all_hold(net, &nodes, 10));
    net.world.run_for(secs(5));
    assert_eq!(net.metrics(nodes[1]).blocks_pushed, 10);
    assert_eq!(net.metrics(nodes[0]).blocks_duplicate, 0);
    assert_eq!(net.world.stats().block_copies, 10);
}

#[test]
fn a_bad_block_is_refused_and_not_forwarded() {
    let mut net = Net::new(5);
    let nodes = joined(&mut net, 4);
    let good = net.world.orderer().block(&channel("c"), 0, b"payload");
    let mut bad = good.to_vec();
    bad[20] ^= 1;
    let other = net.world.orderer().block(&channel("other"), 0, b"payload");
    for (seq, block) in [
        (0, Bytes::from(bad)),
        (0, other),
        (1, good.clone()),
        (0, Bytes::new()),
    ] {
        let channel = channel("c");
        let refused = net.ask(
            nodes[0],
            Request::Publish {
                channel,
                seq,
                block,
            },
        );
        assert!(
            matches!(refused, Err(RequestError::BadBlock(_))),
            "{refused:?}"
        );
    }
    net.world.run_for(secs(5));
    assert_eq!(net.world.stats().block_copies, 0);
    let channel = channel("c");
    assert!(
        net.ask(
            nodes[0],
            Request::Publish {
                channel,
                seq: 0,
                block: good
            }
        )
        .is_ok()
    );
    net.until(SOON, "all hold the true block", |net| {
        all_hold(net, &nodes, 1)
    });
}

#[test]
fn a_peer_that_joins_late_gets_the_whole_chain() {
    let mut net = Net::new(6);
    let mut nodes = joined(&mut net, 4);
    net.publish(nodes[0], "c", 0, 120);
    net.until(SOON, "all hold all", |net| all_hold(net, &nodes, 120));
    let late = net.start("org", "late", &[]);
    net.join(late, "c", &ORG);
    nodes.push(late);
    net.until(SOON, "the late peer holds all", |net| {
        all_hold(net, &nodes, 120)
    });
    assert_eq!(net.metrics(late).blocks_transferred, 120);
    net.assert_sound();
}

#[test]
fn without_push_a_peer_gets_every_block_by_other_means() {
    let mut net = Net::new(7);
    let nodes: Vec<_> = (0..5)
        .map(|index| {
            net.start_with("org", &format!("p{index}"), &[], |config| {
                config.push.fanout = if index == 0 { 3 } else { 0 };
            })
        })
        .collect();
    for node in &nodes {
        net.join(*node, "c", &ORG);
    }
    net.until_full_view(&nodes);
    net.publish(nodes[1], "c", 0, 20);
    net.until(SOON, "all hold all", |net| all_hold(net, &nodes, 20));
}

#[test]
fn a_peer_that_leaves_a_channel_remains_a_member() {
    let mut net = Net::new(8);
    let nodes = joined(&mut net, 3);
    net.leave(nodes[2], "c");
    net.until(secs(5), "the others see each other", |net| {
        net.is_full_channel(&nodes[..2], "c")
    });
    assert_eq!(net.participants(nodes[2], "c"), []);
    assert!(net.is_full_view(&nodes));
    net.publish(nodes[0], "c", 0, 5);
    net.until(SOON, "the others hold all", |net| {
        all_hold(net, &nodes[..2], 5)
    });
    assert_eq!(net.height(nodes[2], "c"), 0);
    net.join(nodes[2], "c", &ORG);
    net.until(SOON, "all see each other again", |net| {
        net.is_full_channel(&nodes, "c") && all_hold(net, &nodes, 5)
    });
    net.assert_sound();
}

#[test]
fn only_readers_of_a_channel_see_each_other_in_it_and_get_its_blocks() {
    let mut net = Net::new(9);
    let members: [(&str, &[&str]); 3] = [("a", &["p0"]), ("b", &["p0"]), ("x", &["p0"])];
    let start = |net: &mut Net, org: &str| -> Vec<NodeId> {
        ["p0", "p1"]
            .iter()
            .map(|name| net.start(org, name, &["p0"]))
            .collect()
    };
    let readers = [start(&mut net, "a"), start(&mut net, "b")].concat();
    let outsiders = start(&mut net, "x");
    let orgs = BTreeSet::from([OrgId::new(b"a"), OrgId::new(b"b")]);
    net.world.set_readers(channel("c"), orgs);
    for node in readers.iter().chain(&outsiders) {
        net.join(*node, "c", &members);
    }
    for leader in [readers[0], readers[2]] {
        net.publish(leader, "c", 0, 10);
    }
    net.until(SOON, "readers see each other and hold all", |net| {
        all_hold(net, &readers, 10) && net.is_full_channel(&readers, "c")
    });
    net.world.run_for(secs(60));
    assert!(net.is_full_channel(&readers, "c"));
    assert!(all_hold(&net, &outsiders, 0));
}

#[test]
fn channels_do_not_share_peers_or_blocks() {
    let mut net = Net::new(10);
    let nodes: Vec<_> = (0..10)
        .map(|index| net.start("org", &format!("p{index}"), &["p0"]))
        .collect();
    for (index, node) in nodes.iter().enumerate() {
        net.join(
            *node,
            if index % 2 == 0 { "even" } else { "odd" },
            &[("org", &["p0"])],
        );
    }
    net.until_full_view(&nodes);
    let (even, odd): (Vec<_>, Vec<_>) = nodes.iter().partition(|node| node.index() % 2 == 0);
    net.publish(even[0], "even", 0, 5);
    net.publish(odd[0], "odd", 0, 7);
    net.until(SOON, "all hold theirs", |net| {
        even.iter().all(|node| net.height(*node, "even") == 5)
            && odd.iter().all(|node| net.height(*node, "odd") == 7)
            && net.is_full_channel(&even, "even")
            && net.is_full_channel(&odd, "odd")
    });
    assert!(even.iter().all(|node| net.height(*node, "odd") == 0));
    net.assert_sound();
}

#[test]
fn a_removed_organisation_loses_the_channel() {
    let mut net = Net::new(11);
    let both: [(&str, &[&str]); 2] = [("a", &["p0"]), ("b", &["p0"])];
    let nodes: Vec<_> = [("a", "p0"), ("a", "p1"), ("b", "p0"), ("b", "p1")]
        .iter()
        .map(|(org, name)| net.start(org, name, &["p0"]))
        .collect();
    for node in &nodes {
        net.join(*node, "c", &both);
    }
    net.until(SOON, "all see all in the channel", |net| {
        net.is_full_channel(&nodes, "c")
    });
    for node in &nodes[..2] {
        net.configure(*node, "c", 2, &[("a", &["p0"])]);
    }
    net.publish(nodes[0], "c", 0, 10);
    net.until(SOON, "the remaining peers see each other", |net| {
        net.is_full_channel(&nodes[..2], "c") && all_hold(net, &nodes[..2], 10)
    });
    net.world.run_for(secs(30));
    assert!(net.is_full_channel(&nodes[..2], "c"));
    assert!(all_hold(&net, &nodes[2..], 0), "no peer serves it");
}

#[test]
fn a_channel_without_anchors_works_among_peers_that_know_each_other() {
    let mut net = Net::new(12);
    let nodes: Vec<_> = (0..3)
        .map(|index| net.start("org", &format!("p{index}"), &["p0"]))
        .collect();
    for node in &nodes {
        net.join(*node, "c", &[("org", &[])]);
    }
    net.until(SOON, "all see all in the channel", |net| {
        net.is_full_channel(&nodes, "c")
    });
}

#[test]
fn a_dead_member_is_not_a_participant_of_the_channel() {
    let mut net = Net::forgetful(13);
    let nodes = joined(&mut net, 4);
    net.stop(nodes[3]);
    net.until(secs(40), "the others see each other", |net| {
        net.is_full_channel(&nodes[..3], "c")
    });
    net.world.run_for(secs(120));
    let late = net.start("org", "late", &["p0"]);
    net.join(late, "c", &ORG);
    let all = [&nodes[..3], &[late]].concat();
    net.until(SOON, "a late peer sees the participants", |net| {
        net.is_full_channel(&all, "c")
    });
    net.assert_sound();
}

#[test]
fn a_stopped_node_sends_nothing_and_answers_requests_with_stopped() {
    let mut net = Net::new(14);
    let nodes = joined(&mut net, 3);
    assert!(net.ask(nodes[2], Request::Stop).is_ok());
    let sent = net.metrics(nodes[2]).messages_sent;
    net.world.run_for(secs(60));
    assert_eq!(net.metrics(nodes[2]).messages_sent, sent);
    let channel = channel("c");
    assert_eq!(
        net.ask(nodes[2], Request::LeaveChannel { channel }),
        Err(RequestError::Stopped)
    );
    assert!(net.is_full_view(&nodes[..2]));
}
