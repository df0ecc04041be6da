//! Identities that the application wants validated again.

use std::collections::{BTreeSet, VecDeque};

use super::super::Peers;
use crate::cx::Cx;
use crate::{CryptoError, Notification, PeerId, RequestId, Response, ValidIdentity};

/// Requests to validate identities, one after the other. Bounded by the identities known, for each of at most
/// `MAX_REQUESTS`.
#[derive(Debug, Default)]
pub(crate) struct Suspects {
    waiting: VecDeque<(RequestId, BTreeSet<PeerId>)>,
    /// What the first of them has come to.
    outstanding: usize,
    purged: Vec<PeerId>,
}

const MAX_REQUESTS: usize = 16;
/// Identities validated at a time, so that what arrives meanwhile finds the crypto service free.
const MAX_OUTSTANDING: usize = 16;

/// What is next.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Validate(PeerId),
    /// A request is answered.
    Done {
        id: RequestId,
        purged: Vec<PeerId>,
    },
}

impl Suspects {
    /// Is there a place for one more request?
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < MAX_REQUESTS
    }

    /// Takes a request.
    fn begin(&mut self, id: RequestId, peers: BTreeSet<PeerId>) {
        self.waiting.push_back((id, peers));
    }

    /// The next step, if there is one before others are done.
    fn next(&mut self) -> Option<Step> {
        let (_, peers) = self.waiting.front_mut()?;
        if self.outstanding < MAX_OUTSTANDING
            && let Some(peer) = peers.pop_first()
        {
            self.outstanding += 1;
            return Some(Step::Validate(peer));
        }
        if self.outstanding > 0 {
            return None;
        }
        let (id, _) = self.waiting.pop_front()?;
        let purged = std::mem::take(&mut self.purged);
        Some(Step::Done { id, purged })
    }

    fn on_validated(&mut self, peer: &PeerId, purged: bool) {
        self.outstanding = self.outstanding.saturating_sub(1);
        if purged {
            self.purged.push(peer.clone());
        }
    }

    /// Ends everything, and returns whose requests have no answer.
    pub(crate) fn stop(&mut self) -> Vec<RequestId> {
        let unanswered = std::mem::take(self).waiting.into_iter();
        unanswered.map(|(id, _)| id).collect()
    }
}

impl Peers {
    /// The application doubts identities: of these peers, or of all.
    pub(crate) fn suspect(&mut self, cx: &mut Cx<'_>, id: RequestId, peers: Option<Vec<PeerId>>) {
        let known = |peer: &PeerId| self.identities.get(peer.as_bytes()).is_some();
        let peers: BTreeSet<PeerId> = match peers {
            Some(peers) => peers.into_iter().filter(known).collect(),
            None => {
                let all = self.identities.iter_from_after(None);
                all.map(|(peer, _)| peer.clone()).collect()
            }
        };
        self.suspects.begin(id, peers);
        self.validate_suspects(cx);
    }

    /// An identity in doubt has been validated. Returns why it is purged, if it is: all that rests on it must end,
    /// and then [`Peers::on_verdict`] be called.
    pub(crate) fn on_validated(
        &mut self,
        cx: &mut Cx<'_>,
        peer: &PeerId,
        result: Result<ValidIdentity, CryptoError>,
    ) -> Option<CryptoError> {
        let own = *peer == cx.config.identity.peer;
        match result {
            Ok(valid) if own => self.identities.own_expiry.set(cx, valid.expires_in),
            Ok(valid) => self.identities.refresh(cx, &valid),
            // Overload is not a failed check.
            Err(CryptoError::Overloaded) => {}
            Err(reason) if own => {
                tracing::warn!(%reason, "our own identity is not valid");
                cx.notify(Notification::OwnIdentityInvalid { reason });
            }
            Err(reason) if self.identities.remove(cx, peer) => {
                tracing::info!(%peer, %reason, "identity purged");
                cx.metrics().identities_purged += 1;
                return Some(reason);
            }
            Err(_) => {}
        }
        None
    }

    /// The consequences of a verdict on an identity in doubt are drawn: goes on with the next.
    pub(crate) fn on_verdict(&mut self, cx: &mut Cx<'_>, peer: &PeerId, purged: bool) {
        self.suspects.on_validated(peer, purged);
        self.validate_suspects(cx);
    }

    fn validate_suspects(&mut self, cx: &mut Cx<'_>) {
        while let Some(step) = self.suspects.next() {
            match step {
                Step::Validate(peer) => match self.identities.get(peer.as_bytes()) {
                    Some(identity) => {
                        let bytes = identity.bytes.clone();
                        cx.validate(bytes, peer);
                    }
                    // It has gone while it waited.
                    None => self.suspects.on_validated(&peer, false),
                },
                Step::Done { id, purged } => cx.answer(id, Ok(Response::Suspected { purged })),
            }
        }
    }
}
