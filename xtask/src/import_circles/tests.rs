use std::fs;
use std::path::PathBuf;

use super::*;
use crate::workspace::Member;

/// Writes a crate with these files and returns its circles: one line for each edge, and an empty
/// line between circles.
fn circles(files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let root = write(folder.path(), files);
    let shown = |path: &Path| {
        path.strip_prefix(folder.path())
            .unwrap()
            .display()
            .to_string()
    };
    let circles = circles_of(&root).unwrap();
    let circles = circles.iter().map(|circle| {
        let lines = circle.iter().map(|edge| {
            let items: Vec<&str> = edge.items.iter().map(String::as_str).collect();
            format!(
                "{} -> {}: {}",
                shown(&edge.from),
                shown(&edge.to),
                items.join(" ")
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    circles.collect::<Vec<_>>().join("\n\n")
}

fn write(folder: &Path, files: &[(&str, &str)]) -> PathBuf {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder.join("lib.rs")
}

#[test]
fn files_that_import_each_other_are_a_circle() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;"),
        (
            "a.rs",
            "use crate::b::{B, Second};\npub struct A(B, Second);",
        ),
        (
            "b.rs",
            "pub struct B; pub struct Second; fn f(a: super::a::A) {}",
        ),
        ("c.rs", "use crate::a::A; use crate::b::B;"),
    ]);
    assert_eq!(found, "a.rs -> b.rs: B Second\nb.rs -> a.rs: A");
}

#[test]
fn a_long_circle_is_told_in_order() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;"),
        ("a.rs", "use crate::c::C; pub struct A;"),
        ("b.rs", "use crate::a::A; pub struct B;"),
        ("c.rs", "use crate::b::B; pub struct C;"),
    ]);
    assert_eq!(found, "a.rs -> c.rs: C\nc.rs -> b.rs: B\nb.rs -> a.rs: A");
}

#[test]
fn circles_that_share_a_file_are_told_one_by_one_the_shortest_first() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use crate::c::C; pub struct B;"),
        ("c.rs", "use crate::{a::A, b::B}; pub struct C;"),
    ]);
    let expected = "b.rs -> c.rs: C\nc.rs -> b.rs: B";
    assert_eq!(
        found, expected,
        "without that circle the other one is gone too"
    );
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;"),
        ("a.rs", "use crate::{b::B, c::C}; pub struct A;"),
        ("b.rs", "use crate::a::A; pub struct B;"),
        ("c.rs", "use crate::a::A; pub struct C;"),
    ]);
    let expected = "a.rs -> b.rs: B\nb.rs -> a.rs: A\n\na.rs -> c.rs: C\nc.rs -> a.rs: A";
    assert_eq!(found, expected);
}

#[test]
fn imports_in_one_direction_are_no_circle() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;"),
        ("a.rs", "use crate::{b::B, c::C};"),
        ("b.rs", "use crate::c::C; pub struct B;"),
        ("c.rs", "use std::fmt; use other::a::A; pub struct C;"),
    ]);
    assert_eq!(found, "");
}

#[test]
fn re_exports_are_followed_to_the_file_that_defines_the_item() {
    let found = circles(&[
        (
            "lib.rs",
            "mod a;\nmod room;\npub use room::Inner; pub use a::A as Renamed;",
        ),
        ("a.rs", "use crate::Inner; pub struct A;"),
        (
            "room/mod.rs",
            "mod inner; pub(crate) use self::inner::Inner;",
        ),
        ("room/inner.rs", "use crate::Renamed; pub struct Inner;"),
    ]);
    assert_eq!(
        found,
        "a.rs -> room/inner.rs: Inner\nroom/inner.rs -> a.rs: A"
    );
}

#[test]
fn a_module_that_only_hands_a_name_on_is_no_part_of_the_circle() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod room;"),
        ("a.rs", "use crate::room::Inner; pub struct A;"),
        (
            "room/mod.rs",
            "mod inner; mod outer; pub(crate) use self::inner::Inner;",
        ),
        ("room/inner.rs", "pub struct Inner;"),
        ("room/outer.rs", "use crate::a::A;"),
    ]);
    assert_eq!(found, "");
}

