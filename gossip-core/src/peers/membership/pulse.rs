//! Signs of life between heartbeats: who is heard of by them, and when ours may be one.

use gossip_proto::Pulse;

use super::chain::ChainLink;
use super::record::Record;
use super::{MemberSignal, Membership};
use crate::PeerId;
use crate::gate::admitted::{Admitted, PulseItem};
use crate::out::Out;

/// Signed heartbeats pushed since somebody has come alive: a pulse of ours tells nothing to one that does
/// not know us, and one push does not reach everybody.
const HEARTBEATS_TO_NEWCOMERS: u32 = 2;

/// What a member has told last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) incarnation: u64,
    pub(crate) sequence: u64,
    /// The link of its hash chain, if its heartbeat has begun one.
    pub(crate) link: Option<ChainLink>,
}

impl Membership {
    /// What the next sign of life of a member must follow.
    pub(crate) fn heard_of(&self, peer: &[u8]) -> Option<Heard> {
        self.record(peer).map(|record| Heard {
            incarnation: record.time.incarnation,
            sequence: record.time.sequence,
            link: record.link,
        })
    }

    /// A sign of life has passed the gate.
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
        record.beat(&pulse, cx.now);
        let back = !record.is_alive();
        if back && let Some((peer, record)) = self.records.remove(key) {
            self.enlist(cx, peer, record);
        }
        if pushed || back {
            let from = Some(from);
            cx.raise(MemberSignal::Pulse { pulse, from });
        }
    }

    /// May our heartbeat be a pulse? Only if everybody alive can do something with it, and if all have had
    /// the time to hear a signed one.
    pub(super) fn is_pulsing(&self, cx: &Out<'_>) -> bool {
        if self.told_newcomers < HEARTBEATS_TO_NEWCOMERS {
            return false;
        }
        let deaf = |(_, record): (&PeerId, &Record)| record.is_alive() && record.link.is_none();
        cx.config.membership.pulses && !self.records.iter().any(deaf)
    }

    /// The last pulse of a member since its heartbeat.
    pub(super) fn pulse_of(peer: &PeerId, record: &Record) -> Option<Pulse> {
        let proof = record.link?;
        (record.time.sequence > record.signed_sequence).then(|| Pulse {
            pki_id: bytes::Bytes::copy_from_slice(peer.as_bytes()),
            sequence: record.time.sequence,
            proof,
        })
    }
}
