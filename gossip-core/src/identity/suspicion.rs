//! Identities that the application wants looked at again.

use std::collections::{BTreeSet, VecDeque};

use crate::{PeerId, RequestId};

/// Requests to look at identities, one after the other. Bounded by the identities known, for each of at
/// most `MAX_REQUESTS`.
#[derive(Debug, Default)]
pub(crate) struct Suspicion {
    waiting: VecDeque<(RequestId, BTreeSet<PeerId>)>,
    /// What the first of them has come to.
    outstanding: usize,
    purged: Vec<PeerId>,
}

const MAX_REQUESTS: usize = 16;
/// Identities looked at at a time, so that what arrives meanwhile finds the crypto service free.
const MAX_OUTSTANDING: usize = 16;

/// What is next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// An identity is to be looked at.
    Look(PeerId),
    /// A request is answered.
    Done { id: RequestId, purged: Vec<PeerId> },
}

impl Suspicion {
    /// Is there a place for one more request?
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < MAX_REQUESTS
    }

    /// Takes a request.
    pub(crate) fn begin(&mut self, id: RequestId, peers: BTreeSet<PeerId>) {
        self.waiting.push_back((id, peers));
    }

    /// The next step, if there is one before others are done.
    pub(crate) fn next(&mut self) -> Option<Step> {
        let (_, peers) = self.waiting.front_mut()?;
        if self.outstanding < MAX_OUTSTANDING
            && let Some(peer) = peers.pop_first()
        {
            self.outstanding += 1;
            return Some(Step::Look(peer));
        }
        if self.outstanding > 0 {
            return None;
        }
        let (id, _) = self.waiting.pop_front()?;
        let purged = std::mem::take(&mut self.purged);
        Some(Step::Done { id, purged })
    }

    /// An identity has been looked at, and was `purged` or not.
    pub(crate) fn on_looked_at(&mut self, peer: &PeerId, purged: bool) {
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