#[test]
fn globs_are_followed() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;\nmod prelude;"),
        (
            "a.rs",
            "use crate::prelude::*; pub struct A(B); fn f(k: u8) { match k { One => {} } }",
        ),
        (
            "b.rs",
            "use crate::a::A; pub struct B; pub enum Kind { One }",
        ),
        (
            "prelude.rs",
            "pub use crate::b::*; pub use crate::b::Kind::*; struct Private;",
        ),
    ]);
    assert_eq!(found, "a.rs -> b.rs: B Kind\nb.rs -> a.rs: A");
}

#[test]
fn a_glob_brings_only_what_can_be_used_and_is_used() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;\nmod prelude;"),
        (
            "a.rs",
            "use crate::prelude::*; pub struct A(Hidden); fn f(links: u8) { links; }",
        ),
        (
            "b.rs",
            "use crate::a::A; struct Hidden; pub struct B; pub fn links() {}",
        ),
        ("prelude.rs", "pub use crate::b::*;"),
    ]);
    assert_eq!(found, "");
}

#[test]
fn a_module_and_the_files_below_it_are_exempt_from_each_other() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod room; pub struct Root(a::A);"),
        ("a.rs", "pub use crate::Root; pub struct A;"),
        (
            "room/mod.rs",
            "mod one; mod two; use self::one::One; pub struct Room(One);",
        ),
        (
            "room/one.rs",
            "use super::Room; use super::two::Two; pub struct One; impl Room {}",
        ),
        ("room/two.rs", "use crate::room::Room; pub struct Two;"),
    ]);
    assert_eq!(found, "");
    let found = circles(&[
        ("lib.rs", "mod a; use a::Top;"),
        (
            "a.rs",
            "mod deep; mod side; use self::deep::er::Er; pub struct Top(Er, crate::Root);",
        ),
        ("a/deep/mod.rs", "pub mod er;"),
        (
            "a/deep/er.rs",
            "use crate::a::{Top, side::Side}; pub struct Er;",
        ),
        ("a/side.rs", "use super::deep::er::Er; pub struct Side;"),
    ]);
    let expected = "a/deep/er.rs -> a/side.rs: Side\na/side.rs -> a/deep/er.rs: Er";
    assert_eq!(found, expected, "children of one module are not");
}

#[test]
fn a_module_and_what_is_outside_of_it_are_a_circle() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod room;"),
        ("a.rs", "use crate::room::Room; pub struct A;"),
        ("room/mod.rs", "use crate::a::A; pub struct Room;"),
    ]);
    assert_eq!(found, "a.rs -> room/mod.rs: Room\nroom/mod.rs -> a.rs: A");
}

#[test]
fn tests_and_documentation_are_left_out() {
    let found = circles(&[
        (
            "lib.rs",
            "mod a;\nmod b;\n#[cfg(all(test, unix))]\nmod missing;\nmod only;",
        ),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("only.rs", "#![cfg(test)]\nuse crate::a::A;"),
        (
            "b.rs",
            "#[cfg(test)] use crate::a::A; #[cfg(doc)] use crate::a::A; pub struct B { \
             #[cfg(test)] a: crate::a::A } #[cfg(test)] mod tests { use crate::a::A; } impl B { \
             #[cfg(test)] fn f(a: crate::a::A) {} fn g() { #[cfg(test)] let a = crate::a::A; } }",
        ),
    ]);
    assert_eq!(found, "");
}

#[test]
fn what_a_feature_or_a_platform_brings_is_looked_at() {
    let found = circles(&[
        (
            "lib.rs",
            "mod a;\n#[cfg(any(test, feature = \"more\"))]\nmod b;",
        ),
        ("a.rs", "#[cfg(not(test))] use crate::b::B; pub struct A;"),
        ("b.rs", "#[cfg(unix)] use crate::a::A; pub struct B;"),
    ]);
    assert_eq!(found, "a.rs -> b.rs: B\nb.rs -> a.rs: A");
}

#[test]
fn an_item_that_a_macro_defines_is_in_the_file_of_the_call() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod ids;\npub use ids::*;"),
        ("a.rs", "use crate::PeerId; pub struct A;"),
        ("ids.rs", "make_id!(PeerId, 32); use crate::a::A;"),
    ]);
    assert_eq!(found, "a.rs -> ids.rs: PeerId\nids.rs -> a.rs: A");
}

