//! A hostile member that has authenticated in order and sends forged frames. No node panics, no honest member is
//! held dead or loses its links, no honest node's memory grows beyond its caps, and every honest block reaches
//! every honest peer.
#![allow(clippy::expect_used, reason = "a test may")]

mod inventions;
mod malformed;
mod messages;
mod pull;
mod replay;
mod signatures;
mod stage;
