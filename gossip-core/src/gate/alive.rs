//! Heartbeats, on their own and in requests and responses.

use std::collections::BTreeMap;

use bytes::Bytes;
use gossip_proto::{
    Alive, Content, MembershipRequest, MembershipResponse, PeerIdentity, Pulse, SignedMessage,
};

use super::checks::{Checked, copies_of};
use super::news::{Admitted, AliveNews, AliveSource, IdentityNews, MemberNews, News, Sender};
use super::pulse::following;
use super::{
    Asks, Check, Claim, Copies, Gate, Key, Known, count, is_oversized, signed, valid_identity,
    verified,
};
use crate::cx::Cx;
use crate::link::{IDENTITIES, PULSES};
use crate::membership::{Requester, Standing};
use crate::{CryptoError, CryptoJob, CryptoOutcome, LinkId, PeerId};

impl Gate {
    #[allow(
        clippy::too_many_arguments,
        reason = "the parts of one message and its context"
    )]
    pub(super) fn alive(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        message: SignedMessage,
        source: AliveSource,
        with: &Companions,
    ) {
        let link = sender.link;
        let Content::Alive(alive) = &message.message().content else {
            cx.metrics().violations += 1;
            return;
        };
        let dead = matches!(source, AliveSource::Hearsay { .. });
        let pulse = with.pulses.get(&alive.pki_id);
        let standing = known.membership.standing(alive, dead);
        let looks = standing == Standing::Former && known.membership.may_look(cx.now);
        if standing != Standing::News && !looks {
            cx.metrics().duplicates += 1;
            if standing == Standing::SignOfLife {
                let peer = PeerId::new(&alive.pki_id);
                cx.raise(News::Member(MemberNews::SignOfLife { peer }));
            }
            self.pulses(cx, known, sender, pulse, false);
            return;
        }
        if !message.envelope().is_signed() || is_oversized(cx, &message) {
            cx.metrics().violations += 1;
            return;
        }
        let key = Key::Alive(PeerId::new(&alive.pki_id), alive.time);
        let Some((job, identity)) = alive_job(known, alive, &message, &with.identities) else {
            let from = sender.peer.clone();
            cx.raise(News::Member(MemberNews::UnknownIdentity { from }));
            return;
        };
        if let Some(identity) = &identity
            && self.refused.contains(cx, identity)
        {
            return;
        }
        let claim = AliveClaim {
            news: AliveNews {
                message,
                source,
                holders: Vec::new(),
                pulse: pulse.cloned(),
            },
            job,
            identity,
        };
        if let Some(claim) = self.join_check(cx, Some(link), &key, claim) {
            self.start_check(cx, Some(link), key, Copies::new(claim));
        }
    }

    pub(super) fn conclude_alive(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        copies: Copies<AliveClaim>,
        outcome: CryptoOutcome,
    ) {
        let first = &copies.first;
        let verdict = match &first.identity {
            None => verified(outcome),
            Some(bytes) => match valid_identity(outcome) {
                Ok(valid) if is_subject(&first.news.message, &valid.peer) => {
                    let bytes = bytes.clone();
                    cx.raise(News::Identity(IdentityNews::Valid { valid, bytes }));
                    Ok(())
                }
                Ok(_) => Err(CryptoError::StolenIdentity),
                Err(error) => Err(error),
            },
        };
        count(cx, &verdict);
        if let Some(identity) = &first.identity {
            self.refused.note(cx, identity, &verdict);
        }
        if verdict.is_err() {
            if let (_, Some(rest)) = copies.rest() {
                self.start_check(cx, None, key, rest);
            }
            return;
        }
        let (first, others) = copies.into_parts();
        let mut alive = first.news;
        for copy in others {
            // What differs in nothing but the secret, which a relay may have removed, is as true.
            if same_text(&alive.message, &copy.news.message) {
                merge(&mut alive, copy.news);
            }
        }
        if let Content::Alive(told) = &alive.message.message().content {
            alive.pulse = following(told, alive.pulse);
        }
        cx.raise(News::Member(MemberNews::Alive(Admitted::new(alive))));
    }

    pub(super) fn membership_request(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: Sender,
        nonce: u64,
        request: &MembershipRequest,
    ) {
        let own = SignedMessage::decode_nested(&request.self_information, &cx.config.limits);
        let Ok(own) = own else {
            cx.metrics().violations += 1;
            return;
        };
        let Content::Alive(alive) = &own.message().content else {
            cx.metrics().violations += 1;
            return;
        };
        if alive.pki_id != sender.peer.as_bytes() {
            cx.metrics().violations += 1;
            return;
        }
        if !self.within_budget(cx, sender.link, Asks::Members) {
            return;
        }
        let capabilities = known.links.capabilities(&sender.peer);
        let requester = Requester {
            peer: sender.peer.clone(),
            link: sender.link,
            nonce,
            external: !alive.endpoint.is_empty(),
            wants_identities: request.want_identities && capabilities & IDENTITIES != 0,
            held: request.held.clone(),
            takes_pulses: capabilities & PULSES != 0,
        };
        // The link has proven who asks, so the answer does not wait for the heartbeat's check.
        cx.raise(News::Member(MemberNews::Request(requester)));
        let from = sender.peer.clone();
        let with = Companions::new(&[], request.pulse.as_slice());
        self.alive(
            cx,
            known,
            &sender,
            own,
            AliveSource::Request { from },
            &with,
        );
    }

    pub(super) fn membership_response(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        nonce: u64,
        response: &MembershipResponse,
    ) {
        if !known
            .membership
            .expects_response(cx.now, &sender.peer, nonce)
        {
            cx.metrics().violations += 1;
            return;
        }
        cx.raise(News::Member(MemberNews::Response {
            peer: sender.peer.clone(),
        }));
        let with = Companions::new(&response.identities, &response.pulses);
        let cap = cx.config.membership.max_members.get();
        let living = response.alive.iter().map(|envelope| (envelope, false));
        let dead = response.dead.iter().map(|envelope| (envelope, true));
        for (envelope, dead) in living.chain(dead).take(cap) {
            let Ok(message) = SignedMessage::decode_nested(envelope, &cx.config.limits) else {
                cx.metrics().violations += 1;
                continue;
            };
            let from = sender.peer.clone();
            let source = if dead {
                AliveSource::Hearsay { from }
            } else {
                AliveSource::Response { from }
            };
            self.alive(cx, known, sender, message, source, &with);
        }
    }

    /// May the link ask for this once more in the present second? Counts it if not.
    pub(super) fn within_budget(&mut self, cx: &mut Cx<'_>, link: LinkId, asks: Asks) -> bool {
        let most = cx.config.membership.max_requests_per_second;
        let within = self.spend(cx, link, asks, 1, most);
        if !within {
            cx.metrics().requests_limited += 1;
        }
        within
    }

    /// May the link cost so much in the present second, and `most` in all?
    pub(super) fn spend(
        &mut self,
        cx: &Cx<'_>,
        link: LinkId,
        asks: Asks,
        cost: u32,
        most: u32,
    ) -> bool {
        let second = cx.now.as_nanos() / 1_000_000_000;
        let budget = self.budgets.entry((link, asks)).or_default();
        if budget.second != second {
            budget.second = second;
            budget.spent = 0;
        }
        budget.spent = budget.spent.saturating_add(cost);
        budget.spent <= most
    }
}

