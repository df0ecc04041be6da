gossip_driver::counters! {
    /// Counts of connections since the transport was bound.
    TcpStats, Counters {
        /// Incoming handshakes that succeeded.
        accepted,
        /// Outgoing handshakes that succeeded.
        dialled,
        /// Connections to another address of a name than the first one tried, which failed or was slow.
        other_address,
        /// Connections, in either direction, refused because the two sides name different networks.
        wrong_network,
        /// Connections, in either direction, refused because the acceptor does not support the
        /// dialler's cipher or protocol version.
        refused,
        /// Incoming connections that do not speak this protocol.
        malformed,
        /// Handshakes, in either direction, that were cut off or failed cryptographically.
        failed,
        /// Incoming handshakes that missed their deadline.
        timed_out,
        /// Incoming connections closed for a newer one because `max_handshakes` were under way.
        shed,
        /// Errors of the operating system on accepting a connection.
        accept_errors,
        /// Links broken because the remote was silent for `idle_timeout`.
        idle,
    }
}
