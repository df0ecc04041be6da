use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use bytes::Bytes;
use gossip_driver::core::Endpoint;
use gossip_driver::transport::TransportError;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::Conditions;
use crate::link::Ends;
use crate::pipe::Pipe;

/// Connections to one endpoint that wait to be accepted; further dials are refused.
const BACKLOG: usize = 1024;

/// An in-process network. All clones are the same network.
///
/// Faults are set between two endpoints, given by name. Bindings, jitter and lifetimes are random;
/// they follow from the seed and the order of dials.
#[derive(Clone, Debug)]
pub struct MemNetwork {
    state: Arc<Mutex<NetworkState>>,
}

#[derive(Debug)]
struct NetworkState {
    rng: ChaCha8Rng,
    conditions: Conditions,
    endpoints: BTreeMap<Endpoint, Sender<Ends>>,
    refusing: BTreeSet<Endpoint>,
    cut: BTreeSet<(Endpoint, Endpoint)>,
    stalled: BTreeSet<(Endpoint, Endpoint)>,
    pipes: Vec<Wire>,
}

/// One direction of a link; listed while one of its ends exists.
#[derive(Debug)]
struct Wire {
    from: Endpoint,
    to: Endpoint,
    pipe: Weak<Pipe>,
}

impl MemNetwork {
    /// A network without nodes, with the default [`Conditions`].
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = NetworkState {
            rng: ChaCha8Rng::seed_from_u64(seed),
            conditions: Conditions::default(),
            endpoints: BTreeMap::new(),
            refusing: BTreeSet::new(),
            cut: BTreeSet::new(),
            stalled: BTreeSet::new(),
            pipes: Vec::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Sets the conditions of links made from now on.
    pub fn set_conditions(&self, conditions: Conditions) {
        self.lock().conditions = conditions;
    }

    /// Breaks all links between `a` and `b` and refuses new ones until [`heal`](Self::heal).
    pub fn cut(&self, a: &str, b: &str) {
        self.lock().cut.insert(ordered(a, b));
        self.break_links(a, b);
    }

    /// Breaks all links between `a` and `b`; they may dial each other again at once. Returns the
    /// number of links.
    pub fn break_links(&self, a: &str, b: &str) -> usize {
        let (a, b) = ordered(a, b);
        let there = self.lock().pipes(&a, &b);
        let back = if a == b {
            Vec::new()
        } else {
            self.lock().pipes(&b, &a)
        };
        there.iter().chain(&back).for_each(|pipe| pipe.break_off());
        if a == b {
            there.len() / 2
        } else {
            there.len().max(back.len())
        }
    }

    /// Stops delivery from `from` to `to` without breaking a link, as if the host had vanished:
    /// sent bytes fill the buffer, then the writer waits.
    pub fn stall(&self, from: &str, to: &str) {
        let (from, to) = (Endpoint::new(from), Endpoint::new(to));
        let mut state = self.lock();
        state.stalled.insert((from.clone(), to.clone()));
        let pipes = state.pipes(&from, &to);
        drop(state);
        pipes.iter().for_each(|pipe| pipe.set_stalled(true));
    }

    /// Undoes [`cut`](Self::cut) and [`stall`](Self::stall) between `a` and `b`, in both
    /// directions. Broken links stay broken.
    pub fn heal(&self, a: &str, b: &str) {
        let (a, b) = ordered(a, b);
        let mut state = self.lock();
        state.cut.remove(&(a.clone(), b.clone()));
        let mut pipes = state.pipes(&a, &b);
        pipes.append(&mut state.pipes(&b, &a));
        state.stalled.remove(&(a.clone(), b.clone()));
        state.stalled.remove(&(b, a));
        drop(state);
        pipes.iter().for_each(|pipe| pipe.set_stalled(false));
    }

    /// Sets whether dials to `name` are refused. Its links and its own dials are not affected.
    pub fn refuse_dials(&self, name: &str, refuse: bool) {
        let mut state = self.lock();
        if refuse {
            state.refusing.insert(Endpoint::new(name));
        } else {
            state.refusing.remove(&Endpoint::new(name));
        }
    }

    pub(crate) fn conditions(&self) -> Conditions {
        self.lock().conditions
    }

    /// Registers `endpoint`. The receiver yields the far ends of links that others dial.
    pub(crate) fn listen(&self, endpoint: &Endpoint) -> Result<Receiver<Ends>, TransportError> {
        let (sender, incoming) = async_channel::bounded(BACKLOG);
        let mut state = self.lock();
        let taken = state
            .endpoints
            .get(endpoint)
            .is_some_and(|other| !other.is_closed());
        if taken {
            return Err(TransportError::Bind {
                endpoint: endpoint.clone(),
                reason: io::Error::from(io::ErrorKind::AddrInUse),
            });
        }
        state.endpoints.insert(endpoint.clone(), sender);
        Ok(incoming)
    }

    /// Makes a link and hands its far end to `to`.
    pub(crate) fn connect(
        &self,
        from: &Endpoint,
        to: &Endpoint,
        now: Instant,
    ) -> Result<Ends, TransportError> {
        let mut state = self.lock();
        let listener = state
            .endpoints
            .get(to)
            .filter(|_| state.allows_dial(from, to))
            .cloned();
        let Some(listener) = listener else {
            return Err(TransportError::Unreachable(to.clone()));
        };
        let (near, far) = state.link(from, to, now);
        drop(state);
        listener
            .try_send(far)
            .map_err(|_| TransportError::Unreachable(to.clone()))?;
        Ok(near)
    }

    pub(crate) fn remove(&self, endpoint: &Endpoint, incoming: &Receiver<Ends>) {
        incoming.close();
        let mut state = self.lock();
        // The name may already belong to a new transport.
        if state.endpoints.get(endpoint).is_some_and(Sender::is_closed) {
            state.endpoints.remove(endpoint);
        }
    }

    fn lock(&self) -> MutexGuard<'_, NetworkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NetworkState {
    fn allows_dial(&self, from: &Endpoint, to: &Endpoint) -> bool {
        !self.refusing.contains(to) && !self.cut.contains(&ordered(from.as_str(), to.as_str()))
    }

    fn link(&mut self, from: &Endpoint, to: &Endpoint, now: Instant) -> (Ends, Ends) {
        let mut binding = [0; 32];
        self.rng.fill_bytes(&mut binding);
        let binding = Bytes::copy_from_slice(&binding);
        let breaks_at = self
            .conditions
            .mean_lifetime
            .map(|mean| now + self.lifetime(mean));
        let there = self.pipe(from, to, breaks_at);
        let back = self.pipe(to, from, breaks_at);
        let near = Ends {
            remote: to.clone(),
            binding: binding.clone(),
            incoming: Arc::clone(&back),
            outgoing: Arc::clone(&there),
            conditions: self.conditions,
            rng: ChaCha8Rng::seed_from_u64(self.rng.next_u64()),
        };
        let far = Ends {
            remote: from.clone(),
            binding,
            incoming: there,
            outgoing: back,
            conditions: self.conditions,
            rng: ChaCha8Rng::seed_from_u64(self.rng.next_u64()),
        };
        (near, far)
    }

    fn pipe(&mut self, from: &Endpoint, to: &Endpoint, breaks_at: Option<Instant>) -> Arc<Pipe> {
        let pipe = Arc::new(Pipe::new(self.conditions.buffer, breaks_at));
        pipe.set_stalled(self.stalled.contains(&(from.clone(), to.clone())));
        self.pipes.retain(|wire| wire.pipe.strong_count() > 0);
        let wire = Wire {
            from: from.clone(),
            to: to.clone(),
            pipe: Arc::downgrade(&pipe),
        };
        self.pipes.push(wire);
        pipe
    }

    fn pipes(&self, from: &Endpoint, to: &Endpoint) -> Vec<Arc<Pipe>> {
        let between = self
            .pipes
            .iter()
            .filter(|wire| wire.from == *from && wire.to == *to);
        between.filter_map(|wire| wire.pipe.upgrade()).collect()
    }

    /// Uniform between zero and twice the mean.
    fn lifetime(&mut self, mean: Duration) -> Duration {
        let most = u64::try_from(mean.as_nanos().saturating_mul(2))
            .unwrap_or(u64::MAX)
            .max(1);
        Duration::from_nanos(self.rng.next_u64() % most)
    }
}

/// The two names in order, so that both directions share a key.
fn ordered(a: &str, b: &str) -> (Endpoint, Endpoint) {
    (Endpoint::new(a.min(b)), Endpoint::new(a.max(b)))
}
