//! Replay of an hour of messages.

use std::time::Duration;

use gossip_core::ChannelId;
use gossip_core::proto::SignedMessage;

use super::stage::{Stage, common, private};

const HOUR: Duration = Duration::from_secs(3600);
const PER_ROUND: usize = 400;

/// The same message in another channel, unsigned.
fn moved(message: &SignedMessage, channel: &ChannelId) -> SignedMessage {
    let mut message = message.message().clone();
    message.channel = bytes::Bytes::copy_from_slice(channel.as_str().as_bytes());
    SignedMessage::unsigned(message)
}

#[test]
fn an_hour_of_messages_replayed_to_the_same_and_other_channels_changes_nothing() {
    let mut stage = Stage::new(4, 6);
    let mallory = stage.mallory;
    stage.world.overhear(mallory);
    stage.publish(300);
    stage.world.run_for(HOUR);
    let heard = stage.world.take_heard(mallory);
    assert!(heard.len() > 10_000, "{}", heard.len());
    let covered = heard[heard.len() - 1].at.since(heard[0].at);
    assert!(covered > HOUR - Duration::from_secs(10), "{covered:?}");
    let committed = stage.sum(|metrics| metrics.blocks_committed);
    let rounds = heard.len().div_ceil(PER_ROUND);
    let before = stage.world.stats().frames_forged;
    let others = [common(), private(), ChannelId::new("unknown")];
    stage.attack(rounds as u64, |stage, round| {
        let first = usize::try_from(round).unwrap_or(0) * PER_ROUND;
        let victims = stage.victims();
        for (place, heard) in heard.iter().enumerate().skip(first).take(PER_ROUND) {
            let Some(victim) = victims.get(place % victims.len().max(1)) else {
                continue;
            };
            stage.send(heard.from, heard.message.encoded().clone());
            stage.send(*victim, heard.message.encoded().clone());
            let elsewhere = moved(&heard.message, &others[place % others.len()]);
            stage.send(*victim, elsewhere.encoded().clone());
        }
    });
    let forged = stage.world.stats().frames_forged - before;
    assert!(forged > 2 * heard.len() as u64, "{forged}");
    stage.assert_unharmed();
    let committed = stage.sum(|metrics| metrics.blocks_committed) - committed;
    // The first organisation's honest peers are in two channels, the second's in one.
    assert_eq!(committed, rounds as u64 * (2 * 5 + 6));
}
