//! Scenarios of several organisations, anchors and disclosure.

use gossip_core::Refusal;
use gossip_sim::{NodeId, external_endpoint, internal_endpoint};
use tests::scenario::{FORGOTTEN, Net, SOON, secs};

/// Peers `p0`, `p1`, .. of an organisation, the first `public` of them with an external endpoint.
fn org(net: &mut Net, name: &str, count: usize, public: usize) -> Vec<NodeId> {
    (0..count)
        .map(|index| {
            let bootstrap: &[&str] = if index == 0 { &[] } else { &["p0"] };
            net.start_with(name, &format!("p{index}"), bootstrap, |config| {
                if index >= public {
                    config.external_endpoint = None;
                }
            })
        })
        .collect()
}

fn knows_internally(net: &Net, observer: NodeId, subject: NodeId) -> bool {
    net.view(observer, subject)
        .is_some_and(|member| member.internal_endpoint.is_some())
}

#[test]
fn organisations_see_only_each_others_public_peers_and_endpoints() {
    let mut net = Net::new(1);
    let orgs = [org(&mut net, "a", 5, 2), org(&mut net, "b", 5, 2)];
    for node in orgs.concat() {
        net.join(node, "c", &[("a", &["p0"]), ("b", &["p0"])]);
    }
    net.until(SOON, "views are as large as they may be", |net| {
        orgs.iter().all(|org| {
            org[..2].iter().all(|node| net.alive(*node) == 6)
                && org[2..].iter().all(|node| net.alive(*node) == 4)
        })
    });
    net.world.run_for(secs(60));
    for (index, own) in orgs.iter().enumerate() {
        for observer in own {
            for subject in own.iter().filter(|subject| *subject != observer) {
                assert!(knows_internally(&net, *observer, *subject));
            }
            for foreign in &orgs[1 - index] {
                assert!(!knows_internally(&net, *observer, *foreign));
            }
        }
        assert!(own[2..].iter().all(|node| net.alive(*node) == 4));
    }
    net.assert_sound();
}

#[test]
fn organisations_learn_only_of_organisations_in_a_common_channel() {
    let mut net = Net::new(2);
    let names = ["a", "b", "c", "d"];
    let orgs = names.map(|name| org(&mut net, name, 3, 2));
    for (x, y) in [(0, 1), (0, 2), (1, 2), (1, 3)] {
        let channel = format!("{}{}", names[x], names[y]);
        let members: [(&str, &[&str]); 2] = [(names[x], &["p0"]), (names[y], &["p0"])];
        for node in orgs[x].iter().chain(&orgs[y]) {
            net.join(*node, &channel, &members);
        }
    }
    let sizes = [6, 8, 6, 4];
    let right = |net: &Net| {
        orgs.iter().zip(sizes).all(|(org, size)| {
            org[..2].iter().all(|node| net.alive(*node) == size) && net.alive(org[2]) == 2
        })
    };
    net.until(SOON, "views are as large as they may be", right);
    for _ in 0..20 {
        net.world.run_for(secs(5));
        assert!(right(&net));
        for (x, y) in [(0, 3), (2, 3)] {
            for (a, b) in orgs[x]
                .iter()
                .flat_map(|a| orgs[y].iter().map(move |b| (a, b)))
            {
                assert!(net.view(*a, *b).is_none() && net.view(*b, *a).is_none());
            }
        }
    }
    // State infos sent to other organisations are of public peers only.
    let of_ab = |net: &Net, node| net.participants(node, "ab").len();
    assert!(orgs[0][..2].iter().all(|node| of_ab(&net, *node) == 4));
    assert_eq!(of_ab(&net, orgs[0][2]), 2);
    net.assert_sound();
}

#[test]
fn late_anchors_of_both_organisations_are_found_within_the_disclosure_rules() {
    let mut net = Net::new(3);
    let late = net.start("a", "new", &[]);
    let members: [(&str, &[&str]); 2] = [("a", &["p0"]), ("b", &["p0"])];
    net.join(late, "c", &members);
    net.world.run_for(secs(5));
    assert!(net.metrics(late).dials_failed > 0);
    let ours = org(&mut net, "a", 2, 2);
    let theirs = org(&mut net, "b", 2, 2);
    for node in ours.iter().chain(&theirs) {
        net.join(*node, "c", &members);
    }
    let all: Vec<_> = std::iter::once(late)
        .chain(ours.clone())
        .chain(theirs.clone())
        .collect();
    net.until_full_view(&all);
    assert!(ours.iter().all(|node| knows_internally(&net, *node, late)));
    assert!(
        theirs
            .iter()
            .all(|node| !knows_internally(&net, *node, late))
    );
    net.assert_sound();
}

