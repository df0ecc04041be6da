//! Mutual authentication of a connection, symmetric on both sides.

use gossip_proto::{ConnEstablish, Content, SignedMessage, UnsignedMessage};

use super::connection::{Connection, Handshake, Phase, Theirs};
use super::{DialFailure, LinkSignal, Links, Refusal, capabilities, turn_away};
use crate::compose::message;
use crate::out::Out;
use crate::timer::TimerKey;
use crate::{Class, CloseReason, CryptoError, Instant, LinkId, OrgId, PeerId, ValidIdentity};

/// The fault of a remote's first message.
enum Fault {
    Refused(Refusal),
    /// The remote is this node; this is the other end.
    SelfDial(LinkId),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Links {
    /// Handles our signed authentication of `link`: it is sent before anything else.
    pub(crate) fn on_conn_signed(
        &mut self,
        cx: &mut Out<'_>,
        link: LinkId,
        message: SignedMessage,
    ) {
        let Some(connection) = self.connections.get_mut(&link) else {
            return;
        };
        let Some(handshake) = connection.handshake_mut() else {
            return;
        };
        if !handshake.conn_sent {
            handshake.conn_sent = true;
            connection
                .outbox
                .send_now(cx, link, Class::Control, message);
        }
        self.conclude(cx, link);
    }

    /// Handles a failed signature of our authentication: closes the connection.
    pub(crate) fn on_sign_failed(&mut self, cx: &mut Out<'_>, link: LinkId) {
        self.close_link(cx, link, CloseReason::SigningFailed);
    }

    /// Handles the first message of a connection that authenticates.
    pub(crate) fn on_first_message(
        &mut self,
        cx: &mut Out<'_>,
        link: LinkId,
        message: &SignedMessage,
    ) {
        let Some(connection) = self.connections.get(&link) else {
            return;
        };
        let Some(handshake) = connection.handshake() else {
            return;
        };
        if !matches!(handshake.theirs, Theirs::Awaited) {
            cx.metrics().violations += 1;
            self.close_link(cx, link, CloseReason::Violation);
            return;
        }
        match self.examine(cx, link, connection, message) {
            Ok(()) => {
                if let Some(handshake) = self.handshake_mut(link) {
                    handshake.theirs = Theirs::Checking(message.clone());
                    cx.raise(LinkSignal::Authenticate {
                        link,
                        message: message.clone(),
                    });
                }
            }
            Err(Fault::Refused(refusal)) => self.refuse(cx, link, refusal),
            Err(Fault::SelfDial(other)) => self.end_self_dial(cx, link, other),
        }
    }

    /// Handles the verified identity and signature of the remote.
    pub(crate) fn on_authenticated(
        &mut self,
        cx: &mut Out<'_>,
        link: LinkId,
        result: Result<ValidIdentity, CryptoError>,
    ) {
        let Some(handshake) = self.handshake_mut(link) else {
            return;
        };
        let Theirs::Checking(message) = &handshake.theirs else {
            return;
        };
        let genuine = match result {
            Ok(identity) if handshake.claimed() == Some(identity.peer.as_bytes()) => Ok(identity),
            Ok(_) => Err(Refusal::StolenIdentity),
            Err(error) => Err(error.into()),
        };
        match genuine {
            Ok(identity) => {
                handshake.theirs = Theirs::Valid(message.clone(), identity);
                self.conclude(cx, link);
            }
            Err(refusal) => self.refuse(cx, link, refusal),
        }
    }

    /// Handles the timeout of an authentication.
    pub(crate) fn on_timer_handshake(&mut self, cx: &mut Out<'_>, link: LinkId) {
        let connection = self.connections.get(&link);
        if connection.is_some_and(|connection| connection.handshake().is_some()) {
            self.refuse(cx, link, Refusal::TimedOut);
        }
    }

    /// Handles a frame that cannot be decoded: closes the link, in any phase.
    pub(crate) fn on_malformed(&mut self, cx: &mut Out<'_>, link: LinkId) {
        let Some(connection) = self.connections.get(&link) else {
            return;
        };
        cx.metrics().malformed_frames += 1;
        if connection.handshake().is_some() {
            self.refuse(cx, link, Refusal::Malformed);
        } else {
            self.close_link(cx, link, CloseReason::Violation);
        }
    }

    /// Refuses the remote: closes the link, in any phase.
    pub(crate) fn refuse(&mut self, cx: &mut Out<'_>, link: LinkId, refusal: Refusal) {
        let Some(connection) = self.take(link) else {
            return;
        };
        turn_away(cx, link, connection.remote.clone(), refusal);
        self.removed(cx, link, connection, DialFailure::Refused(refusal));
    }

    /// Requests the signature of our authentication.
    pub(super) fn sign_conn(&mut self, cx: &mut Out<'_>, link: LinkId, connection: &Connection) {
        let conn = ConnEstablish {
            pki_id: bytes::Bytes::copy_from_slice(cx.config.identity.peer.as_bytes()),
            identity: cx.config.identity.bytes.clone(),
            binding: connection.binding.ours.clone(),
            probe: false,
            capabilities: capabilities(cx.config),
            network_id: cx.config.network_id.clone(),
            incarnation: self.incarnation,
        };
        // Signatures may be deterministic, and without a transport binding each authentication is accepted once.
        let nonce = self.rng.next_u64();
        let message = message(None, nonce, Content::Conn(conn));
        let message = UnsignedMessage::new(message, None);
        let message = Box::new(message);
        cx.raise(LinkSignal::Sign { link, message });
    }

    /// Checks an authentication as far as possible without cryptography.
    fn examine(
        &self,
        cx: &Out<'_>,
        link: LinkId,
        connection: &Connection,
        message: &SignedMessage,
    ) -> Result<(), Fault> {
        let Content::Conn(conn) = message.content() else {
            return Err(Refusal::NotConn.into());
        };
        // Fabric sends no network id.
        if !conn.network_id.is_empty() && conn.network_id != cx.config.network_id {
            return Err(Refusal::WrongNetwork.into());
        }
        let binding = &connection.binding;
        if conn.pki_id == cx.config.identity.peer.as_bytes() {
            // The remote is this node only if both ends are ours: any remote can reflect our messages.
            let bound = !binding.ours.is_empty() && !binding.theirs.is_empty();
            let others = self.authenticating.iter().filter(|_| bound);
            let mut others = others.filter_map(|id| Some((id, self.connections.get(id)?)));
            let other = others.find(|(id, other)| {
                **id != link
                    && other.is_outgoing() != connection.is_outgoing()
                    && other.binding.ours == binding.theirs
                    && other.binding.theirs == binding.ours
            });
            return Err(match other {
                Some((other, _)) if conn.binding == binding.theirs => Fault::SelfDial(*other),
                _ => Refusal::OwnIdentity.into(),
            });
        }
        // A message bound to this connection is no replay, even with the same bytes as before: over TLS the binding is
        // that of the certificate, and signatures may be deterministic.
        let bound = !binding.theirs.is_empty() && conn.binding == binding.theirs;
        if !bound && self.seen.contains(&proof(message)) {
            return Err(Refusal::Replayed.into());
        }
        if conn.binding != binding.theirs {
            return Err(Refusal::WrongBinding.into());
        }
        Ok(())
    }

    /// Closes both ends of a connection to this node.
    fn end_self_dial(&mut self, cx: &mut Out<'_>, link: LinkId, other: LinkId) {
        for end in [link, other] {
            let Some(connection) = self.take(end) else {
                continue;
            };
            cx.close_link(end, CloseReason::SelfDial);
            if let Some(target) = &connection.dialled {
                cx.raise(LinkSignal::SelfDial {
                    endpoint: target.endpoint.clone(),
                });
            }
            self.removed(cx, end, connection, DialFailure::Ended);
        }
    }

    /// Concludes the handshake once our authentication is sent and theirs is valid.
    fn conclude(&mut self, cx: &mut Out<'_>, link: LinkId) {
        let Some(connection) = self.connections.get_mut(&link) else {
            return;
        };
        let Some(Handshake {
            conn_sent: true,
            theirs: Theirs::Valid(message, identity),
            ..
        }) = connection.handshake()
        else {
            return;
        };
        let (message, identity) = (message.clone(), identity.clone());
        let Content::Conn(conn) = message.content() else {
            return;
        };
        let max_seen = cx.config.gate.max_remembered_handshakes.get();
        let proof = proof(&message);
        if self.seen.contains(&proof) && connection.binding.theirs.is_empty() {
            self.refuse(cx, link, Refusal::Replayed);
            return;
        }
        if !self.seen.contains(&proof) {
            self.seen.insert(proof, (), max_seen);
        }
        if conn.probe {
            self.end_probe(cx, link);
            return;
        }
        if !is_acceptable(connection, &identity) {
            self.refuse(cx, link, Refusal::Unexpected);
            return;
        }
        self.establish(cx, link, &message, identity);
    }

    fn handshake_mut(&mut self, link: LinkId) -> Option<&mut Handshake> {
        self.connections.get_mut(&link)?.handshake_mut()
    }

    /// Ends a probe: the remote has received our identity.
    fn end_probe(&mut self, cx: &mut Out<'_>, link: LinkId) {
        cx.timers().cancel(&TimerKey::Handshake(link));
        let Some(connection) = self.connections.get_mut(&link) else {
            return;
        };
        let dialled = connection.dialled.take();
        let claimed = connection
            .handshake()
            .and_then(Handshake::claimed)
            .map(PeerId::new);
        self.finish(cx, link);
        if let Some(target) = dialled {
            self.dial_failed(cx, target, DialFailure::Ended);
        } else if let Some(peer) = claimed {
            self.pursue(cx, &peer);
        }
    }
}

/// Identifies an authentication. Covers the signed bytes only, as any remote can change the rest; and the signature if
/// the nonce is 0, as Fabric signs the same bytes each time.
fn proof(message: &SignedMessage) -> [u8; 32] {
    let envelope = message.envelope();
    let mut hasher = blake3::Hasher::new();
    hasher.update(envelope.payload());
    if message.message().nonce == 0 {
        hasher.update(envelope.signature());
    }
    hasher.finalize().into()
}

/// Returns whether the remote is the dialled peer or another one of its organisation.
fn is_acceptable(connection: &Connection, identity: &ValidIdentity) -> bool {
    let expected = connection
        .dialled
        .as_ref()
        .and_then(|target| target.expected.as_ref());
    expected.is_none_or(|expected| {
        let org: Option<&OrgId> = expected.org.as_ref();
        expected.peer == identity.peer || (org.is_some() && org == identity.org.as_ref())
    })
}

impl Phase {
    pub(super) const fn new(since: Instant) -> Self {
        Self::Handshaking(Handshake {
            since,
            conn_sent: false,
            theirs: Theirs::Awaited,
        })
    }
}
