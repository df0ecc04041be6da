//! Pulses: checked by hashing, at once.

use gossip_proto::{Alive, Pulse};

use super::admitted::{Admitted, Inbound, MemberInput, PulseItem, Sender};
use super::budget::Quota;
use super::{Gate, GateCx};
use crate::out::Out;
use crate::peers::membership::{CHAIN_LENGTH, walk};
use crate::{LinkId, PeerId};

/// The most hashes per link and second. A network of 10,000 members needs a tenth of it.
const MAX_HASHES: u32 = 16_384;

impl Gate {
    /// Pulses of several members, pushed or part of a response.
    pub(super) fn pulses<'p>(
        &mut self,
        cx: &mut GateCx<'_>,
        sender: &Sender,
        pulses: impl IntoIterator<Item = &'p Pulse>,
        pushed: bool,
    ) {
        self.pulses_from(cx, (sender.link, &sender.peer), pulses, pushed);
    }

    pub(super) fn pulses_from<'p>(
        &mut self,
        cx: &mut GateCx<'_>,
        (link, from): (LinkId, &PeerId),
        pulses: impl IntoIterator<Item = &'p Pulse>,
        pushed: bool,
    ) {
        let members = &cx.peers.membership;
        let mut unknown = false;
        for pulse in pulses {
            if pulse.pki_id == cx.config.identity.peer.as_bytes() {
                continue;
            }
            let Some(heard) = members.heard_of(&pulse.pki_id) else {
                // The pulse of a member that has left may be older than its farewell.
                unknown |= !members.has_left(&pulse.pki_id);
                continue;
            };
            let steps = pulse.sequence.saturating_sub(heard.sequence);
            if steps == 0 {
                cx.metrics().duplicates += 1;
                continue;
            }
            let follows = |link| follows(pulse, steps, &link);
            if !self.may_hash(cx, link, steps) || !heard.link.is_some_and(follows) {
                cx.metrics().pulses_refused += 1;
                continue;
            }
            let item = PulseItem {
                pulse: pulse.clone(),
                incarnation: heard.incarnation,
                from: from.clone(),
                pushed,
            };
            cx.raise(Inbound::Member(MemberInput::Pulse(Admitted::new(item))));
        }
        if unknown {
            let from = from.clone();
            cx.raise(Inbound::Member(MemberInput::UnknownIdentity { from }));
        }
    }

    fn may_hash(&mut self, cx: &mut Out<'_>, link: LinkId, steps: u64) -> bool {
        let steps = u32::try_from(steps).ok();
        steps
            .filter(|steps| u64::from(*steps) < CHAIN_LENGTH)
            .is_some_and(|steps| {
                self.budgets
                    .spend(cx, link, Quota::Hashes, steps, MAX_HASHES)
            })
    }
}

/// The pulse, if it follows from this heartbeat, whose signature is verified.
pub(super) fn following(alive: &Alive, pulse: Option<Pulse>) -> Option<Pulse> {
    let pulse = pulse?;
    let anchor = alive.pulse_anchor?;
    let steps = pulse.sequence.checked_sub(alive.time.sequence)?;
    let near = (1..CHAIN_LENGTH).contains(&steps);
    (near && follows(&pulse, steps, &anchor)).then_some(pulse)
}

fn follows(pulse: &Pulse, steps: u64, link: &[u8; 32]) -> bool {
    walk(&pulse.proof, steps) == *link
}
