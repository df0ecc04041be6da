//! Runs the gossip driver on tokio.
//!
//! [`TokioRuntime`] is a handle to a tokio runtime with timers and I/O enabled. Everything that the
//! driver starts becomes a task of that runtime, whichever thread asks for it.
//!
//! ```
//! use std::time::Duration;
//!
//! use gossip_driver::Runtime;
//! use runtime_tokio::TokioRuntime;
//!
//! # fn main() -> std::io::Result<()> {
//! let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
//! tokio.block_on(async {
//!     let runtime = TokioRuntime::current();
//!     runtime.sleep_until(runtime.now() + Duration::from_millis(1)).await;
//! });
//! # Ok(())
//! # }
//! ```

mod runtime;
mod spawn;

pub use self::runtime::TokioRuntime;
pub use self::spawn::spawn;
