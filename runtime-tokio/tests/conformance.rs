//! The public conformance suites on tokio.

use gossip_driver::testing::runtime::{suite, tcp_suite};
use runtime_tokio::TokioRuntime;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runtime_of_several_threads_conforms() {
    suite(TokioRuntime::current()).await;
    tcp_suite(TokioRuntime::current()).await;
}

#[tokio::test]
async fn a_runtime_of_one_thread_conforms() {
    suite(TokioRuntime::current()).await;
    tcp_suite(TokioRuntime::current()).await;
}

#[test]
fn futures_that_are_awaited_outside_the_runtime_are_served() {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let runtime = TokioRuntime::new(tokio.handle().clone());
    smol::block_on(async {
        suite(runtime.clone()).await;
        tcp_suite(runtime).await;
    });
}
