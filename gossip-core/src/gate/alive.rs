//! Heartbeats, on their own and in requests and responses.

use std::collections::BTreeMap;

use bytes::Bytes;
use gossip_proto::{
    Alive, Content, MembershipRequest, MembershipResponse, PeerIdentity, Pulse, SignedMessage,
};

use super::admitted::{
    Admitted, AliveItem, AliveSource, AliveWay, IdentityInput, Inbound, Key, MemberInput, Sender,
    ViewRequest,
};
use super::budget::Quota;
use super::pulse::following;
use super::rules::is_well_formed;
use super::verdict::{count, valid_identity, verified};
use super::{Gate, GateCx};
use crate::crypto::copies::{Claim, Copies, SignedItem as _};
use crate::crypto::signed;
use crate::cx::Cx;
use crate::peers::link::{IDENTITIES, PULSES};
use crate::peers::membership::Standing;
use crate::{CryptoError, CryptoJob, CryptoOutcome, LinkId, PeerId};

impl Gate {
    pub(super) fn alive(
        &mut self,
        cx: &mut GateCx<'_>,
        link: LinkId,
        message: SignedMessage,
        source: AliveSource,
        with: &Attachments,
    ) {
        let Content::Alive(alive) = message.content() else {
            cx.metrics().violations += 1;
            return;
        };
        let members = &cx.peers.membership;
        let pulse = with.pulses.get(&alive.pki_id);
        let standing = members.standing(alive, source.way == AliveWay::Hearsay);
        let probes = standing == Standing::Former && members.may_probe(cx.now);
        if standing != Standing::News && !probes {
            cx.metrics().duplicates += 1;
            if standing == Standing::SignOfLife {
                let peer = PeerId::new(&alive.pki_id);
                cx.raise(Inbound::Member(MemberInput::SignOfLife { peer }));
            }
            self.pulses_from(cx, (link, &source.from), pulse, false);
            return;
        }
        if !is_well_formed(cx, &message) {
            cx.metrics().violations += 1;
            return;
        }
        let Some((job, presented)) = alive_job(cx, alive, &message, &with.identities) else {
            let from = source.from;
            cx.raise(Inbound::Member(MemberInput::UnknownIdentity { from }));
            return;
        };
        if let Some(identity) = &presented
            && self.refused.contains(cx, identity)
        {
            return;
        }
        let key = Key::Alive(PeerId::new(&alive.pki_id), alive.time);
        let pulse = pulse.cloned();
        let item = AliveItem {
            message,
            source,
            holders: Vec::new(),
            pulse,
        };
        let claim = Claim {
            item,
            job,
            presented,
        };
        cx.check(Some(link), key, claim);
    }

    pub(super) fn conclude_alive(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        copies: Copies<AliveItem>,
        outcome: CryptoOutcome,
    ) {
        let first = &copies.first;
        let verdict = match &first.presented {
            None => verified(outcome),
            Some(bytes) => match valid_identity(outcome) {
                Ok(valid) if is_subject(&first.item.message, &valid.peer) => {
                    let bytes = bytes.clone();
                    cx.raise(Inbound::Identity(IdentityInput::Valid { valid, bytes }));
                    Ok(())
                }
                Ok(_) => Err(CryptoError::StolenIdentity),
                Err(error) => Err(error),
            },
        };
        count(cx, &verdict);
        if let Some(identity) = &first.presented {
            self.refused.note(cx, identity, &verdict);
        }
        if verdict.is_err() {
            if let (_, Some(rest)) = copies.rest() {
                cx.start_check(None, key, rest);
            }
            return;
        }
        let (mut alive, others) = copies.into_items();
        for copy in others {
            // A copy that differs only in the secret, which a relay may have removed, is genuine too.
            if same_text(&alive.message, &copy.message) {
                alive.merge(copy);
            }
        }
        if let Content::Alive(told) = alive.message.content() {
            alive.pulse = following(told, alive.pulse);
        }
        cx.raise(Inbound::Member(MemberInput::Alive(Admitted::new(alive))));
    }

