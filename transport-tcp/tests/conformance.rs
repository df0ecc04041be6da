//! The public conformance suite, on each runtime and with each cipher.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use gossip_driver::TcpRuntime;
use gossip_driver::core::Endpoint;
use gossip_driver::testing::transport::{Pair, suite};
use gossip_driver::transport::Transport as _;
use runtime_smol::SmolRuntime;
use runtime_tokio::TokioRuntime;
use transport_tcp::{Cipher, TcpConfig, TcpTransport};

async fn pair<R: TcpRuntime>(runtime: &R, cipher: Cipher) -> Pair<TcpTransport<R>> {
    let bind = async || {
        let mut config = TcpConfig::new(Endpoint::new("127.0.0.1:0"), "a network");
        config.dial_cipher = Some(cipher);
        TcpTransport::bind(runtime.clone(), config).await.unwrap()
    };
    let (dialler, acceptor, gone) = (bind().await, bind().await, bind().await);
    gone.close().await;
    let acceptor_endpoint = acceptor.local_endpoint().clone();
    Pair {
        dialler,
        acceptor,
        acceptor_endpoint,
        unused: gone.local_endpoint().clone(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tcp_on_tokio_conforms() {
    let runtime = TokioRuntime::current();
    suite(runtime.clone(), async || {
        pair(&runtime, Cipher::AesGcm).await
    })
    .await;
}

#[tokio::test]
async fn tcp_on_one_thread_of_tokio_conforms() {
    let runtime = TokioRuntime::current();
    suite(runtime.clone(), async || {
        pair(&runtime, Cipher::ChaChaPoly).await
    })
    .await;
}

#[test]
fn tcp_on_smol_conforms() {
    let runtime = SmolRuntime::global();
    smol::block_on(suite(runtime.clone(), async || {
        pair(&runtime, Cipher::AesGcm).await
    }));
}
