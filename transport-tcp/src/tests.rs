//! Both halves of a link without sockets.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gossip_driver::core::Class;
use gossip_driver::transport::{FrameQueue, FrameSender, TransportError, frame_queue};

use crate::Cipher;
use crate::cipher::{CipherState, TAG_LEN};
use crate::decoder::{Decoder, Step};
use crate::encoder::Encoder;
use crate::flow::{Flow, UPDATE_THRESHOLD};
use crate::records::Counts;
use crate::window::Window;

const LIMIT: usize = 64 << 20;
const KEY: [u8; 32] = [7; 32];

fn state() -> CipherState {
    CipherState::new(Cipher::by_hardware(), &KEY).unwrap()
}

fn queue() -> (FrameSender, FrameQueue) {
    frame_queue(|| {})
}

/// Encodes everything that `queue` holds; one entry for each write.
fn encode(encoder: &mut Encoder, queue: &mut FrameQueue) -> Vec<Vec<u8>> {
    let mut writes = Vec::new();
    loop {
        let mut out = Vec::new();
        encoder.fill(queue, &mut out).unwrap();
        if out.is_empty() {
            return writes;
        }
        encoder.written();
        writes.push(out);
    }
}

/// Decodes `wire` in pieces of at most `piece` bytes. Returns the frames and the last step.
fn decode(
    decoder: &mut Decoder,
    wire: &[u8],
    piece: usize,
) -> (Vec<Bytes>, Result<bool, TransportError>) {
    let mut rest = wire;
    let mut frames = Vec::new();
    loop {
        match decoder.next(LIMIT) {
            Ok(Step::Frame(frame)) => frames.push(frame),
            Ok(Step::End) => return (frames, Ok(true)),
            Ok(Step::NeedMore) if rest.is_empty() => return (frames, Ok(false)),
            Ok(Step::NeedMore) => {
                let space = decoder.space();
                let count = space.len().min(piece).min(rest.len());
                assert!(count > 0);
                let (now, later) = rest.split_at(count);
                space[..count].copy_from_slice(now);
                decoder.received(count);
                rest = later;
            }
            Err(error) => return (frames, Err(error)),
        }
    }
}

fn frame(byte: u8, length: usize) -> Bytes {
    vec![byte; length].into()
}

#[test]
fn frames_of_all_sizes_survive_reads_of_all_sizes() {
    let lengths = [
        0, 1, 300, 4_096, 65_000, 65_516, 65_517, 65_536, 1_000_000, 17, 200_000,
    ];
    for piece in [1, 7, 1_000, 65_537, usize::MAX] {
        let (sender, mut queue) = queue();
        let sent: Vec<_> = (1..)
            .zip(lengths)
            .map(|(byte, length)| frame(byte, length))
            .collect();
        sent.iter()
            .for_each(|frame| sender.push(Class::Push, frame.clone()));
        let mut encoder = Encoder::new(state());
        let mut wire = encode(&mut encoder, &mut queue).concat();
        encoder.end(&mut wire).unwrap();
        let (frames, end) = decode(&mut Decoder::new(state()), &wire, piece);
        assert!(
            frames == sent && end.unwrap(),
            "altered when read in pieces of {piece}"
        );
    }
}

#[test]
fn small_frames_share_a_message_and_urgent_ones_lie_between_the_parts_of_large_ones() {
    let (sender, mut queue) = queue();
    (0..50).for_each(|_| sender.push(Class::Push, frame(1, 1_000)));
    let mut encoder = Encoder::new(state());
    let writes = encode(&mut encoder, &mut queue);
    assert_eq!(
        writes.len(),
        1,
        "50 KB of small frames went out in several writes"
    );
    assert_eq!(writes.concat().len(), 50 * (3 + 1_000) + 2 + TAG_LEN);

    sender.push(Class::Bulk, frame(2, 1_000_000));
    let mut wire = Vec::new();
    encoder.fill(&mut queue, &mut wire).unwrap();
    let chunk = wire.len();
    assert!(chunk <= 96 << 10, "a chunk of {chunk} bytes");
    sender.push(Class::Control, frame(3, 10));
    wire.extend(encode(&mut encoder, &mut queue).concat());
    let mut decoder = Decoder::new(state());
    decode(&mut decoder, &writes.concat(), usize::MAX)
        .1
        .unwrap();
    let (frames, _) = decode(&mut decoder, wire.get(..chunk + 100).unwrap(), usize::MAX);
    assert!(frames.is_empty());
    let whole = wire.get(chunk + 100..).unwrap();
    let (frames, _) = decode(&mut decoder, whole, usize::MAX);
    assert_eq!(
        frames.iter().map(Bytes::len).collect::<Vec<_>>(),
        [10, 1_000_000]
    );
}

