//! Dialling of names with several addresses.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use gossip_driver::TcpRuntime;
use gossip_driver::core::Endpoint;

/// The time after which the next address is tried too (RFC 8305, section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The most endpoints whose address is remembered. Beyond that, the oldest is forgotten.
const MAX_REMEMBERED: usize = 1024;

/// The address of each endpoint that worked last, of endpoints that have several.
#[derive(Debug, Default)]
pub(crate) struct Addresses(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    by_endpoint: BTreeMap<Endpoint, SocketAddr>,
    by_age: VecDeque<Endpoint>,
}

impl Addresses {
    /// The order in which the addresses of an endpoint are tried: first the one that worked last, then IPv6 and IPv4
    /// in turn, each in the resolver's order.
    pub(crate) fn order(&self, endpoint: &Endpoint, resolved: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let known = self.lock().by_endpoint.get(endpoint).copied();
        let known = known.filter(|known| resolved.contains(known));
        let rest = resolved.into_iter().filter(|one| Some(*one) != known);
        let (first, second): (Vec<_>, Vec<_>) = rest.partition(SocketAddr::is_ipv6);
        let turns = first.len().max(second.len());
        let turn = |index: usize| [first.get(index).copied(), second.get(index).copied()];
        let in_turn = (0..turns).flat_map(turn).flatten();
        known.into_iter().chain(in_turn).collect()
    }

    /// The endpoint was reached at this address.
    pub(crate) fn remember(&self, endpoint: &Endpoint, address: SocketAddr) {
        let Remembered {
            by_endpoint,
            by_age,
        } = &mut *self.lock();
        if by_endpoint.insert(endpoint.clone(), address).is_none() {
            by_age.push_back(endpoint.clone());
        }
        if by_age.len() > MAX_REMEMBERED
            && let Some(oldest) = by_age.pop_front()
        {
            by_endpoint.remove(&oldest);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects to the first address that answers. The next one is tried when an attempt has failed, or after
/// [`ATTEMPT_DELAY`]; earlier attempts go on meanwhile (RFC 8305, "Happy Eyeballs").
///
/// # Errors
/// That of the last attempt, if all have failed.
pub(crate) async fn connect<R: TcpRuntime>(
    runtime: &R,
    addresses: Vec<SocketAddr>,
) -> io::Result<(R::Stream, SocketAddr)> {
    let attempt = async |address| Ok((runtime.connect(address).await?, address));
    let mut waiting = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        attempts.extend(waiting.next().map(attempt));
        let next = async {
            if waiting.len() == 0 {
                return pending().await;
            }
            runtime.sleep_until(runtime.now() + ATTEMPT_DELAY).await;
        };
        match select(pin!(next), attempts.next()).await {
            Either::Left(((), _)) => {}
            Either::Right((Some(Ok(connected)), _)) => return Ok(connected),
            Either::Right((Some(Err(error)), _)) => failure = error,
            Either::Right((None, _)) => return Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_address_that_worked_is_tried_first_and_families_in_turn() {
        let addresses = Addresses::default();
        let endpoint = Endpoint::new("peer0:1");
        let resolved = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "[::1]:1"].map(address);
        let order = |addresses: &Addresses| addresses.order(&endpoint, resolved.to_vec());
        let expected = ["[::1]:1", "10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"].map(address);
        assert_eq!(order(&addresses), expected);
        addresses.remember(&endpoint, address("10.0.0.2:1"));
        let expected = ["10.0.0.2:1", "[::1]:1", "10.0.0.1:1", "10.0.0.3:1"].map(address);
        assert_eq!(order(&addresses), expected);
        addresses.remember(&endpoint, address("10.9.9.9:1"));
        assert_eq!(order(&addresses)[0], address("[::1]:1"), "a former address");
    }

    #[test]
    fn remembered_addresses_are_bounded() {
        let addresses = Addresses::default();
        for port in 0..2_000 {
            let endpoint = Endpoint::new(&format!("peer0:{port}"));
            addresses.remember(&endpoint, address("10.0.0.1:1"));
            addresses.remember(&endpoint, address("10.0.0.2:1"));
        }
        let remembered = addresses.lock();
        assert_eq!(remembered.by_endpoint.len(), MAX_REMEMBERED);
        assert_eq!(remembered.by_age.len(), MAX_REMEMBERED);
        assert!(
            remembered
                .by_endpoint
                .contains_key(&Endpoint::new("peer0:1999"))
        );
    }
}
