//! Several channels on a node.

use std::time::Duration;

use bytes::Bytes;
use gossip_core::proto::Chaincode;
use gossip_core::{ChannelId, Coverage, Request, RequestError};

use crate::Outcome;
use crate::net::{Net, channel};

/// Two channels of different members, blocks in both, and a peer that leaves one and joins it again. A peer that has
/// not joined a channel relays state infos of its organisation in it.
pub(super) fn two_channels() -> Outcome {
    let mut net = Net::new(21);
    let (blue, green) = (channel("blue"), channel("green"));
    let one = net.start("org1", 5)?;
    let two = net.start("org2", 4)?;
    for node in one.iter().chain(&two) {
        net.join(*node, &blue, &["org1", "org2"], 1);
    }
    for node in one[..4].iter().chain(&two[..2]) {
        net.join(*node, &green, &["org1", "org2"], 1);
    }
    net.until_all_see_all()?;
    for leader in [one[0], two[0]] {
        net.publish(leader, &blue, 0..100, 700);
    }
    for leader in [one[3], two[1]] {
        net.publish(leader, &green, 0..100, 20_000);
    }
    net.run_for(1_500);
    let request = Request::LeaveChannel {
        channel: green.clone(),
    };
    net.world.request(one[1], request);
    net.run_for(10_000);
    net.join(one[1], &green, &["org1", "org2"], 1);
    net.until_all_hold(&blue, 100)?;
    net.until_all_hold(&green, 100)?;
    net.run_for(10_000);
    // The first organisation removes the second from one channel.
    for node in &one[..4] {
        net.join(*node, &green, &["org1"], 2);
    }
    net.publish(one[3], &green, 100..120, 700);
    net.run_for(30_000);
    let height = net.world.ledger(one[1]).height(&green);
    net.seen(
        "blocks of the new configuration",
        height.saturating_sub(119),
    )?;
    let relayed = net.sum(&one[4..], |metrics| metrics.state_infos_relayed);
    net.seen("state infos relayed", relayed)?;
    net.finish()
}

/// Two channels of one node with timers of different kinds that are due at the same instant.
pub(super) fn same_instant() -> Outcome {
    const PAUSE: Duration = Duration::from_secs(1);
    let mut net = Net::in_step(22);
    let channels = [channel("a"), channel("b")];
    let nodes = net.start("org1", 4)?;
    for channel in &channels {
        for node in &nodes {
            net.join(*node, channel, &["org1"], 1);
        }
    }
    net.until_all_see_all()?;
    for channel in &channels {
        net.publish(nodes[0], channel, 0..10, 1_000);
    }
    for channel in &channels {
        net.until_all_hold(channel, 10)?;
    }
    net.run_for(20_000);
    // A state info is published at once, the next one after the interval, at which the wait for coverage ends too.
    let interval = net.world.config(nodes[1]).channel.publish_interval;
    let update = |net: &mut Net, version: &str| {
        for channel in &channels {
            net.world.request(nodes[1], chaincode(channel, version));
        }
    };
    update(&mut net, "1");
    net.world.run_for(PAUSE);
    update(&mut net, "2");
    let wait = |channel: &ChannelId| Request::AwaitCoverage {
        channel: channel.clone(),
        seq: 1_000,
        coverage: Coverage::One,
        timeout: interval - PAUSE,
    };
    let waits = channels.each_ref().map(|channel| {
        let request = wait(channel);
        net.world.request(nodes[1], request)
    });
    for wait in waits {
        let reply = net.answer(wait)?;
        let timed_out = matches!(reply, Err(RequestError::NotCovered { .. }));
        net.seen("a wait that timed out", u64::from(timed_out))?;
    }
    // Blocks of both channels at the same instants, with gaps.
    for seq in [10, 12, 11, 14, 13] {
        for channel in &channels {
            let block = net.world.orderer().block(channel, seq, &[1; 500]);
            let request = Request::Publish {
                channel: channel.clone(),
                seq,
                block,
            };
            net.world.request(nodes[0], request);
        }
        net.run_for(200);
    }
    for channel in &channels {
        net.until_all_hold(channel, 15)?;
    }
    net.run_for(10_000);
    net.finish()
}

fn chaincode(channel: &ChannelId, version: &str) -> Request {
    let chaincode = Chaincode {
        name: "cars".to_owned(),
        version: version.to_owned(),
        metadata: Bytes::from_static(b"metadata"),
    };
    Request::UpdateChaincodes {
        channel: channel.clone(),
        chaincodes: vec![chaincode],
    }
}
