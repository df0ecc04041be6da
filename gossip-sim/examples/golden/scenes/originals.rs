//! Peers of the original among ours: heartbeats are signed, blocks are pushed at random and pulled.

use std::time::Duration;

use crate::Outcome;
use crate::net::{Net, channel};

/// Two organisations, each with peers of both kinds, in which either publishes.
pub(super) fn push() -> Outcome {
    let mut net = Net::new(25);
    let main = channel("main");
    let mut nodes = Vec::new();
    for org in ["org1", "org2"] {
        let ours = net.start(org, 4)?;
        let originals = [net.start_original(org, 4)?, net.start_original(org, 5)?];
        nodes.push((ours, originals));
    }
    for (ours, originals) in &nodes {
        for node in ours.iter().chain(originals) {
            net.join(*node, &main, &["org1", "org2"], 1);
        }
    }
    net.until_all_see_all()?;
    for (ours, _) in &nodes {
        net.publish(ours[1], &main, 0..40, 1_000);
    }
    net.until_all_hold(&main, 40)?;
    for (_, originals) in &nodes {
        net.publish(originals[1], &main, 40..70, 30_000);
    }
    net.until_all_hold(&main, 70)?;
    net.run_for(60_000);
    for (ours, originals) in &nodes {
        let rounds = net.sum(ours, |metrics| metrics.pull_rounds);
        net.seen("rounds of pull with peers of the original", rounds)?;
        let pushed = net.sum(originals, |metrics| metrics.blocks_pushed);
        net.seen("blocks pushed to peers of the original", pushed)?;
    }
    net.finish()
}

/// Peers of the original that get blocks by pull alone, and one that comes late and learns identities by it; then
/// one of ours pulls what only a peer of the original has.
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
    let mut originals = vec![net.start_original("org1", 5)?];
    for node in ours.iter().chain(&originals) {
        net.join(*node, &main, &["org1"], 1);
    }
    net.until_all_see_all()?;
    // As many as a digest tells of.
    net.publish(ours[1], &main, 0..8, 1_000);
    net.run_for(5_000);
    originals.push(net.start_original("org1", 6)?);
    net.join(originals[1], &main, &["org1"], 1);
    net.until_all_hold(&main, 8)?;
    net.publish(originals[0], &main, 8..16, 1_000);
    net.until_all_hold(&main, 16)?;
    net.run_for(30_000);
    let pulled = net.sum(&originals, |metrics| metrics.blocks_pulled);
    net.seen("blocks pulled by peers of the original", pulled)?;
    let pulled = net.sum(&ours, |metrics| metrics.blocks_pulled);
    net.seen("blocks pulled by ours", pulled)?;
    let identities = net.sum(&originals, |metrics| metrics.identities_pulled);
    net.seen("identities pulled", identities)?;
    net.finish()
}
