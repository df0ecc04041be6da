use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use gossip_driver::TransportError;
use gossip_driver::core::Endpoint;

use crate::Cipher;

/// Less, in milliseconds, would only be a flood of keep-alives.
const LEAST_IDLE: u128 = 10;

/// How a [`TcpTransport`](crate::TcpTransport) listens, dials and guards its links.
#[derive(Clone, Debug)]
pub struct TcpConfig {
    /// Where to listen, as `host:port`; port 0 picks a free one.
    pub listen: Endpoint,
    /// Names the network. Both sides must give the same bytes: it is bound into each handshake, and
    /// a connection from or to another network is refused by name.
    pub network_id: Bytes,
    /// The cipher asked for when dialling. Default `None`: AES-256-GCM where this processor has AES
    /// instructions, else ChaCha20-Poly1305.
    pub dial_cipher: Option<Cipher>,
    /// The only cipher accepted from diallers. Default `None`: any, since each dialler knows its
    /// own processor.
    pub accept_only: Option<Cipher>,
    /// How long an incoming connection may take for the handshake; not zero. Default 3 s. How long a
    /// dial may take is the core's `link.dial_timeout`.
    pub handshake_timeout: Duration,
    /// How long a link may stay without a message from the remote before it counts as broken, or,
    /// while a frame has begun and not ended, without any part of a frame.
    /// After a third of it without anything to send, a keep-alive of 18 bytes goes out: so a third of
    /// it must be less than the remote's, or a quiet link breaks. At least
    /// 10 ms, default 60 s.
    pub idle_timeout: Duration,
    /// The most bytes of frames below control that are on their way on a link, not yet read by the
    /// remote; a control frame waits behind no more than these. Within it, a link finds out what its
    /// line needs; a lower bound holds back lines that are both fast and long, whose product of rate
    /// and round trip is greater. Not zero. Default 8 MiB.
    pub window: u64,
    /// Incoming connections that may be in their handshake, or done and not yet accepted; for one more
    /// the oldest is closed, of the host that has the most, and counted as shed. Default 64.
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
        if self.idle_timeout.as_millis() < LEAST_IDLE {
            return Err(TransportError::Config("idle_timeout is less than 10 ms"));
        }
        if self.window == 0 {
            return Err(TransportError::Config("window is zero"));
        }
        Ok(())
    }
}
