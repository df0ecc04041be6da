//! What is remembered of members that are no more.

use std::collections::BTreeMap;

use gossip_proto::PeerTime;

use crate::PeerId;

/// The last time heard of a member that is known no more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grave {
    pub(super) time: PeerTime,
    /// It has said farewell.
    pub(super) left: bool,
}

/// The graves, by their peers and by their age. Bounded by whoever buries.
#[derive(Debug, Default)]
pub(super) struct Graves {
    by_peer: BTreeMap<PeerId, (u64, Grave)>,
    by_age: BTreeMap<u64, PeerId>,
    dug: u64,
}

impl Graves {
    pub(super) fn get(&self, peer: &[u8]) -> Option<&Grave> {
        self.by_peer.get(peer).map(|(_, grave)| grave)
    }

    pub(super) fn get_mut(&mut self, peer: &[u8]) -> Option<&mut Grave> {
        self.by_peer.get_mut(peer).map(|(_, grave)| grave)
    }

    pub(super) fn contains(&self, peer: &[u8]) -> bool {
        self.by_peer.contains_key(peer)
    }

    pub(super) fn len(&self) -> usize {
        self.by_peer.len()
    }

    /// Remembers a member that is no more. Returns whether one of `most` others had to go: the oldest, for
    /// names can be chosen and age cannot.
    pub(super) fn bury(&mut self, peer: PeerId, grave: Grave, most: usize) -> bool {
        self.remove(peer.as_bytes());
        let shed = match self.by_peer.len() >= most {
            true => self.by_age.pop_first(),
            false => None,
        };
        if let Some((_, oldest)) = &shed {
            self.by_peer.remove(oldest);
        }
        self.dug += 1;
        self.by_age.insert(self.dug, peer.clone());
        self.by_peer.insert(peer, (self.dug, grave));
        shed.is_some()
    }

    /// A member is back.
    pub(super) fn remove(&mut self, peer: &[u8]) {
        if let Some((age, _)) = self.by_peer.remove(peer) {
            self.by_age.remove(&age);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grave(sequence: u64) -> Grave {
        let time = PeerTime {
            incarnation: 1,
            sequence,
        };
        Grave { time, left: false }
    }

    #[test]
    fn the_oldest_goes_whatever_its_name_and_whoever_dies_again_is_young() {
        let mut graves = Graves::default();
        let peer = |name: u8| PeerId::new(&[name]);
        for name in [9, 1, 5] {
            assert!(!graves.bury(peer(name), grave(1), 3));
        }
        assert!(
            !graves.bury(peer(9), grave(2), 3),
            "it makes room for itself"
        );
        assert!(graves.bury(peer(3), grave(1), 3));
        assert!(!graves.contains(&[1]));
        assert!(graves.bury(peer(2), grave(1), 3));
        assert!(!graves.contains(&[5]));
        assert_eq!(graves.get(&[9]).map(|grave| grave.time.sequence), Some(2));
        graves.remove(&[9]);
        assert!(!graves.bury(peer(7), grave(1), 3));
        assert_eq!((graves.by_peer.len(), graves.by_age.len()), (3, 3));
    }
}
