//! A hostile member, with the network and messages of the tests of hostile members.
#![allow(
    dead_code,
    clippy::expect_used,
    reason = "the tests use more of it; a failing run panics with a message"
)]

#[path = "../../../tests/hostile/messages.rs"]
mod messages;
#[path = "../../../tests/hostile/stage.rs"]
mod stage;

use bytes::Bytes;
use gossip_core::ChannelId;
use gossip_sim::WorldConfig;

use self::messages::one_of_each_kind;
use self::stage::{Stage, common, private};
use crate::Outcome;

/// Messages of every kind that are badly signed, about other peers or unsolicited, in known and unknown channels; then
/// undecodable frames.
pub(super) fn refused() -> Outcome {
    let mut config = WorldConfig::new(30);
    config.record = true;
    let mut stage = Stage::within(config, 4, |_| {});
    let channels = [common(), private(), ChannelId::new("unknown")];
    stage.attack(30, |stage, round| {
        let place = usize::try_from(round).unwrap_or(0);
        let about = stage.peer(stage.honest[place % stage.honest.len()]);
        for victim in stage.victims() {
            for message in one_of_each_kind(stage, &about, &channels[place % 3]) {
                stage.send(victim, message.encoded().clone());
            }
        }
    });
    stage.attack(5, |stage, _| {
        for victim in stage.victims() {
            stage.send(victim, Bytes::from_static(&[0xff; 40]));
        }
    });
    stage.assert_unharmed();
    let fingerprint = stage.world.fingerprint();
    fingerprint.ok_or_else(|| "no recording".to_owned())
}
