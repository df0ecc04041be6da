//! What a requester holds already, in eight bytes for each member, so that a view which has hardly
//! changed costs hardly anything to tell.

use bytes::Bytes;

use super::record::Record;
use crate::PeerId;

const LENGTH: usize = 8;

/// The records that a requester says it holds.
#[derive(Debug, Default)]
pub(super) struct Held(Vec<u64>);

impl Held {
    /// Takes what a request tells, of at most `most` records.
    pub(super) fn decode(bytes: &Bytes, most: usize) -> Self {
        let told = bytes.as_chunks::<LENGTH>().0.iter().take(most);
        let mut held: Vec<_> = told.map(|digest| u64::from_le_bytes(*digest)).collect();
        held.sort_unstable();
        Self(held)
    }

    pub(super) fn contains(&self, digest: u64) -> bool {
        self.0.binary_search(&digest).is_ok()
    }
}

/// What a request tells of these digests.
pub(super) fn encode(digests: impl Iterator<Item = u64>) -> Bytes {
    digests.flat_map(u64::to_le_bytes).collect()
}

/// Equal for two peers that hold the same heartbeat of a member and agree on whether it lives. Bound
/// to the request, so that nobody can prepare two members that look the same.
pub(super) fn digest(nonce: u64, peer: &PeerId, record: &Record) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&nonce.to_le_bytes());
    hasher.update(&record.time.incarnation.to_le_bytes());
    hasher.update(&record.signed_sequence.to_le_bytes());
    hasher.update(&[u8::from(record.is_alive())]);
    hasher.update(peer.as_bytes());
    let mut digest = [0; LENGTH];
    hasher.finalize_xof().fill(&mut digest);
    u64::from_le_bytes(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_held_and_a_torn_rest_is_ignored() {
        let mut told = encode([7, u64::MAX, 3].into_iter()).to_vec();
        told.extend_from_slice(&[1, 2, 3]);
        let held = Held::decode(&told.clone().into(), 10);
        assert!([3, 7, u64::MAX].iter().all(|digest| held.contains(*digest)));
        assert!(!held.contains(0));
        let few = Held::decode(&told.into(), 2);
        assert!(few.contains(7) && !few.contains(3));
    }
}
