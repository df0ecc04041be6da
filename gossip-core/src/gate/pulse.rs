//! Signs of life: checked by hashing, at once.

use gossip_proto::{Alive, Pulse};

use super::news::{Admitted, MemberNews, News, PulseNews, Sender};
use super::{Asks, Gate, Known};
use crate::LinkId;
use crate::cx::Cx;
use crate::membership::{CHAIN_LENGTH, walk};

/// Hashes spent on one link per second: a network of 10,000 members needs a tenth.
const MAX_HASHES: u32 = 16_384;

impl Gate {
    /// Signs of life of several members, pushed or told in a response.
    pub(super) fn pulses<'p>(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        pulses: impl IntoIterator<Item = &'p Pulse>,
        pushed: bool,
    ) {
        let mut strangers = false;
        for pulse in pulses {
            if pulse.pki_id == cx.config.identity.peer.as_bytes() {
                continue;
            }
            let Some(heard) = known.membership.heard_of(&pulse.pki_id) else {
                // Whoever has left may have told it before.
                strangers |= !known.membership.has_left(&pulse.pki_id);
                continue;
            };
            let steps = pulse.sequence.saturating_sub(heard.sequence);
            if steps == 0 {
                cx.metrics().duplicates += 1;
                continue;
            }
            let follows = |link| follows(pulse, steps, &link);
            if !self.may_hash(cx, sender.link, steps) || !heard.link.is_some_and(follows) {
                cx.metrics().pulses_refused += 1;
                continue;
            }
            cx.raise(News::Member(MemberNews::Pulse(Admitted::new(PulseNews {
                pulse: pulse.clone(),
                incarnation: heard.incarnation,
                from: sender.peer.clone(),
                pushed,
            }))));
        }
        if strangers {
            let from = sender.peer.clone();
            cx.raise(News::Member(MemberNews::UnknownIdentity { from }));
        }
    }

    fn may_hash(&mut self, cx: &mut Cx<'_>, link: LinkId, steps: u64) -> bool {
        let steps = u32::try_from(steps).ok();
        steps
            .filter(|steps| u64::from(*steps) < CHAIN_LENGTH)
            .is_some_and(|steps| self.spend(cx, link, Asks::Hashes, steps, MAX_HASHES))
    }
}

/// The pulse, if it follows from this heartbeat, whose signature has been found good.
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
