//! Farewells: the last message of a peer that stops, sent to all that understand it at once.

use gossip_proto::{Content, SignedMessage};

use crate::PeerId;
use crate::out::Out;
use crate::peers::Peers;
use crate::peers::link::LEAVING;
use crate::peers::membership::{AliveMember, Party, may_push};
use crate::peers::outbox::{Frame, Supersede};

/// A farewell that each receiver forwards to so many peers misses about one peer in three thousand; that peer notices
/// the silence later.
const FORWARDS: usize = 8;

/// Forwards a farewell to some connected peers. Our own is sent to all of them.
pub(crate) fn push_farewell(
    cx: &mut Out<'_>,
    peers: &mut Peers,
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
    let external = !alive.endpoint.is_empty();
    for peer in draw(cx, peers, &subject, external, count, holders) {
        let key = Supersede::Alive(subject.clone());
        let frame = Frame::control(message.clone()).superseding(key);
        peers.send_linked(cx, &peer, frame);
    }
}

/// Returns whether a peer is connected that would get our farewell.
pub(crate) fn has_farewell_receiver(cx: &Out<'_>, peers: &mut Peers) -> bool {
    let external = peers.membership.is_self_external();
    !draw(cx, peers, &cx.config.identity.peer, external, 1, &[]).is_empty()
}

fn draw(
    cx: &Out<'_>,
    peers: &mut Peers,
    subject: &PeerId,
    external: bool,
    count: usize,
    holders: &[PeerId],
) -> Vec<PeerId> {
    let own_org = &cx.config.identity.org;
    let Peers {
        identities,
        membership,
        links,
        ..
    } = peers;
    let org = match *subject == cx.config.identity.peer {
        true => Some(own_org),
        false => identities.org_of(subject.as_bytes()),
    };
    let about = Party { org, external };
    let accept = |member: &AliveMember| {
        may_push(own_org, about, member.party())
            && member.peer != *subject
            && !holders.contains(&member.peer)
            && links.capabilities(&member.peer) & LEAVING != 0
    };
    let alive = membership.alive();
    alive.draw_linked(count, accept, |member| member.peer.clone())
}
