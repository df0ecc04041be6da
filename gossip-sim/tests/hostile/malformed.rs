//! Messages that cannot be decoded, are illegal, or are out of contract.

use bytes::Bytes;
use gossip_core::ChannelId;
use gossip_core::proto::{Limits, SignedMessage};

use super::messages::every_kind;
use super::stage::{Stage, common, private};

#[test]
fn bytes_that_are_no_messages_cost_a_hostile_members_links_only() {
    for seed in [1, 11, 12, 13] {
        spoil(Stage::new(seed, 6));
    }
}

fn spoil(mut stage: Stage) {
    let mut undecodable = 0;
    stage.attack(60, |stage, _| {
        let (about, channel) = (stage.peer(stage.honest[3]), common());
        let messages = every_kind(stage, &about, &channel);
        for victim in stage.victims() {
            let place = usize::try_from(stage.draw(messages.len() as u64)).unwrap_or(0);
            let mut frame = messages[place].encoded().to_vec();
            for _ in 0..1 + stage.draw(4) {
                let at = usize::try_from(stage.draw(frame.len() as u64)).unwrap_or(0);
                let byte = u8::try_from(stage.draw(256)).unwrap_or(0);
                match stage.draw(3) {
                    0 if at > 0 => frame.truncate(at),
                    1 => frame.insert(at, byte),
                    _ => frame[at] = byte,
                }
            }
            let frame = Bytes::from(frame);
            let bad = SignedMessage::decode(frame.clone(), &Limits::default()).is_err();
            if stage.send(victim, frame) && bad {
                undecodable += 1;
            }
        }
    });
    let refused = stage.sum(|metrics| metrics.malformed_frames + metrics.illegal_messages);
    assert_eq!(refused, undecodable, "each is counted once");
    assert!(refused > 0);
    stage.assert_withstood();
}

#[test]
fn messages_of_every_kind_out_of_contract_do_no_harm() {
    let mut stage = Stage::new(2, 6);
    stage.attack(60, |stage, round| {
        for victim in stage.victims() {
            let about = stage.honest[usize::try_from(round).unwrap_or(0) % stage.honest.len()];
            let about = stage.peer(about);
            let channel = [common(), private(), ChannelId::new("unknown")]
                [usize::try_from(stage.draw(3)).unwrap_or(0)]
            .clone();
            for message in every_kind(stage, &about, &channel) {
                stage.send(victim, message.encoded().clone());
            }
        }
    });
    assert!(stage.sum(|metrics| metrics.violations) > 1_000);
    stage.assert_withstood();
}

#[test]
fn noise_of_any_length_does_no_harm() {
    let mut stage = Stage::new(3, 6);
    stage.attack(40, |stage, _| {
        for victim in stage.victims() {
            let length = stage.draw(4_000);
            let noise: Vec<u8> = (0..length)
                .map(|_| u8::try_from(stage.draw(256)).unwrap_or(0))
                .collect();
            stage.send(victim, Bytes::from(noise));
        }
    });
    stage.assert_withstood();
}