#[test]
fn a_long_frame_waits_for_the_end_of_another_and_nothing_else_does() {
    let (sender, mut queue) = queue();
    let mut encoder = Encoder::new(state());
    let mut wire = Vec::new();
    sender.push(Class::Bulk, frame(1, 17 << 20));
    encoder.fill(&mut queue, &mut wire).unwrap();
    sender.push(Class::Push, frame(2, 18 << 20));
    sender.push(Class::Push, frame(3, 10));
    let mut later = Vec::new();
    encoder.fill(&mut queue, &mut later).unwrap();
    sender.push(Class::Control, frame(4, 1 << 20));
    wire.extend(later);
    wire.extend(encode(&mut encoder, &mut queue).concat());
    let (frames, end) = decode(&mut Decoder::new(state()), &wire, usize::MAX);
    end.unwrap();
    let lengths: Vec<_> = frames.iter().map(Bytes::len).collect();
    assert_eq!(lengths, [1 << 20, 17 << 20, 18 << 20, 10]);
}

/// An encoder with a window of `size` bytes, and the flow that it shares with the reader.
fn windowed(size: u64) -> (Encoder, Arc<Flow>) {
    let flow = Arc::new(Flow::default());
    flow.set_reading(true);
    let encoder = Encoder::new(state()).with_window(Window::new(size), Arc::clone(&flow));
    (encoder, flow)
}

#[test]
fn a_full_window_holds_blocks_back_and_nothing_urgent() {
    let (sender, mut queue) = queue();
    let (mut encoder, flow) = windowed(100_000);
    sender.push(Class::Bulk, frame(1, 500_000));
    sender.push(Class::Push, frame(2, 100));
    let mut wire = encode(&mut encoder, &mut queue).concat();
    assert!(
        (100_000..200_000).contains(&wire.len()) && encoder.is_blocked(),
        "{} bytes went out",
        wire.len()
    );
    sender.push(Class::Control, frame(3, 10));
    sender.push(Class::Push, frame(4, 100));
    let urgent = encode(&mut encoder, &mut queue).concat();
    assert_eq!(urgent.len(), 3 + 10 + 2 + TAG_LEN);
    wire.extend(urgent);
    let acknowledged = u64::MAX;
    flow.report(Counts {
        consumed: 0,
        acknowledged,
    });
    encoder.update_window(Instant::now());
    assert!(!encoder.is_blocked());
    wire.extend(encode(&mut encoder, &mut queue).concat());
    let (frames, _) = decode(&mut Decoder::new(state()), &wire, usize::MAX);
    let lengths: Vec<_> = frames.iter().map(Bytes::len).collect();
    assert_eq!(lengths, [100, 10, 100, 500_000]);
}

#[test]
fn a_window_is_not_enforced_while_the_reader_is_inactive() {
    let (sender, mut queue) = queue();
    let (mut encoder, flow) = windowed(100_000);
    sender.push(Class::Bulk, frame(1, 500_000));
    encode(&mut encoder, &mut queue);
    encoder.suspend_window();
    assert!(encoder.is_blocked(), "the reader is active");
    flow.set_reading(false);
    encoder.suspend_window();
    encode(&mut encoder, &mut queue);
    assert!(!encoder.is_under_way());
    flow.set_reading(true);
    encoder.update_window(Instant::now());
    assert!(encoder.is_blocked());
}

#[test]
fn a_window_update_is_sent_once_for_each_threshold() {
    let (_sender, mut queue) = queue();
    let (mut encoder, flow) = windowed(100_000);
    let mut sent = Vec::new();
    for consumed in [
        UPDATE_THRESHOLD - 1,
        UPDATE_THRESHOLD,
        UPDATE_THRESHOLD + 1,
        3 * UPDATE_THRESHOLD,
    ] {
        flow.report(Counts {
            consumed,
            acknowledged: 0,
        });
        let wire = encode(&mut encoder, &mut queue).concat();
        let mut decoder = Decoder::new(state());
        sent.push(!wire.is_empty());
        if consumed == UPDATE_THRESHOLD {
            decode(&mut decoder, &wire, usize::MAX).1.unwrap();
            assert_eq!(decoder.counts().acknowledged, UPDATE_THRESHOLD);
        }
    }
    assert_eq!(sent, [false, true, false, true]);
}

#[test]
fn credit_returns_only_when_the_last_byte_is_written() {
    let (sender, mut queue) = queue();
    sender.push(Class::Push, frame(1, 100_000));
    let mut encoder = Encoder::new(state());
    let mut out = Vec::new();
    encoder.fill(&mut queue, &mut out).unwrap();
    encoder.written();
    assert_eq!(sender.take_flushed(), (0, 0));
    out.clear();
    encoder.fill(&mut queue, &mut out).unwrap();
    assert_eq!(sender.take_flushed(), (0, 0));
    encoder.written();
    assert_eq!(sender.take_flushed(), (1, 100_000));
}

