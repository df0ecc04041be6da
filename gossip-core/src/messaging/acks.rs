use std::collections::{BTreeMap, BTreeSet};

use super::AckFailure;
use crate::out::Out;
use crate::peers::outbox::Hold;
use crate::rng::ModuleRng;
use crate::timer::TimerKey;
use crate::{Command, DropReason, PeerId, RequestError, RequestId, Response};

/// Messages whose acknowledgements are awaited, by nonce. At most `messaging.max_awaiting`.
#[derive(Debug)]
pub(crate) struct Acks {
    awaited: BTreeMap<u64, Awaited>,
    rng: ModuleRng,
}

#[derive(Debug)]
struct Awaited {
    request: RequestId,
    wanted: usize,
    /// A peer that replaces one of those asked does not get the message.
    only_named: bool,
    silent: BTreeSet<PeerId>,
    good: Vec<PeerId>,
    failed: Vec<(PeerId, AckFailure)>,
}

impl Awaited {
    /// Returns whether the answer is known: enough peers have acknowledged, or no further acknowledgement can arrive.
    fn is_over(&self) -> bool {
        self.good.len() >= self.wanted || self.silent.is_empty()
    }

    fn was_asked(&self, peer: &PeerId) -> bool {
        self.silent.contains(peer)
            || self.good.contains(peer)
            || self.failed.iter().any(|(failed, _)| failed == peer)
    }

    fn conclude(mut self, cx: &mut Out<'_>) {
        let silent = std::mem::take(&mut self.silent);
        let silent = silent.into_iter().map(|peer| (peer, AckFailure::TimedOut));
        self.failed.extend(silent);
        let result = if self.good.len() >= self.wanted {
            Ok(Response::Acknowledged { by: self.good })
        } else {
            Err(RequestError::NotAcknowledged {
                wanted: self.wanted,
                acknowledged: self.good.len(),
                failures: self.failed,
            })
        };
        let id = self.request;
        cx.emit(Command::Reply { id, result });
    }
}

impl Acks {
    pub(crate) fn new(rng: ModuleRng) -> Self {
        Self {
            awaited: BTreeMap::new(),
            rng,
        }
    }

    /// The number of messages that await acknowledgements.
    pub(crate) fn len(&self) -> usize {
        self.awaited.len()
    }

    /// A nonce that no awaited message has. Never 0.
    pub(crate) fn nonce(&mut self) -> u64 {
        loop {
            let nonce = self.rng.next_u64();
            if nonce != 0 && !self.awaited.contains_key(&nonce) {
                return nonce;
            }
        }
    }

    /// A message with this nonce was sent to `sent`, and could not be sent to `unsent`. Answers `request` when `wanted`
    /// peers have acknowledged, when all have answered, or when the hold of the message ends.
    pub(crate) fn expect(
        &mut self,
        cx: &mut Out<'_>,
        (request, nonce): (RequestId, u64),
        wanted: usize,
        (sent, unsent): (Vec<PeerId>, Vec<(PeerId, DropReason)>),
        hold: Hold,
    ) {
        let failed = unsent.into_iter();
        let failed = failed.map(|(peer, reason)| (peer, AckFailure::NotSent(reason)));
        let awaited = Awaited {
            request,
            wanted,
            only_named: hold.only_named,
            silent: sent.into_iter().collect(),
            good: Vec::new(),
            failed: failed.collect(),
        };
        if awaited.is_over() {
            awaited.conclude(cx);
            return;
        }
        self.awaited.insert(nonce, awaited);
        cx.timers().set(TimerKey::Ack(nonce), hold.until);
    }

    /// A peer has answered; `error` is empty if it accepted the message. Counts unsolicited answers.
    pub(crate) fn on_ack(&mut self, cx: &mut Out<'_>, peer: &PeerId, nonce: u64, error: &str) {
        let asked = |awaited: &&mut Awaited| awaited.silent.contains(peer);
        let Some(awaited) = self.awaited.get_mut(&nonce).filter(asked) else {
            cx.metrics().acks_unmatched += 1;
            return;
        };
        awaited.silent.remove(peer);
        if error.is_empty() {
            awaited.good.push(peer.clone());
        } else {
            let text = cut(error, cx.config.messaging.max_ack_text).to_owned();
            let failure = AckFailure::Refused(text);
            awaited.failed.push((peer.clone(), failure));
        }
        if awaited.is_over() {
            self.conclude(cx, nonce);
        }
    }

    /// A peer has been replaced by another one at its endpoint. The acknowledgement of the new peer is awaited instead,
    /// unless it may not get the message or was asked itself: each peer counts once.
    pub(crate) fn on_renewed(&mut self, cx: &mut Out<'_>, former: &PeerId, renewed: &PeerId) {
        self.give_up(cx, former, |awaited| {
            if awaited.only_named || awaited.was_asked(renewed) {
                Err(AckFailure::NotSent(DropReason::PeerGone))
            } else {
                Ok(renewed.clone())
            }
        });
    }

    /// The identity of a peer has become invalid. Its acknowledgement is no longer awaited, and no other peer replaces
    /// it.
    pub(crate) fn on_purged(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        self.give_up(cx, peer, |_| Err(AckFailure::Purged));
    }

    /// The deadline of a message has passed.
    pub(crate) fn fire(&mut self, cx: &mut Out<'_>, nonce: u64) {
        self.conclude(cx, nonce);
    }

    /// Ends all waits. Returns the requests.
    pub(crate) fn stop(&mut self) -> impl Iterator<Item = RequestId> + use<> {
        let awaited = std::mem::take(&mut self.awaited);
        awaited.into_values().map(|awaited| awaited.request)
    }

    /// Stops waiting for a peer. Waits for the peer that `instead` returns, or records its failure.
    fn give_up(
        &mut self,
        cx: &mut Out<'_>,
        peer: &PeerId,
        instead: impl Fn(&Awaited) -> Result<PeerId, AckFailure>,
    ) {
        let mut over = Vec::new();
        for (nonce, awaited) in &mut self.awaited {
            if !awaited.silent.remove(peer) {
                continue;
            }
            match instead(awaited) {
                Ok(other) => {
                    awaited.silent.insert(other);
                }
                Err(failure) => awaited.failed.push((peer.clone(), failure)),
            }
            if awaited.is_over() {
                over.push(*nonce);
            }
        }
        for nonce in over {
            self.conclude(cx, nonce);
        }
    }

    fn conclude(&mut self, cx: &mut Out<'_>, nonce: u64) {
        cx.timers().cancel(&TimerKey::Ack(nonce));
        if let Some(awaited) = self.awaited.remove(&nonce) {
            awaited.conclude(cx);
        }
    }
}

/// The longest prefix of a text that takes at most `limit` bytes.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
