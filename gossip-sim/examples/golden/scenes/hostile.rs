//! A hostile member, as in the tests of hostile members, whose stage and messages these are.
#![allow(
    dead_code,
    clippy::expect_used,
    reason = "a part of what tests use; a run that fails says so"
)]

#[path = "../../../tests/hostile/messages.rs"]
mod messages;
#[path = "../../../tests/hostile/stage.rs"]
mod stage;

use bytes::Bytes;
use gossip_core::ChannelId;
use gossip_sim::WorldConfig;

use self::messages::every_kind;
use self::stage::{Stage, common, private};
use crate::Outcome;

/// Messages of every kind out of contract, badly signed, about others or unasked, in channels known and unknown; then
/// frames that are no messages.
pub(super) fn refused() -> Outcome {
    let mut config = WorldConfig::new(30);
    config.record = true;
    let mut stage = Stage::within(config, 4, |_| {});
    let channels = [common(), private(), ChannelId::new("unknown")];
    stage.attack(30, |stage, round| {
        let place = usize::try_from(round).unwrap_or(0);
        let about = stage.peer(stage.honest[place % stage.honest.len()]);
        for victim in stage.victims() {
            for message in every_kind(stage, &about, &channels[place % 3]) {
                stage.send(victim, message.encoded().clone());
            }
        }
    });
    stage.attack(5, |stage, _| {
        for victim in stage.victims() {
            stage.send(victim, Bytes::from_static(&[0xff; 40]));
        }
    });
    stage.assert_withstood();
    let fingerprint = stage.world.fingerprint();
    fingerprint.ok_or_else(|| "no recording".to_owned())
}
