//! The hellos that may be followed by a request.

use std::collections::BTreeMap;

use crate::out::Out;
use crate::{Instant, PeerId};

/// The hellos that are valid for a request, the latest of each peer. Bounded by `link.max_links`.
#[derive(Debug, Default)]
pub(super) struct Responder {
    open: BTreeMap<PeerId, Open>,
}

#[derive(Debug)]
struct Open {
    nonce: u64,
    until: Instant,
}

impl Responder {
    /// Records a hello. Returns `false` if too many others are open.
    pub(super) fn on_hello(&mut self, cx: &Out<'_>, peer: &PeerId, nonce: u64) -> bool {
        self.open.retain(|_, open| open.until > cx.now);
        let full = self.open.len() >= cx.config.link.max_links.get();
        if full && !self.open.contains_key(peer) {
            return false;
        }
        let until = cx.now + cx.config.pull.request_wait;
        self.open.insert(peer.clone(), Open { nonce, until });
        true
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Returns whether this request follows a hello. Each hello is valid for one request.
    pub(super) fn on_request(&mut self, now: Instant, peer: &PeerId, nonce: u64) -> bool {
        let good = self
            .open
            .get(peer)
            .is_some_and(|open| open.nonce == nonce && open.until > now);
        if good {
            self.open.remove(peer);
        }
        good
    }
}
