//! A compact summary of the statements that a requester holds, eight bytes for each, so that only the others need to be
//! sent.

use bytes::Bytes;
use gossip_proto::PeerTime;

use crate::PeerId;

/// Length of a digest on the wire, in bytes.
pub(crate) const LENGTH: usize = 8;

/// The statements that the sender of a request holds.
#[derive(Debug)]
pub(crate) struct HaveSet {
    nonce: u64,
    digests: Vec<u64>,
}

impl HaveSet {
    /// Decodes the digests in the request with this nonce, at most `most` of them.
    pub(crate) fn decode(nonce: u64, bytes: &[u8], most: usize) -> Self {
        let listed = bytes.as_chunks::<LENGTH>().0.iter().take(most);
        let mut digests: Vec<_> = listed.map(|digest| u64::from_le_bytes(*digest)).collect();
        digests.sort_unstable();
        Self { nonce, digests }
    }

    /// Returns whether the requester holds the statement that `peer` made at `time`, with the same status `stands`.
    pub(crate) fn contains(&self, peer: &PeerId, time: PeerTime, stands: bool) -> bool {
        let digest = || digest(self.nonce, peer, time, stands);
        !self.digests.is_empty() && self.digests.binary_search(&digest()).is_ok()
    }

    /// Its size in memory, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        (self.digests.len() * LENGTH) as u64
    }
}

/// Encodes the statements held for the request with this nonce: maker, time, and whether the statement stands.
pub(crate) fn encode<'a>(
    nonce: u64,
    statements: impl Iterator<Item = (&'a PeerId, PeerTime, bool)>,
) -> Bytes {
    statements
        .flat_map(|(peer, time, stands)| digest(nonce, peer, time, stands).to_le_bytes())
        .collect()
}

/// Equal for two peers that hold the same statement and agree on whether it stands, that is, on whether its maker is
/// alive or participates. Depends on the nonce, so that collisions cannot be prepared.
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
    fn encoded_statements_are_contained_and_trailing_bytes_are_ignored() {
        let peers = [b"a", b"b", b"c"].map(|name| PeerId::new(name));
        let statements = peers.iter().map(|peer| (peer, at(7), true));
        let mut encoded = encode(3, statements).to_vec();
        encoded.extend_from_slice(&[1, 2, 3]);
        let held = HaveSet::decode(3, &encoded, 10);
        assert!(peers.iter().all(|peer| held.contains(peer, at(7), true)));
        assert!(!held.contains(&peers[0], at(8), true));
        assert!(!held.contains(&peers[0], at(7), false));
        assert!(!held.contains(&PeerId::new(b"d"), at(7), true));
        let few = HaveSet::decode(3, &encoded, 2);
        assert!(few.contains(&peers[1], at(7), true) && !few.contains(&peers[2], at(7), true));
        assert_eq!((few.bytes(), held.bytes()), (16, 24));
    }

    #[test]
    fn digests_are_valid_for_their_request_only() {
        let peer = PeerId::new(b"a");
        let encoded = encode(3, [(&peer, at(7), true)].into_iter());
        assert!(HaveSet::decode(3, &encoded, 1).contains(&peer, at(7), true));
        assert!(!HaveSet::decode(4, &encoded, 1).contains(&peer, at(7), true));
    }
}
