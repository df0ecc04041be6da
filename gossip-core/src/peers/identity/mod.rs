//! Identities known to be valid: whose they are, of which organisation, until when.
//!
//! Answers to Fabric's identity mapper (`gossip/identity`).
//!
//! # Deviations
//! An identity is kept while it is valid, whether it is used or not: purging for disuse made the
//! original forget its seeds. A cap bounds the store instead.
//!
//! What pull tells others is here too: the announcement that a peer has signed of its identity goes with it.

mod own_expiry;
mod pull;
mod suspects;

use bytes::Bytes;
use gossip_proto::RawEnvelope;

use self::own_expiry::OwnExpiry;
pub(crate) use self::pull::IdentityPull;
pub(crate) use self::suspects::Suspects;
use crate::out::Out;
use crate::peers::peer_table::PeerTable;
use crate::timer::TimerKey;
use crate::{IdentityInfo, Instant, OrgId, PeerId, SelfIdentity, ValidIdentity};

/// A valid identity.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The serialized identity.
    pub(crate) bytes: Bytes,
    /// Its organisation; absent means foreign.
    pub(crate) org: Option<OrgId>,
    /// What its peer has signed of it, if we were told.
    pub(crate) announcement: Option<RawEnvelope>,
    /// When it expires, if it does.
    pub(crate) until: Option<Instant>,
    used: Instant,
}

/// The identities known.
#[derive(Debug)]
pub(crate) struct Identities {
    own: SelfIdentity,
    entries: PeerTable<Identity>,
    pub(crate) own_expiry: OwnExpiry,
}

impl Identities {
    /// `seed` keeps others from knowing where an identity is kept.
    pub(crate) fn new(own: SelfIdentity, seed: u64) -> Self {
        let identity = Identity {
            bytes: own.bytes.clone(),
            org: Some(own.org.clone()),
            announcement: None,
            until: None,
            used: Instant::START,
        };
        let mut entries = PeerTable::new(seed);
        entries.insert(own.peer.clone(), identity);
        Self {
            own,
            entries,
            own_expiry: OwnExpiry::default(),
        }
    }

    /// How many are known, our own included.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn own(&self) -> &SelfIdentity {
        &self.own
    }

    /// Keeps an identity that the crypto service has found valid, and arms its expiry. `keep` says
    /// which peers' identities must not make room when the cap is reached.
    pub(crate) fn put(
        &mut self,
        cx: &mut Out<'_>,
        valid: &ValidIdentity,
        bytes: &Bytes,
        keep: impl Fn(&PeerId) -> bool,
    ) {
        if self.entries.contains_key(valid.peer.as_bytes()) {
            return;
        }
        self.make_room(cx, keep);
        let until = expiry(cx, valid);
        let identity = Identity {
            bytes: Bytes::copy_from_slice(bytes),
            org: valid.org.clone(),
            announcement: None,
            until,
            used: cx.now,
        };
        self.entries.insert(valid.peer.clone(), identity);
    }

    pub(crate) fn get(&self, peer: &[u8]) -> Option<&Identity> {
        self.entries.get(peer)
    }

    /// Keeps what a peer has signed of its identity, `bytes`; found authentic.
    pub(crate) fn announce(&mut self, peer: &[u8], bytes: &Bytes, announcement: &RawEnvelope) {
        if let Some(identity) = self.entries.get_mut(peer)
            && identity.bytes == *bytes
        {
            identity.announcement = Some(announcement.without_secret().detach());
        }
    }

    /// What a peer has signed of its identity, if we were told.
    pub(crate) fn announcement_of(&self, peer: &[u8]) -> Option<&RawEnvelope> {
        self.get(peer)?.announcement.as_ref()
    }

    /// All, beginning behind `after`, or with the first if there is none.
    pub(crate) fn iter_from_after<'a>(
        &'a self,
        after: Option<&PeerId>,
    ) -> impl Iterator<Item = (&'a PeerId, &'a Identity)> + use<'a> {
        self.entries.iter_from_after(after)
    }

    /// All identities, ours included, as applications see them.
    pub(crate) fn infos(&self, now: Instant) -> Vec<IdentityInfo> {
        let all = self.entries.iter();
        all.map(|(peer, identity)| IdentityInfo {
            peer: peer.clone(),
            org: identity.org.clone(),
            identity: identity.bytes.clone(),
            expires_in: if *peer == self.own.peer {
                self.own_expiry.left(now)
            } else {
                identity.until.map(|until| until.since(now))
            },
        })
        .collect()
    }

    /// The organisation of a known peer. `None` means unknown, hence foreign.
    pub(crate) fn org_of(&self, peer: &[u8]) -> Option<&OrgId> {
        self.get(peer)?.org.as_ref()
    }

    pub(crate) fn is_own_org(&self, org: &OrgId) -> bool {
        *org == self.own.org
    }

    /// An identity was looked at again and is valid: it may end at another time now.
    pub(crate) fn refresh(&mut self, cx: &mut Out<'_>, valid: &ValidIdentity) {
        if let Some(identity) = self.entries.get_mut(valid.peer.as_bytes()) {
            identity.until = expiry(cx, valid);
        }
    }

    /// Notes a verified use, so that the identity is not the first to make room. Returns whether it
    /// is known.
    pub(crate) fn touch(&mut self, now: Instant, peer: &[u8]) -> bool {
        let known = self.entries.get_mut(peer);
        known.is_some_and(|identity| {
            identity.used = now;
            true
        })
    }

    /// Forgets an identity that is no longer valid; our own stays. Returns whether one was held.
    pub(crate) fn remove(&mut self, cx: &mut Out<'_>, peer: &PeerId) -> bool {
        if *peer == self.own.peer {
            return false;
        }
        cx.timers().cancel(&TimerKey::Identity(peer.clone()));
        self.entries.remove(peer.as_bytes()).is_some()
    }

    fn make_room(&mut self, cx: &mut Out<'_>, keep: impl Fn(&PeerId) -> bool) {
        let cap = cx.config.identities.max_identities.get();
        if self.entries.len() < cap {
            return;
        }
        let mut order: Vec<(bool, Instant, PeerId)> = self
            .entries
            .iter()
            .filter(|(peer, _)| **peer != self.own.peer)
            .map(|(peer, identity)| (keep(peer), identity.used, peer.clone()))
            .collect();
        order.sort_unstable();
        // A batch at a time, so that a flood of identities does not sort the store for each.
        for (_, _, peer) in order.into_iter().take(cap / 16 + 1) {
            self.remove(cx, &peer);
            cx.metrics().identities_shed += 1;
        }
    }
}

/// When an identity ends; arms a timer for it.
fn expiry(cx: &mut Out<'_>, valid: &ValidIdentity) -> Option<Instant> {
    let key = TimerKey::Identity(valid.peer.clone());
    let until = valid.expires_in.map(|left| cx.now + left);
    match until {
        Some(at) => cx.timers().set(key, at),
        None => cx.timers().cancel(&key),
    }
    until
}

#[cfg(test)]
mod tests;
