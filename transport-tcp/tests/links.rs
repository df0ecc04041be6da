//! Links over time: keep-alives, rekeying, deadlines, large frames, closing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use gossip_driver::core::{Class, Endpoint};
use gossip_driver::testing::{MemLedger, TestCrypto};
use gossip_driver::transport::{
    FrameReader as _, FrameSender, FrameWriter as _, Link as _, Transport as _, TransportError,
};
use gossip_driver::{Gossip, Runtime as _};
use runtime_tokio::TokioRuntime;
use support::{bind, config, counted, link, start};
use transport_tcp::{TcpConfig, TcpLink, TcpTransport};

const LARGE: usize = 100 << 20;

/// A node on `transport`.
fn node(transport: TcpTransport<TokioRuntime>) -> Gossip {
    let builder = runtime_tokio::builder().identity(TestCrypto::new("org1", "alice"));
    let builder = builder.transport(transport).ledger(MemLedger::new());
    builder.spawn().unwrap()
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let first = bind(config("n")).await;
    let mut second = config("n");
    second.listen = first.local_endpoint().clone();
    let error = TcpTransport::bind(TokioRuntime::current(), second)
        .await
        .unwrap_err();
    let expected = format!("cannot listen on {}: ", first.local_endpoint());
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[tokio::test]
async fn times_of_zero_are_refused_and_the_longest_are_not() {
    let zeros: [fn(&mut TcpConfig); 3] = [
        |config| config.idle_timeout = Duration::ZERO,
        |config| config.handshake_timeout = Duration::ZERO,
        |config| config.window = 0,
    ];
    for change in zeros {
        let mut zero = config("n");
        change(&mut zero);
        let refused = TcpTransport::bind(TokioRuntime::current(), zero).await;
        assert!(
            matches!(refused, Err(TransportError::Config(_))),
            "{refused:?}"
        );
    }
    let mut longest = config("n");
    longest.idle_timeout = Duration::MAX;
    longest.handshake_timeout = Duration::MAX;
    let transport = bind(longest).await;
    let (near, far) = link(&transport, &transport).await;
    let (sender, _) = start(near.split().1);
    let (mut reader, _writer) = far.split();
    let read = tokio::spawn(async move { reader.read(10).await });
    tokio::task::yield_now().await;
    sender.push(Class::Push, Bytes::from_static(b"x"));
    assert_eq!(read.await.unwrap().unwrap().unwrap(), "x");
}

#[tokio::test]
async fn a_nodes_metrics_show_what_its_transport_counts() {
    let transport = bind(config("n")).await;
    let local = transport.local_endpoint().clone();
    let node = node(transport);
    let other = bind(config("m")).await;
    other.dial(&local).await.unwrap_err();
    let refused = ("wrong_network", 1);
    while !node.metrics().transport.contains(&refused) {
        tokio::task::yield_now().await;
    }
    node.shutdown().await;
    assert!(node.metrics().transport.contains(&refused));
}

#[tokio::test]
async fn an_address_without_a_port_is_named() {
    let transport = bind(config("n")).await;
    for address in ["localhost", "localhost:", "localhost:http", "1.2.3.4:99999"] {
        let result = transport.dial(&Endpoint::new(address)).await;
        assert!(
            matches!(result, Err(TransportError::BadAddress(_))),
            "{address}: {result:?}"
        );
    }
}

#[tokio::test]
async fn a_nodes_port_is_free_when_its_shutdown_completes() {
    let transport = bind(config("n")).await;
    let mut again = config("n");
    again.listen = transport.local_endpoint().clone();
    let kept = transport.clone();
    let node = node(transport);
    node.shutdown().await;
    bind(again).await;
    drop(kept);
}

#[tokio::test]
async fn closing_frees_the_port_and_ends_accepting_but_not_the_links() {
    let transport = bind(config("n")).await;
    let (near, far) = link(&transport, &transport).await;
    let accepting = transport.clone();
    let waiting = tokio::spawn(async move { accepting.accept().await });
    transport.close().await;
    assert!(matches!(
        waiting.await.unwrap(),
        Err(TransportError::Closed)
    ));
    let local = transport.local_endpoint();
    assert!(matches!(
        transport.dial(local).await,
        Err(TransportError::Closed)
    ));
    let mut again = config("n");
    again.listen = local.clone();
    bind(again).await;

    let (sender, _) = start(near.split().1);
    sender.push(Class::Push, Bytes::from_static(b"still here"));
    let (mut reader, _writer) = far.split();
    assert_eq!(reader.read(100).await.unwrap().unwrap(), "still here");
}

#[tokio::test]
async fn a_quiet_link_is_kept_alive_and_a_dead_one_breaks() {
    let mut config = config("n");
    config.idle_timeout = Duration::from_millis(600);
    let transport = bind(config).await;
    let (near, far) = link(&transport, &transport).await;
    let (mut near_reader, near_writer) = near.split();
    let (mut far_reader, far_writer) = far.split();
    let (near_sender, _) = start(near_writer);
    let (far_sender, running) = start(far_writer);

    let runtime = TokioRuntime::current();
    let reading = tokio::spawn(async move { near_reader.read(100).await });
    runtime
        .sleep_until(runtime.now() + Duration::from_millis(2_000))
        .await;
    assert!(
        !reading.is_finished(),
        "a quiet link broke: {:?}",
        reading.await
    );
    near_sender.push(Class::Control, Bytes::from_static(b"alive"));
    assert_eq!(far_reader.read(100).await.unwrap().unwrap(), "alive");

    // The far writer freezes without closing the socket: keep-alives stop.
    running.abort();
    drop(far_sender);
    let result = reading.await.unwrap();
    assert!(result.is_err(), "{result:?}");
}

#[tokio::test]
async fn a_remote_that_falls_silent_is_found_out() {
    let mut config = config("n");
    config.idle_timeout = Duration::from_millis(300);
    let transport = bind(config).await;
    let (near, _far_never_writes) = link(&transport, &transport).await;
    let (mut reader, writer) = near.split();
    let (_sender, running) = start(writer);
    let result = reader.read(100).await;
    assert!(
        matches!(result, Err(TransportError::TimedOut)),
        "{result:?}"
    );
    counted(&transport, |stats| stats.idle == 1).await;
    assert!(
        running.await.unwrap().is_err(),
        "the writer outlived the link"
    );
}

#[tokio::test]
async fn keys_change_on_a_live_link_without_being_noticed() {
    let transport = bind(config("n")).await;
    let (near, far) = link(&transport, &transport).await;
    let (mut near_reader, near_writer) = near.split();
    let (mut far_reader, far_writer) = far.split();
    let (near, _) = start(near_writer);
    let (far, _) = start(far_writer);
    // One message in each direction per round: crosses the interval of 16,384 messages twice.
    for round in 0..33_000_u32 {
        let frame = Bytes::copy_from_slice(&round.to_be_bytes());
        near.push(Class::Control, frame.clone());
        assert_eq!(far_reader.read(100).await.unwrap().unwrap(), frame);
        far.push(Class::Control, frame.clone());
        assert_eq!(near_reader.read(100).await.unwrap().unwrap(), frame);
    }
}

/// Fills a link with bulk until the writer blocks; the remote does not read.
async fn saturate() -> (FrameSender, TcpLink<TokioRuntime>) {
    let transport = bind(config("n")).await;
    let (near, far) = link(&transport, &transport).await;
    let (mut reader, writer) = near.split();
    let (returned, credit) = async_channel::bounded(1);
    let (sender, queue) = gossip_driver::transport::frame_queue(move || {
        let _ = returned.try_send(());
    });
    tokio::spawn(writer.run(queue));
    tokio::spawn(async move { reader.read(100).await });
    (0..1024).for_each(|_| sender.push(Class::Bulk, vec![7; 64 << 10].into()));
    let quiet = Duration::from_millis(300);
    while tokio::time::timeout(quiet, credit.recv()).await.is_ok() {
        let _ = sender.take_flushed();
    }
    (sender, far)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_urgent_frame_waits_behind_one_window_of_blocks_only() {
    let (sender, far) = saturate().await;
    sender.push(Class::Control, Bytes::from_static(b"beat"));
    let (mut reader, _writer) = far.split();
    let mut before = 0;
    loop {
        match reader.read(LARGE).await.unwrap().unwrap().len() {
            4 => break,
            length => before += length,
        }
    }
    assert!(before <= 512 << 10, "{before} bytes came before it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_overtake_a_frame_of_100_mib() {
    let transport = bind(config("n")).await;
    let (near, far) = link(&transport, &transport).await;
    let (mut near_reader, near_writer) = near.split();
    tokio::spawn(async move { near_reader.read(100).await });
    let (near, _) = start(near_writer);
    let (mut reader, far_writer) = far.split();
    let (_far, _) = start(far_writer);
    near.push(Class::Bulk, Bytes::from(vec![7; LARGE]));
    let mut heartbeats = 0;
    near.push(Class::Control, Bytes::from_static(b"beat"));
    loop {
        let frame = reader.read(LARGE).await.unwrap().unwrap();
        if frame.len() == LARGE {
            break;
        }
        heartbeats += 1;
        near.push(Class::Control, Bytes::from_static(b"beat"));
    }
    // Each heartbeat waits for a chunk and for the bytes in flight: at most a few windows.
    assert!(
        heartbeats >= 50,
        "only {heartbeats} heartbeats passed the large frame"
    );
}
