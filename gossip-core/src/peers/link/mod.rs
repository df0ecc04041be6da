//! Links to other peers: dials, mutual authentication, duplicates, and sending.
//!
//! Corresponds to Fabric's `comm/comm_impl.go` and `comm/conn.go`.
//!
//! A connection is authenticated by one signed message in each direction, bound to the transport, and then is a link of
//! the authenticated peer. Each peer has one *primary* link, on which all its messages are sent; messages on its other
//! links are received too.
//!
//! # Deviations
//! - **Duplicates.** Two links between the same pair of peers end as one, without a lost message. Both sides prefer the
//!   link dialled by the peer with the smaller PKI-ID, and of two dialled by the same side the newest. Only the side
//!   that *dialled* the losing link finishes it, once the winning link is up there; the other side stops sending on it
//!   and waits. So no side gives up a link that the other one relies on, in any order of events. If the losing link is
//!   not finished in time, its dialler does not hold the winning one, and the roles are exchanged. Fabric closes at
//!   both ends, and may be left without a link.
//! - **A legacy peer** behaves like Fabric, which prefers links that it accepted: then the link that we dialled wins.
//! - **Restarts.** Links of an older incarnation of a peer are closed as soon as a newer incarnation authenticates,
//!   without a timeout.
//! - **A lost link or a failed dial is no death.** Queued frames wait for the next link. Dials to one peer are paced by
//!   a back-off, and all frames that wait for a failed dial are dropped together.
//! - **Everything is bounded**: links, authentications, dials, waiting frames.

mod connection;
mod dialler;
mod drop_reason;
mod duplicates;
mod handshake;
mod links;
mod refusal;
mod send;
mod signal;
mod snapshot;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use self::connection::Connection;
use self::dialler::Dialler;
pub use self::drop_reason::DropReason;
pub use self::refusal::Refusal;
pub(crate) use self::send::{SendTo, Sent};
pub(crate) use self::signal::{DialFailure, EstablishedLink, LinkSignal};
use crate::out::Out;
use crate::recent::Recent;
use crate::rng::ModuleRng;
use crate::{CloseReason, Config, Endpoint, LinkId, Notification, OrgId, PeerId};

/// Capability: resolves duplicate links by the smaller dialler, half-closing the losing one.
const TIE_BREAK: u64 = 1;

/// Capability: requests and sends the identities of the members that a membership response lists.
pub(crate) const IDENTITIES: u64 = 2;

/// Capability: understands pulses.
pub(crate) const PULSES: u64 = 4;

/// Capability: receives blocks along a tree, and heights from lazy peers.
pub(crate) const TREE: u64 = 8;

/// Capability: understands farewells.
pub(crate) const LEAVING: u64 = 16;

/// Capability: sends a have set with its requests for state infos, and receives the others.
pub(crate) const STATE_DIFFERENCES: u64 = 32;

/// Capability: takes application messages.
pub(crate) const APPLICATION: u64 = 64;

/// All our capabilities beyond the original protocol.
pub(crate) const CAPABILITIES: u64 =
    TIE_BREAK | IDENTITIES | PULSES | TREE | LEAVING | STATE_DIFFERENCES | APPLICATION;

/// The capabilities in our authentications.
const fn capabilities(config: &Config) -> u64 {
    let mut capabilities = CAPABILITIES;
    if !config.membership.pulses {
        capabilities &= !PULSES;
    }
    if !config.push.has_tree() {
        capabilities &= !TREE;
    }
    capabilities
}

/// A received message, classified by the phase of its link.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// The remote's first message, which should be its authentication.
    Authentication,
    /// A message of an authenticated peer.
    Message { peer: PeerId, org: Option<OrgId> },
    /// The link is gone, or was a probe.
    Stray,
}

/// All connections: authenticates them, resolves duplicates, dials, and queues frames.
#[derive(Debug)]
pub(crate) struct Links {
    rng: ModuleRng,
    incarnation: u64,
    /// At most `max_links` authenticated ones, as many that are being finished, `max_handshakes` accepted and
    /// `max_dials` dialled ones that authenticate.
    connections: BTreeMap<LinkId, Box<Connection>>,
    /// The connections that authenticate, so that a search for one does not visit all others.
    authenticating: BTreeSet<LinkId>,
    /// Peers with a link that is up.
    routes: BTreeMap<PeerId, Route>,
    dialler: Dialler,
    /// Accepted authentications, by a hash of their signed bytes.
    seen: Recent<[u8; 32], ()>,
    stopped: bool,
}

/// The links to one peer.
#[derive(Debug)]
struct Route {
    /// All frames are sent on it.
    primary: LinkId,
    /// Not preferred, waiting for the remote to finish them.
    standby: Vec<LinkId>,
    /// The known address of the peer.
    endpoint: Option<Endpoint>,
}

/// Counts, reports and closes a connection that is not in the table.
fn turn_away(cx: &mut Out<'_>, link: LinkId, remote: Endpoint, refusal: Refusal) {
    cx.metrics().refuse(refusal);
    cx.notify(Notification::Refused { remote, refusal });
    cx.close_link(link, CloseReason::Refused(refusal));
}

/// Counts a dropped message.
fn dropped(cx: &mut Out<'_>, reason: DropReason) -> Sent {
    cx.metrics().shed(reason, 1);
    Sent::Dropped(reason)
}
