//! Storing, refusing and reading blocks.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use common::{block, grow, next_block};
use futures_util::future::join;
use gossip_driver::Ledger;
use gossip_driver::core::{self, ChannelId};
use gossip_ledger::{BlockLedger, LedgerError, Tip};
use tempfile::TempDir;

fn new_ledger() -> (BlockLedger, ChannelId, PathBuf, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.redb");
    (
        BlockLedger::open(&path).unwrap(),
        ChannelId::new("mychannel"),
        path,
        directory,
    )
}

#[test]
fn blocks_are_stored_in_order_and_read_back() {
    let (ledger, channel, ..) = new_ledger();
    assert_eq!(ledger.height_of(&channel).unwrap(), 0);
    assert_eq!(ledger.tip(&channel).unwrap(), None);
    assert_eq!(
        ledger.blocks(&channel, 0..=10, 1000).unwrap(),
        Vec::<Bytes>::new()
    );
    let blocks = grow(&ledger, &channel, 10, 100);
    assert_eq!(ledger.height_of(&channel).unwrap(), 10);
    assert_eq!(ledger.blocks(&channel, 0..=9, u64::MAX).unwrap(), blocks);
    assert_eq!(
        ledger.blocks(&channel, 3..=4, u64::MAX).unwrap(),
        blocks[3..5]
    );
    assert_eq!(
        ledger.blocks(&channel, 8..=u64::MAX, u64::MAX).unwrap(),
        blocks[8..]
    );
    assert_eq!(
        ledger.blocks(&channel, 10..=12, u64::MAX).unwrap(),
        Vec::<Bytes>::new()
    );
    #[allow(clippy::reversed_empty_ranges, reason = "the case under test")]
    let reversed = ledger.blocks(&channel, 5..=4, u64::MAX).unwrap();
    assert_eq!(reversed, Vec::<Bytes>::new());
    let listed: Vec<_> = ledger
        .iter(&channel, 7)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        listed,
        [
            (7, blocks[7].clone()),
            (8, blocks[8].clone()),
            (9, blocks[9].clone())
        ]
    );
}

#[test]
fn another_number_than_the_next_is_refused() {
    let (ledger, channel, ..) = new_ledger();
    grow(&ledger, &channel, 3, 8);
    let tip = ledger.tip(&channel).unwrap();
    let (next, _) = next_block(tip, 8);
    let (unlabelled, _) = block(7, &tip.unwrap().header_hash, b"data");
    for (seq, block, wrong) in [(2, &next, 2), (4, &next, 4), (3, &unlabelled, 7)] {
        let refused = ledger.append(&channel, seq, block).unwrap_err();
        assert!(
            matches!(refused, LedgerError::WrongNumber { expected: 3, found, .. } if found == wrong),
            "{refused}"
        );
    }
    assert_eq!(ledger.tip(&channel).unwrap(), tip);
    ledger.append(&channel, 3, &next).unwrap();
}

#[test]
fn a_block_that_links_elsewhere_is_refused() {
    let (ledger, channel, ..) = new_ledger();
    grow(&ledger, &channel, 2, 8);
    let tip = ledger.tip(&channel).unwrap();
    for previous in [&[0; 32][..], b"", &tip.unwrap().header_hash[..31]] {
        let (stray, _) = block(2, previous, b"data");
        let refused = ledger.append(&channel, 2, &stray).unwrap_err();
        assert!(
            matches!(refused, LedgerError::WrongPreviousHash { number: 2, .. }),
            "{refused}"
        );
    }
    assert_eq!(ledger.tip(&channel).unwrap(), tip);
}

#[test]
fn block_0_may_link_to_anything() {
    let (ledger, channel, ..) = new_ledger();
    let (first, header_hash) = block(0, &[7; 32], b"data");
    ledger.append(&channel, 0, &first).unwrap();
    assert_eq!(
        ledger.tip(&channel).unwrap(),
        Some(Tip {
            height: 1,
            header_hash
        })
    );
}

