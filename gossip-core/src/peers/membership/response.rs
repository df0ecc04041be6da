//! Responses with our view.

use bytes::Bytes;
use gossip_proto::{Content, MembershipResponse, PeerIdentity};

use super::disclosure::{Party, may_list, may_see_secret};
use super::exchange::Use;
use super::liveness::is_silent;
use super::{MemberCx, MemberSignal, Membership};
use crate::PeerId;
use crate::compose::unsigned;
use crate::gate::admitted::ViewRequest;
use crate::have_set::HaveSet;

impl Membership {
    /// Answers a request with our view.
    pub(crate) fn on_request(&mut self, cx: &mut MemberCx<'_>, requester: ViewRequest) {
        if self.own.current(cx).is_some() {
            self.send_response(cx, &requester);
            return;
        }
        // The request may wait for long, so its have set is not kept.
        let held = Bytes::new();
        self.exchange
            .defer(Use::Respond(ViewRequest { held, ..requester }));
        if let Some(unsigned) = self.own.next(cx) {
            cx.raise(MemberSignal::Sign(unsigned));
        }
    }

    pub(super) fn send_response(&mut self, cx: &mut MemberCx<'_>, requester: &ViewRequest) {
        let target = Party {
            org: cx.identities.org_of(requester.peer.as_bytes()),
            external: requester.external,
        };
        let ours = Party {
            org: Some(&self.own_org),
            external: self.own.external.is_some(),
        };
        if !may_list(&self.own_org, ours, target) {
            // Fabric closes the link here; the requester may still need it for a channel.
            return;
        }
        let mut response = self.view_for(cx, requester, target);
        let inside = may_see_secret(&self.own_org, target.org);
        if let Some(own) = self.own.latest(inside) {
            response.alive.push(own.envelope().clone());
            let pulse = self.own.pulse().filter(|_| requester.takes_pulses);
            response.pulses.extend(pulse.cloned());
        }
        let content = Content::MembershipResponse(response);
        let message = unsigned(None, requester.nonce, content);
        let link = requester.link;
        cx.raise(MemberSignal::Respond { link, message });
    }

    /// As many members as fit into a response, at least one. The next response continues after the last one. Silent
    /// members are left out: they still count as alive as a precaution, but if members went on listing them to each
    /// other, a dead one would stay alive for ever.
    fn view_for(
        &mut self,
        cx: &MemberCx<'_>,
        requester: &ViewRequest,
        target: Party<'_>,
    ) -> MembershipResponse {
        let budget = cx.config.membership.max_response_bytes;
        let inside = may_see_secret(&self.own_org, target.org);
        let held = HaveSet::decode(requester.nonce, &requester.held, self.records.len());
        let mut response = MembershipResponse::default();
        let mut spent = 0_usize;
        let mut last: Option<&PeerId> = None;
        for (peer, record) in self.records.iter_from_after(self.exchange.listed.as_ref()) {
            if *peer == requester.peer || !may_list(&self.own_org, record.party(), target) {
                continue;
            }
            if record.listed_dead || is_silent(cx, record) {
                continue;
            }
            if held.contains(peer, record.signed_time(), record.is_alive()) {
                continue;
            }
            let envelope = if inside {
                record.envelope.clone()
            } else {
                record.envelope.without_secret()
            };
            let identity = requester
                .wants_identities
                .then(|| cx.identities.get(peer.as_bytes()))
                .flatten();
            let identity_length = identity.map_or(0, |identity| identity.bytes.len());
            spent = spent.saturating_add(envelope.encoded().len() + identity_length);
            if spent > budget && last.is_some() {
                self.exchange.listed = last.cloned();
                return response;
            }
            last = Some(peer);
            if record.is_alive() {
                response.alive.push(envelope);
                let pulse = Self::pulse_of(peer, record).filter(|_| requester.takes_pulses);
                response.pulses.extend(pulse);
            } else {
                response.dead.push(envelope);
            }
            response
                .identities
                .extend(identity.map(|identity| PeerIdentity {
                    pki_id: Bytes::copy_from_slice(peer.as_bytes()),
                    cert: identity.bytes.clone(),
                    metadata: Bytes::new(),
                }));
        }
        response
    }
}
