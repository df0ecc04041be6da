//! Gossip embedded in an async-std application: two peers of one organisation over encrypted TCP,
//! beside async-std's own tasks. The nodes run on smol's executor, whose reactor async-std shares;
//! the application awaits their handles like any other future.
//!
//! A real application takes its identity service from `gossip-msp` and its ledger from
//! `gossip-ledger`.
#![allow(clippy::print_stdout, reason = "it is the example's result")]

use std::error::Error;

use gossip_driver::core::{Endpoint, JoinChannel, OrgId};
use gossip_driver::testing::{MemLedger, TestCrypto};
use gossip_driver::{Gossip, Notice};
use runtime_smol::SmolRuntime;
use transport_tcp::{TcpConfig, TcpTransport};

const BLOCKS: u64 = 10;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let height = async_std::task::block_on(application())?;
    println!("both peers have {height} blocks");
    Ok(())
}

/// Publishes blocks on one peer and waits for them on the other; how many arrived.
pub async fn application() -> Result<u64, Failure> {
    let (alice, alice_at) = start("alice", None).await?;
    let (bob, _) = start("bob", Some(&alice_at)).await?;

    let members = JoinChannel {
        sequence: 1,
        members: [(OrgId::new(b"org1"), Vec::new())].into(),
    };
    let publisher = alice.join_channel("trade", members.clone()).await?;
    let receiver = bob.join_channel("trade", members).await?;
    publisher.wait_peers(1).await?;

    // A task of async-std publishes, another listens.
    let publishing = async_std::task::spawn(async move {
        for seq in 0..BLOCKS {
            publisher.publish(seq, format!("block {seq}")).await?;
        }
        Ok::<_, Failure>(publisher.wait_height(BLOCKS).await?)
    });
    let mut news = bob.notifications();
    let listening = async_std::task::spawn(async move {
        use async_std::stream::StreamExt as _;
        let mut heard = 0;
        while let Some(notice) = news.next().await {
            heard += u64::from(matches!(notice, Notice::Event(_)));
        }
        heard
    });
    publishing.await?;
    let height = receiver.wait_height(BLOCKS).await?;

    alice.shutdown().await;
    bob.shutdown().await;
    println!("{} notices", listening.await);
    Ok(height)
}

/// Starts a peer of `org1`, and says where it listens.
async fn start(name: &str, bootstrap: Option<&Endpoint>) -> Result<(Gossip, Endpoint), Failure> {
    let listen = TcpConfig::new("127.0.0.1:0".into(), "example-net");
    let transport = TcpTransport::bind(SmolRuntime::global(), listen).await?;
    let local = transport.local_endpoint().clone();
    let gossip = runtime_smol::builder()
        .identity(TestCrypto::new("org1", name))
        .transport(transport)
        .ledger(MemLedger::new())
        .bootstrap(bootstrap.cloned())
        .spawn()?;
    Ok((gossip, local))
}