#[test]
fn garbage_is_refused_and_leaves_nothing_behind() {
    let (ledger, channel, ..) = new_ledger();
    let (good, _) = block(0, b"", b"data");
    let headless = Bytes::from_static(&[0x12, 0x02, 0x0a, 0x00]);
    let empty = Bytes::from_static(&[0x0a, 0x00]);
    for bad in [
        Bytes::new(),
        Bytes::from_static(b"garbage"),
        good.slice(1..),
        headless,
        empty,
    ] {
        let refused = ledger.append(&channel, 0, &bad).unwrap_err();
        assert!(
            matches!(refused, LedgerError::Undecodable { number: 0, .. }),
            "{refused}"
        );
    }
    assert_eq!(ledger.height_of(&channel).unwrap(), 0);
    assert_eq!(
        ledger.blocks(&channel, 0..=0, u64::MAX).unwrap(),
        Vec::<Bytes>::new()
    );
    ledger.append(&channel, 0, &good).unwrap();
}

#[test]
fn reading_stops_at_the_byte_cap_but_returns_at_least_one_block() {
    let (ledger, channel, ..) = new_ledger();
    let blocks = grow(&ledger, &channel, 5, 1000);
    let two = (blocks[0].len() + blocks[1].len()) as u64;
    for (cap, expected) in [(0, 1), (1, 1), (two - 1, 1), (two, 2), (u64::MAX, 5)] {
        let found = ledger.blocks(&channel, 0..=4, cap).unwrap();
        assert!(
            found == blocks[..expected],
            "cap {cap}: {} blocks",
            found.len()
        );
    }
}

#[test]
fn blocks_larger_than_any_page_come_back_whole() {
    let (ledger, channel, ..) = new_ledger();
    let blocks = grow(&ledger, &channel, 2, 20 * 1024 * 1024);
    assert!(ledger.blocks(&channel, 1..=1, 1).unwrap() == blocks[1..]);
    assert_eq!(
        ledger.check_chain(&channel).unwrap(),
        ledger.tip(&channel).unwrap()
    );
}

#[test]
fn channels_do_not_mix() {
    let (ledger, one, ..) = new_ledger();
    let other = ChannelId::new("other");
    let of_one = grow(&ledger, &one, 3, 8);
    let of_other = grow(&ledger, &other, 2, 2000);
    grow(&ledger, &one, 4, 8);
    assert_eq!(ledger.height_of(&one).unwrap(), 4);
    assert_eq!(ledger.blocks(&one, 0..=2, u64::MAX).unwrap(), of_one);
    assert_eq!(ledger.blocks(&other, 0..=9, u64::MAX).unwrap(), of_other);
    assert_eq!(ledger.height_of(&ChannelId::new("none")).unwrap(), 0);
}

#[test]
fn a_reopened_ledger_continues_where_it_ended() {
    let (ledger, channel, path, _directory) = new_ledger();
    let mut blocks = grow(&ledger, &channel, 5, 5000);
    let tip = ledger.tip(&channel).unwrap();
    drop(ledger);
    let ledger = BlockLedger::open(&path).unwrap();
    assert_eq!(ledger.tip(&channel).unwrap(), tip);
    blocks.extend(grow(&ledger, &channel, 8, 50));
    assert_eq!(ledger.blocks(&channel, 0..=9, u64::MAX).unwrap(), blocks);
    assert_eq!(
        ledger.check_chain(&channel).unwrap(),
        ledger.tip(&channel).unwrap()
    );
}

#[test]
fn a_file_is_opened_once_at_a_time_and_only_if_it_is_a_ledger() {
    let (_ledger, _, path, directory) = new_ledger();
    let refused = BlockLedger::open(&path).unwrap_err();
    assert!(matches!(refused, LedgerError::InUse { .. }), "{refused}");
    let text = directory.path().join("text");
    std::fs::write(
        &text,
        "this is no database, but long enough to be taken for one".repeat(100),
    )
    .unwrap();
    let refused = BlockLedger::open(&text).unwrap_err();
    assert!(
        matches!(refused, LedgerError::NotALedger { .. }),
        "{refused}"
    );
    let refused = BlockLedger::open(directory.path().join("no").join("such")).unwrap_err();
    assert!(
        matches!(refused, LedgerError::CannotOpen { .. }),
        "{refused}"
    );
}

