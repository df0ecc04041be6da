//! Members by the endpoints that they declare.

use std::collections::BTreeMap;

use crate::{Endpoint, PeerId};

/// Members by the endpoints that they declared when they were added. At most two endpoints per member.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    at: BTreeMap<Endpoint, Vec<PeerId>>,
    of: BTreeMap<PeerId, Vec<Endpoint>>,
}

/// Members kept per endpoint. Further claims are not recorded.
const MAX_CLAIMS: usize = 4;

impl Addresses {
    /// Adds a member. Returns the other members that declare one of its endpoints, each once.
    pub(super) fn claim<'a>(
        &mut self,
        peer: &PeerId,
        endpoints: impl Iterator<Item = &'a Endpoint>,
    ) -> Vec<PeerId> {
        self.release(peer);
        let mut others: Vec<PeerId> = Vec::new();
        for endpoint in endpoints {
            let claims = self.at.entry(endpoint.clone()).or_default();
            for other in claims.iter().filter(|other| *other != peer) {
                if !others.contains(other) {
                    others.push(other.clone());
                }
            }
            if claims.len() < MAX_CLAIMS && !claims.contains(peer) {
                claims.push(peer.clone());
                let own = self.of.entry(peer.clone()).or_default();
                own.push(endpoint.clone());
            }
        }
        others
    }

    /// Removes a member and its claims.
    pub(super) fn release(&mut self, peer: &PeerId) {
        for endpoint in self.of.remove(peer).unwrap_or_default() {
            if let Some(claims) = self.at.get_mut(&endpoint) {
                claims.retain(|other| other != peer);
                if claims.is_empty() {
                    self.at.remove(&endpoint);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_bounded_and_removed_with_their_members() {
        let mut addresses = Addresses::default();
        let (here, there) = (Endpoint::new("here:1"), Endpoint::new("there:1"));
        let peers: Vec<PeerId> = (0..9_u8).map(|name| PeerId::new(&[name])).collect();
        for (place, peer) in peers.iter().enumerate() {
            let others = addresses.claim(peer, [&here, &there, &here].into_iter());
            assert_eq!(others, peers[..place.min(MAX_CLAIMS)]);
        }
        assert_eq!(addresses.of.len(), MAX_CLAIMS);
        for peer in &peers {
            addresses.release(peer);
        }
        assert!(addresses.at.is_empty() && addresses.of.is_empty());
    }
}
