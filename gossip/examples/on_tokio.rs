//! Gossip embedded in a tokio application: two peers of one organisation over encrypted TCP. One task publishes,
//! another listens to notifications.
//!
//! The identities and ledgers are those of tests; the front page of `fabric-gossip` has an example with
//! certificates and ledgers on disk.
//!
//! `cargo run -p fabric-gossip --features testing --example on_tokio`
#![allow(clippy::print_stdout, reason = "an example prints its results")]

use futures_util::StreamExt as _;
use gossip::tcp::{TcpConfig, TcpTransport};
use gossip::testing::{MemLedger, TestCrypto};
use gossip::tokio::TokioRuntime;
use gossip::{Endpoint, Gossip, JoinChannel, Notice, OrgId};

const BLOCKS: u64 = 10;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (alice, alice_at) = start("alice", None).await?;
    let (bob, _) = start("bob", Some(alice_at)).await?;

    let members = JoinChannel {
        sequence: 1,
        members: [(OrgId::new(b"org1"), Vec::new())].into(),
    };
    let publisher = alice.join_channel("trade", members.clone()).await?;
    let receiver = bob.join_channel("trade", members).await?;
    publisher.wait_peers(1).await?;

    let mut notifications = bob.notifications();
    let listening = tokio::spawn(async move {
        let mut notices = 0;
        while let Some(notice) = notifications.next().await {
            notices += u64::from(matches!(notice, Notice::Event(_)));
        }
        notices
    });
    let publishing = tokio::spawn(async move {
        for seq in 0..BLOCKS {
            publisher.publish(seq, format!("block {seq}")).await?;
        }
        Ok::<_, Error>(publisher.wait_height(BLOCKS).await?)
    });
    publishing.await??;
    let height = receiver.wait_height(BLOCKS).await?;

    alice.shutdown().await;
    bob.shutdown().await;
    println!(
        "both peers have {height} blocks; {} notifications",
        listening.await?
    );
    Ok(())
}

/// Starts a peer of `org1`. Returns it with the endpoint that it listens on.
async fn start(name: &str, bootstrap: Option<Endpoint>) -> Result<(Gossip, Endpoint), Error> {
    let listen = TcpConfig::new("127.0.0.1:0".into(), "example-network");
    let transport = TcpTransport::bind(TokioRuntime::current(), listen).await?;
    let endpoint = transport.local_endpoint().clone();
    let gossip = gossip::tokio::builder()
        .identity(TestCrypto::new("org1", name))
        .transport(transport)
        .ledger(MemLedger::new())
        .bootstrap(bootstrap)
        .spawn()?;
    Ok((gossip, endpoint))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_tokio_application_embeds_gossip() -> Result<(), super::Error> {
        super::main()
    }
}