#[test]
fn altered_replayed_reordered_and_missing_messages_are_refused() {
    let (sender, mut queue) = queue();
    let mut encoder = Encoder::new(state());
    let messages: Vec<Vec<u8>> = (0..3)
        .map(|byte| {
            sender.push(Class::Push, frame(byte, 100));
            encode(&mut encoder, &mut queue).concat()
        })
        .collect();
    let [first, second, third] = messages.as_slice() else {
        unreachable!()
    };
    let mut altered = second.clone();
    altered[50] ^= 0x80;
    let short = vec![0, 3, 1, 2, 3];
    for wire in [
        [first.as_slice(), &altered].concat(),
        [first.as_slice(), first].concat(),
        [first.as_slice(), third].concat(),
        [first.as_slice(), &short].concat(),
    ] {
        let mut decoder = Decoder::new(state());
        let (frames, end) = decode(&mut decoder, &wire, usize::MAX);
        assert_eq!(frames.len(), 1);
        assert!(matches!(end, Err(TransportError::Framing(_))), "{end:?}");
        assert!(matches!(decoder.next(LIMIT), Err(TransportError::Closed)));
    }
}

#[test]
fn both_sides_change_keys_in_step() {
    let (sender, mut queue) = queue();
    let mut encoder = Encoder::new(state().with_rekey_interval(3));
    let mut decoder = Decoder::new(state().with_rekey_interval(3));
    let mut other = Decoder::new(state());
    for round in 0..10 {
        sender.push(Class::Push, frame(round, 10));
        let wire = encode(&mut encoder, &mut queue).concat();
        assert_eq!(decode(&mut decoder, &wire, usize::MAX).0.len(), 1);
        let without = decode(&mut other, &wire, usize::MAX).0.len();
        assert_eq!(without, usize::from(round < 3), "round {round}");
    }
}

#[test]
fn keys_change_after_16_384_messages() {
    let mut encoder = Encoder::new(state());
    let mut decoder = Decoder::new(state().with_rekey_interval(u64::MAX));
    let mut message = || {
        let mut wire = Vec::new();
        encoder.keep_alive(&mut wire).unwrap();
        decode(&mut decoder, &wire, usize::MAX).1
    };
    for _ in 0..16_384 {
        message().unwrap();
    }
    message().unwrap_err();
}

#[test]
fn an_idle_link_gives_its_read_buffer_back() {
    let (sender, mut queue) = queue();
    let (mut encoder, mut decoder) = (Encoder::new(state()), Decoder::new(state()));
    sender.push(Class::Bulk, frame(1, 4_000_000));
    decode(
        &mut decoder,
        &encode(&mut encoder, &mut queue).concat(),
        usize::MAX,
    )
    .1
    .unwrap();
    assert!(decoder.space().len() > 60_000);
    for _ in 0..200 {
        let mut wire = Vec::new();
        encoder.keep_alive(&mut wire).unwrap();
        decode(&mut decoder, &wire, usize::MAX).1.unwrap();
    }
    assert_eq!(decoder.space().len(), 4 << 10);
}

#[test]
fn the_wire_is_that_of_the_noise_specification() {
    for (cipher, name) in [
        (Cipher::AesGcm, "AESGCM"),
        (Cipher::ChaChaPoly, "ChaChaPoly"),
    ] {
        let params: snow::params::NoiseParams =
            format!("Noise_NNpsk0_25519_{name}_SHA256").parse().unwrap();
        let build = || snow::Builder::new(params.clone()).psk(0, &KEY).unwrap();
        let mut initiator = build().build_initiator().unwrap();
        let mut responder = build().build_responder().unwrap();
        let (mut message, mut payload) = ([0; 200], [0; 200]);
        let length = initiator.write_message(&[], &mut message).unwrap();
        responder
            .read_message(&message[..length], &mut payload)
            .unwrap();
        let length = responder.write_message(&[], &mut message).unwrap();
        initiator
            .read_message(&message[..length], &mut payload)
            .unwrap();
        let (key, _) = initiator.dangerously_get_raw_split();
        let mut ours = CipherState::new(cipher, &key)
            .unwrap()
            .with_rekey_interval(2);
        let mut snow = responder.into_transport_mode().unwrap();
        for round in 1..=5 {
            let mut sealed = *b"the same bytes";
            let tag = ours.seal(&mut sealed).unwrap();
            let wire = [sealed.as_slice(), &tag].concat();
            let length = snow.read_message(&wire, &mut payload).unwrap();
            assert_eq!(&payload[..length], b"the same bytes");
            if round % 2 == 0 {
                snow.rekey_incoming();
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_sealed_data_is_a_frame_within_the_limit_or_an_error(
        messages in proptest::collection::vec(
            proptest::collection::vec(proptest::prop_oneof![0_u8..4, 0x10_u8..0x13, 0x20_u8..0x33], 0..40),
            0..10,
        ),
    ) {
        let mut sealing = state();
        let mut wire = Vec::new();
        for mut message in messages {
            let tag = sealing.seal(&mut message).unwrap();
            wire.extend((message.len() as u16 + TAG_LEN as u16).to_be_bytes());
            wire.extend(message.iter().chain(&tag));
        }
        let (frames, _) = decode(&mut Decoder::new(state()), &wire, 50);
        assert!(frames.iter().all(|frame| frame.len() <= wire.len()));
    }
}
