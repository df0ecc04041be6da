//! Dialling of a name with several addresses (RFC 8305).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gossip_driver::core::Endpoint;
use gossip_driver::transport::{Transport as _, TransportError};
use gossip_driver::{Runtime, TcpRuntime};
use runtime_tokio::TokioRuntime;
use transport_tcp::{TcpConfig, TcpTransport};

/// Tokio with a resolver of its own. Packets to 192.0.2.0/24 are lost, and 198.51.100.0/24 refuses connections.
#[derive(Clone)]
struct Resolving {
    tokio: TokioRuntime,
    addresses: Arc<Mutex<Vec<SocketAddr>>>,
    attempts: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Runtime for Resolving {
    type Sleep = <TokioRuntime as Runtime>::Sleep;

    fn sleep_until(&self, deadline: Instant) -> Self::Sleep {
        self.tokio.sleep_until(deadline)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tokio.spawn(task);
    }
}

impl TcpRuntime for Resolving {
    type Stream = <TokioRuntime as TcpRuntime>::Stream;
    type ReadHalf = <TokioRuntime as TcpRuntime>::ReadHalf;
    type WriteHalf = <TokioRuntime as TcpRuntime>::WriteHalf;
    type Listener = <TokioRuntime as TcpRuntime>::Listener;

    fn split(stream: Self::Stream) -> (Self::ReadHalf, Self::WriteHalf) {
        TokioRuntime::split(stream)
    }

    async fn resolve(&self, name: &Endpoint) -> io::Result<Vec<SocketAddr>> {
        assert_eq!(name.as_str(), "peer0:7051");
        Ok(self.addresses.lock().unwrap().clone())
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Self::Stream> {
        self.attempts.lock().unwrap().push(to);
        let text = to.to_string();
        if text.starts_with("192.0.2.") {
            return pending().await;
        }
        if text.starts_with("198.51.100.") {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        self.tokio.connect(to).await
    }

    async fn bind(&self, on: &Endpoint) -> io::Result<Self::Listener> {
        self.tokio.bind(on).await
    }

    fn local_endpoint(&self, listener: &Self::Listener) -> io::Result<Endpoint> {
        self.tokio.local_endpoint(listener)
    }

    async fn accept(&self, listener: &Self::Listener) -> io::Result<(Self::Stream, Endpoint)> {
        self.tokio.accept(listener).await
    }
}

/// A transport, and what its resolver answers; with the transport's own address last.
async fn transport(others: &[&str]) -> (TcpTransport<Resolving>, Resolving) {
    let runtime = Resolving {
        tokio: TokioRuntime::current(),
        addresses: Arc::default(),
        attempts: Arc::default(),
    };
    let config = TcpConfig::new(Endpoint::new("127.0.0.1:0"), "n");
    let transport = TcpTransport::bind(runtime.clone(), config).await.unwrap();
    let own = transport.local_endpoint().as_str();
    let all = others.iter().copied().chain([own]);
    *runtime.addresses.lock().unwrap() = all.map(|one| one.parse().unwrap()).collect();
    (transport, runtime)
}

/// Dials the name. Returns the addresses tried, as indices of the resolver's answer, and the duration.
async fn dial(transport: &TcpTransport<Resolving>, runtime: &Resolving) -> (Vec<usize>, Duration) {
    let begun = Instant::now();
    let name = Endpoint::new("peer0:7051");
    let (near, far) = tokio::join!(transport.dial(&name), transport.accept());
    near.unwrap();
    far.unwrap();
    let known = runtime.addresses.lock().unwrap().clone();
    let tried = std::mem::take(&mut *runtime.attempts.lock().unwrap());
    let index = |address| known.iter().position(|one| *one == address).unwrap();
    (tried.into_iter().map(index).collect(), begun.elapsed())
}

#[tokio::test]
async fn an_address_that_swallows_packets_delays_a_dial_once_by_a_quarter_of_a_second() {
    let (transport, runtime) = transport(&["192.0.2.1:1"]).await;
    let (tried, took) = dial(&transport, &runtime).await;
    assert_eq!(tried, [0, 1]);
    assert!(took >= Duration::from_millis(250), "{took:?}");
    assert_eq!(transport.stats().other_address, 1);
    for _ in 0..3 {
        assert_eq!(dial(&transport, &runtime).await.0, [1], "remembered");
    }
    assert_eq!(transport.stats().other_address, 1);
}

#[tokio::test]
async fn an_address_that_refuses_is_followed_by_the_next_at_once() {
    let refusing = ["198.51.100.1:1", "198.51.100.2:1", "198.51.100.3:1"];
    let (transport, runtime) = transport(&refusing).await;
    let (tried, _) = dial(&transport, &runtime).await;
    assert_eq!(tried, [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_name_is_unreachable_if_all_its_addresses_refuse_or_there_is_none() {
    for addresses in [vec!["198.51.100.1:1", "198.51.100.2:1"], vec![]] {
        let (transport, runtime) = transport(&addresses).await;
        runtime.addresses.lock().unwrap().pop();
        let name = Endpoint::new("peer0:7051");
        let refused = transport.dial(&name).await.err();
        assert!(
            matches!(refused, Some(TransportError::Unreachable(_))),
            "{refused:?}"
        );
        let tried = runtime.attempts.lock().unwrap().len();
        assert_eq!(tried, addresses.len());
    }
}
