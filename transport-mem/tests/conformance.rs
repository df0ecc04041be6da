//! The public conformance suite, on each runtime.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use gossip_driver::Runtime;
use gossip_driver::core::Endpoint;
use gossip_driver::testing::transport::{Pair, suite};
use runtime_smol::SmolRuntime;
use runtime_tokio::TokioRuntime;
use transport_mem::{Conditions, MemNetwork, MemTransport};

fn pair<R: Runtime>(runtime: &R, conditions: Conditions) -> Pair<MemTransport<R>> {
    let network = MemNetwork::new(1);
    network.set_conditions(conditions);
    Pair {
        dialler: network.endpoint(runtime.clone(), "a").unwrap(),
        acceptor: network.endpoint(runtime.clone(), "b").unwrap(),
        acceptor_endpoint: Endpoint::new("b"),
        unused: Endpoint::new("c"),
    }
}

fn slow() -> Conditions {
    Conditions {
        latency: Duration::from_millis(2),
        jitter: Duration::from_millis(2),
        bandwidth: Some(100 << 20),
        ..Conditions::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_on_tokio_conforms() {
    let runtime = TokioRuntime::current();
    suite(runtime.clone(), async || {
        pair(&runtime, Conditions::default())
    })
    .await;
}

#[tokio::test]
async fn a_slow_network_on_tokio_conforms() {
    let runtime = TokioRuntime::current();
    suite(runtime.clone(), async || pair(&runtime, slow())).await;
}

#[test]
fn memory_on_smol_conforms() {
    let runtime = SmolRuntime::global();
    smol::block_on(suite(runtime.clone(), async || {
        pair(&runtime, Conditions::default())
    }));
}

#[test]
fn a_slow_network_on_smol_conforms() {
    let runtime = SmolRuntime::global();
    smol::block_on(suite(runtime.clone(), async || pair(&runtime, slow())));
}
