//! What a peer knows again at its next start.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;

use gossip_driver::testing::{MemLedger, MemPeerBook, TestCrypto};
use gossip_driver::{BookedPeer, DriverConfig, Gossip, PeerBook, PeerBookError, SpawnError, spawn};

use support::{Net, Threads, config, eventually, run};

fn start(net: &Net, name: &str, bootstrap: &[&str], settings: DriverConfig) -> Gossip {
    let crypto = TestCrypto::new("org1", name);
    let config = config(&crypto, name, bootstrap);
    let ledger = MemLedger::new();
    spawn(Threads, config, settings, net.join(name), crypto, ledger).unwrap()
}

fn with(book: &MemPeerBook, incarnation: u64) -> DriverConfig {
    let mut settings = DriverConfig::default();
    settings.incarnation = Some(incarnation);
    settings.peer_book = Some(Arc::new(book.clone()));
    settings
}

#[test]
fn a_start_with_a_clock_set_back_comes_after_the_one_before() {
    run(async {
        let (net, book) = (Net::default(), MemPeerBook::new());
        let alice = start(&net, "alice", &[], DriverConfig::default());
        for (clock, incarnation) in [(1_000, 1_000), (500, 1_001), (9_000, 9_000)] {
            let bob = start(&net, "bob", &["alice"], with(&book, clock));
            assert_eq!(bob.self_membership_info().incarnation, incarnation);
            bob.wait_members(1).await.unwrap();
            let seen = alice.wait_members(1).await.unwrap();
            assert_eq!(seen[0].incarnation, incarnation);
            bob.shutdown().await;
        }
        alice.shutdown().await;
    });
}

#[test]
fn a_peer_finds_others_by_its_book_if_its_bootstrap_peers_are_gone() {
    run(async {
        let (net, book) = (Net::default(), MemPeerBook::new());
        let alice = start(&net, "alice", &[], DriverConfig::default());
        let bob = start(&net, "bob", &["alice"], with(&book, 1));
        bob.wait_members(1).await.unwrap();
        eventually("alice in the book", || !book.peers().unwrap().is_empty()).await;
        let booked = BookedPeer {
            peer: alice.self_membership_info().peer.clone(),
            endpoint: "alice".into(),
        };
        assert_eq!(book.peers().unwrap(), [booked]);
        bob.shutdown().await;
        let bob = start(&net, "bob", &["nobody"], with(&book, 2));
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
    let crypto = TestCrypto::new("org1", "alice");
    let config = config(&crypto, "alice", &[]);
    let port = Net::default().join("alice");
    let mut settings = DriverConfig::default();
    settings.peer_book = Some(Arc::new(Torn));
    let started = spawn(Threads, config, settings, port, crypto, MemLedger::new());
    assert!(matches!(started, Err(SpawnError::PeerBook(_))));
}

#[test]
fn others_hear_at_once_of_a_new_endpoint_and_that_a_peer_stops() {
    run(async {
        let net = Net::default();
        let alice = start(&net, "alice", &[], DriverConfig::default());
        let bob = start(&net, "bob", &["alice"], DriverConfig::default());
        bob.wait_members(1).await.unwrap();
        alice.wait_members(1).await.unwrap();
        bob.update_endpoint(Some("bob.example".into()))
            .await
            .unwrap();
        let endpoint = bob.self_membership_info().endpoint.clone();
        assert_eq!(endpoint, Some("bob.example".into()));
        let told = || alice.members()[0].endpoint == endpoint;
        eventually("bob's new endpoint", told).await;
        bob.shutdown().await;
        eventually("bob's farewell", || alice.members().is_empty()).await;
        alice.shutdown().await;
    });
}
