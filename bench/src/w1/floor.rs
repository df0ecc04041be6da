//! The floor, a lower bound by plain code: a static tree, Noise, one signature per payload.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::future::{join, try_join};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use snow::{Builder, HandshakeState, StatelessTransportState};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::{Network, Tracker, index_of};

const PATTERN: &str = "Noise_XX_25519_AESGCM_SHA256";
/// Plain bytes of one Noise message.
const CHUNK: usize = 65_535 - 16;
const SIGNATURE: usize = 64;
/// Frames that can wait for one child.
const QUEUE: usize = 64;
/// Frames are sealed together until this many bytes are ready to be written.
const WRITE: usize = 64 << 10;

/// A tree of plain relays.
pub(crate) struct Floor {
    children: Vec<mpsc::Sender<Bytes>>,
    key: Arc<EcdsaKeyPair>,
    random: SystemRandom,
}

struct Relay {
    children: Vec<mpsc::Sender<Bytes>>,
    public: UnparsedPublicKey<Vec<u8>>,
    tracker: Arc<Tracker>,
}

impl Network for Floor {
    async fn start(nodes: usize, tracker: &Arc<Tracker>) -> Result<Self> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| anyhow::anyhow!("no key could be made"))?;
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
                .map_err(|_| anyhow::anyhow!("the key cannot be used"))?;
        let public = key.public_key().as_ref().to_vec();
        let arity = if nodes <= 8 { 7 } else { 3 };
        let mut children: Vec<Vec<mpsc::Sender<Bytes>>> = vec![Vec::new(); nodes];
        let mut incoming = Vec::new();
        for node in 1..nodes {
            let (sender, link) = connect().await?;
            children[(node - 1) / arity].push(sender);
            incoming.push((node, link));
        }
        for (node, (reader, noise)) in incoming {
            let relay = Relay {
                children: std::mem::take(&mut children[node]),
                public: UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public.clone()),
                tracker: Arc::clone(tracker),
            };
            tokio::spawn(async move {
                // Ends with the stream.
                let _ = relay.run(reader, noise).await;
            });
        }
        Ok(Self {
            children: children.swap_remove(0),
            key: Arc::new(key),
            random,
        })
    }

    async fn publish(&mut self, payload: &[u8]) -> Result<()> {
        let hash = digest(&SHA256, payload);
        let signature = self
            .key
            .sign(&self.random, hash.as_ref())
            .map_err(|_| anyhow::anyhow!("the key cannot sign"))?;
        let mut frame = BytesMut::with_capacity(SIGNATURE + payload.len());
        frame.extend_from_slice(signature.as_ref());
        frame.extend_from_slice(payload);
        let frame = frame.freeze();
        for child in &self.children {
            child.send(frame.clone()).await?;
        }
        Ok(())
    }

    async fn stop(self) {}
}

impl Relay {
    async fn run(
        self,
        mut stream: OwnedReadHalf,
        noise: Arc<StatelessTransportState>,
    ) -> Result<()> {
        let mut sealed = BytesMut::with_capacity(256 << 10);
        let mut plain = BytesMut::new();
        let mut counter = 0;
        while stream.read_buf(&mut sealed).await? > 0 {
            while let Some(length) = whole(&sealed, 2, |head| {
                u16::from_be_bytes([head[0], head[1]]).into()
            }) {
                let start = plain.len();
                plain.resize(start + length, 0);
                let opened =
                    noise.read_message(counter, &sealed[2..2 + length], &mut plain[start..])?;
                counter += 1;
                plain.truncate(start + opened);
                sealed.advance(2 + length);
            }
            while let Some(length) = whole(&plain, 4, |head| {
                u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize
            }) {
                plain.advance(4);
                self.handle(plain.split_to(length).freeze()).await?;
            }
            sealed.reserve(128 << 10);
        }
        Ok(())
    }

    async fn handle(&self, frame: Bytes) -> Result<()> {
        for child in &self.children {
            child.send(frame.clone()).await?;
        }
        ensure!(frame.len() > SIGNATURE, "a frame is too short");
        let (signature, payload) = frame.split_at(SIGNATURE);
        let hash = digest(&SHA256, payload);
        self.public
            .verify(hash.as_ref(), signature)
            .map_err(|_| anyhow::anyhow!("a payload does not verify"))?;
        self.tracker
            .delivered(index_of(payload).context("a payload has no index")?);
        Ok(())
    }
}

/// The length of the first item in `buffer`, if it is complete.
fn whole(buffer: &[u8], head: usize, length: impl Fn(&[u8]) -> usize) -> Option<usize> {
    let length = length(buffer.get(..head)?);
    (buffer.len() >= head + length).then_some(length)
}

type Incoming = (OwnedReadHalf, Arc<StatelessTransportState>);

/// A link over loopback TCP: the sender of its frames, and its far end.
async fn connect() -> Result<(mpsc::Sender<Bytes>, Incoming)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (near, far) = join(TcpStream::connect(address), listener.accept()).await;
    let (mut near, (mut far, _)) = (near?, far?);
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_noise, far_noise) =
        try_join(handshake(&mut near, true), handshake(&mut far, false)).await?;
    // A link carries data in one direction; the unused halves must stay open.
    let (near_reader, near_writer) = near.into_split();
    let (far_reader, far_writer) = far.into_split();
    let (sender, queue) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        let _open = (near_reader, far_writer);
        let _ = write(near_writer, near_noise, queue).await;
    });
    Ok((sender, (far_reader, Arc::new(far_noise))))
}

async fn handshake(stream: &mut TcpStream, initiator: bool) -> Result<StatelessTransportState> {
    let builder = Builder::new(PATTERN.parse()?);
    let keys = builder.generate_keypair()?;
    let builder = builder.local_private_key(&keys.private)?;
    let mut state: HandshakeState = if initiator {
        builder.build_initiator()?
    } else {
        builder.build_responder()?
    };
    let mut buffer = vec![0; 1024];
    let mut message = vec![0; 1024];
    while !state.is_handshake_finished() {
        if state.is_my_turn() {
            let length = state.write_message(&[], &mut message)?;
            stream.write_u16(u16::try_from(length)?).await?;
            stream.write_all(&message[..length]).await?;
        } else {
            let length = usize::from(stream.read_u16().await?);
            ensure!(length <= message.len(), "a handshake message is too long");
            stream.read_exact(&mut message[..length]).await?;
            state.read_message(&message[..length], &mut buffer)?;
        }
    }
    Ok(state.into_stateless_transport_mode()?)
}

async fn write(
    mut stream: OwnedWriteHalf,
    noise: StatelessTransportState,
    mut queue: mpsc::Receiver<Bytes>,
) -> Result<()> {
    let mut plain = BytesMut::new();
    let mut sealed = Vec::new();
    let mut counter = 0;
    while let Some(frame) = queue.recv().await {
        let mut next = Some(frame);
        while let Some(frame) = next {
            plain.extend_from_slice(&u32::try_from(frame.len())?.to_be_bytes());
            plain.extend_from_slice(&frame);
            next = (plain.len() < WRITE)
                .then(|| queue.try_recv().ok())
                .flatten();
        }
        for chunk in plain.chunks(CHUNK) {
            let start = sealed.len();
            sealed.resize(start + 2 + chunk.len() + 16, 0);
            let length = noise.write_message(counter, chunk, &mut sealed[start + 2..])?;
            counter += 1;
            sealed[start..start + 2].copy_from_slice(&u16::try_from(length)?.to_be_bytes());
        }
        stream.write_all(&sealed).await?;
        plain.clear();
        sealed.clear();
    }
    Ok(())
}
