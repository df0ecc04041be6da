//! Counters: plain numbers, which the driver exports.

use std::collections::BTreeMap;

use crate::{DropReason, Refusal};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters of a node since its start.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Metrics {
            $($(#[$doc])* pub $name: u64,)*
            /// Refused authentications, by reason.
            pub refused: BTreeMap<Refusal, u64>,
            /// Messages to peers that were dropped instead of sent, by reason. The counters `control_shed`,
            /// `push_shed`, `bulk_shed` and `waiting_shed` are sums of these.
            pub dropped: BTreeMap<DropReason, u64>,
        }

        impl Metrics {
            /// The plain counters with their names, in the order of declaration.
            #[must_use]
            pub fn counters(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),*]
            }
        }
    };
}

counters! {
    /// Events handled.
    events,
    /// Messages received on authenticated links.
    messages_received,
    /// Bytes of messages received.
    bytes_received,
    /// Messages handed to the transport.
    messages_sent,
    /// Bytes of messages handed to the transport.
    bytes_sent,
    /// Undecodable frames; their links were closed.
    malformed_frames,
    /// Messages that decode but are not legal. They were dropped.
    illegal_messages,
    /// Messages that violate the protocol: unsolicited, spoofed, for an unknown channel.
    violations,
    /// Messages without content. They were dropped.
    empty_messages,
    /// Messages dropped because they were known.
    duplicates,
    /// Pulses that were newer than the last one known.
    pulses,
    /// Pulses dropped because their proof is wrong, or because their link exceeds its budget.
    pulses_refused,
    /// Checks handed to the crypto service.
    verifications,
    /// Checks that failed.
    verifications_failed,
    /// Checks that were not answered in time.
    verifications_lost,
    /// Dials started.
    dials,
    /// Dials that failed.
    dials_failed,
    /// Links authenticated.
    links_established,
    /// Links closed in favour of another link to the same peer.
    links_superseded,
    /// Links finished because the limit was reached.
    links_evicted,
    /// Connections refused because too many were authenticating.
    handshakes_shed,
    /// Control frames dropped from a full queue.
    control_shed,
    /// Pushed frames dropped from a full queue.
    push_shed,
    /// Bulk frames dropped from a full queue.
    bulk_shed,
    /// Messages dropped while waiting for a link: no address is known, too many wait, the dial failed, or the peer or
    /// its link is gone.
    waiting_shed,
    /// Identities dropped because the limit was reached.
    identities_shed,
    /// Heartbeats dropped because their identity was refused recently.
    identities_refused,
    /// Identities dropped because validating them again failed.
    identities_purged,
    /// Members refused, or dead ones dropped, because the limit was reached.
    members_shed,
    /// Tombstones of members dropped because the limit was reached.
    tombstones_shed,
    /// Requests for members or state infos dropped because the peer exceeded its rate.
    requests_limited,
    /// State infos dropped while waiting for an identity.
    state_infos_shed,
    /// State infos of channels not joined that were relayed.
    state_infos_relayed,
    /// State infos of channels not joined that were dropped: too many of one publisher, in total, or on one link.
    relays_shed,
    /// New blocks received by push.
    blocks_pushed,
    /// Known blocks received by push.
    blocks_duplicate,
    /// Peers asked to push blocks to us.
    grafts_sent,
    /// Peers asked to stop pushing blocks to us.
    prunes_sent,
    /// New blocks received by state transfer.
    blocks_transferred,
    /// Blocks published by the application.
    blocks_published,
    /// Blocks refused because they do not verify.
    blocks_bad,
    /// Blocks shown to the application.
    validations,
    /// Blocks not shown to the application because too many awaited its verdict. They were ignored.
    validations_shed,
    /// Blocks whose verdict did not arrive in time. They were ignored.
    validations_lost,
    /// Blocks neither stored nor passed on because the application ignored them or gave no verdict.
    blocks_ignored,
    /// Blocks refused because the application rejected them.
    blocks_rejected,
    /// Blocks dropped because they are too far ahead of the ledger.
    blocks_beyond_window,
    /// Blocks committed.
    blocks_committed,
    /// State requests sent.
    state_requests_sent,
    /// State requests answered.
    state_requests_served,
    /// State requests refused by bounds, rate or access.
    state_requests_refused,
    /// State responses that were unsolicited or out of bounds.
    state_responses_refused,
    /// State requests that were not answered in time.
    state_requests_timed_out,
    /// Pull rounds started.
    pull_rounds,
    /// Items requested by pull.
    pull_items_requested,
    /// Items received as requested, before their verification.
    pull_items_received,
    /// Items sent to peers that pull.
    pull_items_sent,
    /// Pull messages and items refused: unsolicited, late, too large, or from a peer without access.
    pull_refused,
    /// Valid identities received by pull.
    identities_pulled,
    /// New blocks received by pull.
    blocks_pulled,
    /// Acknowledgements that match no waiting message: late, repeated, or of a peer that was not asked.
    acks_unmatched,
    /// Application messages that arrived while no listener was registered for them.
    messages_unheard,
    /// Heartbeats signed with our key by a later start than ours: another node uses our identity, or our clock was set
    /// back.
    identity_conflicts,
    /// The health score of this node, a gauge from 0 (healthy) to 8. It grows when timers fire late and when several
    /// peers do not answer. The higher it is, the longer a silent member is considered alive.
    health,
    /// Signatures that our own key failed to make.
    signing_failures,
}

impl Metrics {
    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        let count = self.refused.entry(refusal).or_insert(0);
        *count = count.saturating_add(1);
    }

    /// Counts dropped messages by reason, and in the sum that the reason belongs to.
    pub(crate) fn shed(&mut self, reason: DropReason, messages: u64) {
        if messages == 0 {
            return;
        }
        let count = self.dropped.entry(reason).or_insert(0);
        *count = count.saturating_add(messages);
        match reason {
            DropReason::ControlQueueFull => self.control_shed += messages,
            DropReason::PushQueueFull => self.push_shed += messages,
            DropReason::BulkQueueFull => self.bulk_shed += messages,
            DropReason::NoAddress
            | DropReason::TooManyPeers
            | DropReason::TooManyWaiting
            | DropReason::DialFailed
            | DropReason::PeerGone
            | DropReason::LinkClosed => self.waiting_shed += messages,
            DropReason::NotConnected
            | DropReason::NotUnderstood
            | DropReason::Oneself
            | DropReason::Stopped => {}
        }
    }
}