#[test]
fn the_database_of_another_program_is_refused_and_left_unchanged() {
    let directory = tempfile::tempdir().unwrap();
    let foreign = |name: &str, make: fn(&redb::WriteTransaction)| {
        let path = directory.path().join(name);
        let database = redb::Database::create(&path).unwrap();
        let write = database.begin_write().unwrap();
        make(&write);
        write.commit().unwrap();
        drop(database);
        let refused = BlockLedger::open(&path).unwrap_err();
        assert!(
            matches!(refused, LedgerError::NotALedger { .. }),
            "{refused}"
        );
        let database = redb::Database::open(&path).unwrap();
        let read = redb::ReadableDatabase::begin_read(&database).unwrap();
        let tables = read.list_tables().unwrap().count();
        let multimaps = read.list_multimap_tables().unwrap().count();
        assert_eq!(tables + multimaps, 1);
    };
    foreign("table", |write| {
        let table = redb::TableDefinition::<u64, u64>::new("accounts");
        drop(write.open_table(table).unwrap());
    });
    foreign("multimap", |write| {
        let table = redb::MultimapTableDefinition::<u64, u64>::new("accounts");
        drop(write.open_multimap_table(table).unwrap());
    });
    foreign("same name", |write| {
        let table = redb::TableDefinition::<&str, u64>::new("format");
        drop(write.open_table(table).unwrap());
    });
    foreign("same name, other type", |write| {
        let table = redb::TableDefinition::<u64, u64>::new("format");
        drop(write.open_table(table).unwrap());
    });
}

#[test]
fn readers_see_whole_chains_while_a_writer_appends() {
    let (ledger, channel, ..) = new_ledger();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut seen = 0;
                while !done.load(Ordering::SeqCst) {
                    let height = ledger.height_of(&channel).unwrap();
                    let listed = ledger
                        .iter(&channel, 0)
                        .unwrap()
                        .map(Result::unwrap)
                        .count() as u64;
                    assert!(
                        seen <= height && height <= listed,
                        "{seen} {height} {listed}"
                    );
                    let found = ledger.blocks(&channel, 0..=u64::MAX, u64::MAX).unwrap();
                    assert!(found.len() as u64 >= listed);
                    seen = height;
                }
            });
        }
        grow(&ledger, &channel, 60, 3000);
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(ledger.check_chain(&channel).unwrap().unwrap().height, 60);
}

#[test]
fn the_driver_sees_the_same_ledger_with_its_own_errors() {
    let (ledger, channel, ..) = new_ledger();
    let (first, tip) = next_block(None, 10);
    let (second, _) = next_block(Some(tip), 10);
    block_on(async {
        assert_eq!(Ledger::height(&ledger, &channel).await, Ok(0));
        let early = ledger.commit(&channel, 1, second.clone()).await;
        assert!(
            matches!(early, Err(core::LedgerError::NotNext(_))),
            "{early:?}"
        );
        assert_eq!(ledger.commit(&channel, 0, first.clone()).await, Ok(()));
        let (height, read) = join(
            Ledger::height(&ledger, &channel),
            ledger.read(&channel, 0..=9, 1),
        )
        .await;
        assert_eq!((height, read), (Ok(1), Ok(vec![first])));
        assert_eq!(ledger.commit(&channel, 1, second).await, Ok(()));
    });
}

/// Two writers of different channels overlap; both chains are complete.
#[test]
fn commits_of_several_channels_may_overlap() {
    let (ledger, ..) = new_ledger();
    std::thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            let ledger = &ledger;
            scope.spawn(move || grow(ledger, &ChannelId::new(name), 20, 500));
        }
    });
    for name in ["a", "b", "c"] {
        let checked = ledger.check_chain(&ChannelId::new(name)).unwrap();
        assert_eq!(checked.unwrap().height, 20);
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    futures_util::pin_mut!(future);
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    loop {
        match future
            .as_mut()
            .poll(&mut std::task::Context::from_waker(&waker))
        {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}
