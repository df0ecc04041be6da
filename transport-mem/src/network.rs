use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use bytes::Bytes;
use gossip_driver::TransportError;
use gossip_driver::core::Endpoint;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::Conditions;
use crate::link::Ends;
use crate::pipe::Pipe;

/// Connections to one endpoint that wait to be accepted; a further dial is refused.
const BACKLOG: usize = 1024;

/// An in-process network. Cloning it is a counter: all clones are the same network.
///
/// Faults are named by the endpoints they lie between. What is random (bindings, jitter, lifetimes)
/// comes from the seed and the order of dials.
#[derive(Clone, Debug)]
pub struct MemNetwork {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    rng: ChaCha8Rng,
    conditions: Conditions,
    endpoints: BTreeMap<Endpoint, Sender<Ends>>,
    refusing: BTreeSet<Endpoint>,
    cut: BTreeSet<(Endpoint, Endpoint)>,
    stalled: BTreeSet<(Endpoint, Endpoint)>,
    pipes: Vec<Wire>,
}

/// A direction of a link, known as long as one of its ends lives.
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
        let state = State {
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

    /// Sets how links made from now on behave.
    pub fn set_conditions(&self, conditions: Conditions) {
        self.lock().conditions = conditions;
    }

    /// Breaks all links between `a` and `b` and refuses new ones until [`heal`](Self::heal).
    pub fn cut(&self, a: &str, b: &str) {
        self.lock().cut.insert(pair(a, b));
        self.break_links(a, b);
    }

    /// Breaks all links between `a` and `b`, which may dial each other again at once; returns how
    /// many.
    pub fn break_links(&self, a: &str, b: &str) -> usize {
        let (a, b) = pair(a, b);
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

    /// Stops delivery from `from` to `to` without breaking anything, as a host does that vanished:
    /// what is sent fills the buffer and then waits.
    pub fn stall(&self, from: &str, to: &str) {
        let (from, to) = (Endpoint::new(from), Endpoint::new(to));
        let mut state = self.lock();
        state.stalled.insert((from.clone(), to.clone()));
        let pipes = state.pipes(&from, &to);
        drop(state);
        pipes.iter().for_each(|pipe| pipe.set_stalled(true));
    }

    /// Undoes [`cut`](Self::cut) and [`stall`](Self::stall) between `a` and `b`, in both
    /// directions. Links that were broken stay so.
    pub fn heal(&self, a: &str, b: &str) {
        let (a, b) = pair(a, b);
        let mut state = self.lock();
        state.cut.remove(&(a.clone(), b.clone()));
        let mut pipes = state.pipes(&a, &b);
        pipes.append(&mut state.pipes(&b, &a));
        state.stalled.remove(&(a.clone(), b.clone()));
        state.stalled.remove(&(b, a));
        drop(state);
        pipes.iter().for_each(|pipe| pipe.set_stalled(false));
    }

    /// Whether dials to `name` are refused. Its links and its own dials go on.
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

    /// Gives `endpoint` a place; what arrives there is links that others have dialled.
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
            .filter(|_| state.lets(from, to))
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
        // The name may belong to a successor by now.
        if state.endpoints.get(endpoint).is_some_and(Sender::is_closed) {
            state.endpoints.remove(endpoint);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lets(&self, from: &Endpoint, to: &Endpoint) -> bool {
        !self.refusing.contains(to) && !self.cut.contains(&pair(from.as_str(), to.as_str()))
    }

    fn link(&mut self, from: &Endpoint, to: &Endpoint, now: Instant) -> (Ends, Ends) {
        let mut binding = [0; 32];
        self.rng.fill_bytes(&mut binding);
        let binding = Bytes::copy_from_slice(&binding);
        let dies = self
            .conditions
            .mean_lifetime
            .map(|mean| now + self.lifetime(mean));
        let there = self.pipe(from, to, dies);
        let back = self.pipe(to, from, dies);
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

    fn pipe(&mut self, from: &Endpoint, to: &Endpoint, dies: Option<Instant>) -> Arc<Pipe> {
        let pipe = Arc::new(Pipe::new(self.conditions.buffer, dies));
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

/// The names in their order, for what lies between two nodes whichever dials.
fn pair(a: &str, b: &str) -> (Endpoint, Endpoint) {
    (Endpoint::new(a.min(b)), Endpoint::new(a.max(b)))
}
