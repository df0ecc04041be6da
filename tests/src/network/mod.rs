//! Networks of real nodes: X.509 identities, ledgers on disk, and any runtime and transport.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failure is a failed test"
)]

mod authorities;
mod cluster;
mod counted;
mod intruder;
mod peer;
mod run;
mod stage;

pub use self::authorities::{Authorities, CHANNEL};
pub use self::cluster::{Cluster, Setup, quick};
pub use self::counted::{Counted, CountedHalf, CountedLink, CountedTransport};
pub use self::intruder::{Intruder, Line, alive, block, claim, conn, sign, state_info};
pub use self::peer::{Peer, Place};
pub use self::run::{eventually, on_smol, on_tokio, within};
pub use self::stage::{Mem, Stage, Tcp};
