use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};

use futures_util::future::{AbortHandle, AbortRegistration};
use gossip_driver::core::Endpoint;

/// The incoming handshakes under way, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Handshakes(VecDeque<Handshake>);

/// The IPv4 address of a remote or its IPv6 network; `None` if the endpoint is no IP address.
type Source = Option<u128>;

#[derive(Debug)]
struct Handshake {
    source: Source,
    abort: AbortHandle,
    /// Alive as long as the task's [`Guard`].
    alive: Weak<()>,
}

/// Held by the task of a handshake; its drop marks the end.
#[derive(Debug)]
pub(crate) struct Guard(#[expect(dead_code, reason = "its drop is the signal")] Arc<()>);

impl Handshakes {
    /// Makes room for one more handshake. Returns whether one was evicted: the oldest of the source
    /// with the most handshakes, so that a source that opens many competes with itself.
    pub(crate) fn make_room(&mut self, limit: NonZeroUsize) -> bool {
        self.0
            .retain(|handshake| handshake.alive.strong_count() > 0);
        if self.0.len() < limit.get() {
            return false;
        }
        let mut counts = HashMap::new();
        for handshake in &self.0 {
            *counts.entry(handshake.source).or_insert(0) += 1;
        }
        let counts_in_order = self.0.iter().map(|handshake| counts.get(&handshake.source));
        // The last of several maxima: the oldest.
        let most = counts_in_order
            .enumerate()
            .rev()
            .max_by_key(|(_, count)| *count);
        let evicted = most
            .map(|(index, _)| index)
            .and_then(|index| self.0.remove(index));
        evicted
            .inspect(|handshake| handshake.abort.abort())
            .is_some()
    }

    /// Adds a handshake. Its task runs under the registration, which aborts it, and holds the
    /// `Guard` until it ends.
    pub(crate) fn begin(&mut self, remote: &Endpoint) -> (AbortRegistration, Guard) {
        let (abort, registration) = AbortHandle::new_pair();
        let alive = Arc::new(());
        self.0.push_back(Handshake {
            source: source_of(remote),
            abort,
            alive: Arc::downgrade(&alive),
        });
        (registration, Guard(alive))
    }
}

/// The /64 network of an IPv6 address: a host usually controls all of it.
fn source_of(remote: &Endpoint) -> Source {
    let address: SocketAddr = remote.as_str().parse().ok()?;
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => Some(ip.to_bits().into()),
        IpAddr::V6(ip) => Some(ip.to_bits() >> 64 << 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Rig {
        handshakes: Handshakes,
        begun: Vec<(AbortRegistration, Guard)>,
    }

    impl Rig {
        fn with(remotes: &[&str]) -> Self {
            let mut rig = Self {
                handshakes: Handshakes::default(),
                begun: Vec::new(),
            };
            for remote in remotes {
                rig.begun.push(rig.handshakes.begin(&Endpoint::new(remote)));
            }
            rig
        }

        fn evicted(&self) -> Vec<usize> {
            let aborted =
                |(registration, _): &(AbortRegistration, _)| registration.handle().is_aborted();
            (0..self.begun.len())
                .filter(|index| aborted(&self.begun[*index]))
                .collect()
        }
    }

    const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();
    const FOUR: NonZeroUsize = NonZeroUsize::new(4).unwrap();

    #[test]
    fn the_oldest_is_evicted_among_equals() {
        let mut rig = Rig::with(&["1.1.1.1:1", "2.2.2.2:1"]);
        assert!(rig.handshakes.make_room(TWO));
        assert_eq!(rig.evicted(), [0]);
    }

    #[test]
    fn the_oldest_of_the_source_with_the_most_is_evicted() {
        let mut rig = Rig::with(&["1.1.1.1:1", "[fe80::1]:5", "[fe80::2]:5", "2.2.2.2:1"]);
        assert!(rig.handshakes.make_room(FOUR));
        assert_eq!(rig.evicted(), [1]);
    }

    #[test]
    fn ended_handshakes_take_no_place() {
        let mut rig = Rig::with(&["1.1.1.1:1", "2.2.2.2:1"]);
        rig.begun.remove(0);
        assert!(!rig.handshakes.make_room(TWO));
        assert_eq!(rig.evicted(), []);
    }
}
