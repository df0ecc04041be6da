//! Scenarios of identities: expiry, revocation, renewal.

use std::time::Duration;

use bytes::Bytes;
use gossip_core::{
    Delivery, Interest, Notification, OrgId, Refusal, Request, Response, SendCriteria,
};
use gossip_proto::{Content, GossipMessage, PrivateData, Tag};
use gossip_sim::{Fault, NodeId, identity};
use tests::scenario::{Net, SOON, secs};

fn star(net: &mut Net, count: usize) -> Vec<NodeId> {
    let nodes: Vec<_> = (0..count)
        .map(|index| net.start("org", &format!("p{index}"), &["p0"]))
        .collect();
    nodes
}

#[test]
fn a_peer_is_removed_when_its_identity_expires() {
    let mut net = Net::new(1);
    let nodes = star(&mut net, 4);
    let end = net.world.now() + secs(40);
    net.world.expire_identity(nodes[3], end);
    net.until_full_view(&nodes);
    net.world.run_until(end);
    net.world.run_for(secs(1));
    assert!(
        nodes[..3]
            .iter()
            .all(|node| net.view(*node, nodes[3]).is_none())
    );
    net.world.run_for(secs(60));
    assert!(net.is_full_view(&nodes[..3]));
    assert!(
        !nodes[..3].iter().any(|node| net.sees(nodes[3], *node)),
        "it sees no peer either"
    );
    assert!(net.metrics(nodes[0]).refused[&Refusal::Expired] > 0);
}

#[test]
fn a_peer_that_is_revoked_is_refused_when_it_connects_again() {
    let mut net = Net::new(2);
    let nodes = star(&mut net, 3);
    net.until_full_view(&nodes);
    net.world.revoke_identity(nodes[2]);
    for node in &nodes[..2] {
        net.world.inject(&Fault::Cut {
            a: *node,
            b: nodes[2],
        });
    }
    net.world.run_for(secs(60));
    let refused: u64 = nodes[..2]
        .iter()
        .filter_map(|node| net.metrics(*node).refused.get(&Refusal::Revoked))
        .sum();
    assert!(refused > 0);
    assert!(nodes[..2].iter().all(|node| !net.sees(*node, nodes[2])));
    assert!(net.is_full_view(&nodes[..2]));
}

#[test]
fn a_renewed_certificate_is_a_new_member_at_the_old_address() {
    for expired in [false, true] {
        let mut net = Net::forgetful(3);
        let nodes = star(&mut net, 4);
        if expired {
            net.world
                .expire_identity(nodes[3], net.world.now() + secs(30));
        }
        net.until_full_view(&nodes);
        if expired {
            net.world.run_for(secs(60));
        }
        net.stop(nodes[3]);
        let renewed = net.start_with("org", "p3", &["p0"], |config| {
            config.identity = identity("org", "p3", 1);
        });
        let all = [nodes[0], nodes[1], nodes[2], renewed];
        net.until_full_view(&all);
        net.until(secs(80), "the old identity is forgotten", |net| {
            nodes[..3]
                .iter()
                .all(|node| net.view(*node, nodes[3]).is_none())
        });
        assert!(net.is_full_view(&all));
    }
}

#[test]
fn a_renewed_certificate_replaces_the_old_one_as_soon_as_the_peer_restarts() {
    let mut net = Net::new(7);
    let nodes = star(&mut net, 5);
    net.until_full_view(&nodes);
    net.stop(nodes[3]);
    net.world.run_for(secs(1));
    let renewed = net.start_with("org", "p3", &["p0"], |config| {
        config.identity = identity("org", "p3", 1);
    });
    let others = [nodes[0], nodes[1], nodes[2], nodes[4]];
    // Without the renewal the death would be detected after 25 seconds, and forgotten much later.
    net.until(secs(8), "one member in place of the other", |net| {
        others
            .iter()
            .all(|node| net.sees(*node, renewed) && net.view(*node, nodes[3]).is_none())
    });
    net.world.run_for(secs(60));
    assert!(
        others
            .iter()
            .all(|node| net.view(*node, nodes[3]).is_none())
    );
    assert!(net.is_full_view(&[nodes[0], nodes[1], nodes[2], nodes[4], renewed]));
}

