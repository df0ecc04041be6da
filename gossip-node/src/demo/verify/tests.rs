use std::fs;

use gossip::msp::{CertificateAuthority, KeyKind, Validity};
use indicatif::MultiProgress;

use super::*;
use crate::demo::blocks::BlockMaker;

/// Stores blocks with these texts and compares them with `input`.
fn difference(blocks: &[&str], input: &str) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let (path, file) = (dir.path().join("ledger"), dir.path().join("input"));
    fs::write(&file, input).unwrap();
    let channel = ChannelId::new("demo");
    let authority = CertificateAuthority::new("OrdererMSP", Validity::days(1)).unwrap();
    let orderer = authority.issue_orderer("orderer0", KeyKind::EcdsaP256, Validity::days(1));
    let orderer = orderer.unwrap().signing_identity().unwrap();
    let mut maker = BlockMaker::new(channel.clone(), orderer);
    let ledger = BlockLedger::open(&path).unwrap();
    for (seq, text) in (0..).zip(blocks) {
        let block = maker.make([text.as_bytes()].into_iter()).unwrap();
        ledger.append(&channel, seq, &block).unwrap();
    }
    drop(ledger);
    let input = Input::open(&[file]).unwrap();
    let screen = Screen::new(MultiProgress::new(), false).unwrap();
    let interrupt = Interrupt::never();
    let contents = compare_all(&[path], &channel, &input, &screen, &interrupt).unwrap();
    assert_eq!(contents.len(), 1);
    contents[0].difference.clone()
}

#[test]
fn a_ledger_with_the_input_is_equal_for_every_block_size() {
    assert_eq!(difference(&["some text"], "some text"), None);
    assert_eq!(difference(&["some", " ", "text"], "some text"), None);
}

#[test]
fn every_difference_is_found_and_named() {
    let cases: [(&[&str], &str, &str); 4] = [
        (
            &["some", " tent"],
            "some text",
            "differs from the input at byte 7",
        ),
        (&["some"], "some text", "ends 5 bytes before"),
        (
            &["some text", " more"],
            "some text",
            "continues after the end",
        ),
        (&[], "some text", "ends 9 bytes before"),
    ];
    for (blocks, input, expected) in cases {
        let found = difference(blocks, input).unwrap();
        assert!(found.contains(expected), "{blocks:?}: {found}");
    }
}
