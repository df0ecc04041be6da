//! Fabric's interface of the gossip component, for code and readers that know Fabric.
//!
//! [`GossipService`] has every method of Fabric's `gossipSvc` and `GossipService` that this library offers so far,
//! under its name in snake case. Each calls a plain method of [`Gossip`] or [`Channel`], which new code should
//! prefer:
//!
//! | Fabric | here | plain |
//! | --- | --- | --- |
//! | `SelfMembershipInfo` | [`self_membership_info`](GossipService::self_membership_info) | [`Gossip::local_member`] |
//! | `SelfChannelInfo` | [`self_channel_info`](GossipService::self_channel_info) | [`Channel::info`], its `state_info` |
//! | `Send` | [`send`](GossipService::send) | [`Gossip::send_to`] |
//! | `SendByCriteria` | [`send_by_criteria`](GossipService::send_by_criteria) | [`Gossip::send_acknowledged`] |
//! | `Peers` | [`peers`](GossipService::peers) | [`Gossip::members`], the alive ones |
//! | `PeersOfChannel` | [`peers_of_channel`](GossipService::peers_of_channel) | [`Channel::peers`] |
//! | `UpdateMetadata` | [`update_metadata`](GossipService::update_metadata) | [`Gossip::set_metadata`] |
//! | `UpdateLedgerHeight` | [`update_ledger_height`](GossipService::update_ledger_height) | [`Channel::resume_from`] |
//! | `UpdateChaincodes` | [`update_chaincodes`](GossipService::update_chaincodes) | [`Channel::set_chaincodes`] |
//! | `Gossip` | [`gossip`](GossipService::gossip) | [`Channel::publish`], for blocks |
//! | `PeerFilter` | [`peer_filter`](GossipService::peer_filter) | [`Channel::peers`], filtered |
//! | `Accept` | [`accept`](GossipService::accept), [`accept_pass_through`](GossipService::accept_pass_through) | [`Gossip::accepted`], [`Gossip::incoming`] |
//! | `JoinChan` | [`join_chan`](GossipService::join_chan) | [`Gossip::join_channel`] |
//! | `LeaveChan` | [`leave_chan`](GossipService::leave_chan) | [`Channel::leave`] |
//! | `SuspectPeers` | [`suspect_peers`](GossipService::suspect_peers) | [`Gossip::revalidate_identities`] |
//! | `IdentityInfo` | [`identity_info`](GossipService::identity_info) | [`Gossip::identities`] |
//! | `IsInMyOrg` | [`is_in_my_org`](GossipService::is_in_my_org) | [`Gossip::members`], their `org` |
//! | `Stop` | [`stop`](GossipService::stop) | [`Gossip::shutdown`] |
//! | `AddPayload` | [`add_payload`](GossipService::add_payload) | [`Channel::publish`] |
//!
//! Where Fabric takes a whole message, these methods take its content: the library adds nonce, tag and envelope.
//! Where Fabric returns nothing, they return the outcome, or an error of their own operation. Fabric's
//! `InitializeChannel` has no counterpart: joining a channel starts its state transfer.

mod gossip;
mod peer_filter;
mod service;

pub use self::peer_filter::{PeerFilter, PeerSignature};
pub use self::service::GossipService;
#[cfg(doc)]
use crate::{Channel, Gossip};