    pub(super) fn membership_request(
        &mut self,
        cx: &mut GateCx<'_>,
        sender: Sender,
        nonce: u64,
        request: &MembershipRequest,
    ) {
        let own = SignedMessage::decode_nested(&request.self_information, &cx.config.limits);
        let external = own.as_ref().ok().and_then(|own| {
            let Content::Alive(alive) = own.content() else {
                return None;
            };
            let own = alive.pki_id == sender.peer.as_bytes();
            own.then_some(!alive.endpoint.is_empty())
        });
        let (Ok(own), Some(external)) = (own, external) else {
            cx.metrics().violations += 1;
            return;
        };
        if !self.budgets.admit(cx, sender.link, Quota::Members) {
            return;
        }
        let supports = |capability| cx.peers.supports(&sender.peer, capability);
        let asked = ViewRequest {
            peer: sender.peer.clone(),
            link: sender.link,
            nonce,
            external,
            wants_identities: request.want_identities && supports(IDENTITIES),
            held: request.held.clone(),
            takes_pulses: supports(PULSES),
        };
        // The link authenticates the requester, so the answer does not wait for the heartbeat's check.
        cx.raise(Inbound::Member(MemberInput::Request(asked)));
        let source = AliveSource {
            from: sender.peer,
            way: AliveWay::Request,
        };
        let with = Attachments::new(&[], request.pulse.as_slice());
        self.alive(cx, sender.link, own, source, &with);
    }

    pub(super) fn membership_response(
        &mut self,
        cx: &mut GateCx<'_>,
        sender: &Sender,
        nonce: u64,
        response: &MembershipResponse,
    ) {
        let peer = sender.peer.clone();
        let members = &cx.peers.membership;
        if !members.expects_response(cx.now, &peer, nonce) {
            cx.metrics().violations += 1;
            return;
        }
        cx.raise(Inbound::Member(MemberInput::Response { peer }));
        let with = Attachments::new(&response.identities, &response.pulses);
        let cap = cx.config.membership.max_members.get();
        let living = response.alive.iter().map(|told| (told, AliveWay::Response));
        let dead = response.dead.iter().map(|told| (told, AliveWay::Hearsay));
        for (envelope, way) in living.chain(dead).take(cap) {
            let Ok(message) = SignedMessage::decode_nested(envelope, &cx.config.limits) else {
                cx.metrics().violations += 1;
                continue;
            };
            let from = sender.peer.clone();
            let source = AliveSource { from, way };
            self.alive(cx, sender.link, message, source, &with);
        }
    }
}

/// The identities and pulses that came with heartbeats in one message.
#[derive(Debug, Default)]
pub(super) struct Attachments {
    identities: BTreeMap<Bytes, Bytes>,
    pulses: BTreeMap<Bytes, Pulse>,
}

impl Attachments {
    fn new(identities: &[PeerIdentity], pulses: &[Pulse]) -> Self {
        let identity = |one: &PeerIdentity| (one.pki_id.clone(), one.cert.clone());
        let pulse = |one: &Pulse| (one.pki_id.clone(), one.clone());
        Self {
            identities: identities.iter().map(identity).collect(),
            pulses: pulses.iter().map(pulse).collect(),
        }
    }
}

fn same_text(a: &SignedMessage, b: &SignedMessage) -> bool {
    let (a, b) = (a.envelope(), b.envelope());
    a.payload() == b.payload() && a.signature() == b.signature()
}

/// The check of a heartbeat, under a known identity or under one that came with it.
fn alive_job(
    cx: &GateCx<'_>,
    alive: &Alive,
    message: &SignedMessage,
    identities: &BTreeMap<Bytes, Bytes>,
) -> Option<(CryptoJob, Option<Bytes>)> {
    let signed = signed(message.envelope());
    if let Some(held) = cx.peers.identities.get(&alive.pki_id) {
        let identity = held.bytes.clone();
        let channel = None;
        let job = CryptoJob::Verify {
            identity,
            signed,
            channel,
        };
        return Some((job, None));
    }
    let presented = alive.identity.as_ref();
    let identity = presented.or_else(|| identities.get(&alive.pki_id))?.clone();
    let job = CryptoJob::Authenticate {
        identity: identity.clone(),
        pki_id: alive.pki_id.clone(),
        signed,
    };
    Some((job, Some(identity)))
}

fn is_subject(message: &SignedMessage, peer: &PeerId) -> bool {
    matches!(&message.message().content, Content::Alive(alive) if alive.pki_id == peer.as_bytes())
}
