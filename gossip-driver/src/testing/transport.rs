//! The checks of a [`Transport`].

use std::collections::BTreeSet;
use std::future::Future;

use bytes::Bytes;
use futures_util::join;

pub use super::pair::Pair;
use super::runtime::in_time;
use super::side::{Side, links, sides};
use crate::Runtime;
use crate::core::Class;
use crate::transport::{FrameReader as _, Link, Transport, TransportError};

/// A frame limit that is not under test.
const LIMIT: usize = 100 << 20;
/// The most bytes that a transport may buffer for one link before its reader reads: more means that
/// it has no bound.
const UNDER_WAY: u64 = 32 << 20;

/// Runs every check of a transport; `make_pair` is called once for each. The transport must carry
/// at least a few megabytes per second, lose nothing, and buffer at most 32 MiB per link.
///
/// # Panics
/// A check fails, or does not end within a minute; the message names it.
pub async fn suite<R, T, F>(runtime: R, make_pair: impl Fn() -> F)
where
    R: Runtime,
    T: Transport,
    F: Future<Output = Pair<T>>,
{
    macro_rules! run {
        ($($check:ident)*) => {$(
            let pair = make_pair().await;
            let check = Box::pin($check(&runtime, &pair));
            in_time(&runtime, stringify!($check), check).await;
        )*};
    }
    run! {
        frames_arrive_in_order_within_their_class
        a_large_frame_arrives_whole
        an_empty_frame_is_a_frame
        many_small_frames_arrive
        a_frame_beyond_the_limit_is_refused
        both_directions_carry_at_once
        urgent_frames_overtake_large_ones
        finishing_delivers_everything_and_then_ends
        each_sent_frame_returns_its_credit
        an_abandoned_link_does_not_hang
        both_ends_know_the_same_binding
        dialling_an_unused_address_fails
        a_stopped_reader_stops_the_writer
        a_stopped_link_delays_no_other
        many_links_live_side_by_side
    }
}

async fn frames_arrive_in_order_within_their_class<R: Runtime, T: Transport>(
    runtime: &R,
    pair: &Pair<T>,
) {
    const EACH: u32 = 200;
    let (near, mut far) = sides(runtime, pair).await;
    for index in 0..EACH {
        for class in Class::ALL {
            // From a few bytes to some 200 KiB.
            let length = 5 + (index as usize * 7919 * (class.index() + 1)) % 70_000 * class.index();
            near.sender.push(class, numbered(class, index, length));
        }
    }
    let mut next = [0; Class::ALL.len()];
    for _ in 0..EACH * 3 {
        let frame = far.frame(LIMIT).await;
        let (class, index) = read_number(&frame);
        assert_eq!(
            index, next[class],
            "frames of class {class} changed their order"
        );
        next[class] += 1;
    }
}

async fn a_large_frame_arrives_whole<R: Runtime, T: Transport>(runtime: &R, pair: &Pair<T>) {
    let (near, mut far) = sides(runtime, pair).await;
    let frame = patterned(16 << 20);
    near.sender.push(Class::Bulk, frame.clone());
    assert!(far.frame(LIMIT).await == frame, "a large frame was altered");
}

async fn an_empty_frame_is_a_frame<R: Runtime, T: Transport>(runtime: &R, pair: &Pair<T>) {
    let (near, mut far) = sides(runtime, pair).await;
    near.push_all(
        Class::Push,
        [Bytes::new(), Bytes::from_static(b"x"), Bytes::new()],
    );
    assert_eq!(
        far.frame(LIMIT).await.len(),
        0,
        "an empty frame got contents"
    );
    assert_eq!(far.frame(LIMIT).await.len(), 1);
    assert_eq!(
        far.frame(0).await.len(),
        0,
        "an empty frame got lost at the limit 0"
    );
}

async fn many_small_frames_arrive<R: Runtime, T: Transport>(runtime: &R, pair: &Pair<T>) {
    const COUNT: u32 = 20_000;
    let (near, mut far) = sides(runtime, pair).await;
    near.push_all(
        Class::Push,
        (0..COUNT).map(|index| numbered(Class::Push, index, 100)),
    );
    for expected in 0..COUNT {
        let (_, index) = read_number(&far.frame(LIMIT).await);
        assert_eq!(index, expected, "a small frame was lost or doubled");
    }
}

