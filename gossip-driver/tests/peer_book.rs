//! State that a peer keeps over a restart.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;

use gossip_driver::builder::Builder;
use gossip_driver::error::SpawnError;
use gossip_driver::testing::{MemLedger, MemPeerBook, TestCrypto};
use gossip_driver::{BookedPeer, Gossip, PeerBook, PeerBookError};

use support::{Net, Port, Threads, eventually, node, run};

type Node = Builder<Threads, TestCrypto, Port, MemLedger>;

fn peer(net: &Net, name: &str, bootstrap: &[&str]) -> Node {
    let builder = node(TestCrypto::new("org1", name), bootstrap).external_endpoint(name);
    builder.transport(net.join(name)).ledger(MemLedger::new())
}

fn start(net: &Net, name: &str, bootstrap: &[&str]) -> Gossip {
    peer(net, name, bootstrap).spawn().unwrap()
}

fn with(book: &MemPeerBook, incarnation: u64, node: Node) -> Gossip {
    let node = node.configure_driver(|driver| {
        driver.incarnation = Some(incarnation);
        driver.peer_book = Some(Arc::new(book.clone()));
    });
    node.spawn().unwrap()
}

#[test]
fn a_start_with_a_clock_set_back_comes_after_the_one_before() {
    run(async {
        let (net, book) = (Net::default(), MemPeerBook::new());
        let alice = start(&net, "alice", &[]);
        for (clock, incarnation) in [(1_000, 1_000), (500, 1_001), (9_000, 9_000)] {
            let bob = with(&book, clock, peer(&net, "bob", &["alice"]));
            assert_eq!(bob.local_member().incarnation, incarnation);
            bob.wait_members(1).await.unwrap();
            let seen = alice.wait_members(1).await.unwrap();
            assert_eq!(seen[0].incarnation, incarnation);
            bob.shutdown().await;
        }
        alice.shutdown().await;
    });
}

#[test]
fn a_peer_finds_others_by_its_book_if_no_bootstrap_peer_answers() {
    run(async {
        let (net, book) = (Net::default(), MemPeerBook::new());
        let alice = start(&net, "alice", &[]);
        let bob = with(&book, 1, peer(&net, "bob", &["alice"]));
        bob.wait_members(1).await.unwrap();
        eventually("alice in the book", || !book.peers().unwrap().is_empty()).await;
        let booked = BookedPeer {
            peer: alice.local_member().peer.clone(),
            endpoint: "alice".into(),
        };
        assert_eq!(book.peers().unwrap(), [booked]);
        bob.shutdown().await;
        let bob = with(&book, 2, peer(&net, "bob", &["unreachable"]));
        bob.wait_members(1).await.unwrap();
        bob.shutdown().await;
        alice.shutdown().await;
    });
}

#[derive(Debug)]
struct Torn;

impl PeerBook for Torn {
    fn begin(&self, _: u64) -> Result<u64, PeerBookError> {
        Err(PeerBookError::Storage("torn".to_owned()))
    }

    fn remember(&self, _: &[BookedPeer]) -> Result<(), PeerBookError> {
        Err(PeerBookError::Storage("torn".to_owned()))
    }

    fn peers(&self) -> Result<Vec<BookedPeer>, PeerBookError> {
        Ok(Vec::new())
    }
}

#[test]
fn a_book_that_cannot_be_written_starts_nothing() {
    let alice = peer(&Net::default(), "alice", &[]);
    let alice = alice.configure_driver(|driver| driver.peer_book = Some(Arc::new(Torn)));
    let started = alice.spawn();
    assert!(matches!(started, Err(SpawnError::PeerBook(_))));
}

#[test]
fn others_hear_at_once_of_a_new_endpoint_and_that_a_peer_stops() {
    run(async {
        let net = Net::default();
        let alice = start(&net, "alice", &[]);
        let bob = start(&net, "bob", &["alice"]);
        bob.wait_members(1).await.unwrap();
        alice.wait_members(1).await.unwrap();
        bob.set_external_endpoint(Some("bob.example".into()))
            .await
            .unwrap();
        let endpoint = bob.local_member().endpoint.clone();
        assert_eq!(endpoint, Some("bob.example".into()));
        let updated = || alice.members()[0].endpoint == endpoint;
        eventually("bob's new endpoint", updated).await;
        bob.shutdown().await;
        eventually("bob's farewell", || alice.members().is_empty()).await;
        alice.shutdown().await;
    });
}
