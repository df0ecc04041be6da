use gossip_core::{Endpoint, RequestError};
use thiserror::Error;

use super::{Defect, TooLong, operation_error};

/// Why a query of the node failed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueryError {
    /// The node has stopped.
    #[error("the node has stopped: start a new one")]
    Stopped,
    /// A defect of the library.
    #[error(transparent)]
    Defect(Defect),
}

operation_error!(QueryError, "query", {});

/// Why identities were not validated again.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevalidateError {
    /// Too many such calls have not completed: call again when one has completed.
    #[error("too many revalidations have not completed: call again when one has")]
    Busy,
    /// The node has stopped. Some identities may have been purged before.
    #[error("the node has stopped: start a new one")]
    Stopped,
    /// A defect of the library.
    #[error(transparent)]
    Defect(Defect),
}

operation_error!(RevalidateError, "revalidate identities", {
    RequestError::Busy => Self::Busy,
});

/// Why the metadata was not replaced.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetadataError {
    /// The metadata is too long.
    #[error(transparent)]
    TooLong(TooLong),
    /// The node has stopped.
    #[error("the node has stopped: start a new one")]
    Stopped,
    /// A defect of the library.
    #[error(transparent)]
    Defect(Defect),
}

operation_error!(MetadataError, "set metadata", {
    RequestError::TooLong { what, actual, limit } => Self::TooLong(TooLong::new(what, actual, limit)),
});

/// Why the external endpoint was not replaced.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointError {
    /// Other peers cannot dial the endpoint: it is empty, has port 0, or names no host, as `0.0.0.0` does.
    #[error(
        "other peers cannot dial the endpoint \"{0}\": give a host and a port that they reach, or `None`"
    )]
    NotDialable(Endpoint),
    /// The endpoint is too long.
    #[error(transparent)]
    TooLong(TooLong),
    /// The node has stopped.
    #[error("the node has stopped: start a new one")]
    Stopped,
    /// A defect of the library.
    #[error(transparent)]
    Defect(Defect),
}

operation_error!(EndpointError, "set external endpoint", {
    RequestError::TooLong { what, actual, limit } => Self::TooLong(TooLong::new(what, actual, limit)),
});
