//! Attacks by unknown remotes and by a hostile line.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use bytes::Bytes;
use gossip_driver::core::Class;
use gossip_driver::transport::{FrameReader as _, Link as _, Transport as _, TransportError};
use support::{Relay, bind, config, counted, link, split, start};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use transport_tcp::Cipher;

#[tokio::test]
async fn another_network_is_refused_and_counted_on_both_sides() {
    let ours = bind(config("ours")).await;
    let theirs = bind(config("theirs")).await;
    let result = theirs.dial(ours.local_endpoint()).await;
    assert!(
        matches!(result, Err(TransportError::WrongNetwork)),
        "{result:?}"
    );
    assert_eq!(theirs.stats().wrong_network, 1);
    let stats = counted(&ours, |stats| stats.wrong_network == 1).await;
    assert_eq!((stats.failed, stats.malformed, stats.accepted), (0, 0, 0));
}

#[tokio::test]
async fn a_dialler_that_speaks_something_else_is_counted_as_malformed() {
    let transport = bind(config("n")).await;
    let mut stream = TcpStream::connect(transport.local_endpoint().as_str())
        .await
        .unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    // Either the end of the stream or a reset, but no answer.
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty());
    counted(&transport, |stats| stats.malformed == 1).await;
}

#[tokio::test]
async fn a_silent_dialler_delays_no_other_and_is_dropped_at_the_deadline() {
    let mut config = config("n");
    config.handshake_timeout = Duration::from_millis(300);
    let transport = bind(config).await;
    let started = Instant::now();
    let mut silent = TcpStream::connect(transport.local_endpoint().as_str())
        .await
        .unwrap();
    let (_near, _far) = link(&transport, &transport).await;
    assert_eq!(
        transport.stats().timed_out,
        0,
        "accepting waited for the silent dialler"
    );
    let _ = silent.read_to_end(&mut Vec::new()).await;
    assert!(
        started.elapsed() >= Duration::from_millis(300),
        "dropped before the deadline"
    );
    counted(&transport, |stats| stats.timed_out == 1).await;
}

#[tokio::test]
async fn silent_diallers_take_places_from_each_other_and_not_from_newcomers() {
    let mut config = config("n");
    config.max_handshakes = std::num::NonZeroUsize::new(2).unwrap();
    config.handshake_timeout = Duration::from_secs(60);
    let transport = bind(config).await;
    let mut silent = Vec::new();
    for _ in 0..5 {
        silent.push(
            TcpStream::connect(transport.local_endpoint().as_str())
                .await
                .unwrap(),
        );
    }
    counted(&transport, |stats| stats.shed == 3).await;
    link(&transport, &transport).await;
}

#[tokio::test]
async fn the_dialler_chooses_the_cipher_and_the_acceptor_may_insist() {
    for (cipher, other) in [
        (Cipher::AesGcm, Cipher::ChaChaPoly),
        (Cipher::ChaChaPoly, Cipher::AesGcm),
    ] {
        let mut dialling = config("n");
        dialling.dial_cipher = Some(cipher);
        let dialler = bind(dialling).await;
        let (near, far) = link(&dialler, &bind(config("n")).await).await;
        assert_eq!(near.binding(), far.binding());
        assert_eq!((near.cipher(), far.cipher()), (cipher, cipher));

        let mut strict = config("n");
        strict.accept_only = Some(other);
        let strict = bind(strict).await;
        let result = dialler.dial(strict.local_endpoint()).await;
        assert!(
            matches!(result, Err(TransportError::Refused(_))),
            "{result:?}"
        );
        assert_eq!(dialler.stats().refused, 1);
        counted(&strict, |stats| stats.refused == 1).await;
    }
}

#[tokio::test]
async fn an_altered_choice_of_cipher_fails_the_handshake() {
    let acceptor = bind(config("n")).await;
    let mut dialling = config("n");
    dialling.dial_cipher = Some(Cipher::AesGcm);
    let dialler = bind(dialling).await;
    let relay = Relay::start(&acceptor, |position, byte| {
        // The preamble's sixth byte is the cipher.
        if position == 5 { 2 } else { byte }
    })
    .await;
    let result = dialler.dial(&relay).await;
    assert!(
        matches!(result, Err(TransportError::Handshake(_))),
        "{result:?}"
    );
    assert_eq!(dialler.stats().failed, 1);
    counted(&acceptor, |stats| stats.failed == 1).await;
}

#[tokio::test]
async fn an_altered_message_breaks_the_link() {
    let acceptor = bind(config("n")).await;
    // After the handshake's 16 + 32 + 64 bytes, within the first message.
    let relay = Relay::start(&acceptor, |position, byte| {
        if position == 16 + 32 + 64 + 40 {
            byte ^ 1
        } else {
            byte
        }
    })
    .await;
    let (near, far) = split(&bind(config("n")).await, &relay, &acceptor).await;
    let (sender, _) = start(near.1);
    sender.push(Class::Push, Bytes::from(vec![1; 1000]));
    let (mut reader, _writer) = far;
    let result = reader.read(1 << 20).await;
    assert!(
        matches!(result, Err(TransportError::Framing(_))),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_stream_cut_at_any_point_is_not_taken_for_its_end() {
    // At the start, within a message, and exactly between two messages of 2 + 3 + 100 + 16 bytes.
    for cut in [0, 50, 121] {
        let acceptor = bind(config("n")).await;
        let relay = Relay::start_cut(&acceptor, 16 + 32 + 64 + cut).await;
        let (near, far) = split(&bind(config("n")).await, &relay, &acceptor).await;
        let (sender, _) = start(near.1);
        let (mut reader, _writer) = far;
        sender.push(Class::Push, Bytes::from(vec![1; 100]));
        if cut == 121 {
            assert_eq!(reader.read(1 << 20).await.unwrap().unwrap().len(), 100);
        }
        sender.finish();
        let result = reader.read(1 << 20).await;
        assert!(
            matches!(result, Err(TransportError::Io(_))),
            "cut after {cut}: {result:?}"
        );
    }
}
