//! Signs of life, many to a message: they may wait a little for each other.

use gossip_proto::{Content, Pulse};

use crate::PeerId;
use crate::compose::unsigned;
use crate::out::Out;
use crate::peers::Peers;
use crate::peers::link::PULSES;
use crate::peers::membership::{AliveMember, may_push};
use crate::peers::outbox::Frame;
use crate::timer::TimerKey;

/// A sign of life to be pushed.
#[derive(Debug)]
pub(crate) struct Beat {
    pub(crate) pulse: Pulse,
    /// Who told it, if not we.
    pub(crate) from: Option<PeerId>,
}

/// They wait for so long a part of the interval between two heartbeats.
const PULSES_PER_INTERVAL: u32 = 8;
/// So many do not wait, so that no message becomes long.
const MAX_BEATS: usize = 512;

/// Collects signs of life, at most `MAX_BEATS`. For each of them those of the links that may not hear it are passed
/// by until as many as the fan-out says have it: at most `link.max_links`.
#[derive(Debug, Default)]
pub(crate) struct PulseEmitter {
    buffer: Vec<Beat>,
}

impl PulseEmitter {
    /// Takes one. Returns what is to be pushed now: nothing, or all that was collected.
    pub(crate) fn add(&mut self, cx: &mut Out<'_>, beat: Beat) -> Vec<Beat> {
        self.buffer.push(beat);
        if self.buffer.len() >= MAX_BEATS {
            return self.take(cx);
        }
        let at = cx.now + cx.config.membership.alive_interval / PULSES_PER_INTERVAL;
        cx.timers().set_earlier(TimerKey::Pulses, at);
        Vec::new()
    }

    /// How many wait, and how many may.
    pub(crate) fn fill(&self) -> (usize, usize) {
        (self.buffer.len(), MAX_BEATS)
    }

    /// Everything collected.
    pub(crate) fn take(&mut self, cx: &mut Out<'_>) -> Vec<Beat> {
        cx.timers().cancel(&TimerKey::Pulses);
        std::mem::take(&mut self.buffer)
    }
}

/// A connected peer that understands pulses, and those for it.
struct Target {
    member: AliveMember,
    pulses: Vec<Pulse>,
}

/// Sends each of `beats` to as many random connected peers of its audience as the fan-out says: the same ones for all
/// where they may hear all.
pub(crate) fn push_pulses(cx: &mut Out<'_>, peers: &mut Peers, beats: Vec<Beat>) {
    let links = &peers.links;
    let listens = |member: &AliveMember| links.capabilities(&member.peer) & PULSES != 0;
    let target = |member: &AliveMember| Target {
        member: member.clone(),
        pulses: Vec::new(),
    };
    let alive = peers.membership.alive();
    let mut targets = alive.draw_linked(usize::MAX, listens, target);
    for beat in beats {
        address(cx, peers, &mut targets, &beat);
    }
    for target in targets {
        if !target.pulses.is_empty() {
            let message = unsigned(None, 0, Content::Pulses(target.pulses));
            let peer = &target.member.peer;
            peers.send_linked(cx, peer, Frame::control(message));
        }
    }
}

fn address(cx: &Out<'_>, peers: &Peers, targets: &mut [Target], beat: &Beat) {
    let subject = &beat.pulse.pki_id[..];
    let about = peers.party(cx.config, subject);
    let may_hear = |target: &&mut Target| {
        let member = &target.member;
        may_push(&cx.config.identity.org, about, member.party())
            && member.peer.as_bytes() != subject
            && beat.from.as_ref() != Some(&member.peer)
    };
    let hearers = targets.iter_mut().filter(may_hear);
    for target in hearers.take(cx.config.push.targets()) {
        target.pulses.push(beat.pulse.clone());
    }
}
