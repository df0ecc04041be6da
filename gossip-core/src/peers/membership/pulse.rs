//! Pulses, which stand for heartbeats: how received ones update members, and when ours may be one.

use gossip_proto::Pulse;

use super::chain::ChainLink;
use super::record::Record;
use super::{MemberSignal, Membership};
use crate::PeerId;
use crate::gate::admitted::{Admitted, PulseItem};
use crate::out::Out;

/// Number of signed heartbeats pushed after a member has become alive: a pulse of ours is of no use to a peer that does
/// not know us, and one push does not reach all members.
const HEARTBEATS_FOR_NEWCOMERS: u32 = 2;

/// The latest heartbeat or pulse of a member.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) incarnation: u64,
    pub(crate) sequence: u64,
    /// The link of its hash chain, if its heartbeat has anchored one.
    pub(crate) link: Option<ChainLink>,
}

impl Membership {
    /// The state that the next pulse of a member must follow.
    pub(crate) fn heard_of(&self, peer: &[u8]) -> Option<Heard> {
        self.record(peer).map(|record| Heard {
            incarnation: record.time.incarnation,
            sequence: record.time.sequence,
            link: record.link,
        })
    }

    /// Handles a pulse that has passed the gate.
    pub(crate) fn on_pulse(&mut self, cx: &mut Out<'_>, pulse: Admitted<PulseItem>) {
        let PulseItem {
            pulse,
            incarnation,
            from,
            pushed,
        } = pulse.into_inner();
        let key = &pulse.pki_id[..];
        let Some(record) = self.records.get_mut(key) else {
            return;
        };
        let known = record.time;
        if known.incarnation != incarnation || known.sequence >= pulse.sequence {
            return;
        }
        cx.metrics().pulses += 1;
        record.apply_pulse(&pulse, cx.now);
        let back = !record.is_alive();
        if back && let Some((peer, record)) = self.records.remove(key) {
            self.enlist(cx, peer, record);
        }
        if pushed || back {
            let from = Some(from);
            cx.raise(MemberSignal::Pulse { pulse, from });
        }
    }

    /// Returns whether our heartbeat may be a pulse: only if all alive members understand pulses, and have had time to
    /// receive a signed heartbeat.
    pub(super) fn is_pulsing(&self, cx: &Out<'_>) -> bool {
        if self.heartbeats_since_newcomer < HEARTBEATS_FOR_NEWCOMERS {
            return false;
        }
        let legacy = |(_, record): (&PeerId, &Record)| record.is_alive() && record.link.is_none();
        cx.config.membership.pulses && !self.records.iter().any(legacy)
    }

    /// The latest pulse of a member, if it is later than its heartbeat.
    pub(super) fn pulse_of(peer: &PeerId, record: &Record) -> Option<Pulse> {
        let proof = record.link?;
        (record.time.sequence > record.signed_sequence).then(|| Pulse {
            pki_id: bytes::Bytes::copy_from_slice(peer.as_bytes()),
            sequence: record.time.sequence,
            proof,
        })
    }
}
