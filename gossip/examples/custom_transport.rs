//! A transport of your own: frames over plain TCP, each after its length, on any runtime that has
//! TCP. Two peers connect over it, and one publishes blocks that the other commits.
//!
//! It has no encryption, and a large frame delays the frames behind it; `transport-tcp` encrypts and
//! interleaves. The conformance suite `gossip::testing::transport` checks an implementation like this one.
//!
//! `cargo run -p fabric-gossip --features testing,smol --example custom_transport`
#![allow(clippy::print_stdout, reason = "an example prints its results")]

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use gossip::core::Binding;
use gossip::smol::SmolRuntime;
use gossip::testing::{MemLedger, TestCrypto};
use gossip::transport::{FrameQueue, FrameReader, FrameWriter, Link, Transport, TransportError};
use gossip::{ChannelId, Endpoint, Gossip, JoinChannel, OrgId, TcpRuntime};

/// Listens and dials.
struct PlainTcp<R: TcpRuntime> {
    runtime: R,
    listener: R::Listener,
    local: Endpoint,
}

impl<R: TcpRuntime> PlainTcp<R> {
    async fn bind(runtime: R) -> Result<Self, TransportError> {
        let listener = runtime.bind(&"127.0.0.1:0".into()).await?;
        let local = runtime.local_endpoint(&listener)?;
        Ok(Self {
            runtime,
            listener,
            local,
        })
    }
}

impl<R: TcpRuntime> Transport for PlainTcp<R> {
    type Link = PlainLink<R>;

    /// Handshakes run one at a time: a silent remote delays later connections, and a remote that closes
    /// makes the driver pause. A transport for production does each handshake in a task.
    async fn accept(&self) -> Result<PlainLink<R>, TransportError> {
        let (stream, remote) = self.runtime.accept(&self.listener).await?;
        PlainLink::open(stream, remote, &self.local).await
    }

    async fn dial(&self, to: &Endpoint) -> Result<PlainLink<R>, TransportError> {
        let unreachable = |_| TransportError::Unreachable(to.clone());
        let addresses = self.runtime.resolve(to).await.map_err(unreachable)?;
        let first = *addresses
            .first()
            .ok_or_else(|| TransportError::Unreachable(to.clone()))?;
        let stream = self.runtime.connect(first).await.map_err(unreachable)?;
        PlainLink::open(stream, to.clone(), &self.local).await
    }

    fn local_endpoint(&self) -> Option<Endpoint> {
        Some(self.local.clone())
    }
}

/// A connection.
struct PlainLink<R: TcpRuntime> {
    stream: R::Stream,
    remote: Endpoint,
    binding: Binding,
}

impl<R: TcpRuntime> PlainLink<R> {
    /// Each side names itself, and expects the other's authentication to contain the name given here. An
    /// encrypted transport binds to its handshake instead, which a relay cannot reproduce.
    async fn open(
        mut stream: R::Stream,
        remote: Endpoint,
        local: &Endpoint,
    ) -> Result<Self, TransportError> {
        let mut ours = [0; NAME];
        for (byte, name) in ours.iter_mut().zip(local.as_str().bytes()) {
            *byte = name;
        }
        stream.write_all(&ours).await?;
        stream.flush().await?;
        let mut theirs = [0; NAME];
        stream.read_exact(&mut theirs).await?;
        let (ours, theirs) = (
            Bytes::copy_from_slice(&ours),
            Bytes::copy_from_slice(&theirs),
        );
        Ok(Self {
            stream,
            remote,
            binding: Binding { ours, theirs },
        })
    }
}

/// The length of a name on the wire.
const NAME: usize = 32;

impl<R: TcpRuntime> Link for PlainLink<R> {
    type Reader = PlainReader<R>;
    type Writer = PlainWriter<R>;

    fn remote(&self) -> Endpoint {
        self.remote.clone()
    }

    fn binding(&self) -> Binding {
        self.binding.clone()
    }

