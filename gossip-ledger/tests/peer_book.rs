//! The peer book in the ledger's file.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use common::grow;
use gossip_driver::core::ChannelId;
use gossip_driver::testing::check_peer_book;
use gossip_driver::{BookedPeer, PeerBook};
use gossip_ledger::BlockLedger;

#[test]
fn the_book_in_a_ledgers_file_keeps_its_promises_over_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.redb");
    check_peer_book(|| BlockLedger::open(&path).unwrap().peer_book());
}

#[test]
fn the_book_and_the_blocks_do_not_mind_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.redb");
    let ledger = BlockLedger::open(&path).unwrap();
    let (book, channel) = (ledger.peer_book(), ChannelId::new("mychannel"));
    let blocks = grow(&ledger, &channel, 3, 100);
    book.begin(7).unwrap();
    let booked = [BookedPeer {
        peer: gossip_driver::core::PeerId::new(&[0, 255]),
        endpoint: "peer1.org1:7051".into(),
    }];
    book.remember(&booked).unwrap();
    drop((ledger, book));
    let ledger = BlockLedger::open(&path).unwrap();
    assert_eq!(ledger.blocks(&channel, 0..=9, u64::MAX).unwrap(), blocks);
    assert_eq!(ledger.peer_book().peers().unwrap(), booked);
    assert_eq!(ledger.peer_book().begin(0).unwrap(), 8);
}

/// Makes the re-executed test binary begin incarnations in this file until it is killed.
const FILE: &str = "GOSSIP_PEER_BOOK_CRASH_FILE";

/// No test of its own: the process that is killed.
#[test]
fn begins_until_killed() {
    let Ok(path) = std::env::var(FILE) else {
        return;
    };
    let book = BlockLedger::open(path).unwrap().peer_book();
    loop {
        let incarnation = book.begin(0).unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "began {incarnation}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn no_incarnation_is_given_twice_however_the_process_ends() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.redb");
    let mut last = 0_u64;
    for round in 1..=5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "begins_until_killed", "--nocapture"])
            .env(FILE, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut begun = 0;
        let mut next = || {
            lines.by_ref().find_map(|line| {
                let line = line.unwrap();
                let (_, number) = line.rsplit_once("began ")?;
                number.parse::<u64>().ok()
            })
        };
        while begun < round * 3 {
            let incarnation = next().unwrap();
            assert!(incarnation > last, "{incarnation} after {last}");
            (last, begun) = (incarnation, begun + 1);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Numbers still in the pipe were reported before the kill.
        while let Some(incarnation) = next() {
            last = incarnation;
        }
    }
    let book = BlockLedger::open(&path).unwrap().peer_book();
    assert!(book.begin(0).unwrap() > last);
}
