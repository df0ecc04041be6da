//! Counters. Plain numbers: the driver exports them.

use std::collections::BTreeMap;

use crate::{DropReason, Refusal};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What a node has counted since its start.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Metrics {
            $($(#[$doc])* pub $name: u64,)*
            /// Authentications refused, by reason.
            pub refused: BTreeMap<Refusal, u64>,
            /// Messages to peers that were dropped instead of sent, by reason. The counters `*_shed` of
            /// queues and of what waits for a dial are sums of these.
            pub dropped: BTreeMap<DropReason, u64>,
        }

        impl Metrics {
            /// Each plain counter with its name, in the order of declaration.
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
    /// Frames that could not be decoded; their links were closed.
    malformed_frames,
    /// Messages that decode but are not legal, dropped.
    illegal_messages,
    /// Messages out of contract: unsolicited, spoofed, for an unknown channel.
    violations,
    /// Messages without content, dropped.
    empty_messages,
    /// Messages dropped because they were known already.
    duplicates,
    /// Signs of life that were news.
    pulses,
    /// Signs of life dropped because they prove nothing, or because their link costs too much.
    pulses_refused,
    /// Signature checks asked for.
    verifications,
    /// Signature checks that failed.
    verifications_failed,
    /// Checks that were never answered in time.
    verifications_lost,
    /// Dials begun.
    dials,
    /// Dials that failed.
    dials_failed,
    /// Links authenticated.
    links_established,
    /// Links closed in favour of another link to the same peer.
    links_superseded,
    /// Links closed because the cap was reached.
    links_evicted,
    /// Links refused because too many were authenticating.
    handshakes_shed,
    /// Control frames dropped from a full queue.
    control_shed,
    /// Pushed frames dropped from a full queue.
    push_shed,
    /// Bulk frames dropped from a full queue.
    bulk_shed,
    /// Messages dropped that could not be sent at once, for want of an address, of room, or of an answer
    /// to a dial.
    waiting_shed,
    /// Identities dropped because the cap was reached.
    identities_shed,
    /// Heartbeats dropped because they came with an identity that was refused a moment ago.
    identities_refused,
    /// Identities dropped because they were looked at again and are not valid.
    identities_purged,
    /// Members refused because the cap was reached.
    members_shed,
    /// Marks of members that are no more dropped because the cap was reached.
    tombstones_shed,
    /// Requests for members or state infos dropped because the peer asked too often.
    requests_limited,
    /// State infos dropped while waiting for an identity.
    state_infos_shed,
    /// State infos of channels not joined that were passed on.
    state_infos_relayed,
    /// State infos of channels not joined dropped: too many of one publisher, in all, or for a link to ask.
    relays_shed,
    /// Blocks received by push that were new.
    blocks_pushed,
    /// Blocks received by push that were known already.
    blocks_duplicate,
    /// Peers asked for blocks as they come.
    grafts_sent,
    /// Peers asked to send no more blocks, since others are faster.
    prunes_sent,
    /// Blocks received by state transfer that were new.
    blocks_transferred,
    /// Blocks published by the application.
    blocks_published,
    /// Blocks refused because they do not verify.
    blocks_bad,
    /// Blocks shown to the application.
    validations,
    /// Blocks not shown to it because it had too many to judge. They were ignored.
    validations_shed,
    /// Blocks that it did not judge in time. They were ignored.
    validations_lost,
    /// Blocks neither stored nor passed on because the application did not want them, or did not say.
    blocks_ignored,
    /// Blocks refused because the application rejected them.
    blocks_rejected,
    /// Blocks too far ahead to keep.
    blocks_beyond_window,
    /// Blocks committed.
    blocks_committed,
    /// State requests sent.
    state_requests_sent,
    /// State requests answered.
    state_requests_served,
    /// State requests refused: bounds, rate or access.
    state_requests_refused,
    /// State responses that were unsolicited or out of bounds.
    state_responses_refused,
    /// State requests that nobody answered in time.
    state_requests_timed_out,
    /// Rounds of pull begun.
    pull_rounds,
    /// Items asked for in rounds of pull.
    pull_items_requested,
    /// Items that came as asked, not yet verified.
    pull_items_received,
    /// Items sent to peers that pull.
    pull_items_sent,
    /// Messages and items of a pull refused: unsolicited, late, too much, or of somebody who has no right.
    pull_refused,
    /// Identities received by pull that are valid.
    identities_pulled,
    /// Blocks received by pull that were new.
    blocks_pulled,
    /// Acknowledgements that nobody waits for: late, repeated, or of a peer that was not asked.
    acks_unmatched,
    /// Application messages that arrived while no listener was registered for them.
    messages_unheard,
    /// Heartbeats signed with our key by a later start than ours: another node runs with our identity, or our
    /// clock was set back.
    identity_conflicts,
    /// How little this node trusts its own hearing, from 0 to 8: not a count, but the present state. It grows
    /// when timers fire late and when several peers do not answer, and gives members more time before
    /// they are held dead.
    health,
    /// Signatures that our own key failed to make.
    signing_failures,
}

impl Metrics {
    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        let count = self.refused.entry(refusal).or_insert(0);
        *count = count.saturating_add(1);
    }

    /// Counts messages dropped, here and in the sum that the reason belongs to.
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