async fn a_frame_beyond_the_limit_is_refused<R: Runtime, T: Transport>(
    runtime: &R,
    pair: &Pair<T>,
) {
    for length in [1_000, 300_000] {
        let (near, mut far) = sides(runtime, pair).await;
        near.push_all(Class::Push, [patterned(length), patterned(length + 1)]);
        assert_eq!(
            far.frame(length).await.len(),
            length,
            "a frame at the limit was altered"
        );
        let refused = far.reader.read(length).await;
        assert!(
            matches!(refused, Err(TransportError::FrameTooLong { limit }) if limit == length),
            "a frame of {length} + 1 bytes passed the limit: {refused:?}"
        );
    }
}

async fn both_directions_carry_at_once<R: Runtime, T: Transport>(runtime: &R, pair: &Pair<T>) {
    const COUNT: u32 = 500;
    let exchange = async |side: &mut Side<T::Link>| {
        side.push_all(
            Class::Push,
            (0..COUNT).map(|i| numbered(Class::Push, i, 20_000)),
        );
        for expected in 0..COUNT {
            let (_, index) = read_number(&side.frame(LIMIT).await);
            assert_eq!(index, expected, "a frame was lost while both sides sent");
        }
    };
    let (mut near, mut far) = sides(runtime, pair).await;
    join!(exchange(&mut near), exchange(&mut far));
}

async fn urgent_frames_overtake_large_ones<R: Runtime, T: Transport>(runtime: &R, pair: &Pair<T>) {
    let (near, mut far) = sides(runtime, pair).await;
    let large = patterned(64 << 20);
    // The far side does not read yet, and the link buffers less than this: when the urgent frames are queued, the
    // writer is in the middle of the large one.
    near.sender.push(Class::Bulk, large.clone());
    near.taken(runtime).await;
    near.sender
        .push(Class::Push, numbered(Class::Push, 0, 1 << 20));
    near.sender
        .push(Class::Control, numbered(Class::Control, 0, 100));
    let first = far.frame(LIMIT).await;
    assert_eq!(
        read_number(&first).0,
        0,
        "a control frame waited for a larger one"
    );
    let second = far.frame(LIMIT).await;
    assert_eq!(
        second.len(),
        1 << 20,
        "a pushed frame waited for a bulk frame"
    );
    assert!(
        far.frame(LIMIT).await == large,
        "a frame that was overtaken was altered"
    );
}

async fn finishing_delivers_everything_and_then_ends<R: Runtime, T: Transport>(
    runtime: &R,
    pair: &Pair<T>,
) {
    let (mut near, mut far) = sides(runtime, pair).await;
    near.push_all(
        Class::Push,
        (0..300).map(|i| numbered(Class::Push, i, 10_000)),
    );
    near.push_all(Class::Control, [numbered(Class::Control, 0, 10)]);
    near.sender.finish();
    for _ in 0..301 {
        far.frame(LIMIT).await;
    }
    for _ in 0..2 {
        let end = far
            .reader
            .read(LIMIT)
            .await
            .expect("a finished link ends in order");
        assert!(end.is_none(), "more frames than were sent");
    }
    near.writer_result()
        .await
        .expect("a finished writer returns in order");

    far.sender
        .push(Class::Control, numbered(Class::Control, 7, 10));
    far.sender.finish();
    let (_, index) = read_number(&near.frame(LIMIT).await);
    assert_eq!(
        index, 7,
        "the other direction did not outlive the finished one"
    );
    assert!(
        near.reader
            .read(LIMIT)
            .await
            .expect("both directions end in order")
            .is_none()
    );
}

async fn each_sent_frame_returns_its_credit<R: Runtime, T: Transport>(runtime: &R, pair: &Pair<T>) {
    let (near, mut far) = sides(runtime, pair).await;
    let lengths = [0, 1, 100, 20_000, 200_000, 3];
    near.push_all(Class::Push, lengths.map(patterned));
    for length in lengths {
        assert_eq!(far.frame(LIMIT).await.len(), length);
    }
    let expected: usize = lengths.iter().sum();
    assert_eq!(
        near.credit(6).await,
        expected as u64,
        "other credit returned than was spent"
    );
}

async fn an_abandoned_link_does_not_hang<R: Runtime, T: Transport>(runtime: &R, pair: &Pair<T>) {
    let (near, far) = links(pair).await;
    let mut near = Side::start(runtime, near);
    drop(far);
    let end = near.reader.read(LIMIT).await;
    assert!(
        !matches!(end, Ok(Some(_))),
        "a frame arrived that was never sent"
    );
    // The writer notices when it writes, or ends with its queue.
    near.push_all(Class::Bulk, (0..4).map(|_| patterned(16 << 20)));
    near.sender.finish();
    let _ = near.writer_result().await;
}

