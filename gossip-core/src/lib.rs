//! Sans-IO gossip for permissioned networks.

mod channel;
mod command;
mod config;
mod cx;
mod event;
mod gate;
mod id;
mod identity;
mod link;
mod membership;
mod metrics;
mod node;
mod outbox;
mod push;
mod request;
mod rng;
mod state_transfer;
mod time;
mod timer;
mod view;

pub use gossip_proto as proto;

pub use self::command::{Class, CloseReason, Command, CryptoJob, LedgerOp, Signed};
pub use self::config::{
    ChannelConfig, Config, ConfigError, GateConfig, IdentityConfig, LinkConfig, MembershipConfig,
    OutboxConfig, PushConfig, SelfIdentity, StateTransferConfig,
};
pub use self::event::{
    Binding, CryptoError, CryptoOutcome, DialError, Event, LedgerError, LedgerOutcome,
    LinkDownReason, Signatures, ValidIdentity,
};
pub use self::id::{ChannelId, Endpoint, LinkId, OrgId, PeerId, RequestId, Ticket};
pub use self::link::Refusal;
pub use self::metrics::Metrics;
pub use self::node::{Node, Start};
pub use self::request::{BlockOrigin, JoinChannel, Notification, Request, RequestError, Response};
pub use self::time::Instant;
pub use self::view::{ChannelInfo, ChannelPeer, Member};
