//! Ctrl-C as a value that both async code and threads can look at.

use async_channel::Receiver;

use crate::failure::Failure;

/// Whether the user wants the command to stop (SIGINT, SIGTERM, SIGHUP). Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt {
    closed: Receiver<()>,
}

impl Interrupt {
    /// Listens for Ctrl-C from now on. The second one ends the process at once.
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

    /// One that never comes.
    #[cfg(test)]
    pub(crate) fn never() -> Self {
        let (sender, closed) = async_channel::bounded(1);
        std::mem::forget(sender);
        Self { closed }
    }

    /// Fails once the user wants to stop.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.closed.is_closed() {
            Err(Failure::Interrupted)
        } else {
            Ok(())
        }
    }

    /// Completes once the user wants to stop.
    pub(crate) async fn wait(&self) {
        // Nothing is ever sent: the only outcome is that the handler has closed the channel.
        let _ = self.closed.recv().await;
    }
}
