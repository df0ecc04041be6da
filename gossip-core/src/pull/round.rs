//! One round of a pull, as its initiator.

use std::collections::{BTreeMap, BTreeSet};

use crate::PeerId;
use crate::rng::ModuleRng;

/// Unsolicited or expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unsolicited;

/// The state of a round. Bounded by the peers asked and, for each, the ids taken from one digest.
#[derive(Debug, Default)]
pub(super) enum Round<I> {
    #[default]
    Resting,
    /// Hellos are sent.
    Digests {
        asked: BTreeMap<PeerId, Asked>,
        /// The peers that hold each wanted id.
        owners: BTreeMap<I, Vec<PeerId>>,
    },
    /// Requests are sent.
    Updates(BTreeMap<PeerId, Wanted<I>>),
}

#[derive(Debug)]
pub(super) struct Asked {
    nonce: u64,
    answered: bool,
}

/// The items awaited from one peer.
#[derive(Debug)]
pub(super) struct Wanted<I> {
    nonce: u64,
    ids: BTreeSet<I>,
    /// The bytes received so far.
    bytes: u64,
}

impl<I: Ord + Clone> Round<I> {
    pub(super) fn is_resting(&self) -> bool {
        matches!(self, Self::Resting)
    }

    pub(super) fn awaits_digests(&self) -> bool {
        matches!(self, Self::Digests { .. })
    }

    /// Begins a round if there are peers to ask. Returns the nonce for each peer.
    pub(super) fn begin(&mut self, rng: &mut ModuleRng, peers: Vec<PeerId>) -> Vec<(PeerId, u64)> {
        let mut nonces = BTreeSet::new();
        let mut asked = BTreeMap::new();
        for peer in peers {
            let nonce = rng.next_u64();
            if nonces.insert(nonce) {
                let answered = false;
                asked.insert(peer, Asked { nonce, answered });
            }
        }
        let hellos: Vec<_> = asked
            .iter()
            .map(|(peer, asked)| (peer.clone(), asked.nonce))
            .collect();
        if !hellos.is_empty() {
            let owners = BTreeMap::new();
            *self = Self::Digests { asked, owners };
        }
        hellos
    }

    /// Takes a digest of wanted ids, once from each peer asked, with its nonce. Otherwise the ids are not read.
    pub(super) fn on_digest(
        &mut self,
        peer: &PeerId,
        nonce: u64,
        ids: impl Iterator<Item = I>,
    ) -> Result<(), Unsolicited> {
        let Self::Digests { asked, owners } = self else {
            return Err(Unsolicited);
        };
        let asked = asked
            .get_mut(peer)
            .filter(|asked| asked.nonce == nonce && !asked.answered)
            .ok_or(Unsolicited)?;
        asked.answered = true;
        for id in ids {
            let owners = owners.entry(id).or_default();
            if owners.last() != Some(peer) {
                owners.push(peer.clone());
            }
        }
        Ok(())
    }

    /// Returns whether all awaited digests have arrived.
    pub(super) fn has_all_digests(&self) -> bool {
        match self {
            Self::Digests { asked, .. } => asked.values().all(|asked| asked.answered),
            Self::Resting | Self::Updates(_) => false,
        }
    }

    /// All digests have arrived. Assigns each id to one of its owners. Ends the round if no id is wanted.
    pub(super) fn request(&mut self, rng: &mut ModuleRng) -> Vec<(PeerId, u64, Vec<I>)> {
        let Self::Digests { asked, owners } = std::mem::take(self) else {
            return Vec::new();
        };
        let mut wanted: BTreeMap<PeerId, Wanted<I>> = BTreeMap::new();
        for (id, owners) in owners {
            let Some(owner) = owners.get(rng.below(owners.len())) else {
                continue;
            };
            let Some(asked) = asked.get(owner) else {
                continue;
            };
            let of_owner = wanted.entry(owner.clone()).or_insert_with(|| Wanted {
                nonce: asked.nonce,
                ids: BTreeSet::new(),
                bytes: 0,
            });
            of_owner.ids.insert(id);
        }
        let requests = wanted
            .iter()
            .map(|(peer, wanted)| {
                let ids = wanted.ids.iter().cloned().collect();
                (peer.clone(), wanted.nonce, ids)
            })
            .collect();
        if !wanted.is_empty() {
            *self = Self::Updates(wanted);
        }
        requests
    }

    /// Returns whether items are awaited from this peer under this nonce.
    pub(super) fn expects_update(&self, peer: &PeerId, nonce: u64) -> bool {
        let Self::Updates(wanted) = self else {
            return false;
        };
        wanted
            .get(peer)
            .is_some_and(|wanted| wanted.nonce == nonce && !wanted.ids.is_empty())
    }

    /// Takes an item requested from this peer, once, if the total from the peer does not exceed `most` bytes, or if it
    /// is the first.
    pub(super) fn take(&mut self, peer: &PeerId, id: &I, bytes: u64, most: u64) -> bool {
        let Self::Updates(wanted) = self else {
            return false;
        };
        let Some(wanted) = wanted.get_mut(peer) else {
            return false;
        };
        let total = wanted.bytes.saturating_add(bytes);
        if (wanted.bytes > 0 && total > most) || !wanted.ids.remove(id) {
            return false;
        }
        wanted.bytes = total;
        true
    }

    pub(super) fn end(&mut self) {
        *self = Self::Resting;
    }
}