    fn split(self) -> (PlainReader<R>, PlainWriter<R>) {
        let (reader, writer) = R::split(self.stream);
        (PlainReader(reader), PlainWriter(writer))
    }
}

/// The incoming half.
struct PlainReader<R: TcpRuntime>(R::ReadHalf);

impl<R: TcpRuntime> FrameReader for PlainReader<R> {
    async fn read(&mut self, limit: usize) -> Result<Option<Bytes>, TransportError> {
        let mut length = [0; 4];
        if self.0.read(&mut length[..1]).await? == 0 {
            return Ok(None);
        }
        self.0.read_exact(&mut length[1..]).await?;
        let length = u32::from_be_bytes(length) as usize;
        if length > limit {
            return Err(TransportError::FrameTooLong { limit });
        }
        // The buffer grows as bytes arrive: an announced length allocates nothing.
        let mut frame = Vec::new();
        let read = (&mut self.0)
            .take(length as u64)
            .read_to_end(&mut frame)
            .await?;
        if read < length {
            return Err(TransportError::Framing(
                "the connection ended within a frame",
            ));
        }
        Ok(Some(frame.into()))
    }
}

/// The outgoing half.
struct PlainWriter<R: TcpRuntime>(R::WriteHalf);

impl<R: TcpRuntime> FrameWriter for PlainWriter<R> {
    async fn run(mut self, mut queue: FrameQueue) -> Result<(), TransportError> {
        while let Some(outgoing) = queue.next().await {
            let frame = outgoing.frame();
            let length = u32::try_from(frame.len()).map_err(|_| TransportError::FrameTooLong {
                limit: u32::MAX as usize,
            })?;
            self.0.write_all(&length.to_be_bytes()).await?;
            self.0.write_all(frame).await?;
            self.0.flush().await?;
            // Returns the frame's credit: the node may send more on this link.
            outgoing.flushed();
        }
        self.0.close().await?;
        Ok(())
    }
}

/// Starts the peer `name`.
async fn start(
    name: &str,
    bootstrap: Option<&Endpoint>,
    ledger: MemLedger,
) -> Result<(Gossip, Endpoint), Box<dyn Error>> {
    let transport = PlainTcp::bind(SmolRuntime::global()).await?;
    let local = transport.local.clone();
    let gossip = gossip::smol::builder()
        .identity(TestCrypto::new("org1", name))
        .transport(transport)
        .ledger(ledger)
        .bootstrap(bootstrap.cloned())
        .spawn()?;
    Ok((gossip, local))
}

fn main() -> Result<(), Box<dyn Error>> {
    smol::block_on(async {
        let late = async {
            smol::Timer::after(Duration::from_secs(60)).await;
            Err("the peers did not connect within a minute".into())
        };
        smol::future::or(run(), late).await
    })
}

async fn run() -> Result<(), Box<dyn Error>> {
    let stored = MemLedger::new();
    let (alice, alice_at) = start("alice", None, MemLedger::new()).await?;
    let (bob, _) = start("bob", Some(&alice_at), stored.clone()).await?;
    alice.wait_members(1).await?;
    bob.wait_members(1).await?;
    println!("alice and bob are connected");

    let members = JoinChannel {
        sequence: 1,
        members: [(OrgId::new(b"org1"), vec![])].into(),
    };
    let trade = ChannelId::new("trade");
    let publisher = alice.join_channel(trade.clone(), members.clone()).await?;
    let receiver = bob.join_channel(trade.clone(), members).await?;
    for (seq, block) in (0..).zip(["first", "second", "third"]) {
        publisher.publish(seq, block).await?;
    }
    receiver.wait_height(3).await?;
    println!("bob has stored {:?}", stored.blocks(&trade));

    alice.shutdown().await;
    bob.shutdown().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_block_is_committed_over_a_custom_transport() -> Result<(), Box<dyn std::error::Error>> {
        super::main()
    }
}
