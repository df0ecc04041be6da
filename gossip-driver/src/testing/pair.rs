use crate::core::Endpoint;

/// Two transports of the same network.
#[derive(Clone, Debug)]
pub struct Pair<T> {
    /// The side that dials.
    pub dialler: T,
    /// The side that accepts.
    pub acceptor: T,
    /// The endpoint of the acceptor.
    pub acceptor_endpoint: Endpoint,
    /// A well-formed address without a listener.
    pub unused: Endpoint,
}
