//! Validation of identities again, at the application's request.

use std::collections::{BTreeSet, VecDeque};

use super::super::Peers;
use crate::cx::Cx;
use crate::{CryptoError, Notification, PeerId, RequestId, Response, ValidIdentity};

/// Requests to validate identities, processed in order. At most `MAX_REQUESTS`, each bounded by the known identities.
#[derive(Debug, Default)]
pub(crate) struct Suspects {
    waiting: VecDeque<(RequestId, BTreeSet<PeerId>)>,
    /// Outstanding validations of the first request.
    outstanding: usize,
    purged: Vec<PeerId>,
}

const MAX_REQUESTS: usize = 16;
/// Validations at a time: few, so that other jobs find the crypto service free.
const MAX_OUTSTANDING: usize = 16;

/// The next step of the validation.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Validate(PeerId),
    /// A request is complete.
    Done {
        id: RequestId,
        purged: Vec<PeerId>,
    },
}

impl Suspects {
    /// Returns whether there is room for one more request.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < MAX_REQUESTS
    }

    /// Queues a request.
    fn begin(&mut self, id: RequestId, peers: BTreeSet<PeerId>) {
        self.waiting.push_back((id, peers));
    }

    /// The next step; `None` if outstanding validations must end first.
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

    /// Drops all requests, and returns their ids.
    pub(crate) fn stop(&mut self) -> Vec<RequestId> {
        let unanswered = std::mem::take(self).waiting.into_iter();
        unanswered.map(|(id, _)| id).collect()
    }
}

impl Peers {
    /// Validates the identities of these peers again, or all identities.
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

    /// Handles the validation of a suspected identity. Returns the reason if it was purged: the caller then removes all
    /// state that depends on it, and calls [`Peers::on_verdict`].
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

    /// Continues after a validation has been handled completely.
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
                    // It was removed while the request waited.
                    None => self.suspects.on_validated(&peer, false),
                },
                Step::Done { id, purged } => cx.answer(id, Ok(Response::Suspected { purged })),
            }
        }
    }
}
