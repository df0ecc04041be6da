//! The handshake: a plaintext preamble from the dialler, an answer of one byte, and Noise XX.
//!
//! | step | bytes |
//! | --- | --- |
//! | dialler: preamble | magic (4), version (1), cipher (1), zero (2), tag of the network id (8) |
//! | dialler: Noise message 1 | 32 |
//! | acceptor: answer | 1 |
//! | acceptor: Noise message 2 | 96 |
//! | dialler: Noise message 3 | 64 |
//!
//! The preamble and the full network id are the prologue, so the handshake fails if the choice of
//! the cipher was altered or if the tag of another network collides. Static keys are fresh per
//! transport; nodes prove their identities over the link, bound to the handshake's hash.

use bytes::Bytes;
use futures_util::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use gossip_driver::transport::TransportError;
use ring::digest::{Context, SHA256};
use snow::{Builder, HandshakeState};
use thiserror::Error;

use crate::Cipher;
use crate::cipher::{CipherState, TAG_LEN};

const MAGIC: [u8; 4] = *b"gssp";
const VERSION: u8 = 2;
const PREAMBLE_LEN: usize = 16;
const MESSAGE_1: usize = 32;
const MESSAGE_2: usize = 96;
const MESSAGE_3: usize = 64;

const WELCOME: u8 = 0;
const WRONG_NETWORK: u8 = 1;
const CIPHER_REFUSED: u8 = 2;
const VERSION_UNKNOWN: u8 = 3;

/// What dialler and acceptor need for a handshake.
#[derive(Debug)]
pub(crate) struct HandshakeConfig {
    network_id: Bytes,
    network_tag: [u8; 8],
    static_key: Vec<u8>,
}

impl HandshakeConfig {
    /// Generates a fresh static key.
    pub(crate) fn new(network_id: Bytes) -> Result<Self, TransportError> {
        let mut context = Context::new(&SHA256);
        context.update(b"gossip network id");
        context.update(&network_id);
        let mut network_tag = [0; 8];
        network_tag
            .iter_mut()
            .zip(context.finish().as_ref())
            .for_each(|(to, from)| *to = *from);
        let static_key = builder(Cipher::ChaChaPoly)?
            .generate_keypair()
            .map_err(failed)?
            .private;
        Ok(Self {
            network_id,
            network_tag,
            static_key,
        })
    }

    fn preamble(&self, cipher: Cipher) -> [u8; PREAMBLE_LEN] {
        let [m0, m1, m2, m3] = MAGIC;
        let [t0, t1, t2, t3, t4, t5, t6, t7] = self.network_tag;
        let cipher = code(cipher);
        [
            m0, m1, m2, m3, VERSION, cipher, 0, 0, t0, t1, t2, t3, t4, t5, t6, t7,
        ]
    }

    fn prologue(&self, preamble: &[u8; PREAMBLE_LEN]) -> Vec<u8> {
        [preamble.as_slice(), &self.network_id].concat()
    }
}

/// What a handshake yields.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) binding: Bytes,
    pub(crate) cipher: Cipher,
    pub(crate) sealing: CipherState,
    pub(crate) opening: CipherState,
}

/// Why an incoming handshake failed; the dialler gets a [`TransportError`].
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    #[error("the dialler belongs to another network")]
    WrongNetwork,
    #[error("the dialler asks for a cipher that is not accepted")]
    Cipher,
    #[error("the dialler speaks another version")]
    Version,
    #[error("the dialler does not speak this protocol")]
    Malformed,
    #[error(transparent)]
    Failed(#[from] TransportError),
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// The dialler's side.
pub(crate) async fn initiate<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    config: &HandshakeConfig,
    cipher: Cipher,
) -> Result<Session, TransportError> {
    let preamble = config.preamble(cipher);
    let prologue = config.prologue(&preamble);
    let mut noise = builder(cipher)?
        .prologue(&prologue)
        .and_then(|noise| noise.local_private_key(&config.static_key))
        .and_then(Builder::build_initiator)
        .map_err(failed)?;

    let opening = [preamble.as_slice(), &write::<MESSAGE_1>(&mut noise)?].concat();
    stream.write_all(&opening).await?;
    stream.flush().await?;

    match read_exact::<_, 1>(stream).await? {
        [WELCOME] => {}
        [WRONG_NETWORK] => return Err(TransportError::WrongNetwork),
        [CIPHER_REFUSED] => {
            let name = cipher.name();
            return Err(TransportError::Refused(format!(
                "it does not accept the cipher {name}: allow it there or dial with the other one"
            )));
        }
        [VERSION_UNKNOWN] => {
            return Err(TransportError::Refused(format!(
                "it does not know version {VERSION} of the transport's protocol"
            )));
        }
        _ => return Err(TransportError::Handshake("the answer is unknown".into())),
    }
    read(&mut noise, &read_exact::<_, MESSAGE_2>(stream).await?)?;
    stream.write_all(&write::<MESSAGE_3>(&mut noise)?).await?;
    stream.flush().await?;
    session(noise, cipher)
}

