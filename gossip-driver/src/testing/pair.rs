use crate::core::Endpoint;

/// Two transports of the same network.
#[derive(Clone, Debug)]
pub struct Pair<T> {
    /// Makes the connections.
    pub dialler: T,
    /// Takes them.
    pub acceptor: T,
    /// Where the acceptor is reached.
    pub acceptor_endpoint: Endpoint,
    /// A well-formed address without a listener.
    pub unused: Endpoint,
}
