//! Well-formed messages with invalid signatures.

use gossip_core::proto::{Content, Tag};

use super::messages::{alive, badly_signed, false_block, payload, plain, signed, state_info};
use super::stage::{Stage, common};

#[test]
fn a_flood_of_bad_signatures_delays_no_other_peer() {
    let mut stage = Stage::new(7, 6);
    stage.attack(80, |stage, round| {
        let (channel, victims) = (common(), stage.victims());
        let name = channel.as_str().as_bytes();
        let height = stage.world.ledger(stage.honest[0]).height(&channel);
        for victim in victims {
            for step in 0..20 {
                let about = usize::try_from(round + step).unwrap_or(0) % stage.honest.len();
                let about = stage.world.identity(stage.honest[about]).clone();
                let pki_id = about.peer.as_bytes();
                let heartbeat = alive(pki_id, Some(about.bytes.clone()));
                let info = state_info(pki_id, name, step);
                let block = Content::Data(payload(
                    height + step,
                    false_block(stage, &channel, height + step),
                ));
                let messages = [
                    badly_signed(Tag::Empty, heartbeat.clone()),
                    signed(stage, Tag::Empty, heartbeat),
                    badly_signed(Tag::ChanOrOrg, info.clone()),
                    signed(stage, Tag::ChanOrOrg, info),
                    plain(0, name, Tag::ChanAndOrg, block),
                ];
                for message in messages {
                    stage.send(victim, message.encoded().clone());
                }
            }
        }
    });
    assert!(stage.sum(|metrics| metrics.verifications_failed) > 5_000);
    assert!(stage.sum(|metrics| metrics.blocks_bad) > 100);
    stage.assert_unharmed();
}
