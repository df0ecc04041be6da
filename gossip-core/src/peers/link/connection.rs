//! One connection: its phases from start to end.

use gossip_proto::{Content, SignedMessage};

use super::{APPLICATION, TIE_BREAK};
use crate::out::Out;
use crate::peers::outbox::{Frame, Outbox};
use crate::{Binding, DropReason, Endpoint, Instant, LinkId, OrgId, PeerId, ValidIdentity};

#[derive(Debug)]
pub(super) struct Connection {
    /// The remote's transport address, for traces.
    pub(super) remote: Endpoint,
    pub(super) binding: Binding,
    /// The target of our dial; absent if the remote dialled.
    pub(super) dialled: Option<DialTarget>,
    pub(super) outbox: Outbox,
    pub(super) phase: Phase,
}

/// The target of a dial.
#[derive(Clone, Debug)]
pub(super) struct DialTarget {
    pub(super) endpoint: Endpoint,
    /// The peer expected at the endpoint, if any.
    pub(super) expected: Option<Expected>,
    /// Whether `dial` has requested it: then a failure is reported.
    pub(super) seed: bool,
}

impl DialTarget {
    /// Drops the interest in `peer`. Returns whether the dial is still needed.
    pub(super) fn release(&mut self, peer: &PeerId) -> bool {
        let of_peer = |expected: &mut Expected| expected.peer == *peer;
        self.expected.take_if(of_peer).is_none() || self.seed
    }
}

#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) peer: PeerId,
    pub(super) org: Option<OrgId>,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// Authenticating.
    Handshaking(Handshake),
    /// Authenticated.
    Up(Session),
    /// Our half is closed; messages of the peer are still received. Without a session after a probe.
    Finishing(Option<Session>),
}

#[derive(Debug)]
pub(super) struct Handshake {
    pub(super) since: Instant,
    /// Whether our own authentication is sent.
    pub(super) conn_sent: bool,
    pub(super) theirs: Theirs,
}

/// The progress of the remote's authentication.
#[derive(Debug)]
pub(super) enum Theirs {
    Awaited,
    Checking(SignedMessage),
    Valid(SignedMessage, ValidIdentity),
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) peer: PeerId,
    pub(super) org: Option<OrgId>,
    /// The remote's signed authentication.
    pub(super) conn: SignedMessage,
    /// 0 if not stated.
    pub(super) incarnation: u64,
    pub(super) capabilities: u64,
    pub(super) since: Instant,
    /// The time of the last message received or sent.
    pub(super) active: Instant,
    /// The time of the last message received after the authentication.
    pub(super) heard: Option<Instant>,
    /// Since when another link is preferred.
    pub(super) standby: Option<Instant>,
}

impl Connection {
    /// Returns whether we dialled it.
    pub(super) fn is_outgoing(&self) -> bool {
        self.dialled.is_some()
    }

    pub(super) fn handshake(&self) -> Option<&Handshake> {
        match &self.phase {
            Phase::Handshaking(handshake) => Some(handshake),
            Phase::Up(_) | Phase::Finishing(_) => None,
        }
    }

    pub(super) fn handshake_mut(&mut self) -> Option<&mut Handshake> {
        match &mut self.phase {
            Phase::Handshaking(handshake) => Some(handshake),
            Phase::Up(_) | Phase::Finishing(_) => None,
        }
    }

    pub(super) fn up(&self) -> Option<&Session> {
        match &self.phase {
            Phase::Up(session) => Some(session),
            Phase::Handshaking(_) | Phase::Finishing(_) => None,
        }
    }

    pub(super) fn up_mut(&mut self) -> Option<&mut Session> {
        match &mut self.phase {
            Phase::Up(session) => Some(session),
            Phase::Handshaking(_) | Phase::Finishing(_) => None,
        }
    }

    /// The session, also while the link is being finished.
    pub(super) fn session(&self) -> Option<&Session> {
        match &self.phase {
            Phase::Up(session) => Some(session),
            Phase::Finishing(session) => session.as_ref(),
            Phase::Handshaking(_) => None,
        }
    }

    pub(super) fn session_mut(&mut self) -> Option<&mut Session> {
        match &mut self.phase {
            Phase::Up(session) => Some(session),
            Phase::Finishing(session) => session.as_mut(),
            Phase::Handshaking(_) => None,
        }
    }

    pub(super) fn is_finishing(&self) -> bool {
        matches!(self.phase, Phase::Finishing(_))
    }

    /// Whether the remote takes messages of this kind.
    fn takes(&self, frame: &Frame) -> bool {
        !matches!(frame.message.content(), Content::Application(_))
            || self
                .session()
                .is_some_and(|session| session.capabilities & APPLICATION != 0)
    }

    /// Queues frames of an earlier link or of a dial, except those of a kind that the remote does not take.
    pub(super) fn adopt(&mut self, cx: &mut Out<'_>, mut frames: Vec<Frame>) {
        let before = frames.len();
        frames.retain(|frame| self.takes(frame));
        let dropped = before - frames.len();
        cx.metrics().shed(DropReason::NotUnderstood, dropped as u64);
        self.outbox.adopt(frames);
    }

    /// Queues a frame, unless its class is full, and passes to the transport what the windows allow.
    pub(super) fn send(
        &mut self,
        cx: &mut Out<'_>,
        link: LinkId,
        mut frame: Frame,
    ) -> Result<(), DropReason> {
        if !self.takes(&frame) {
            cx.metrics().shed(DropReason::NotUnderstood, 1);
            return Err(DropReason::NotUnderstood);
        }
        if let Phase::Up(session) = &mut self.phase {
            match self.outbox.send_directly(cx, link, frame) {
                Some(waits) => frame = waits,
                None => {
                    session.active = cx.now;
                    return Ok(());
                }
            }
        }
        let queued = self.outbox.push(cx, frame);
        self.pump(cx, link);
        queued
    }

    /// Passes to the transport what the windows allow.
    pub(super) fn pump(&mut self, cx: &mut Out<'_>, link: LinkId) {
        if let Phase::Up(session) = &mut self.phase
            && self.outbox.pump(cx, link)
        {
            session.active = cx.now;
        }
    }
}

impl Handshake {
    /// Returns whether the remote's authentication has not arrived.
    pub(super) fn awaits(&self) -> bool {
        matches!(self.theirs, Theirs::Awaited)
    }

    /// The PKI-ID that the remote claims, from the arrival of its authentication.
    pub(super) fn claimed(&self) -> Option<&[u8]> {
        let (Theirs::Checking(message) | Theirs::Valid(message, _)) = &self.theirs else {
            return None;
        };
        let Content::Conn(conn) = message.content() else {
            return None;
        };
        Some(&conn.pki_id)
    }
}

impl Session {
    /// Returns whether the remote resolves duplicates as we do, which Fabric does not.
    pub(super) fn breaks_ties(&self) -> bool {
        self.capabilities & TIE_BREAK != 0
    }
}
