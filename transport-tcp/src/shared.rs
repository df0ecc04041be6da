use std::sync::Arc;

use gossip_driver::TcpRuntime;

use crate::TcpConfig;
use crate::handshake::Identity;
use crate::stats::Counters;

/// What the listener, its handshakes and the dials share.
pub(crate) struct Shared<R: TcpRuntime> {
    pub(crate) runtime: R,
    pub(crate) config: TcpConfig,
    pub(crate) identity: Identity,
    pub(crate) counters: Arc<Counters>,
}
