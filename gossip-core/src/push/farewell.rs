//! The last message of a peer that stops: to all that understand it, at once.

use gossip_proto::{Content, SignedMessage};

use super::Audience;
use crate::cx::Cx;
use crate::link::{LEAVING, SendTo};
use crate::membership::{Party, Slot, may_push};
use crate::outbox::Supersede;
use crate::{Class, PeerId};

/// A farewell that has been passed on to a few by each of those that heard it reaches all but one in three
/// thousand; those wait until its peer's silence shows.
const FORWARDS: usize = 8;

/// Passes a farewell on to some connected peers; our own goes to all of them.
pub(crate) fn push_farewell(
    cx: &mut Cx<'_>,
    audience: &mut Audience<'_>,
    message: &SignedMessage,
    holders: &[PeerId],
) {
    let Content::Alive(alive) = message.content() else {
        return;
    };
    let subject = PeerId::new(&alive.pki_id);
    let count = match cx.config.push.targets() {
        _ if subject == cx.config.identity.peer => usize::MAX,
        0 => 0,
        fanout => fanout.max(FORWARDS),
    };
    for peer in draw(
        cx,
        audience,
        &subject,
        alive.endpoint.is_empty(),
        count,
        holders,
    ) {
        let key = Some(Supersede::Alive(subject.clone()));
        let to = SendTo::default();
        audience
            .links
            .send(cx, &peer, &to, Class::Control, key, message.clone());
    }
}

/// Whether anybody is connected who would take our farewell.
pub(crate) fn hears_farewell(cx: &mut Cx<'_>, audience: &mut Audience<'_>) -> bool {
    let own = &cx.config.identity.peer;
    let hidden = !audience.membership.is_self_external();
    !draw(cx, audience, own, hidden, 1, &[]).is_empty()
}

fn draw(
    cx: &Cx<'_>,
    audience: &mut Audience<'_>,
    subject: &PeerId,
    hidden: bool,
    count: usize,
    holders: &[PeerId],
) -> Vec<PeerId> {
    let own_org = &cx.config.identity.org;
    let org = match *subject == cx.config.identity.peer {
        true => Some(own_org),
        false => audience.identities.org_of(subject.as_bytes()),
    };
    let about = Party {
        org,
        external: !hidden,
    };
    let links = &*audience.links;
    let accept = |slot: &Slot| {
        let target = Party {
            org: slot.org.as_ref(),
            external: slot.external,
        };
        may_push(own_org, about, target)
            && slot.peer != *subject
            && !holders.contains(&slot.peer)
            && links.capabilities(&slot.peer) & LEAVING != 0
    };
    let pick = |slot: &Slot| slot.peer.clone();
    audience
        .membership
        .roster()
        .draw_linked(count, accept, pick)
}
