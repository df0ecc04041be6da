//! Ctrl-C as a value for async code and threads.

use async_channel::Receiver;

use crate::failure::Failure;

/// A request to stop the command (SIGINT, SIGTERM, SIGHUP). Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt {
    closed: Receiver<()>,
}

impl Interrupt {
    /// Handles Ctrl-C from now on. The second one ends the process at once.
    pub(crate) fn install() -> Result<Self, Failure> {
        let (sender, closed) = async_channel::bounded(1);
        ctrlc::set_handler(move || {
            let first = sender.close();
            if !first {
                std::process::exit(130);
            }
        })
        .map_err(|error| Failure::step("listen for Ctrl-C", error))?;
        Ok(Self { closed })
    }

    /// An interrupt that never occurs.
    #[cfg(test)]
    pub(crate) fn never() -> Self {
        let (sender, closed) = async_channel::bounded(1);
        std::mem::forget(sender);
        Self { closed }
    }

    /// Fails if the user has interrupted the command.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.closed.is_closed() {
            Err(Failure::Interrupted)
        } else {
            Ok(())
        }
    }

    /// Completes when the user interrupts the command.
    pub(crate) async fn wait(&self) {
        // Nothing is ever sent: the receive ends when the handler closes the channel.
        let _ = self.closed.recv().await;
    }
}
