use std::collections::{BTreeSet, VecDeque};

/// Authentications that were accepted, by what is signed of them; when full, the oldest is forgotten.
#[derive(Debug, Default)]
pub(super) struct SeenHandshakes {
    known: BTreeSet<[u8; 32]>,
    order: VecDeque<[u8; 32]>,
}

impl SeenHandshakes {
    pub(super) fn contains(&self, digest: &[u8; 32]) -> bool {
        self.known.contains(digest)
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn remember(&mut self, digest: [u8; 32], max: usize) {
        if !self.known.insert(digest) {
            return;
        }
        self.order.push_back(digest);
        while self.order.len() > max {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut seen = SeenHandshakes::default();
        for digest in [[1; 32], [2; 32], [2; 32], [3; 32]] {
            seen.remember(digest, 2);
        }
        assert!(!seen.contains(&[1; 32]));
        assert!(seen.contains(&[2; 32]));
        assert!(seen.contains(&[3; 32]));
        assert_eq!(seen.order.len(), 2);
    }
}