/// The acceptor's side.
pub(crate) async fn respond<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    config: &HandshakeConfig,
    accept_only: Option<Cipher>,
) -> Result<Session, Refusal> {
    let preamble = read_exact::<_, PREAMBLE_LEN>(stream).await?;
    let cipher = match check_preamble(&preamble, config, accept_only) {
        Ok(cipher) => cipher,
        Err(refusal) => {
            answer(stream, &refusal).await?;
            return Err(refusal);
        }
    };
    let prologue = config.prologue(&preamble);
    let mut noise = builder(cipher)?
        .prologue(&prologue)
        .and_then(|noise| noise.local_private_key(&config.static_key))
        .and_then(Builder::build_responder)
        .map_err(failed)?;

    read(&mut noise, &read_exact::<_, MESSAGE_1>(stream).await?)?;
    let reply = [[WELCOME].as_slice(), &write::<MESSAGE_2>(&mut noise)?].concat();
    stream.write_all(&reply).await?;
    stream.flush().await?;
    read(&mut noise, &read_exact::<_, MESSAGE_3>(stream).await?)?;
    Ok(session(noise, cipher)?)
}

/// Checks a preamble; returns the cipher that it asks for.
pub(crate) fn check_preamble(
    preamble: &[u8; PREAMBLE_LEN],
    config: &HandshakeConfig,
    accept_only: Option<Cipher>,
) -> Result<Cipher, Refusal> {
    let [m0, m1, m2, m3, version, cipher, _, _, network_tag @ ..] = *preamble;
    if [m0, m1, m2, m3] != MAGIC {
        return Err(Refusal::Malformed);
    }
    if version != VERSION {
        return Err(Refusal::Version);
    }
    if network_tag != config.network_tag {
        return Err(Refusal::WrongNetwork);
    }
    [Cipher::AesGcm, Cipher::ChaChaPoly]
        .into_iter()
        .find(|known| code(*known) == cipher)
        .filter(|cipher| accept_only.is_none_or(|only| only == *cipher))
        .ok_or(Refusal::Cipher)
}

/// Sends the reason to the dialler, then reads the rest of what the dialler sent with its preamble:
/// closing a socket with unread bytes resets the connection and may lose the answer.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    refusal: &Refusal,
) -> Result<(), Refusal> {
    let byte = match refusal {
        Refusal::WrongNetwork => WRONG_NETWORK,
        Refusal::Cipher => CIPHER_REFUSED,
        Refusal::Version => VERSION_UNKNOWN,
        Refusal::Malformed | Refusal::Failed(_) => return Ok(()),
    };
    if stream.write_all(&[byte]).await.is_ok() && stream.close().await.is_ok() {
        let _ = read_exact::<_, MESSAGE_1>(stream).await;
    }
    Ok(())
}

fn builder(cipher: Cipher) -> Result<Builder<'static>, TransportError> {
    let name = format!("Noise_XX_25519_{}_SHA256", cipher.name());
    Ok(Builder::new(name.parse().map_err(failed)?))
}

const fn code(cipher: Cipher) -> u8 {
    match cipher {
        Cipher::AesGcm => 1,
        Cipher::ChaChaPoly => 2,
    }
}

fn write<const N: usize>(noise: &mut HandshakeState) -> Result<[u8; N], TransportError> {
    // snow requires space for a tag even where it writes none.
    let mut message = [0; MESSAGE_2 + TAG_LEN];
    let length = noise.write_message(&[], &mut message).map_err(failed)?;
    let written = message
        .get(..length)
        .and_then(|written| written.try_into().ok());
    written.ok_or_else(|| TransportError::Handshake("a message has another length".into()))
}

fn read(noise: &mut HandshakeState, message: &[u8]) -> Result<(), TransportError> {
    let mut nothing = [0; MESSAGE_2];
    noise.read_message(message, &mut nothing).map_err(failed)?;
    Ok(())
}

async fn read_exact<S: AsyncRead + Unpin, const N: usize>(
    stream: &mut S,
) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn session(mut noise: HandshakeState, cipher: Cipher) -> Result<Session, TransportError> {
    let binding = Bytes::copy_from_slice(noise.get_handshake_hash());
    let (ours, theirs) = match (noise.is_initiator(), noise.dangerously_get_raw_split()) {
        (true, (dialler, acceptor)) => (dialler, acceptor),
        (false, (dialler, acceptor)) => (acceptor, dialler),
    };
    let state = |key| {
        CipherState::new(cipher, key).map_err(|_| TransportError::Handshake("bad key".into()))
    };
    Ok(Session {
        cipher,
        binding,
        sealing: state(&ours)?,
        opening: state(&theirs)?,
    })
}

fn failed(error: snow::Error) -> TransportError {
    TransportError::Handshake(error.to_string())
}
