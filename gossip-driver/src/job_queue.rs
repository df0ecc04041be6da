//! The jobs that wait for the pool's threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use gossip_core::{CryptoJob, Ticket};

pub(crate) type Job = (Ticket, CryptoJob);

/// While both kinds wait, one job in this number is a check.
const SHARE: u32 = 4;

/// Two bounded queues. Our own signatures and the authentication of links are urgent: without them our
/// heartbeats are late and no link is established, while a block may wait a little. The checks keep a
/// share, so that a flood of authentications does not stop them.
#[derive(Debug)]
pub(crate) struct JobQueue {
    bounds: Bounds,
    state: Mutex<State>,
    changed: Condvar,
}

/// How many jobs of each kind may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) urgent: usize,
    pub(crate) checks: usize,
}

#[derive(Debug, Default)]
struct State {
    urgent: VecDeque<Job>,
    checks: VecDeque<Job>,
    /// Urgent jobs taken since the last check.
    in_a_row: u32,
    closed: bool,
}

impl JobQueue {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Adds a job; returns it if there is no room for it.
    pub(crate) fn push(&self, job: Job) -> Option<Job> {
        {
            let mut state = self.lock();
            let State { urgent, checks, .. } = &mut *state;
            let (queue, bound) = if is_urgent(&job.1) {
                (urgent, self.bounds.urgent)
            } else {
                (checks, self.bounds.checks)
            };
            if queue.len() >= bound.max(1) {
                return Some(job);
            }
            queue.push_back(job);
        }
        self.changed.notify_one();
        None
    }

    /// Waits for a job; `None` once the queue is closed.
    pub(crate) fn pop(&self) -> Option<Job> {
        let mut state = self.lock();
        while !state.closed {
            if let Some(job) = state.take() {
                return Some(job);
            }
            let woken = self.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// Drops the jobs that no thread has started, and wakes the waiting threads: they get `None`.
    pub(crate) fn close(&self) {
        let dropped = {
            let mut state = self.lock();
            let closed = State {
                closed: true,
                ..State::default()
            };
            std::mem::replace(&mut *state, closed)
        };
        drop(dropped);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self) -> Option<Job> {
        if !self.checks.is_empty() && (self.urgent.is_empty() || self.in_a_row + 1 >= SHARE) {
            self.in_a_row = 0;
            return self.checks.pop_front();
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.urgent.pop_front()
    }
}

fn is_urgent(job: &CryptoJob) -> bool {
    match job {
        CryptoJob::Authenticate { .. } | CryptoJob::Sign { .. } => true,
        CryptoJob::Validate { .. } | CryptoJob::Verify { .. } | CryptoJob::VerifyBlock { .. } => {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn sign(ticket: u64) -> Job {
        let payload = Bytes::new();
        let secret = None;
        (Ticket(ticket), CryptoJob::Sign { payload, secret })
    }

    fn check(ticket: u64) -> Job {
        let block = CryptoJob::VerifyBlock {
            channel: "trade".into(),
            seq: 0,
            block: Bytes::new(),
        };
        (Ticket(ticket), block)
    }

    fn queue(urgent: usize, checks: usize) -> JobQueue {
        JobQueue::new(Bounds { urgent, checks })
    }

    fn taken(queue: &JobQueue, count: usize) -> Vec<u64> {
        (0..count).map(|_| queue.pop().unwrap().0.0).collect()
    }

    #[test]
    fn a_signature_overtakes_waiting_checks() {
        let queue = queue(4, 4);
        for job in [check(1), check(2), sign(3), check(4), sign(5)] {
            assert!(queue.push(job).is_none());
        }
        assert_eq!(taken(&queue, 5), [3, 5, 1, 2, 4]);
    }

    #[test]
    fn checks_keep_a_share_under_any_number_of_urgent_jobs() {
        let queue = queue(100, 100);
        for ticket in 0..8 {
            queue.push(sign(ticket));
            queue.push(check(100 + ticket));
        }
        assert_eq!(taken(&queue, 8), [0, 1, 2, 100, 3, 4, 5, 101]);
    }

    #[test]
    fn a_full_queue_of_checks_leaves_room_for_urgent_jobs() {
        let queue = queue(1, 1);
        assert!(queue.push(check(1)).is_none());
        assert!(queue.push(check(2)).is_some());
        assert!(queue.push(sign(3)).is_none());
        assert!(queue.push(sign(4)).is_some());
    }
}
