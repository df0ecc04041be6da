//! Applications that validate blocks before they are stored.

use std::time::Duration;

use gossip_core::{ChannelId, Instant, Metrics, Request, RequestError, Verdict};
use gossip_sim::{NodeId, SubmittedBlock};

use crate::Outcome;
use crate::net::{Net, channel};

/// From this time on all applications accept all blocks.
const LENIENT: Instant = Instant::from_millis(40_000);
const QUICK: Duration = Duration::from_millis(5);

/// Before `LENIENT` each of these validators returns other verdicts.
fn slow(_block: &SubmittedBlock) -> Option<(Verdict, Duration)> {
    Some((Verdict::Accept, Duration::from_millis(30)))
}

fn ignores(block: &SubmittedBlock) -> Option<(Verdict, Duration)> {
    judge(block, block.seq % 5 == 2, Some(Verdict::Ignore))
}

fn rejects(block: &SubmittedBlock) -> Option<(Verdict, Duration)> {
    judge(block, block.seq % 7 == 3, Some(Verdict::Reject))
}

fn answers_not(block: &SubmittedBlock) -> Option<(Verdict, Duration)> {
    judge(block, block.seq % 11 == 5, None)
}

fn judge(
    block: &SubmittedBlock,
    refuses: bool,
    verdict: Option<Verdict>,
) -> Option<(Verdict, Duration)> {
    let refuses = refuses && block.at < LENIENT;
    let verdict = if refuses {
        verdict
    } else {
        Some(Verdict::Accept)
    };
    verdict.map(|verdict| (verdict, QUICK))
}

/// Blocks that applications accept, ignore, reject or do not answer, pushed, requested and published.
pub(super) fn validator() -> Outcome {
    let mut net = Net::with(
        23,
        |_| {},
        |config| {
            config.gate.check_timeout = Duration::from_secs(3);
        },
    );
    let main = channel("main");
    let nodes = net.start("org1", 7)?;
    for node in &nodes {
        net.join(*node, &main, &["org1"], 1);
    }
    net.until_all_see_all()?;
    for (node, validator) in nodes[1..].iter().zip([slow, ignores, rejects, answers_not]) {
        net.world.validate_with(*node, validator);
        validate(&mut net, *node, &main, true);
    }
    net.publish(nodes[0], &main, 0..60, 1_000);
    net.run_for(20_000);
    let own = own_verdicts(&mut net, nodes[3], &main)?;
    net.until_all_hold(&main, 60)?;
    // A node leaves during a validation, and another ends its subscription.
    net.publish(nodes[0], &main, 60..80, 40_000);
    net.run_for(310);
    let request = Request::LeaveChannel {
        channel: main.clone(),
    };
    net.world.request(nodes[1], request);
    validate(&mut net, nodes[2], &main, false);
    net.until_all_hold(&main, 80)?;
    net.run_for(5_000);
    net.seen("a publication rejected by its own application", own)?;
    let of = |count: fn(&Metrics) -> u64| net.sum(&nodes, count);
    net.seen("blocks validated", of(|metrics| metrics.validations))?;
    net.seen("blocks ignored", of(|metrics| metrics.blocks_ignored))?;
    net.seen("blocks rejected", of(|metrics| metrics.blocks_rejected))?;
    net.seen("verdicts lost", of(|metrics| metrics.validations_lost))?;
    net.finish()
}

fn validate(net: &mut Net, node: NodeId, channel: &ChannelId, on: bool) {
    let request = Request::ValidateBlocks {
        channel: channel.clone(),
        on,
    };
    net.world.request(node, request);
}

/// The application of a node publishes a block that it then rejects.
fn own_verdicts(net: &mut Net, node: NodeId, channel: &ChannelId) -> Result<u64, String> {
    let height = net.world.ledger(node).height(channel);
    let seq = (height..).find(|seq| seq % 7 == 3).unwrap_or(height);
    let block = net.world.orderer().block(channel, seq, &[2; 300]);
    let request = Request::Publish {
        channel: channel.clone(),
        seq,
        block,
    };
    let request = net.world.request(node, request);
    let reply = net.answer(request)?;
    Ok(u64::from(matches!(reply, Err(RequestError::Rejected))))
}
