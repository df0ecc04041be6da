//! Pulses: short heartbeats, many to a message. They are collected for a short time.

use gossip_proto::{Content, Pulse};

use crate::PeerId;
use crate::compose::unsigned;
use crate::out::Out;
use crate::peers::Peers;
use crate::peers::link::PULSES;
use crate::peers::membership::{AliveMember, may_push};
use crate::peers::outbox::Frame;
use crate::timer::TimerKey;

/// A short heartbeat to push.
#[derive(Debug)]
pub(crate) struct Beat {
    pub(crate) pulse: Pulse,
    /// The peer that sent it; `None` for our own.
    pub(crate) from: Option<PeerId>,
}

/// Heartbeats wait for this fraction of the interval between two heartbeats.
const PULSES_PER_INTERVAL: u32 = 8;
/// The number of waiting heartbeats that are pushed at once, so that no message becomes long.
const MAX_BEATS: usize = 512;

/// Collects short heartbeats, at most `MAX_BEATS`. Each is matched against links until as many peers as the fan-out may
/// get it: at most `link.max_links`.
#[derive(Debug, Default)]
pub(crate) struct PulseEmitter {
    buffer: Vec<Beat>,
}

impl PulseEmitter {
    /// Takes one heartbeat. Returns the heartbeats to push now: none, or all collected ones.
    pub(crate) fn add(&mut self, cx: &mut Out<'_>, beat: Beat) -> Vec<Beat> {
        self.buffer.push(beat);
        if self.buffer.len() >= MAX_BEATS {
            return self.take(cx);
        }
        let at = cx.now + cx.config.membership.alive_interval / PULSES_PER_INTERVAL;
        cx.timers().set_earlier(TimerKey::Pulses, at);
        Vec::new()
    }

    /// The number of waiting heartbeats, and the maximum.
    pub(crate) fn fill(&self) -> (usize, usize) {
        (self.buffer.len(), MAX_BEATS)
    }

    /// Takes all collected heartbeats.
    pub(crate) fn take(&mut self, cx: &mut Out<'_>) -> Vec<Beat> {
        cx.timers().cancel(&TimerKey::Pulses);
        std::mem::take(&mut self.buffer)
    }
}

/// A connected peer that understands pulses, and the heartbeats for it.
struct Target {
    member: AliveMember,
    pulses: Vec<Pulse>,
}

/// Sends each of `beats` to random connected peers of its audience, as many as the fan-out: to the same peers for all
/// beats, as far as they may get them.
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
