//! What a requester holds already, in eight bytes for each statement of a peer about itself, so that a list which
//! has hardly changed costs hardly anything to tell.

use bytes::Bytes;
use gossip_proto::PeerTime;

use crate::PeerId;

/// Bytes of a digest on the wire.
pub(crate) const LENGTH: usize = 8;

/// The statements that a request says its sender holds.
#[derive(Debug)]
pub(crate) struct HaveSet {
    nonce: u64,
    digests: Vec<u64>,
}

impl HaveSet {
    /// Takes what the request with this nonce tells, of at most `most` statements.
    pub(crate) fn decode(nonce: u64, bytes: &[u8], most: usize) -> Self {
        let told = bytes.as_chunks::<LENGTH>().0.iter().take(most);
        let mut digests: Vec<_> = told.map(|digest| u64::from_le_bytes(*digest)).collect();
        digests.sort_unstable();
        Self { nonce, digests }
    }

    /// Does the requester hold what `peer` said at `time`, and takes it as we do?
    pub(crate) fn contains(&self, peer: &PeerId, time: PeerTime, stands: bool) -> bool {
        let digest = || digest(self.nonce, peer, time, stands);
        !self.digests.is_empty() && self.digests.binary_search(&digest()).is_ok()
    }

    /// What it keeps in memory.
    pub(crate) fn bytes(&self) -> u64 {
        (self.digests.len() * LENGTH) as u64
    }
}

/// What the request with this nonce tells of statements held: whose, of when, and whether it stands.
pub(crate) fn encode<'a>(
    nonce: u64,
    statements: impl Iterator<Item = (&'a PeerId, PeerTime, bool)>,
) -> Bytes {
    statements
        .flat_map(|(peer, time, stands)| digest(nonce, peer, time, stands).to_le_bytes())
        .collect()
}

/// Equal for two peers that hold the same statement and agree on whether it stands: whether its maker lives, or
/// takes part. Bound to the request, so that nobody can prepare two statements that look the same.
fn digest(nonce: u64, peer: &PeerId, time: PeerTime, stands: bool) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&nonce.to_le_bytes());
    hasher.update(&time.incarnation.to_le_bytes());
    hasher.update(&time.sequence.to_le_bytes());
    hasher.update(&[u8::from(stands)]);
    hasher.update(peer.as_bytes());
    let mut digest = [0; LENGTH];
    hasher.finalize_xof().fill(&mut digest);
    u64::from_le_bytes(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(sequence: u64) -> PeerTime {
        PeerTime {
            incarnation: 1,
            sequence,
        }
    }

    #[test]
    fn what_is_encoded_is_held_and_a_torn_rest_is_ignored() {
        let peers = [b"a", b"b", b"c"].map(|name| PeerId::new(name));
        let statements = peers.iter().map(|peer| (peer, at(7), true));
        let mut told = encode(3, statements).to_vec();
        told.extend_from_slice(&[1, 2, 3]);
        let held = HaveSet::decode(3, &told, 10);
        assert!(peers.iter().all(|peer| held.contains(peer, at(7), true)));
        assert!(!held.contains(&peers[0], at(8), true));
        assert!(!held.contains(&peers[0], at(7), false));
        assert!(!held.contains(&PeerId::new(b"d"), at(7), true));
        let few = HaveSet::decode(3, &told, 2);
        assert!(few.contains(&peers[1], at(7), true) && !few.contains(&peers[2], at(7), true));
        assert_eq!((few.bytes(), held.bytes()), (16, 24));
    }

    #[test]
    fn digests_are_good_for_their_request_alone() {
        let peer = PeerId::new(b"a");
        let told = encode(3, [(&peer, at(7), true)].into_iter());
        assert!(HaveSet::decode(3, &told, 1).contains(&peer, at(7), true));
        assert!(!HaveSet::decode(4, &told, 1).contains(&peer, at(7), true));
    }
}
