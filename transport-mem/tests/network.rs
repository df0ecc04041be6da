//! The faults and conditions of the in-memory network.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use gossip_driver::core::{Class, Endpoint};
use gossip_driver::transport::{
    FrameReader as _, FrameSender, FrameWriter as _, Link as _, Transport as _, TransportError,
    frame_queue,
};
use runtime_tokio::TokioRuntime;
use transport_mem::{Conditions, MemLink, MemNetwork, MemReader, MemTransport};

type Mem = MemTransport<TokioRuntime>;

fn node(network: &MemNetwork, name: &str) -> Mem {
    network.endpoint(TokioRuntime::current(), name).unwrap()
}

async fn link(from: &Mem, to: &Mem) -> (MemLink<TokioRuntime>, MemLink<TokioRuntime>) {
    tokio::try_join!(from.dial(to.local_endpoint()), to.accept()).unwrap()
}

fn start(link: MemLink<TokioRuntime>) -> (FrameSender, MemReader<TokioRuntime>) {
    let (sender, queue) = frame_queue(|| {});
    let (reader, writer) = link.split();
    tokio::spawn(writer.run(queue));
    (sender, reader)
}

fn frame(length: usize) -> Bytes {
    vec![1; length].into()
}

#[tokio::test]
async fn a_name_is_taken_until_it_is_closed_or_dropped() {
    let network = MemNetwork::new(1);
    let first = node(&network, "a");
    let taken = network.endpoint(TokioRuntime::current(), "a");
    assert!(
        matches!(taken, Err(TransportError::Bind { .. })),
        "{taken:?}"
    );
    first.close().await;
    let second = node(&network, "a");
    drop(first);
    let b = node(&network, "b");
    link(&b, &second).await;
    drop(second);
    assert!(matches!(
        b.dial(&Endpoint::new("a")).await,
        Err(TransportError::Unreachable(_))
    ));
    node(&network, "a");
}

#[tokio::test]
async fn a_dropped_writer_ends_its_reader_after_the_buffered_frames() {
    let network = MemNetwork::new(1);
    let (a, b) = (node(&network, "a"), node(&network, "b"));
    let (near, far) = link(&a, &b).await;
    let (far_sender, mut far_reader) = start(far);
    far_sender.push(Class::Push, frame(7));
    while far_sender.take_flushed().0 == 0 {
        tokio::task::yield_now().await;
    }
    let (mut reader, writer) = near.split();
    drop(writer);
    assert_eq!(reader.read(10).await.unwrap(), Some(frame(7)));
    reader.read(10).await.unwrap_err();
    far_reader.read(10).await.unwrap_err();
}

#[tokio::test]
async fn a_cut_breaks_links_and_refuses_dials_until_healed() {
    let network = MemNetwork::new(1);
    let (a, b, c) = (
        node(&network, "a"),
        node(&network, "b"),
        node(&network, "c"),
    );
    let (near, far) = link(&a, &b).await;
    let ((_near, mut near_reader), (_far, mut far_reader)) = (start(near), start(far));
    let (other, other_far) = link(&a, &c).await;
    network.cut("b", "a");
    assert!(near_reader.read(10).await.is_err());
    assert!(far_reader.read(10).await.is_err());
    for (from, to) in [(&a, &b), (&b, &a)] {
        assert!(from.dial(to.local_endpoint()).await.is_err());
    }
    let (sender, _reader) = start(other);
    sender.push(Class::Push, frame(3));
    assert_eq!(start(other_far).1.read(10).await.unwrap().unwrap().len(), 3);
    network.heal("a", "b");
    link(&b, &a).await;
}

#[tokio::test]
async fn broken_links_may_be_dialled_again_at_once() {
    let network = MemNetwork::new(1);
    let (a, b) = (node(&network, "a"), node(&network, "b"));
    let (_links, one) = (link(&a, &b).await, link(&b, &a).await);
    assert_eq!(network.break_links("a", "b"), 2);
    assert!(start(one.0).1.read(10).await.is_err());
    link(&a, &b).await;
}

#[tokio::test]
async fn a_node_that_refuses_dials_still_dials() {
    let network = MemNetwork::new(1);
    let (a, b) = (node(&network, "a"), node(&network, "b"));
    network.refuse_dials("b", true);
    assert!(a.dial(b.local_endpoint()).await.is_err());
    link(&b, &a).await;
    network.refuse_dials("b", false);
    link(&a, &b).await;
}

#[tokio::test]
async fn a_stalled_direction_delivers_nothing_until_healed() {
    let network = MemNetwork::new(1);
    let (a, b) = (node(&network, "a"), node(&network, "b"));
    let (near, far) = link(&a, &b).await;
    let ((near, mut near_reader), (far, mut far_reader)) = (start(near), start(far));
    network.stall("a", "b");
    near.push(Class::Push, frame(3));
    far.push(Class::Push, frame(4));
    assert_eq!(near_reader.read(10).await.unwrap().unwrap().len(), 4);
    let waited = tokio::time::timeout(Duration::from_millis(100), far_reader.read(10)).await;
    assert!(waited.is_err(), "{waited:?}");
    network.heal("a", "b");
    assert_eq!(far_reader.read(10).await.unwrap().unwrap().len(), 3);
}

#[tokio::test]
async fn latency_and_bandwidth_take_their_time_and_urgent_frames_overtake() {
    let network = MemNetwork::new(1);
    network.set_conditions(Conditions {
        latency: Duration::from_millis(20),
        bandwidth: Some(1_000_000),
        ..Conditions::default()
    });
    let (a, b) = (node(&network, "a"), node(&network, "b"));
    let before = Instant::now();
    let (near, far) = link(&a, &b).await;
    assert!(
        before.elapsed() >= Duration::from_millis(40),
        "a dial took less than a round trip"
    );
    let ((near, _near_reader), (_far, mut reader)) = (start(near), start(far));
    let before = Instant::now();
    near.push(Class::Bulk, frame(200_000));
    // The writers run, and put the first chunk on the line.
    tokio::task::yield_now().await;
    near.push(Class::Control, frame(10));
    assert_eq!(reader.read(1 << 20).await.unwrap().unwrap().len(), 10);
    assert!(before.elapsed() >= Duration::from_millis(20));
    assert_eq!(reader.read(1 << 20).await.unwrap().unwrap().len(), 200_000);
    assert!(
        before.elapsed() >= Duration::from_millis(215),
        "200 KB at 1 MB/s, 20 ms away"
    );
}

#[tokio::test]
async fn links_with_a_lifetime_break_by_themselves() {
    let network = MemNetwork::new(1);
    let mean_lifetime = Some(Duration::from_millis(20));
    network.set_conditions(Conditions {
        mean_lifetime,
        ..Conditions::default()
    });
    let (a, b) = (node(&network, "a"), node(&network, "b"));
    let (near, far) = link(&a, &b).await;
    let ((_near, mut near_reader), (_far, mut far_reader)) = (start(near), start(far));
    assert!(near_reader.read(10).await.is_err());
    assert!(far_reader.read(10).await.is_err());
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bindings() {
    let bindings = async |seed| {
        let network = MemNetwork::new(seed);
        let (a, b) = (node(&network, "a"), node(&network, "b"));
        [
            link(&a, &b).await.0.binding().ours,
            link(&a, &b).await.1.binding().ours,
        ]
    };
    assert_eq!(bindings(1).await, bindings(1).await);
    assert_ne!(bindings(1).await, bindings(2).await);
}
