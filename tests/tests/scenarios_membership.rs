//! Scenarios of membership within one organisation, over real nodes in virtual time.

use std::time::Duration;

use gossip_core::Endpoint;
use gossip_sim::NodeId;
use tests::scenario::{FORGOTTEN, Net, SOON, secs};

/// `count` peers `p0`, `p1`, .., which all bootstrap to the first.
fn star(net: &mut Net, count: usize) -> Vec<NodeId> {
    (0..count)
        .map(|index| {
            let bootstrap: &[&str] = if index == 0 { &[] } else { &["p0"] };
            net.start("org", &format!("p{index}"), bootstrap)
        })
        .collect()
}

#[test]
fn a_lone_peer_sends_and_signs_nothing() {
    let mut net = Net::new(1);
    let node = net.start("org", "p0", &[]);
    net.world.run_for(secs(50));
    assert_eq!(net.metrics(node).messages_sent, 0);
    assert_eq!(net.metrics(node).verifications, 0);
    assert!(net.world.stats().traffic().is_empty());
}

#[test]
fn a_bootstrap_list_of_our_own_addresses_makes_no_links() {
    let mut net = Net::new(1);
    let node = net.start_with("org", "p0", &["p0"], |config| {
        config.endpoint = Endpoint::new("0.0.0.0:7051");
        let own = ["localhost:7051", "127.0.0.1:7051", "0.0.0.0:7051"];
        config.bootstrap = own.map(Endpoint::new).to_vec();
    });
    net.world.run_for(secs(100));
    assert_eq!(net.metrics(node).dials, 0);
}

#[test]
fn a_bootstrap_endpoint_that_is_our_own_alias_is_dialled_once() {
    let mut net = Net::new(1);
    let alias = Endpoint::new("alias:1");
    let node = net.start_with("org", "p0", &[], |config| {
        config.bootstrap = vec![alias.clone()];
    });
    net.world.alias(node, alias);
    net.world.run_for(secs(100));
    assert_eq!(net.metrics(node).dials, 1);
    assert_eq!(net.alive(node), 0);
}

#[test]
fn ten_peers_in_a_ring_of_bootstrap_peers_see_each_other() {
    let mut net = Net::new(2);
    let nodes: Vec<_> = (0..10)
        .map(|index| {
            let next = format!("p{}", (index + 1) % 10);
            net.start("org", &format!("p{index}"), &[&next])
        })
        .collect();
    net.until_full_view(&nodes);
    for observer in &nodes {
        for subject in nodes.iter().filter(|node| *node != observer) {
            let view = net.view(*observer, *subject);
            assert!(view.is_some_and(|member| member.internal_endpoint.is_some()));
        }
    }
    net.assert_sound();
}

#[test]
fn peers_of_one_bootstrap_peer_see_each_other_and_a_change_of_metadata() {
    let mut net = Net::new(3);
    let nodes = star(&mut net, 11);
    net.until_full_view(&nodes);
    net.tell(nodes[10], "changed");
    net.until(secs(15), "all see the new metadata", |net| {
        nodes[..10].iter().all(|node| {
            net.view(*node, nodes[10])
                .is_some_and(|member| member.metadata == b"changed"[..])
        })
    });
    net.assert_sound();
}

#[test]
fn a_peer_that_restarts_elsewhere_is_known_by_its_new_endpoint() {
    let mut net = Net::new(4);
    let nodes = star(&mut net, 4);
    net.until_full_view(&nodes);
    net.stop(nodes[3]);
    let moved = net.start_with("org", "p3", &["p0"], |config| {
        config.endpoint = Endpoint::new("elsewhere:9");
        config.external_endpoint = Some(Endpoint::new("elsewhere.example:9"));
    });
    net.until(SOON, "all see it there", |net| {
        nodes[..3].iter().all(|node| {
            net.view(*node, moved).is_some_and(|member| {
                member.alive && member.internal_endpoint == Some(Endpoint::new("elsewhere:9"))
            })
        })
    });
}

#[test]
fn without_push_views_become_and_stay_complete_by_exchanges() {
    let mut net = Net::new(5);
    let nodes: Vec<_> = (0..10)
        .map(|index| {
            let bootstrap: &[&str] = if index == 0 { &[] } else { &["p0"] };
            net.start_with("org", &format!("p{index}"), bootstrap, |config| {
                config.push.fanout = 0;
                config.membership.sync_peers = 9;
            })
        })
        .collect();
    net.until_full_view(&nodes);
    for _ in 0..40 {
        net.world.run_for(secs(2));
        assert!(net.is_full_view(&nodes));
    }
    let traffic = net.world.stats().traffic();
    assert!(
        traffic.iter().all(|kind| kind.kind != "alive_msg"),
        "{traffic:?}"
    );
}

#[test]
fn when_two_of_five_stop_the_others_see_exactly_each_other() {
    let mut net = Net::new(6);
    let nodes = star(&mut net, 5);
    net.until_full_view(&nodes);
    net.stop(nodes[1]);
    net.stop(nodes[4]);
    let left = [nodes[0], nodes[2], nodes[3]];
    net.until(secs(40), "the two are dead", |net| net.is_full_view(&left));
    net.world.run_for(secs(60));
    assert!(net.is_full_view(&left));
    net.assert_sound();
}

