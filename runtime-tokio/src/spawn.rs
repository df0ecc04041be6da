use gossip_driver::core::Config;
use gossip_driver::transport::Transport;
use gossip_driver::{
    DriverConfig, Gossip, Ledger, MessageCryptoService, SecurityAdvisor, SpawnError,
};

use crate::TokioRuntime;

/// Starts a node on the current tokio runtime, with the default settings of the loop.
///
/// For other settings call [`gossip_driver::spawn`] with a [`TokioRuntime`].
///
/// # Errors
/// See [`SpawnError`].
///
/// # Panics
/// Outside a tokio runtime, as [`TokioRuntime::current`] does.
pub fn spawn<T, C, L>(
    config: Config,
    transport: T,
    crypto: C,
    ledger: L,
) -> Result<Gossip, SpawnError>
where
    T: Transport,
    C: MessageCryptoService + SecurityAdvisor,
    L: Ledger,
{
    let runtime = TokioRuntime::current();
    gossip_driver::spawn(
        runtime,
        config,
        DriverConfig::default(),
        transport,
        crypto,
        ledger,
    )
}
