//! Valid identities, with their peers, organisations and expiry.
//!
//! Corresponds to Fabric's identity mapper (`gossip/identity`).
//!
//! # Deviations
//! An identity is kept while it is valid, even if it is unused: the purge of unused identities makes Fabric forget its
//! seeds. A limit bounds the store instead.
//!
//! The store also holds signed announcements of identities, which the identity pull sends.

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
    /// Its organisation; absent if unknown, which counts as foreign.
    pub(crate) org: Option<OrgId>,
    /// Its announcement signed by its peer, if known.
    pub(crate) announcement: Option<RawEnvelope>,
    /// The time of its expiry; absent if it does not expire.
    pub(crate) until: Option<Instant>,
    used: Instant,
}

/// The known identities, our own included.
#[derive(Debug)]
pub(crate) struct Identities {
    own: SelfIdentity,
    entries: PeerTable<Identity>,
    pub(crate) own_expiry: OwnExpiry,
}

impl Identities {
    /// `seed` seeds the hash of the table.
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

    /// Number of known identities, our own included.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn own(&self) -> &SelfIdentity {
        &self.own
    }

    /// Stores an identity that the crypto service has found valid, and starts the timer of its expiry. At the limit,
    /// identities of peers for which `keep` returns true are dropped last.
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

    /// Stores the verified announcement of the identity `bytes`.
    pub(crate) fn announce(&mut self, peer: &[u8], bytes: &Bytes, announcement: &RawEnvelope) {
        if let Some(identity) = self.entries.get_mut(peer)
            && identity.bytes == *bytes
        {
            identity.announcement = Some(announcement.without_secret().detach());
        }
    }

    /// The announcement of a peer's identity, if known.
    pub(crate) fn announcement_of(&self, peer: &[u8]) -> Option<&RawEnvelope> {
        self.get(peer)?.announcement.as_ref()
    }

    /// Iterates over all identities in cyclic order, from the first one after `after`, or from the start without it.
    pub(crate) fn iter_from_after<'a>(
        &'a self,
        after: Option<&PeerId>,
    ) -> impl Iterator<Item = (&'a PeerId, &'a Identity)> + use<'a> {
        self.entries.iter_from_after(after)
    }

    /// All identities, ours included, for the application.
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

    /// The organisation of a known peer. `None` if unknown, which counts as foreign.
    pub(crate) fn org_of(&self, peer: &[u8]) -> Option<&OrgId> {
        self.get(peer)?.org.as_ref()
    }

    pub(crate) fn is_own_org(&self, org: &OrgId) -> bool {
        *org == self.own.org
    }

    /// Updates the expiry of an identity that was found valid again.
    pub(crate) fn refresh(&mut self, cx: &mut Out<'_>, valid: &ValidIdentity) {
        if let Some(identity) = self.entries.get_mut(valid.peer.as_bytes()) {
            identity.until = expiry(cx, valid);
        }
    }

    /// Records a verified use of an identity: identities unused for the longest time are dropped first. Returns whether
    /// the identity is known.
    pub(crate) fn touch(&mut self, now: Instant, peer: &[u8]) -> bool {
        let known = self.entries.get_mut(peer);
        known.is_some_and(|identity| {
            identity.used = now;
            true
        })
    }

    /// Removes an identity that is no longer valid, except our own. Returns whether it was known.
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
        // Drops a batch at a time, so that a flood of identities does not sort the store for each one.
        for (_, _, peer) in order.into_iter().take(cap / 16 + 1) {
            self.remove(cx, &peer);
            cx.metrics().identities_shed += 1;
        }
    }
}

/// The time of an identity's expiry; sets its timer.
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
