use anyhow::Result;

use crate::measured::Measured;
use crate::w1::{self, Mode, Peer};

const NODES: usize = 8;

pub(super) async fn run(peer: Peer, size: usize) -> Result<Measured> {
    let mode = Mode::Closed;
    let nodes = NODES;
    let case = w1::Case {
        peer,
        mode,
        nodes,
        size,
    };
    let run = case.run().await?;
    let figure = |name: &str| run.get(name).unwrap_or_default();
    // The static tree of the floor sends each copy once.
    let received = run.get("received_per_copy").unwrap_or(1.0);
    let per_byte = figure("cpu_us_per_copy") * 1e3 / size as f64;
    let mut measured = Measured::default();
    measured.set("cpu_ns_per_received_byte", per_byte / received);
    measured.set("cpu_ns_per_byte", per_byte);
    measured.set("mb_per_s", figure("payloads_per_s") * size as f64 / 1e6);
    measured.set("received_per_copy", received);
    measured.set("lost_copies", figure("lost_copies"));
    Ok(measured)
}
