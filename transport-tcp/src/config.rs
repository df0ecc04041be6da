use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use gossip_driver::core::Endpoint;
use gossip_driver::transport::TransportError;

use crate::Cipher;

/// In milliseconds; a shorter timeout would flood the link with keep-alives.
const MIN_IDLE: u128 = 10;

/// How a [`TcpTransport`](crate::TcpTransport) listens, dials and limits its links.
#[derive(Clone, Debug)]
pub struct TcpConfig {
    /// Where to listen, as `host:port`; port 0 picks a free one.
    pub listen: Endpoint,
    /// Names the network. Both sides must use the same bytes, which are bound into each handshake;
    /// connections between different networks are refused with that reason.
    pub network_id: Bytes,
    /// The cipher to ask for when dialling. Default `None`: AES-256-GCM if this processor has AES
    /// instructions, else ChaCha20-Poly1305.
    pub dial_cipher: Option<Cipher>,
    /// The only cipher accepted from diallers. Default `None`: any, because each dialler knows its
    /// own processor.
    pub accept_only: Option<Cipher>,
    /// Time limit for an incoming handshake; not zero. Default 3 s. The limit for a dial is the
    /// core's `link.dial_timeout`.
    pub handshake_timeout: Duration,
    /// A link breaks after this long without a message from the remote or, during an unfinished
    /// frame, without a part of a frame. After a third of this time without anything to send, a
    /// keep-alive of 18 bytes is sent, so a third of it must be less than the remote's timeout. At
    /// least 10 ms, default 60 s.
    pub idle_timeout: Duration,
    /// Most bytes of frames below the control class in flight on a link, sent and not yet consumed
    /// by the remote; a control frame waits behind no more than these. A link adapts its window to
    /// the line up to this bound. A bound below the product of rate and round trip slows down fast
    /// and long lines. Not zero. Default 8 MiB.
    pub window: u64,
    /// Incoming connections during their handshake, or after it and not yet accepted. Beyond this
    /// bound the oldest connection of the source with the most is closed and counted as shed.
    /// Default 64.
    pub max_handshakes: NonZeroUsize,
}

impl TcpConfig {
    /// The defaults, for a listener on `listen` in the network `network_id`.
    #[must_use]
    pub fn new(listen: Endpoint, network_id: impl Into<Bytes>) -> Self {
        const HANDSHAKES: NonZeroUsize = match NonZeroUsize::new(64) {
            Some(value) => value,
            None => NonZeroUsize::MIN,
        };
        Self {
            listen,
            network_id: network_id.into(),
            dial_cipher: None,
            accept_only: None,
            handshake_timeout: Duration::from_secs(3),
            idle_timeout: Duration::from_secs(60),
            window: 8 << 20,
            max_handshakes: HANDSHAKES,
        }
    }

    pub(crate) const fn check(&self) -> Result<(), TransportError> {
        if self.handshake_timeout.is_zero() {
            return Err(TransportError::Config("handshake_timeout is zero"));
        }
        if self.idle_timeout.as_millis() < MIN_IDLE {
            return Err(TransportError::Config("idle_timeout is less than 10 ms"));
        }
        if self.window == 0 {
            return Err(TransportError::Config("window is zero"));
        }
        Ok(())
    }
}
