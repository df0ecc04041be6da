//! Both halves of a link without sockets.

use bytes::Bytes;
use gossip_driver::core::Class;
use gossip_driver::{FrameQueue, FrameSender, TransportError, frame_queue};

use crate::Cipher;
use crate::cipher::{CipherState, TAG_LEN};
use crate::decoder::{Decoder, Step};
use crate::encoder::Encoder;

const LIMIT: usize = 64 << 20;
const KEY: [u8; 32] = [7; 32];

fn state() -> CipherState {
    CipherState::new(Cipher::by_hardware(), &KEY).unwrap()
}

fn queue() -> (FrameSender, FrameQueue) {
    frame_queue(|| {})
}

/// Everything that `queue` holds, as it goes over the wire, in writes.
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

/// Feeds `wire` in pieces of at most `piece` bytes; the frames, and how it ended.
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
