//! Messages that cannot be decoded, are illegal, or violate the protocol.

use bytes::Bytes;
use gossip_core::ChannelId;
use gossip_core::proto::{Limits, SignedMessage};

use super::messages::one_of_each_kind;
use super::stage::{Stage, common, private};

#[test]
fn undecodable_frames_close_only_the_hostile_members_links() {
    for seed in [1, 11, 12, 13] {
        send_corrupted_frames(Stage::new(seed, 6));
    }
}

fn send_corrupted_frames(mut stage: Stage) {
    let mut undecodable = 0;
    stage.attack(60, |stage, _| {
        let (about, channel) = (stage.peer(stage.honest[3]), common());
        let messages = one_of_each_kind(stage, &about, &channel);
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
    stage.assert_unharmed();
}

#[test]
fn protocol_violations_of_every_message_kind_are_harmless() {
    let mut stage = Stage::new(2, 6);
    stage.attack(60, |stage, round| {
        for victim in stage.victims() {
            let about = stage.honest[usize::try_from(round).unwrap_or(0) % stage.honest.len()];
            let about = stage.peer(about);
            let channel = [common(), private(), ChannelId::new("unknown")]
                [usize::try_from(stage.draw(3)).unwrap_or(0)]
            .clone();
            for message in one_of_each_kind(stage, &about, &channel) {
                stage.send(victim, message.encoded().clone());
            }
        }
    });
    assert!(stage.sum(|metrics| metrics.violations) > 1_000);
    stage.assert_unharmed();
}

#[test]
fn random_bytes_of_any_length_are_harmless() {
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
    stage.assert_unharmed();
}
