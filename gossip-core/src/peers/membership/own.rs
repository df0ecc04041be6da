//! Our own heartbeat: signed once per interval while there are receivers, shared by all its uses.

use bytes::Bytes;
use gossip_proto::{
    Alive, Content, GossipMessage, PeerTime, Pulse, SignedMessage, UnsignedMessage,
};

use super::MemberCx;
use super::chain::{Chain, ChainLink};
use crate::compose::message;
use crate::out::Out;
use crate::rng::ModuleRng;
use crate::{Endpoint, Instant};

/// Our heartbeat and its content.
#[derive(Debug)]
pub(super) struct OwnAlive {
    time: PeerTime,
    pub(super) metadata: Bytes,
    pub(super) external: Option<Endpoint>,
    pub(super) internal: Endpoint,
    publish_identity_until: Instant,
    signed: Option<Signed>,
    /// Whether a signature is outstanding.
    signing: bool,
    /// Whether our content has changed since the last signature was requested.
    outdated: bool,
    chain: Chain,
    /// Whether the latest signed heartbeat is anchored in this chain.
    anchored: bool,
    /// Whether the latest signed heartbeat has been pushed, not only sent in requests and responses.
    pushed: bool,
    /// The latest pulse since the heartbeat.
    pulse: Option<Pulse>,
    rng: ModuleRng,
}

#[derive(Debug)]
struct Signed {
    whole: SignedMessage,
    without_secret: SignedMessage,
    /// The time of its signature, or of the latest pulse that confirms it.
    at: Instant,
}

impl OwnAlive {
    pub(super) fn new(cx: &Out<'_>, seed: &[u8; 32], incarnation: u64) -> Self {
        let config = cx.config;
        Self {
            time: PeerTime {
                incarnation,
                sequence: 0,
            },
            metadata: config.metadata.clone(),
            external: config.external_endpoint.clone(),
            internal: config.endpoint.clone(),
            publish_identity_until: cx.now + config.membership.publish_identity_for,
            signed: None,
            signing: false,
            outdated: false,
            chain: Chain::default(),
            anchored: false,
            pushed: false,
            pulse: None,
            rng: ModuleRng::fork(seed, "pulses"),
        }
    }

    pub(super) fn set_metadata(&mut self, metadata: Bytes) {
        self.metadata = metadata;
        self.outdated = true;
    }

    pub(super) fn set_external(&mut self, external: Option<Endpoint>) {
        self.external = external;
        self.outdated = true;
    }

    /// The time of the latest heartbeat or pulse.
    pub(super) const fn time(&self) -> PeerTime {
        self.time
    }

    /// The latest heartbeat, if it is recent and its content is up to date.
    pub(super) fn current(&self, cx: &Out<'_>) -> Option<&SignedMessage> {
        let signed = self.signed.as_ref()?;
        let fresh =
            cx.now.since(signed.at) <= cx.config.membership.alive_interval.saturating_mul(2);
        (fresh && !self.outdated).then_some(&signed.whole)
    }

    /// The latest heartbeat for a receiver inside (`with_secret`) or outside our organisation.
    pub(super) fn latest(&self, with_secret: bool) -> Option<&SignedMessage> {
        let signed = self.signed.as_ref()?;
        Some(if with_secret {
            &signed.whole
        } else {
            &signed.without_secret
        })
    }

    /// Composes a new heartbeat to be signed, unless a signature is outstanding.
    pub(super) fn next(&mut self, cx: &MemberCx<'_>) -> Option<Box<UnsignedMessage>> {
        if self.signing {
            return None;
        }
        self.signing = true;
        self.outdated = false;
        let anchor = cx.config.membership.pulses.then(|| self.anchor());
        let alive = self.describe(cx, anchor.flatten(), false);
        let unsigned = UnsignedMessage::new(alive, Some(self.internal.as_str()));
        Some(Box::new(unsigned))
    }

    /// Composes our farewell, a last heartbeat, to be signed.
    pub(super) fn farewell(&mut self, cx: &MemberCx<'_>) -> UnsignedMessage {
        UnsignedMessage::new(self.describe(cx, None, true), None)
    }

    /// Describes this node in a heartbeat with a new time.
    fn describe(
        &mut self,
        cx: &MemberCx<'_>,
        pulse_anchor: Option<ChainLink>,
        leaving: bool,
    ) -> GossipMessage {
        self.time.sequence = self.time.sequence.saturating_add(1);
        let own = cx.identities.own();
        let alive = Alive {
            pki_id: Bytes::copy_from_slice(own.peer.as_bytes()),
            endpoint: self
                .external
                .as_ref()
                .map(|e| e.as_str().to_owned())
                .unwrap_or_default(),
            metadata: self.metadata.clone(),
            time: self.time,
            identity: (cx.now < self.publish_identity_until).then(|| own.bytes.clone()),
            pulse_anchor,
            leaving,
        };
        message(None, 0, Content::Alive(alive))
    }

    /// The next pulse, which confirms our latest heartbeat; `None` if a new heartbeat must be signed.
    pub(super) fn next_pulse(&mut self, cx: &MemberCx<'_>) -> Option<Pulse> {
        let signed = self.signed.as_mut()?;
        let Content::Alive(alive) = signed.whole.content() else {
            return None;
        };
        let starting = cx.now < self.publish_identity_until;
        let holds = !self.signing && !self.outdated && alive.identity.is_some() == starting;
        if !holds || !self.anchored || !self.pushed {
            return None;
        }
        let proof = self.chain.reveal()?;
        self.time.sequence = self.time.sequence.saturating_add(1);
        signed.at = cx.now;
        let pulse = Pulse {
            pki_id: Bytes::copy_from_slice(cx.identities.own().peer.as_bytes()),
            sequence: self.time.sequence,
            proof,
        };
        self.pulse = Some(pulse.clone());
        Some(pulse)
    }

    /// The latest heartbeat, to be pushed. Marks it as pushed.
    pub(super) fn take_for_push(&mut self) -> Option<SignedMessage> {
        self.pushed = true;
        self.latest(true).cloned()
    }

    /// Our latest pulse, if it is later than our heartbeat.
    pub(super) fn pulse(&self) -> Option<&Pulse> {
        self.pulse.as_ref()
    }

    /// The link that anchors the next heartbeat, of a new chain if the current one is used up.
    fn anchor(&mut self) -> Option<ChainLink> {
        self.chain.reveal().or_else(|| {
            self.anchored = false;
            self.chain = Chain::draw(&mut self.rng);
            self.chain.reveal()
        })
    }

    /// Handles the signature of our heartbeat; `signed` is `None` if signing failed.
    pub(super) fn on_signed(&mut self, now: Instant, signed: Option<SignedMessage>) {
        self.signing = false;
        if let Some(whole) = signed {
            self.anchored = true;
            self.pushed = false;
            self.pulse = None;
            let without_secret = whole.without_secret();
            self.signed = Some(Signed {
                whole,
                without_secret,
                at: now,
            });
        }
    }
}