#[test]
fn a_macro_is_an_item_and_what_it_is_given_is_left_out() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;"),
        (
            "a.rs",
            "macro_rules! make { ($x:expr) => { crate::b::B } } pub(crate) use make; pub struct A;",
        ),
        ("b.rs", "pub struct B; fn f() { crate::a::make!(1); }"),
        (
            "c.rs",
            "use crate::b::B; fn f() { println!(\"{}\", crate::a::A); }",
        ),
    ]);
    assert_eq!(found, "");
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;"),
        (
            "a.rs",
            "macro_rules! make { () => {} } pub(crate) use make; use crate::b::B;",
        ),
        ("b.rs", "pub struct B; fn f() { crate::a::make!(1); }"),
    ]);
    assert_eq!(found, "a.rs -> b.rs: B\nb.rs -> a.rs: make");
}

#[test]
fn an_inline_module_is_part_of_its_file() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;"),
        (
            "a.rs",
            "pub mod inner { pub struct Inner; use super::A; } pub struct A; use crate::b::B;",
        ),
        (
            "b.rs",
            "mod deep { use crate::a::inner::Inner; fn f(inner: super::B) {} } pub struct B;",
        ),
    ]);
    assert_eq!(found, "a.rs -> b.rs: B\nb.rs -> a.rs: Inner");
}

#[test]
fn imports_and_paths_inside_functions_count() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;"),
        (
            "a.rs",
            "pub struct A; fn f() { use crate::b::{self as c}; if true { c::help(); } }",
        ),
        (
            "b.rs",
            "pub fn help() { let a: Vec<crate::a::A> = Vec::new(); }",
        ),
    ]);
    assert_eq!(found, "a.rs -> b.rs: help\nb.rs -> a.rs: A");
}

#[test]
fn a_module_is_no_item() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;"),
        (
            "a.rs",
            "use crate::{b, c::{self}}; fn f() { c::help(); } pub struct A;",
        ),
        ("b.rs", "use crate::a::A;"),
        ("c.rs", "pub fn help() {}"),
    ]);
    assert_eq!(found, "");
}

#[test]
fn a_name_that_a_module_and_an_import_share_is_followed_to_its_end() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod run; pub use run::run; pub use a::*;"),
        (
            "a.rs",
            "pub use crate::*; use crate::run; fn f() { run(); } pub struct A;",
        ),
        ("run.rs", "pub fn run() { crate::A; }"),
    ]);
    assert_eq!(found, "a.rs -> run.rs: run\nrun.rs -> a.rs: A");
}

#[test]
fn files_elsewhere_are_found_by_their_path() {
    let found = circles(&[
        ("lib.rs", "mod a;\n#[path = \"other/place.rs\"]\nmod b;"),
        ("a.rs", "use crate::b::more::More; pub struct A;"),
        ("other/place.rs", "pub mod more;"),
        ("other/more.rs", "use crate::a::A; pub struct More;"),
    ]);
    assert_eq!(
        found,
        "a.rs -> other/more.rs: More\nother/more.rs -> a.rs: A"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = write(folder.path(), &[("lib.rs", "mod missing;")]);
    let error = circles_of(&root).unwrap_err().to_string();
    assert!(error.contains("missing"), "{error}");
    let root = write(folder.path(), &[("lib.rs", "mod bad;"), ("bad.rs", "fn {")]);
    let error = circles_of(&root).unwrap_err().to_string();
    assert!(error.contains("bad.rs"), "{error}");
}

#[test]
fn a_circle_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("lib.rs", "mod a;\nmod b;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use crate::a::A; pub struct B;"),
    ];
    let round = write(&folder.path().join("round"), &files);
    let straight = write(&folder.path().join("straight"), &[("lib.rs", "")]);
    let member = |name: &str, target| Member {
        name: name.to_owned(),
        rust_version: None,
        dependencies: Vec::new(),
        targets: vec![target],
    };
    let workspace = Workspace {
        members: vec![member("round", round), member("straight", straight)],
        packages: Vec::new(),
    };
    let expected = "round: 2 files import each other: move what they share to a file that imports none \
                    of them\n  round/a.rs imports B from round/b.rs\n  round/b.rs imports A from round/a.rs";
    assert_eq!(check(folder.path(), &workspace).unwrap(), [expected]);
}
