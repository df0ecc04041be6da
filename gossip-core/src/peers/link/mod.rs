//! Links to other peers: dialling, mutual authentication, duplicates, and what is sent on them.
//!
//! Answers to Fabric's `comm/comm_impl.go` and `comm/conn.go`.
//!
//! A connection authenticates by one signed message each way, bound to the transport, and is then a
//! link of the peer proven. A peer has one *primary* link, on which everything is sent to it; what
//! other links of it still carry is received as its own.
//!
//! # Deviations
//! - **Duplicates.** Two links between the same pair end as one without a message lost. Both sides
//!   prefer the link that the peer with the smaller PKI-ID dialled, and of two that the same side
//!   dialled the newest; but only the side that *dialled* the loser finishes it, once the winner is
//!   up there. The other side merely stops sending on it and waits for that. So no side can give up
//!   a link that the other one relies on, whatever the order of events. If the loser is not
//!   finished for a while, its dialler does not hold the winner, and the roles are exchanged.
//!   Fabric closes at both ends and may end with no link.
//! - **A peer that announces nothing** behaves like Fabric, which prefers what it accepted: then the
//!   link that we dialled wins.
//! - **Restarts.** A link authenticated by an older incarnation of a peer is closed as soon as a
//!   newer one authenticates: no timeout passes.
//! - **A lost link or a failed dial is no death.** What was queued waits for the next link; dials to
//!   one peer are paced by a back-off, and all messages that wait for a failed dial are dropped
//!   together.
//! - **Everything is capped**: links, authentications, dials, waiting messages.

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

/// Resolves duplicate links by the smaller dialler, half-closing the loser.
const TIE_BREAK: u64 = 1;

/// Asks for, and sends, the identities of the members that a membership response lists.
pub(crate) const IDENTITIES: u64 = 2;

/// Takes signs of life that are no signed heartbeats.
pub(crate) const PULSES: u64 = 4;

/// Gets blocks along the branches of a tree, and heights from everybody else.
pub(crate) const TREE: u64 = 8;

/// Takes a heartbeat that says farewell for one.
pub(crate) const LEAVING: u64 = 16;

/// Tells which state infos it holds when it asks for them, and is told the others.
pub(crate) const STATE_DIFFERENCES: u64 = 32;

/// Takes application messages.
pub(crate) const APPLICATION: u64 = 64;

/// What we understand beyond the original protocol.
pub(crate) const CAPABILITIES: u64 =
    TIE_BREAK | IDENTITIES | PULSES | TREE | LEAVING | STATE_DIFFERENCES | APPLICATION;

/// What we announce of it in each authentication.
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

/// What arrives on a link is, by the state of the link.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// The remote's authentication, or what it sent instead.
    Authentication,
    /// A message of a peer that has proven who it is.
    Message { peer: PeerId, org: Option<OrgId> },
    /// Too late: the link is gone, or was a probe.
    Stray,
}

/// Owns every connection: authenticates them, resolves duplicates, dials, and queues what is sent.
#[derive(Debug)]
pub(crate) struct Links {
    rng: ModuleRng,
    incarnation: u64,
    /// Authenticated ones: at most `max_links`, and as many again that are being finished.
    /// Authenticating ones: at most `max_handshakes` accepted and `max_dials` dialled.
    connections: BTreeMap<LinkId, Box<Connection>>,
    /// Those among them that authenticate, so that looking for one does not pass by all others.
    authenticating: BTreeSet<LinkId>,
    /// Peers with a link that is up.
    routes: BTreeMap<PeerId, Route>,
    dialler: Dialler,
    /// Authentications that were accepted, by what is signed of them.
    seen: Recent<[u8; 32], ()>,
    stopped: bool,
}

/// The links to one peer.
#[derive(Debug)]
struct Route {
    /// Carries everything that is sent.
    primary: LinkId,
    /// Not preferred, and the remote's to finish.
    standby: Vec<LinkId>,
    /// Where the peer is said to be.
    endpoint: Option<Endpoint>,
}

/// Counts, tells and closes a connection that is not, or no longer, in the table.
fn turn_away(cx: &mut Out<'_>, link: LinkId, remote: Endpoint, refusal: Refusal) {
    cx.metrics().refuse(refusal);
    cx.notify(Notification::Refused { remote, refusal });
    cx.close_link(link, CloseReason::Refused(refusal));
}

/// Counts a message that is not sent.
fn dropped(cx: &mut Out<'_>, reason: DropReason) -> Sent {
    cx.metrics().shed(reason, 1);
    Sent::Dropped(reason)
}
