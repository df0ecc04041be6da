use gossip_driver::core::Config;
use gossip_driver::transport::Transport;
use gossip_driver::{
    DriverConfig, Gossip, Ledger, MessageCryptoService, SecurityAdvisor, SpawnError,
};

use crate::SmolRuntime;

/// Starts a node on smol's global executor, with the default settings of the loop.
///
/// For other settings call [`gossip_driver::spawn`] with a [`SmolRuntime`].
///
/// # Errors
/// See [`SpawnError`].
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
    let runtime = SmolRuntime::global();
    gossip_driver::spawn(
        runtime,
        config,
        DriverConfig::default(),
        transport,
        crypto,
        ledger,
    )
}
