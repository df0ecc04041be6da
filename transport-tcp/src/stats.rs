use std::sync::atomic::{AtomicU64, Ordering};

/// What happened to connections since the transport was bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpStats {
    /// Incoming handshakes that succeeded.
    pub accepted: u64,
    /// Outgoing handshakes that succeeded.
    pub dialled: u64,
    /// Connections, in either direction, refused because the two sides name different networks.
    pub wrong_network: u64,
    /// Connections, in either direction, refused because the acceptor does not take the dialler's
    /// cipher or protocol version.
    pub refused: u64,
    /// Incoming connections that did not speak this protocol.
    pub malformed: u64,
    /// Handshakes, in either direction, that broke off or failed cryptographically.
    pub failed: u64,
    /// Handshakes, in either direction, that missed their deadline.
    pub timed_out: u64,
    /// Incoming connections closed for a newer one because `max_handshakes` were under way.
    pub shed: u64,
    /// Times the operating system refused to accept a connection.
    pub accept_errors: u64,
    /// Links broken because the remote was silent for `idle_timeout`.
    pub idle: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: Counter,
    pub(crate) dialled: Counter,
    pub(crate) wrong_network: Counter,
    pub(crate) refused: Counter,
    pub(crate) malformed: Counter,
    pub(crate) failed: Counter,
    pub(crate) timed_out: Counter,
    pub(crate) shed: Counter,
    pub(crate) accept_errors: Counter,
    pub(crate) idle: Counter,
}

impl Counters {
    pub(crate) fn snapshot(&self) -> TcpStats {
        TcpStats {
            accepted: self.accepted.get(),
            dialled: self.dialled.get(),
            wrong_network: self.wrong_network.get(),
            refused: self.refused.get(),
            malformed: self.malformed.get(),
            failed: self.failed.get(),
            timed_out: self.timed_out.get(),
            shed: self.shed.get(),
            accept_errors: self.accept_errors.get(),
            idle: self.idle.get(),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