async fn both_ends_know_the_same_binding<R: Runtime, T: Transport>(_: &R, pair: &Pair<T>) {
    let (first_near, first_far) = links(pair).await;
    let (second_near, _second_far) = links(pair).await;
    let (near, far) = (first_near.binding(), first_far.binding());
    assert_eq!(
        near.ours, far.theirs,
        "the acceptor expects another binding"
    );
    assert_eq!(near.theirs, far.ours, "the dialler expects another binding");
    assert!(!near.ours.is_empty(), "a binding is empty");
    assert_eq!(
        first_near.remote(),
        pair.acceptor_endpoint,
        "the remote has another name"
    );
    if near.ours == near.theirs {
        assert_ne!(
            near.ours,
            second_near.binding().ours,
            "two links have the same binding"
        );
    }
}

async fn dialling_an_unused_address_fails<R: Runtime, T: Transport>(_: &R, pair: &Pair<T>) {
    let result = pair.dialler.dial(&pair.unused).await.map(drop);
    assert!(result.is_err(), "a dial of an unused address succeeds");
}

async fn a_stopped_reader_stops_the_writer<R: Runtime, T: Transport>(runtime: &R, pair: &Pair<T>) {
    const COUNT: u32 = 1024;
    let (near, mut far) = sides(runtime, pair).await;
    let frame = patterned(64 << 10);
    near.push_all(Class::Push, (0..COUNT).map(|_| frame.clone()));
    let (frames, bytes) = near.credit_until_quiet(runtime).await;
    assert!(
        bytes <= UNDER_WAY,
        "{bytes} bytes left for a reader that does not read"
    );
    for _ in 0..COUNT {
        assert_eq!(far.frame(LIMIT).await.len(), frame.len());
    }
    near.credit(COUNT - frames).await;
}

async fn a_stopped_link_delays_no_other<R: Runtime, T: Transport>(runtime: &R, pair: &Pair<T>) {
    let (stopped, _unread) = sides(runtime, pair).await;
    stopped.push_all(Class::Push, (0..1024).map(|_| patterned(64 << 10)));
    let (near, mut far) = sides(runtime, pair).await;
    near.push_all(
        Class::Push,
        (0..100).map(|i| numbered(Class::Push, i, 1_000)),
    );
    for expected in 0..100 {
        let (_, index) = read_number(&far.frame(LIMIT).await);
        assert_eq!(index, expected);
    }
}

async fn many_links_live_side_by_side<R: Runtime, T: Transport>(runtime: &R, pair: &Pair<T>) {
    let mut open = Vec::new();
    let mut bindings = BTreeSet::new();
    for index in 0..40 {
        let (near, far) = links(pair).await;
        bindings.insert([near.binding().ours, far.binding().ours].concat());
        let (near, far) = (Side::start(runtime, near), Side::start(runtime, far));
        near.sender
            .push(Class::Push, numbered(Class::Push, index, 1_000));
        far.sender
            .push(Class::Push, numbered(Class::Push, index + 1_000, 1_000));
        open.push((near, far));
    }
    assert_eq!(
        bindings.len(),
        open.len(),
        "two links have the same binding"
    );
    for (expected, (near, far)) in (0..).zip(&mut open) {
        assert_eq!(read_number(&far.frame(LIMIT).await).1, expected);
        assert_eq!(read_number(&near.frame(LIMIT).await).1, expected + 1_000);
    }
}

/// A frame that contains its class and number; at least five bytes long.
fn numbered(class: Class, index: u32, length: usize) -> Bytes {
    let mut frame = vec![0xa5; length.max(5)];
    if let Some((first, rest)) = frame.split_first_mut()
        && let Some(number) = rest.first_chunk_mut()
    {
        *first = class.index() as u8;
        *number = index.to_be_bytes();
    }
    frame.into()
}

fn read_number(frame: &Bytes) -> (usize, u32) {
    match frame
        .split_first()
        .map(|(class, rest)| (class, rest.first_chunk()))
    {
        Some((class, Some(number))) => (usize::from(*class), u32::from_be_bytes(*number)),
        _ => panic!(
            "a frame of {} bytes arrived that was never sent",
            frame.len()
        ),
    }
}

fn patterned(length: usize) -> Bytes {
    (0..length).map(|index| (index % 251) as u8).collect()
}
