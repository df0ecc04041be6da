gossip_driver::counters! {
    /// What happened to connections since the transport was bound.
    TcpStats, Counters {
        /// Incoming handshakes that succeeded.
        accepted,
        /// Outgoing handshakes that succeeded.
        dialled,
        /// Connections, in either direction, refused because the two sides name different networks.
        wrong_network,
        /// Connections, in either direction, refused because the acceptor does not take the dialler's
        /// cipher or protocol version.
        refused,
        /// Incoming connections that did not speak this protocol.
        malformed,
        /// Handshakes, in either direction, that broke off or failed cryptographically.
        failed,
        /// Incoming handshakes that missed their deadline.
        timed_out,
        /// Incoming connections closed for a newer one because `max_handshakes` were under way.
        shed,
        /// Times the operating system refused to accept a connection.
        accept_errors,
        /// Links broken because the remote was silent for `idle_timeout`.
        idle,
    }
}
