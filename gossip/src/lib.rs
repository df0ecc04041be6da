#![cfg_attr(
    all(feature = "tokio", feature = "tcp", feature = "msp", feature = "ledger"),
    doc = include_str!("../README.md")
)]
#![cfg_attr(
    not(all(
        feature = "tokio",
        feature = "tcp",
        feature = "msp",
        feature = "ledger"
    )),
    doc = "Gossip for permissioned networks. With the default features this page also has an example and the"
)]
#![cfg_attr(
    not(all(
        feature = "tokio",
        feature = "tcp",
        feature = "msp",
        feature = "ledger"
    )),
    doc = "guarantees of delivery."
)]
//!
//! # Topics
//!
//! | topic | place |
//! | --- | --- |
//! | starting a node | [`Gossip::builder`], `gossip::tokio::builder`, `gossip::smol::builder`; [`builder`] |
//! | joining, publishing, waiting | [`Gossip::join_channel`], [`Channel`] |
//! | errors, one type for each operation | [`error`] |
//! | identities, organisations, channels, signed blocks | `gossip::msp`; your own: [`MessageCryptoService`], [`SecurityAdvisor`] |
//! | a ledger on disk | `gossip::ledger`; your own: [`Ledger`] |
//! | a transport of your own | [`transport`], the example `custom_transport`, `gossip::testing::transport` |
//! | a runtime of your own | [`Runtime`], `gossip::testing::runtime` |
//! | messages between peers, with or without acknowledgements | [`Message`], [`Gossip::send_to`], [`Gossip::send_acknowledged`], [`Gossip::messages`] |
//! | messages that a channel has verified | [`Gossip::accepted`] |
//! | validation of blocks by the application | [`Channel::validator`] |
//! | events of a node | [`Gossip::notifications`] |
//! | a node's state | snapshots that never wait: [`Gossip::members`], [`Channel::info`]; everything: [`Gossip::snapshot`] |
//! | counters | [`Gossip::metrics`] |
//! | configuration of the protocol | [`Builder::configure`](builder::Builder::configure), [`Config`] |
//! | configuration of threads and queues | [`Builder::configure_driver`](builder::Builder::configure_driver), [`DriverConfig`] |
//! | restarts: incarnation and known peers | [`PeerBook`], in `gossip::ledger` on disk |
//! | Fabric's names | [`fabric::GossipService`] |
//! | your own loop, without async | [`core::Node`], and the example `std_net` of `gossip-core` |
//! | tests of your application, without a network | `gossip::mem`, `gossip::testing` |
//! | the protocol with thousands of peers, in virtual time | `gossip::sim` |

#[cfg(feature = "ledger")]
#[doc(inline)]
pub use gossip_ledger as ledger;
#[cfg(feature = "msp")]
#[doc(inline)]
pub use gossip_msp as msp;
#[cfg(feature = "sim")]
#[doc(inline)]
pub use gossip_sim as sim;
#[cfg(feature = "smol")]
#[doc(inline)]
pub use runtime_smol as smol;
#[cfg(feature = "tokio")]
#[doc(inline)]
pub use runtime_tokio as tokio;
#[cfg(feature = "mem")]
#[doc(inline)]
pub use transport_mem as mem;
#[cfg(feature = "tcp")]
#[doc(inline)]
pub use transport_tcp as tcp;

#[cfg(feature = "testing")]
#[doc(inline)]
pub use gossip_driver::testing;
#[doc(inline)]
pub use gossip_driver::{builder, core, error, fabric, transport};

#[doc(inline)]
pub use gossip_driver::core::proto;
#[doc(inline)]
pub use gossip_driver::core::{
    AckFailure, BlockOrigin, ChannelId, ChannelInfo, ChannelPeer, Config, Coverage, CryptoError,
    DropReason, Endpoint, IdentityInfo, JoinChannel, LedgerError, Member, Metrics, Notification,
    OrgId, PeerId, PushOutcome, SeedFailure, SendOutcome, Snapshot,
};
#[doc(inline)]
pub use gossip_driver::{
    AcceptedMessage, BookedPeer, Candidate, Channel, Criteria, Delivered, Deliveries, DriverConfig,
    DriverMetrics, Gossip, Ledger, LedgerOperation, LedgerStall, MAX_BOOKED_PEERS, Message,
    MessageCryptoService, NodeMetrics, Notice, Notifications, PeerBook, PeerBookError, Publication,
    Published, ReceivedMessage, Runtime, SecurityAdvisor, Sent, TcpRuntime, Validator,
};
