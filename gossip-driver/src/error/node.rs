use gossip_core::RequestError;
use thiserror::Error;

use super::{Defect, TooLong, operation_error};
use crate::endpoint::BadEndpoint;

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
    /// No peer can dial the endpoint.
    #[error("the external endpoint: {0}")]
    NotDialable(BadEndpoint),
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