#[test]
fn a_foreign_bootstrap_peer_is_refused_each_time_and_learns_nothing() {
    let mut net = Net::new(4);
    let foreign = net.start("b", "p0", &[]);
    let own = net.start("a", "p0", &[]);
    let node = net.start_with("a", "new", &[], |config| {
        config.bootstrap = vec![internal_endpoint("b", "p0"), internal_endpoint("a", "p0")];
    });
    net.until(SOON, "the peer of its own organisation is found", |net| {
        net.sees(node, own) && net.sees(own, node)
    });
    net.world.run_for(secs(60));
    assert!(net.metrics(node).refused[&Refusal::ForeignBootstrap] >= 3);
    assert_eq!(net.view(foreign, node), None);
    assert_eq!(net.view(node, foreign), None);
    let traffic = net.metrics(foreign).messages_received;
    // One authentication per dial, and no other message.
    let dials = net.metrics(node).dials;
    assert!(traffic <= dials, "{traffic} messages for {dials} dials");
}

#[test]
fn ten_peers_find_each_other_through_one_of_three_anchors_that_starts_late() {
    let mut net = Net::new(5);
    let members: [(&str, &[&str]); 1] = [("a", &["anchor0", "anchor1", "anchor2"])];
    let mut nodes: Vec<_> = (0..10)
        .map(|index| net.start("a", &format!("p{index}"), &[]))
        .collect();
    for node in &nodes {
        net.join(*node, "c", &members);
    }
    net.world.run_for(secs(30));
    assert!(nodes.iter().all(|node| net.alive(*node) == 0));
    let anchor = net.start("a", "anchor1", &[]);
    net.join(anchor, "c", &members);
    nodes.push(anchor);
    net.until_full_view(&nodes);
    net.until(SOON, "all see all in the channel", |net| {
        net.is_full_channel(&nodes, "c")
    });
    net.assert_sound();
}

#[test]
fn an_organisation_that_was_down_longer_than_remembered_is_found_again() {
    let mut net = Net::forgetful(6);
    let orgs = [org(&mut net, "a", 2, 2), org(&mut net, "b", 3, 3)];
    for node in orgs.concat() {
        net.join(node, "c", &[("a", &["p0"]), ("b", &["p0"])]);
    }
    let all = orgs.concat();
    net.until_full_view(&all);
    for node in &orgs[1] {
        net.stop(*node);
    }
    net.world.run_for(FORGOTTEN);
    assert!(net.is_full_view(&orgs[0]));
    assert_eq!(net.view(orgs[0][0], orgs[1][2]), None);
    for node in &orgs[1] {
        net.restart(*node);
    }
    net.until(secs(75), "all see all again", |net| net.is_full_view(&all));
    net.assert_sound();
}

#[test]
fn an_anchor_is_found_again_after_it_was_forgotten() {
    let mut net = Net::forgetful(7);
    let nodes = org(&mut net, "a", 3, 3);
    let others: Vec<_> = (0..2)
        .map(|index| net.start("a", &format!("q{index}"), &[]))
        .collect();
    for node in nodes.iter().chain(&others) {
        net.join(*node, "c", &[("a", &["p0"])]);
    }
    let all = [nodes.clone(), others.clone()].concat();
    net.until_full_view(&all);
    for node in &all[..4] {
        net.stop(*node);
    }
    let lone = others[1];
    net.world.run_for(net.forgotten_by_the_last(lone));
    assert_eq!(net.alive(lone), 0);
    assert_eq!(net.view(lone, nodes[0]), None);
    for node in &all[..4] {
        net.restart(*node);
    }
    net.until(secs(75), "the lone peer sees all again", |net| {
        net.is_full_view(&all)
    });
}

#[test]
fn foreign_anchors_are_not_dialled_by_a_peer_without_external_endpoint() {
    let mut net = Net::new(8);
    net.start("b", "p0", &[]);
    let hidden = net.start_with("a", "p0", &[], |config| config.external_endpoint = None);
    net.join(hidden, "c", &[("a", &[]), ("b", &["p0"])]);
    net.world.run_for(secs(60));
    assert_eq!(net.metrics(hidden).dials, 0);
}

#[test]
fn an_anchor_of_another_organisation_than_declared_learns_nothing_of_us() {
    let mut net = Net::new(9);
    let misdeclared = net.start_with("x", "p0", &[], |config| {
        config.external_endpoint = Some(external_endpoint("b", "p0"));
    });
    let node = net.start("a", "p0", &[]);
    net.join(node, "c", &[("a", &[]), ("b", &["p0"])]);
    net.world.run_for(secs(30));
    assert!(net.metrics(node).dials > 0);
    assert_eq!(net.view(misdeclared, node), None);
    assert_eq!(net.view(node, misdeclared), None);
}
