//! Runs the gossip driver on smol, and inside async-std applications.
//!
//! [`SmolRuntime`] starts its tasks on smol's global executor, or on an executor of the
//! application's own. Timers and sockets are served by the `async-io` reactor, which async-std
//! shares: an async-std application hands a [`SmolRuntime`] to the driver and awaits its handles
//! like any other future (see the example `async_std`).
//!
//! ```
//! use std::time::Duration;
//!
//! use gossip_driver::Runtime;
//! use runtime_smol::SmolRuntime;
//!
//! let runtime = SmolRuntime::global();
//! smol::block_on(async {
//!     runtime.sleep_until(runtime.now() + Duration::from_millis(1)).await;
//! });
//! ```

mod runtime;
mod spawn;

pub use self::runtime::{Sleep, SmolRuntime};
pub use self::spawn::spawn;
