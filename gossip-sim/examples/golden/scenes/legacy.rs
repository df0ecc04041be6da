//! Legacy peers in the network: heartbeats are signed, blocks are pushed at random and pulled.

use std::time::Duration;

use crate::Outcome;
use crate::net::{Net, channel};

/// Two organisations, each with peers of both kinds; first ours publish, then legacy peers.
pub(super) fn push() -> Outcome {
    let mut net = Net::new(25);
    let main = channel("main");
    let mut nodes = Vec::new();
    for org in ["org1", "org2"] {
        let ours = net.start(org, 4)?;
        let legacy = [net.start_legacy(org, 4)?, net.start_legacy(org, 5)?];
        nodes.push((ours, legacy));
    }
    for (ours, legacy) in &nodes {
        for node in ours.iter().chain(legacy) {
            net.join(*node, &main, &["org1", "org2"], 1);
        }
    }
    net.until_all_see_all()?;
    for (ours, _) in &nodes {
        net.publish(ours[1], &main, 0..40, 1_000);
    }
    net.until_all_hold(&main, 40)?;
    for (_, legacy) in &nodes {
        net.publish(legacy[1], &main, 40..70, 30_000);
    }
    net.until_all_hold(&main, 70)?;
    net.run_for(60_000);
    for (ours, legacy) in &nodes {
        let rounds = net.sum(ours, |metrics| metrics.pull_rounds);
        net.seen("rounds of pull with legacy peers", rounds)?;
        let pushed = net.sum(legacy, |metrics| metrics.blocks_pushed);
        net.seen("blocks pushed to legacy peers", pushed)?;
    }
    net.finish()
}

/// Legacy peers that get blocks by pull only, and one that joins late and pulls identities; then
/// our peers pull blocks of a legacy peer.
pub(super) fn pull() -> Outcome {
    let mut net = Net::with(
        26,
        |_| {},
        |config| {
            config.push.fanout = 0;
            config.membership.publish_identity_for = Duration::ZERO;
            config.state_transfer.gap_timeout = Duration::from_secs(3600);
        },
    );
    let main = channel("main");
    let ours = net.start("org1", 5)?;
    let mut legacy = vec![net.start_legacy("org1", 5)?];
    for node in ours.iter().chain(&legacy) {
        net.join(*node, &main, &["org1"], 1);
    }
    net.until_all_see_all()?;
    // No more blocks than a digest has.
    net.publish(ours[1], &main, 0..8, 1_000);
    net.run_for(5_000);
    legacy.push(net.start_legacy("org1", 6)?);
    net.join(legacy[1], &main, &["org1"], 1);
    net.until_all_hold(&main, 8)?;
    net.publish(legacy[0], &main, 8..16, 1_000);
    net.until_all_hold(&main, 16)?;
    net.run_for(30_000);
    let pulled = net.sum(&legacy, |metrics| metrics.blocks_pulled);
    net.seen("blocks pulled by legacy peers", pulled)?;
    let pulled = net.sum(&ours, |metrics| metrics.blocks_pulled);
    net.seen("blocks pulled by ours", pulled)?;
    let identities = net.sum(&legacy, |metrics| metrics.identities_pulled);
    net.seen("identities pulled", identities)?;
    net.finish()
}
