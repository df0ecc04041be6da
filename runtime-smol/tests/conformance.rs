//! The public conformance suites on smol, and from inside an async-std application.

use std::sync::Arc;

use gossip_driver::testing::runtime::{suite, tcp_suite};
use runtime_smol::SmolRuntime;

#[test]
fn the_global_executor_conforms() {
    smol::block_on(async {
        suite(SmolRuntime::global()).await;
        tcp_suite(SmolRuntime::global()).await;
    });
}

#[test]
fn an_executor_of_the_application_conforms() {
    let executor = Arc::new(smol::Executor::new());
    let runtime = SmolRuntime::new(Arc::clone(&executor));
    smol::block_on(executor.run(async {
        suite(runtime.clone()).await;
        tcp_suite(runtime).await;
    }));
}

#[test]
fn an_async_std_application_is_served() {
    async_std::task::block_on(async {
        let runtime = SmolRuntime::global();
        suite(runtime.clone()).await;
        let tcp = async_std::task::spawn(tcp_suite(runtime));
        tcp.await;
    });
}
