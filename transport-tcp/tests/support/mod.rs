//! Shared by the tests: transports on loopback, links between them, and a hostile line.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::time::{Duration, Instant};

use gossip_driver::core::Endpoint;
use gossip_driver::transport::{
    FrameSender, FrameWriter as _, Link as _, Transport as _, TransportError,
};
use runtime_tokio::TokioRuntime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use transport_tcp::{TcpConfig, TcpLink, TcpReader, TcpStats, TcpTransport, TcpWriter};

pub(crate) type Tcp = TcpTransport<TokioRuntime>;
pub(crate) type Halves = (TcpReader<TokioRuntime>, TcpWriter<TokioRuntime>);

pub(crate) fn config(network: &'static str) -> TcpConfig {
    TcpConfig::new(Endpoint::new("127.0.0.1:0"), network)
}

pub(crate) async fn bind(config: TcpConfig) -> Tcp {
    TcpTransport::bind(TokioRuntime::current(), config)
        .await
        .unwrap()
}

pub(crate) async fn link(
    dialler: &Tcp,
    acceptor: &Tcp,
) -> (TcpLink<TokioRuntime>, TcpLink<TokioRuntime>) {
    tokio::try_join!(dialler.dial(acceptor.local_endpoint()), acceptor.accept()).unwrap()
}

/// The halves of a link from `dialler` over `relay` to `acceptor`; the dialler's come first.
pub(crate) async fn split(dialler: &Tcp, relay: &Endpoint, acceptor: &Tcp) -> (Halves, Halves) {
    let (near, far) = tokio::try_join!(dialler.dial(relay), acceptor.accept()).unwrap();
    (near.split(), far.split())
}

pub(crate) fn start(
    writer: TcpWriter<TokioRuntime>,
) -> (FrameSender, JoinHandle<Result<(), TransportError>>) {
    let (sender, queue) = gossip_driver::transport::frame_queue(|| {});
    (sender, tokio::spawn(writer.run(queue)))
}

/// Waits until the statistics are as expected.
pub(crate) async fn counted(transport: &Tcp, expected: impl Fn(&TcpStats) -> bool) -> TcpStats {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let stats = transport.stats();
        if expected(&stats) {
            return stats;
        }
        assert!(Instant::now() < deadline, "never as expected: {stats:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A line between a dialler and an acceptor that alters what the dialler sends.
pub(crate) struct Relay;

impl Relay {
    /// Replaces each byte by the result of `alter` for its position and value.
    pub(crate) async fn start(
        acceptor: &Tcp,
        alter: impl Fn(usize, u8) -> u8 + Send + 'static,
    ) -> Endpoint {
        Self::with(acceptor, move |position, byte| Some(alter(position, byte))).await
    }

    /// Closes the connection in order after `length` bytes.
    pub(crate) async fn start_cut(acceptor: &Tcp, length: usize) -> Endpoint {
        Self::with(acceptor, move |position, byte| {
            (position < length).then_some(byte)
        })
        .await
    }

    async fn with(
        acceptor: &Tcp,
        alter: impl Fn(usize, u8) -> Option<u8> + Send + 'static,
    ) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = Endpoint::new(&listener.local_addr().unwrap().to_string());
        let to = acceptor.local_endpoint().clone();
        tokio::spawn(async move {
            let (dialler, _) = listener.accept().await.unwrap();
            let acceptor = TcpStream::connect(to.as_str()).await.unwrap();
            let (mut from, mut back) = dialler.into_split();
            let (mut answers, mut there) = acceptor.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut answers, &mut back).await });
            let mut position = 0;
            while let Ok(byte) = from.read_u8().await {
                let Some(byte) = alter(position, byte) else {
                    break;
                };
                if there.write_u8(byte).await.is_err() {
                    break;
                }
                position += 1;
            }
            let _ = there.shutdown().await;
            // The dialler's side stays open: only the acceptor sees the cut.
            std::future::pending::<()>().await;
        });
        here
    }
}
