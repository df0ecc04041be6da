//! One error type for each operation of the handles.
//!
//! An operation's error lists the failures of this operation only; each variant states the cause and the remedy. **A
//! failed operation changes nothing**, unless a variant says otherwise. After the node has stopped, every operation
//! fails with `Stopped`.
//!
//! | operation | error |
//! | --- | --- |
//! | [`Builder::spawn`](crate::builder::Builder::spawn) | [`SpawnError`] |
//! | [`Gossip::join_channel`](crate::Gossip::join_channel) | [`JoinError`] |
//! | [`Gossip::wait_members`](crate::Gossip::wait_members) | [`Stopped`] |
//! | [`Gossip::identities`](crate::Gossip::identities), [`snapshot`](crate::Gossip::snapshot), [`accepted`](crate::Gossip::accepted), [`incoming`](crate::Gossip::incoming) | [`QueryError`] |
//! | [`Gossip::revalidate_identities`](crate::Gossip::revalidate_identities) | [`RevalidateError`] |
//! | [`Gossip::set_metadata`](crate::Gossip::set_metadata) | [`MetadataError`] |
//! | [`Gossip::set_external_endpoint`](crate::Gossip::set_external_endpoint) | [`EndpointError`] |
//! | [`Gossip::send_to`](crate::Gossip::send_to) | [`SendError`] |
//! | [`Gossip::send_acknowledged`](crate::Gossip::send_acknowledged) | [`SendAcknowledgedError`] |
//! | [`Channel::publish`](crate::Channel::publish) | [`PublishError`] |
//! | [`Channel::try_publish`](crate::Channel::try_publish) | [`TryPublishError`] |
//! | [`Channel::wait_height`](crate::Channel::wait_height) | [`HeightError`] |
//! | [`Channel::wait_peers`](crate::Channel::wait_peers) | [`ChannelError`] |
//! | [`Channel::wait_coverage`](crate::Channel::wait_coverage) | [`CoverageError`] |
//! | [`Channel::validator`](crate::Channel::validator) | [`ValidatorError`] |
//! | [`Channel::set_chaincodes`](crate::Channel::set_chaincodes) | [`ChaincodesError`] |
//! | [`Channel::resume_from`](crate::Channel::resume_from) | [`ResumeError`] |
//! | [`Channel::leave`](crate::Channel::leave) | [`LeaveError`] |
//! | [`ReceivedMessage::respond`](crate::ReceivedMessage::respond) | [`RespondError`] |
//! | [`ReceivedMessage::ack`](crate::ReceivedMessage::ack), [`nack`](crate::ReceivedMessage::nack) | [`AckError`] |
//! | [`GossipService::gossip`](crate::fabric::GossipService::gossip) | [`GossipError`] |

mod block;
mod channel;
mod message;
mod node;
mod operation;
mod spawn;

use thiserror::Error;

pub use self::block::{PublishError, TryPublishError};
pub use self::channel::{
    ChaincodesError, ChannelError, CoverageError, HeightError, JoinError, LeaveError, ResumeError,
    ValidatorError,
};
pub use self::message::{AckError, GossipError, RespondError, SendAcknowledgedError, SendError};
pub use self::node::{EndpointError, MetadataError, QueryError, RevalidateError};
pub(crate) use self::operation::{OperationError, operation_error};
pub use self::spawn::SpawnError;
pub use crate::endpoint::{BadEndpoint, EndpointFault};

/// The node has stopped, or a stop was requested: start a new one.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the node has stopped: start a new one")]
pub struct Stopped;

/// A value is too long for the wire: shorten it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{what} is {actual} bytes long, at most {limit} are allowed: shorten it")]
#[non_exhaustive]
pub struct TooLong {
    /// The value.
    pub what: &'static str,
    /// Its length in bytes.
    pub actual: usize,
    /// The limit, which [`Config::limits`](gossip_core::Config) sets.
    pub limit: usize,
}

/// The node's answer does not fit the request. This is a defect of the library, not of the application; the request
/// may or may not have been executed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "defect of the gossip library: the request `{operation}` was answered by `{answer}`; please report it"
)]
pub struct Defect {
    operation: &'static str,
    answer: String,
}

#[cfg(test)]
mod tests;
