use bytes::Bytes;
use gossip_core::proto::{
    Alive, ConnEstablish, Content, GossipMessage, Limits, Payload, PeerTime, Properties,
    SignedMessage, StateInfo, Tag, UnsignedMessage, channel_mac,
};
use gossip_core::{Binding, Class, Endpoint};
use gossip_driver::TcpRuntime;
use gossip_driver::transport::{
    FrameReader as _, FrameSender, FrameWriter as _, Link as _, Transport as _, TransportError,
    frame_queue,
};
use gossip_msp::SigningIdentity;
use transport_tcp::{TcpLink, TcpReader, TcpTransport};

use super::{CHANNEL, Stage as _, Tcp, within};

/// An attacker that uses the transport's protocol and sends any frames on it.
#[derive(Debug)]
pub struct Intruder<R: TcpRuntime> {
    runtime: R,
    transport: TcpTransport<R>,
    endpoint: Endpoint,
}

impl<R: TcpRuntime> Intruder<R> {
    /// An intruder in the network of `stage`.
    pub async fn new(stage: &Tcp<R>) -> Self {
        let (transport, endpoint) = stage.listen(None).await;
        Self {
            runtime: stage.runtime.clone(),
            transport,
            endpoint,
        }
    }

    /// The endpoint at which it listens.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Connects to a peer.
    pub async fn dial(&self, to: &Endpoint) -> Line<R> {
        let link = within("the intruder connects", self.transport.dial(to)).await;
        self.line(link.unwrap())
    }

    /// Accepts the next connection of a peer.
    pub async fn accept(&self) -> Line<R> {
        let link = within("a peer connects to the intruder", self.transport.accept()).await;
        self.line(link.unwrap())
    }

    fn line(&self, link: TcpLink<R>) -> Line<R> {
        let binding = link.binding();
        let (reader, writer) = link.split();
        let (sender, queue) = frame_queue(|| {});
        self.runtime.spawn(async move {
            let _ = writer.run(queue).await;
        });
        Line {
            binding,
            reader,
            sender,
        }
    }
}

/// A connection of an [`Intruder`].
#[derive(Debug)]
pub struct Line<R: TcpRuntime> {
    /// The binding of an authentication to this connection.
    pub binding: Binding,
    reader: TcpReader<R>,
    sender: FrameSender,
}

impl<R: TcpRuntime> Line<R> {
    /// Sends a frame.
    pub fn send(&self, class: Class, frame: &Bytes) {
        self.sender.push(class, frame.clone());
    }

    /// The next message; `None` at the end of the connection.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn receive(&mut self) -> Result<Option<SignedMessage>, TransportError> {
        let limits = Limits::default();
        let frame = within("the peer sends", self.reader.read(limits.max_envelope)).await?;
        Ok(frame.map(|frame| SignedMessage::decode(frame, &limits).unwrap()))
    }

    /// Waits for the peer to close the connection.
    pub async fn closed(&mut self) {
        within("the peer closes the connection", async {
            while let Ok(Some(_)) = self.receive().await {}
        })
        .await;
    }

    /// Authenticates as `signer`, like an honest peer, and waits for the peer's authentication.
    pub async fn authenticate(&mut self, signer: &SigningIdentity) -> SignedMessage {
        let proof = sign(signer, conn(claim(signer, &self.binding)));
        self.send(Class::Control, proof.encoded());
        let theirs = self.receive().await.unwrap().unwrap();
        assert!(matches!(theirs.content(), Content::Conn(_)));
        proof
    }
}

/// The authentication of an honest peer, to be signed with [`sign`].
#[must_use]
pub fn claim(signer: &SigningIdentity, binding: &Binding) -> ConnEstablish {
    ConnEstablish {
        pki_id: pki_id(signer),
        identity: signer.bytes().clone(),
        binding: binding.ours.clone(),
        probe: false,
        capabilities: 0,
        network_id: Bytes::from_static(b"test"),
        incarnation: 1,
    }
}

/// The message that carries an authentication.
#[must_use]
pub fn conn(claim: ConnEstablish) -> GossipMessage {
    message(Tag::Empty, Content::Conn(claim))
}

/// A heartbeat with `endpoint` as the external endpoint.
#[must_use]
pub fn alive(signer: &SigningIdentity, endpoint: &Endpoint, sequence: u64) -> GossipMessage {
    let alive = Alive {
        pki_id: pki_id(signer),
        endpoint: endpoint.as_str().into(),
        metadata: Bytes::new(),
        time: PeerTime {
            incarnation: 1,
            sequence,
        },
        identity: Some(signer.bytes().clone()),
        pulse_anchor: None,
        leaving: false,
    };
    message(Tag::Empty, Content::Alive(alive))
}

/// The state info of a participant whose ledger has `height` blocks.
#[must_use]
pub fn state_info(signer: &SigningIdentity, height: u64) -> GossipMessage {
    let pki_id = pki_id(signer);
    let info = StateInfo {
        channel_mac: Bytes::copy_from_slice(&channel_mac(&pki_id, CHANNEL.as_bytes())),
        pki_id,
        time: PeerTime {
            incarnation: 1,
            sequence: height + 1,
        },
        properties: Some(Properties {
            ledger_height: height,
            left_channel: false,
            chaincodes: Vec::new(),
        }),
    };
    message(Tag::ChanOrOrg, Content::StateInfo(info))
}

/// The message that pushes a block.
#[must_use]
pub fn block(seq: u64, data: &Bytes) -> SignedMessage {
    let payload = Payload {
        seq_num: seq,
        data: data.clone(),
        private_data: Vec::new(),
    };
    SignedMessage::unsigned(GossipMessage {
        channel: Bytes::from_static(CHANNEL.as_bytes()),
        ..message(Tag::ChanAndOrg, Content::Data(payload))
    })
}

/// A message signed by `signer`.
#[must_use]
pub fn sign(signer: &SigningIdentity, message: GossipMessage) -> SignedMessage {
    let unsigned = UnsignedMessage::new(message, None);
    let signature = signer.sign(unsigned.payload()).unwrap();
    unsigned.sign(signature.into(), None)
}

fn message(tag: Tag, content: Content) -> GossipMessage {
    GossipMessage {
        nonce: 0,
        channel: Bytes::new(),
        tag,
        content,
    }
}

fn pki_id(signer: &SigningIdentity) -> Bytes {
    Bytes::copy_from_slice(signer.identity().peer_id().as_bytes())
}
