//! Invalid options and unusable files.

use std::fs;
use std::net::TcpListener;

use crate::support::{fails, run, text};

#[test]
fn help_and_version_are_not_errors() {
    for args in [
        &["--help"][..],
        &["--version"],
        &["demo", "--help"],
        &["sim", "--help"],
        &["chaos", "--help"],
    ] {
        let output = run(args);
        assert!(output.status.success());
        assert!(text(&output.stdout).contains("gossip"));
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn invalid_options_are_refused_in_one_line() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "no command"),
        (&["unknown"], "unknown"),
        (&["demo", "--orgs", "0"], "--orgs"),
        (&["demo", "--peers", "0"], "--peers"),
        (&["demo", "--peers", "many"], "--peers"),
        (
            &["demo", "--orgs", "64", "--peers", "64"],
            "4096 peers are too many",
        ),
        (&["demo", "--block-size", "0"], "--block-size"),
        (&["demo", "--block-size", "1GiB"], "--block-size"),
        (&["demo", "--block-size", "much"], "--block-size"),
        (&["demo", "--runtime", "fast"], "--runtime"),
        (&["demo", "--transport", "unknown"], "--transport"),
        (&["demo", "--port", "0"], "--port"),
        (&["demo", "--port", "65530"], "ports"),
        (&["demo", "--port", "7000", "--transport", "mem"], "--port"),
        (&["demo", "--patience", "0"], "--patience"),
        (&["demo", "--log", "demo=loud"], "--log"),
        (&["demo", "--input"], "--input"),
        (&["demo", "--unknown"], "--unknown"),
        (&["sim", "--orgs", "0"], "--orgs"),
        (&["sim", "--latency", "50..10"], "10..50"),
        (&["sim", "--latency", "long"], "milliseconds"),
        (&["sim", "--orgs", "1", "--peers", "1"], "2 nodes"),
        (&["sim", "--bandwidth", "0"], "--bandwidth"),
        (&["sim", "--block-size", "200MiB"], "--block-size"),
        (&["chaos", "--nodes", "1"], "--nodes"),
        (&["chaos", "--seeds", "5..5"], "no seed"),
        (&["chaos", "--seeds", "many"], "0..64"),
        (&["chaos", "--seeds", "0..9", "--seed", "3"], "--seed"),
        (&["chaos", "--threads", "0"], "--threads"),
        (
            &["sim", "--orgs", "1000", "--peers", "10000"],
            "nodes are too many",
        ),
    ];
    for (args, part) in cases {
        let error = fails(2, *args);
        assert!(error.contains(part), "{args:?}: {error}");
    }
}

#[test]
fn input_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let empty = dir.path().join("empty");
    let present = dir.path().join("present");
    fs::write(&empty, "").unwrap();
    fs::write(&present, "text").unwrap();
    let fails = |path: &std::path::Path| fails(1, ["demo", "--input", path.to_str().unwrap()]);
    let error = fails(&missing);
    assert!(
        error.contains("missing") && error.contains("No such file"),
        "{error}"
    );
    assert!(fails(dir.path()).contains("not a regular file"));
    assert!(fails(&empty).contains("the input is empty"));
    let (present, missing) = (present.to_str().unwrap(), missing.to_str().unwrap());
    assert!(crate::support::fails(1, ["demo", "--input", present, missing]).contains("missing"));
}

#[test]
fn too_many_blocks_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sparse");
    fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
    let args = [
        "demo",
        "--block-size",
        "256",
        "--input",
        path.to_str().unwrap(),
    ];
    assert!(fails(2, args).contains("larger --block-size"));
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let args = [
        "demo", "--json", "--orgs", "1", "--peers", "1", "--port", &port,
    ];
    let error = fails(1, args);
    assert!(error.contains(&format!("127.0.0.1:{port}")), "{error}");
    assert!(error.contains("in use"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let data = file.join("ledgers");
    let error = fails(1, ["demo", "--data", data.to_str().unwrap()]);
    assert!(error.contains("cannot keep ledgers in"), "{error}");
}
