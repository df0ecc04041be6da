use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};

use futures_util::future::{AbortHandle, AbortRegistration};
use gossip_driver::core::Endpoint;

/// The incoming handshakes under way, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Handshakes(VecDeque<Handshake>);

/// The address of a remote, or its network.
type Host = Option<u128>;

#[derive(Debug)]
struct Handshake {
    host: Host,
    abort: AbortHandle,
    /// Dropped by the task at its end.
    alive: Weak<()>,
}

/// Held by the task of a handshake.
#[derive(Debug)]
pub(crate) struct Alive(#[expect(dead_code, reason = "it tells by being dropped")] Arc<()>);

impl Handshakes {
    /// Makes room for one more; true if one had to be given up for it. That is the oldest of the
    /// host that has the most, so that a host that opens many takes places from itself.
    pub(crate) fn make_room(&mut self, limit: NonZeroUsize) -> bool {
        self.0
            .retain(|handshake| handshake.alive.strong_count() > 0);
        if self.0.len() < limit.get() {
            return false;
        }
        let mut counts = HashMap::new();
        for handshake in &self.0 {
            *counts.entry(handshake.host).or_insert(0) += 1;
        }
        let hosts = self.0.iter().map(|handshake| counts.get(&handshake.host));
        // The last of several maxima: the oldest.
        let most = hosts.enumerate().rev().max_by_key(|(_, count)| *count);
        let given_up = most
            .map(|(index, _)| index)
            .and_then(|index| self.0.remove(index));
        given_up
            .inspect(|handshake| handshake.abort.abort())
            .is_some()
    }

    /// Adds one; its task ends when the registration says so, and holds `Alive` until then.
    pub(crate) fn begin(&mut self, remote: &Endpoint) -> (AbortRegistration, Alive) {
        let (abort, registration) = AbortHandle::new_pair();
        let alive = Arc::new(());
        self.0.push_back(Handshake {
            host: host(remote),
            abort,
            alive: Arc::downgrade(&alive),
        });
        (registration, Alive(alive))
    }
}

/// Whoever has one address of IPv6 has the other 2^64 of its network too. `None`: the runtime names
/// remotes in another way.
fn host(remote: &Endpoint) -> Host {
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
        begun: Vec<(AbortRegistration, Alive)>,
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

        fn given_up(&self) -> Vec<usize> {
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
    fn the_oldest_is_given_up_among_equals() {
        let mut rig = Rig::with(&["1.1.1.1:1", "2.2.2.2:1"]);
        assert!(rig.handshakes.make_room(TWO));
        assert_eq!(rig.given_up(), [0]);
    }

    #[test]
    fn the_oldest_of_the_host_with_the_most_is_given_up() {
        let mut rig = Rig::with(&["1.1.1.1:1", "[fe80::1]:5", "[fe80::2]:5", "2.2.2.2:1"]);
        assert!(rig.handshakes.make_room(FOUR));
        assert_eq!(rig.given_up(), [1]);
    }

    #[test]
    fn those_that_have_ended_take_no_place() {
        let mut rig = Rig::with(&["1.1.1.1:1", "2.2.2.2:1"]);
        rig.begun.remove(0);
        assert!(!rig.handshakes.make_room(TWO));
        assert_eq!(rig.given_up(), []);
    }
}
