//! Tests of snapshots.

use gossip_proto::Branch;

use crate::node::bench::*;
use crate::{Request, Response, Snapshot};

fn snapshot(bench: &mut Bench) -> Snapshot {
    match bench.ask(Request::Snapshot) {
        Ok(Response::Snapshot(snapshot)) => *snapshot,
        other => panic!("{other:?}"),
    }
}

/// A node in a channel with two linked peers and a third that authenticates. One of the two announces its height and
/// pushes a block that is not the next one. PKI-IDs are displayed in hexadecimal: `m1` is 6d31.
fn busy() -> Snapshot {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    let link = bench.participant("m2");
    bench.member("a2");
    bench.link_up("m3", None);
    bench.receive(link, &state_info("m2", 2, 7));
    bench.receive(link, &tree(0, Some(Branch::Graft)));
    bench.receive(link, &pushed(3, good_block(3)));
    snapshot(&mut bench)
}

#[test]
fn a_snapshot_shows_peers_and_links() {
    let snapshot = busy();
    assert_eq!(
        (snapshot.peer.as_str(), snapshot.org.as_str()),
        ("6d31", "m")
    );
    assert_eq!(snapshot.incarnation, 5);
    let members: Vec<_> = snapshot
        .members
        .iter()
        .map(|one| {
            (
                one.peer.as_str(),
                one.org.as_deref(),
                one.alive,
                one.connected,
            )
        })
        .collect();
    assert_eq!(
        members,
        [
            ("6132", Some("a"), true, true),
            ("6d32", Some("m"), true, true)
        ]
    );
    let links: Vec<_> = snapshot
        .links
        .iter()
        .map(|one| (one.peer.as_deref(), one.phase, one.queues.len()))
        .collect();
    let expected = [
        (Some("6d32"), "up", 3),
        (Some("6132"), "up", 3),
        (None, "authenticating", 3),
    ];
    assert_eq!(links, expected);
}

#[test]
fn a_snapshot_shows_channels_and_every_store_within_its_bound() {
    let snapshot = busy();
    let [channel] = &snapshot.channels[..] else {
        panic!("expected one channel");
    };
    assert_eq!((channel.channel.as_str(), channel.height), ("main", 0));
    assert_eq!(
        channel.peers.iter().collect::<Vec<_>>(),
        [(&"6d32".to_owned(), &7)]
    );
    assert_eq!(channel.eager_peers, ["6d32"]);
    let held = channel
        .stores
        .iter()
        .find(|store| store.entries == 1 && store.bytes.is_some());
    assert_eq!(
        held.map(|store| store.name),
        Some("blocks that wait for the ledger")
    );
    assert!(snapshot.counters["verifications"] > 0);
    let overfull: Vec<_> = snapshot
        .all_stores()
        .filter(|one| one.is_overfull())
        .collect();
    assert!(overfull.is_empty(), "{overfull:?}");
}