#[test]
fn messages_to_a_peer_during_its_certificate_renewal_are_acknowledged() {
    let mut net = Net::new(8);
    let nodes = star(&mut net, 4);
    net.until_full_view(&nodes);
    let former = net.world.identity(nodes[3]).peer.clone();
    net.stop(nodes[3]);
    net.world.run_for(secs(1));
    let mut asked = Vec::new();
    for node in [nodes[1], nodes[2]] {
        let criteria = SendCriteria {
            timeout: secs(20),
            min_acks: 1,
            max_peers: 3,
            channel: None,
            eligible: None,
        };
        let request = Request::SendByCriteria {
            message: Box::new(private_data(0)),
            criteria: Box::new(criteria),
        };
        asked.push(net.world.request(node, request));
        for nonce in 1..5 {
            let request = Request::Send {
                message: Box::new(private_data(nonce)),
                peers: vec![former.clone()],
            };
            let sent = net.ask(node, request);
            assert!(matches!(sent, Ok(Response::Sent(sent)) if sent.dialling.len() == 1));
            net.world.run_for(secs(1));
        }
    }
    let renewed = net.start_with("org", "p3", &["p0"], |config| {
        config.identity = identity("org", "p3", 1);
    });
    let interest = Interest {
        raw: true,
        ..Interest::default()
    };
    net.ask(renewed, Request::Listen(interest)).unwrap();
    let mut nonces = acknowledge_all(&mut net, renewed);
    nonces.sort_unstable();
    assert_eq!(nonces, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    let by = vec![net.world.identity(renewed).peer.clone()];
    for id in asked {
        let answer = net.world.take_reply(id);
        assert_eq!(answer, Some(Ok(Response::Acknowledged { by: by.clone() })));
    }
}

/// Makes a node acknowledge all private data that arrives within ten seconds; returns the nonces, with nonces drawn
/// at random as 5.
fn acknowledge_all(net: &mut Net, node: NodeId) -> Vec<u64> {
    let mut nonces = Vec::new();
    for _ in 0..100 {
        net.world.run_for(Duration::from_millis(100));
        for delivery in net.world.take_deliveries(node) {
            let Delivery::Raw(received) = delivery else {
                continue;
            };
            if !matches!(received.message.content(), Content::PrivateData(_)) {
                continue;
            }
            let nonce = received.message.message().nonce;
            nonces.push(nonce.min(5));
            let (link, message) = (received.link, Box::new(ack(nonce)));
            let responded = net.ask(node, Request::Respond { link, message });
            assert_eq!(responded, Ok(Response::Done));
        }
    }
    nonces
}

fn private_data(nonce: u64) -> GossipMessage {
    let content = Content::PrivateData(PrivateData {
        collection: "collection".into(),
        namespace: "chaincode".into(),
        tx_id: "tx".into(),
        rwset: Bytes::from_static(b"write set"),
        sim_height: 1,
        collection_configs: Bytes::new(),
    });
    message(nonce, Tag::ChanOnly, content)
}

fn ack(nonce: u64) -> GossipMessage {
    message(nonce, Tag::Undefined, Content::Ack(String::new()))
}

fn message(nonce: u64, tag: Tag, content: Content) -> GossipMessage {
    GossipMessage {
        nonce,
        channel: Bytes::new(),
        tag,
        content,
    }
}

#[test]
fn a_renewed_bootstrap_peer_is_found_by_peers_that_knew_the_old_one() {
    let mut net = Net::forgetful(4);
    let nodes = star(&mut net, 2);
    net.until_full_view(&nodes);
    net.stop(nodes[0]);
    net.world.run_for(secs(300));
    let renewed = net.start_with("org", "p0", &[], |config| {
        config.identity = identity("org", "p0", 1);
    });
    net.until(secs(75), "both see each other", |net| {
        net.is_full_view(&[nodes[1], renewed])
    });
}

#[test]
fn every_member_is_known_by_its_organisation() {
    let mut net = Net::new(5);
    let a = net.start("a", "p0", &[]);
    let b = net.start("b", "p0", &[]);
    for node in [a, b] {
        net.join(node, "c", &[("a", &["p0"]), ("b", &["p0"])]);
    }
    net.until_full_view(&[a, b]);
    let org = |observer, subject| net.view(observer, subject).and_then(|member| member.org);
    assert_eq!(
        (org(a, b), org(b, a)),
        (Some(OrgId::new(b"b")), Some(OrgId::new(b"a")))
    );
    let notes = net.world.take_notifications(a);
    assert!(notes.contains(&Notification::MemberAlive(
        net.world.identity(b).peer.clone()
    )));
}

#[test]
fn another_node_that_runs_with_our_identity_is_refused() {
    let mut net = Net::new(6);
    let node = net.start("org", "p0", &[]);
    let duplicate = net.start_with("org", "duplicate", &["p0"], |config| {
        config.identity = identity("org", "p0", 0);
    });
    net.world.run_for(SOON);
    assert_eq!((net.alive(node), net.alive(duplicate)), (0, 0));
    let refused = |node| {
        net.metrics(node)
            .refused
            .get(&Refusal::OwnIdentity)
            .copied()
    };
    assert!(refused(node) > Some(0) || refused(duplicate) > Some(0));
}