/// What came along with heartbeats in one message.
#[derive(Debug, Default)]
pub(super) struct Companions {
    identities: BTreeMap<Bytes, Bytes>,
    pulses: BTreeMap<Bytes, Pulse>,
}

impl Companions {
    fn new(identities: &[PeerIdentity], pulses: &[Pulse]) -> Self {
        let identity = |one: &PeerIdentity| (one.pki_id.clone(), one.cert.clone());
        let pulse = |one: &Pulse| (one.pki_id.clone(), one.clone());
        Self {
            identities: identities.iter().map(identity).collect(),
            pulses: pulses.iter().map(pulse).collect(),
        }
    }
}

/// A heartbeat not yet checked, and how to check it.
#[derive(Debug)]
pub(super) struct AliveClaim {
    news: AliveNews,
    job: CryptoJob,
    /// The identity that came with it, if it is checked under that one.
    identity: Option<Bytes>,
}

impl Checked for AliveClaim {
    fn job(&self) -> CryptoJob {
        self.job.clone()
    }

    copies_of!(Alive);
}

impl Claim for AliveClaim {
    fn is_same(&self, other: &Self) -> bool {
        self.news.message == other.news.message
    }

    fn shares_sender(&self, other: &Self) -> bool {
        let sender = other.news.source.from();
        self.news.source.from() == sender || self.news.holders.contains(sender)
    }

    fn merge(&mut self, same: Self) {
        merge(&mut self.news, same.news);
    }

    fn has_several_senders(&self) -> bool {
        !self.news.holders.is_empty()
    }

    fn bytes(&self) -> u64 {
        let identity = self.identity.as_ref().map_or(0, Bytes::len);
        (self.news.message.encoded().len() + identity) as u64
    }
}

fn merge(alive: &mut AliveNews, copy: AliveNews) {
    let mut source = copy.source;
    if source.rank() > alive.source.rank() {
        std::mem::swap(&mut source, &mut alive.source);
    }
    alive.pulse = alive.pulse.take().or(copy.pulse);
    for holder in std::iter::once(source.from().clone()).chain(copy.holders) {
        if *alive.source.from() != holder && !alive.holders.contains(&holder) {
            alive.holders.push(holder);
        }
    }
}

fn same_text(a: &SignedMessage, b: &SignedMessage) -> bool {
    let (a, b) = (a.envelope(), b.envelope());
    a.payload() == b.payload() && a.signature() == b.signature()
}

/// How a heartbeat is checked: under an identity held, or one that came with it.
fn alive_job(
    known: &Known<'_>,
    alive: &Alive,
    message: &SignedMessage,
    identities: &BTreeMap<Bytes, Bytes>,
) -> Option<(CryptoJob, Option<Bytes>)> {
    let signed = signed(message);
    if let Some(held) = known.identities.get(&alive.pki_id) {
        let job = CryptoJob::Verify {
            identity: held.bytes.clone(),
            signed,
            channel: None,
        };
        return Some((job, None));
    }
    let identity = alive
        .identity
        .as_ref()
        .or_else(|| identities.get(&alive.pki_id))?
        .clone();
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
