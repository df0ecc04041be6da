//! Requests that wait for coverage, and the height subscriptions at peers that serve them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::out::Out;
use crate::timer::{ChannelTimer, TimerKey};
use crate::{ChannelId, Coverage, Instant, PeerId, RequestId};

/// A request that waits for coverage.
#[derive(Debug)]
pub(crate) struct Wait {
    pub(crate) coverage: Coverage,
    until: Instant,
    /// Members of our organisation that are known to have the block.
    pub(crate) holders: BTreeSet<PeerId>,
}

/// The requests of one channel that wait for coverage. Bounded by the configuration.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    waits: BTreeMap<(u64, RequestId), Wait>,
    /// The requests by deadline.
    due: BTreeSet<(Instant, (u64, RequestId))>,
    /// The height that each connected peer has been asked to report and has not reported yet. Bounded by the links.
    asked: BTreeMap<PeerId, u64>,
}

impl Waits {
    pub(crate) fn len(&self) -> usize {
        self.waits.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waits.is_empty()
    }

    /// Adds a request that waits for block `seq`, which `holders` have already.
    pub(crate) fn add(
        &mut self,
        cx: &mut Out<'_>,
        id: &ChannelId,
        (seq, request): (u64, RequestId),
        (coverage, timeout): (Coverage, Duration),
        holders: BTreeSet<PeerId>,
    ) {
        let until = cx.now + timeout;
        let key = TimerKey::Channel(ChannelTimer::Coverage, id.clone());
        cx.timers().set_earlier(key, until);
        let wait = Wait {
            coverage,
            until,
            holders,
        };
        self.due.insert((until, (seq, request)));
        self.waits.insert((seq, request), wait);
    }

    /// All waiting requests, each with its block's number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, RequestId, &Wait)> {
        let waits = self.waits.iter();
        waits.map(|((seq, request), wait)| (*seq, *request, wait))
    }

    pub(crate) fn remove(&mut self, seq: u64, request: RequestId) -> Option<Wait> {
        let wait = self.waits.remove(&(seq, request))?;
        self.due.remove(&(wait.until, (seq, request)));
        Some(wait)
    }

    /// A peer has so many blocks. Returns whether this is new to a waiting request.
    pub(crate) fn on_height(&mut self, peer: &PeerId, height: u64) -> bool {
        if self.asked.get(peer).is_some_and(|asked| *asked <= height) {
            self.asked.remove(peer);
        }
        let mut news = false;
        for ((seq, _), wait) in &mut self.waits {
            if *seq >= height {
                break;
            }
            if !wait.holders.contains(peer) {
                wait.holders.insert(peer.clone());
                news = true;
            }
        }
        news
    }

    /// The height to subscribe to at a peer: the lowest that a request waits for, unless the peer was asked for it or
    /// for a lower one. The highest instead would delay its answer for ever if the publisher is faster than the peer.
    pub(crate) fn ask(&mut self, peer: &PeerId) -> Option<u64> {
        let lacking = |((_, _), wait): &(&(u64, RequestId), &Wait)| !wait.holders.contains(peer);
        let ((seq, _), _) = self.waits.iter().find(lacking)?;
        let height = seq.saturating_add(1);
        if self.asked.get(peer).is_some_and(|asked| *asked <= height) {
            return None;
        }
        self.asked.insert(peer.clone(), height);
        Some(height)
    }

    /// The link to a peer has ended, and with it the subscription there.
    pub(crate) fn on_disconnected(&mut self, peer: &PeerId) {
        self.asked.remove(peer);
    }

    /// Takes the requests whose deadline has passed, and arms the timer for the next.
    pub(crate) fn expire(
        &mut self,
        cx: &mut Out<'_>,
        id: &ChannelId,
    ) -> Vec<((u64, RequestId), Wait)> {
        let mut expired = Vec::new();
        while let Some((until, key)) = self.due.first().copied() {
            if until > cx.now {
                let key = TimerKey::Channel(ChannelTimer::Coverage, id.clone());
                cx.timers().set(key, until);
                break;
            }
            self.due.pop_first();
            expired.extend(self.waits.remove(&key).map(|wait| (key, wait)));
        }
        expired
    }

    /// Ends all waits. Returns the requests.
    pub(crate) fn stop(&mut self) -> impl Iterator<Item = RequestId> + use<> {
        let waits = std::mem::take(self).waits;
        waits.into_keys().map(|(_, request)| request)
    }
}