#[test]
fn thirteen_peers_find_each_other_when_their_bootstrap_peers_come_late() {
    let mut net = Net::new(7);
    let mut nodes: Vec<_> = (0..13)
        .map(|index| net.start("org", &format!("p{index}"), &["boot0", "boot1"]))
        .collect();
    net.world.run_for(secs(60));
    assert!(nodes.iter().all(|node| net.alive(*node) == 0));
    nodes.push(net.start("org", "boot0", &["boot1"]));
    nodes.push(net.start("org", "boot1", &["boot0"]));
    net.until_full_view(&nodes);
    for observer in &nodes {
        for subject in nodes.iter().filter(|node| *node != observer) {
            let view = net.view(*observer, *subject);
            assert!(
                view.is_some_and(|one| one.endpoint.is_some() && one.internal_endpoint.is_some())
            );
        }
    }
}

#[test]
fn three_groups_joined_by_a_common_peer_stay_joined_without_it() {
    let mut net = Net::new(8);
    let mut groups = Vec::new();
    for group in 0..3 {
        let hub = format!("hub{group}");
        groups.push(net.start("org", &hub, &[]));
        for index in 1..4 {
            groups.push(net.start("org", &format!("g{group}p{index}"), &[&hub]));
        }
    }
    net.world.run_for(secs(20));
    assert!(groups.iter().all(|node| net.alive(*node) == 3));
    let connector = net.start("org", "connector", &["hub0", "hub1", "hub2"]);
    net.tell(connector, "first");
    let mut all = groups.clone();
    all.push(connector);
    net.until_full_view(&all);
    net.stop(connector);
    net.until(secs(40), "the connector is dead", |net| {
        net.is_full_view(&groups)
    });
    net.restart(connector);
    net.tell(connector, "second");
    net.until_full_view(&all);
    net.until(SOON, "its new metadata is known", |net| {
        groups.iter().all(|node| {
            net.view(*node, connector)
                .is_some_and(|member| member.metadata == b"second"[..])
        })
    });
    net.assert_sound();
}

#[test]
fn stopped_peers_are_forgotten_and_the_others_still_see_each_other() {
    let mut net = Net::forgetful(9);
    let nodes = star(&mut net, 4);
    net.until_full_view(&nodes);
    net.stop(nodes[2]);
    net.stop(nodes[3]);
    net.until(FORGOTTEN, "they are forgotten", |net| {
        nodes[..2]
            .iter()
            .all(|node| net.view(*node, nodes[2]).is_none() && net.view(*node, nodes[3]).is_none())
    });
    for _ in 0..40 {
        net.world.run_for(secs(5));
        assert!(net.is_full_view(&nodes[..2]));
        assert_eq!(
            net.view(nodes[0], nodes[2]),
            None,
            "no peer relays it again"
        );
    }
    net.assert_sound();
}

#[test]
fn a_lone_peer_finds_its_bootstrap_peer_again_after_any_absence() {
    let mut net = Net::forgetful(10);
    let nodes = star(&mut net, 3);
    net.until_full_view(&nodes);
    net.stop(nodes[0]);
    net.stop(nodes[2]);
    net.world.run_for(secs(7_200));
    assert_eq!(net.alive(nodes[1]), 0);
    assert_eq!(net.view(nodes[1], nodes[0]), None);
    net.restart(nodes[0]);
    net.restart(nodes[2]);
    // Three reconnect intervals.
    net.until(secs(75), "the lone peer sees all again", |net| {
        net.is_full_view(&nodes)
    });
    net.assert_sound();
}

#[test]
fn a_peer_that_reconnects_at_once_is_never_held_dead() {
    let mut net = Net::new(11);
    let nodes = star(&mut net, 5);
    net.until_full_view(&nodes);
    for round in 0..20 {
        let (a, b) = (nodes[round % 5], nodes[(round + 1) % 5]);
        net.world.inject(&gossip_sim::Fault::Cut { a, b });
        net.world.run_for(Duration::from_millis(700));
        assert!(net.is_full_view(&nodes));
    }
}

#[test]
fn a_peer_restarted_at_once_is_connected_without_a_timeout() {
    let mut net = Net::new(12);
    let nodes = star(&mut net, 5);
    net.until_full_view(&nodes);
    net.stop(nodes[3]);
    net.restart(nodes[3]);
    net.until(secs(3), "it sees all", |net| net.is_full_view(&nodes));
    net.assert_sound();
}

#[test]
fn views_are_complete_after_a_partition_heals() {
    let mut net = Net::new(13);
    let nodes = star(&mut net, 6);
    net.until_full_view(&nodes);
    let island = nodes[..3].to_vec();
    net.world.inject(&gossip_sim::Fault::Partition { island });
    net.until(secs(60), "each side sees itself", |net| {
        net.is_full_view(&nodes[..3]) && net.is_full_view(&nodes[3..])
    });
    net.world.inject(&gossip_sim::Fault::Heal);
    net.until(secs(75), "all see all", |net| net.is_full_view(&nodes));
    net.assert_sound();
}
