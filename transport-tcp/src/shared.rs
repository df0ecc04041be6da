use std::sync::Arc;

use gossip_driver::TcpRuntime;

use crate::TcpConfig;
use crate::addresses::Addresses;
use crate::handshake::HandshakeConfig;
use crate::stats::Counters;

/// Shared by the listener, its handshakes and the dials.
pub(crate) struct Shared<R: TcpRuntime> {
    pub(crate) runtime: R,
    pub(crate) config: TcpConfig,
    pub(crate) handshake: HandshakeConfig,
    pub(crate) counters: Arc<Counters>,
    pub(crate) addresses: Addresses,
}
