//! An async-std application that uses what the driver's traits offer through [`SmolRuntime`]:
//! a server and a client exchange a line over TCP, beside async-std's own tasks.
#![allow(clippy::print_stdout, reason = "it is the example's result")]

use std::io;
use std::net::Shutdown;
use std::time::Duration;

use async_std::io::prelude::{ReadExt as _, WriteExt as _};
use gossip_driver::core::Endpoint;
use gossip_driver::{Runtime as _, TcpRuntime as _};
use runtime_smol::SmolRuntime;

fn main() -> io::Result<()> {
    async_std::task::block_on(async {
        let runtime = SmolRuntime::global();
        let listener = runtime.bind(&Endpoint::new("127.0.0.1:0")).await?;
        let address = runtime.local_endpoint(&listener)?;

        let clock = runtime.clone();
        let client = async_std::task::spawn(async move {
            let mut stream = clock.connect(&address).await?;
            clock
                .sleep_until(clock.now() + Duration::from_millis(5))
                .await;
            stream.write_all(b"from async-std, over smol").await?;
            stream.shutdown(Shutdown::Write)
        });

        let (mut stream, remote) = runtime.accept(&listener).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        client.await?;
        println!("{remote} says: {text}");
        Ok(())
    })
}
