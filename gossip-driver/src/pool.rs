//! The threads that verify signatures and sign.

use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use async_channel::Sender;
use gossip_core::{CryptoError, CryptoJob, CryptoOutcome, Ticket};
use tracing::{Span, warn};

use crate::counters::Counters;
use crate::crypto_jobs::{perform, refuse};
use crate::job_queue::{Bounds, JobQueue};
use crate::{MessageCryptoService, SecurityAdvisor};

/// A fixed number of threads that share a queue of jobs.
#[derive(Debug)]
pub(crate) struct Pool {
    queue: Arc<JobQueue>,
    counters: Arc<Counters>,
}

/// The settings of a pool.
pub(crate) struct PoolSettings {
    pub(crate) threads: NonZeroUsize,
    /// Jobs that may wait.
    pub(crate) bounds: Bounds,
    pub(crate) counters: Arc<Counters>,
    pub(crate) span: Span,
    /// Dropped by each thread at its end.
    pub(crate) alive: Sender<()>,
}

impl Pool {
    /// Starts the threads. `report` receives the outcome of each job, on the thread that performed it.
    pub(crate) fn start<C, F>(
        settings: PoolSettings,
        service: &Arc<C>,
        report: F,
    ) -> io::Result<Self>
    where
        C: MessageCryptoService + SecurityAdvisor,
        F: Fn(Ticket, CryptoOutcome) + Clone + Send + 'static,
    {
        let PoolSettings {
            threads,
            bounds,
            counters,
            span,
            alive,
        } = settings;
        let pool = Self {
            queue: Arc::new(JobQueue::new(bounds)),
            counters,
        };
        for index in 0..threads.get() {
            let worker = Worker {
                queue: Arc::clone(&pool.queue),
                service: Arc::clone(service),
                counters: Arc::clone(&pool.counters),
                span: span.clone(),
                report: report.clone(),
                _alive: alive.clone(),
            };
            thread::Builder::new()
                .name(format!("gossip-crypto-{index}"))
                .spawn(move || worker.run())?;
        }
        Ok(pool)
    }

    /// Queues a job. If the queue is full, returns its outcome: overloaded.
    pub(crate) fn submit(&self, ticket: Ticket, job: CryptoJob) -> Option<CryptoOutcome> {
        let (_, job) = self.queue.push((ticket, job))?;
        self.counters.crypto_jobs_shed.add();
        Some(refuse(&job, CryptoError::Overloaded))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.close();
    }
}

struct Worker<C, F> {
    queue: Arc<JobQueue>,
    service: Arc<C>,
    counters: Arc<Counters>,
    span: Span,
    report: F,
    _alive: Sender<()>,
}

impl<C, F> Worker<C, F>
where
    C: MessageCryptoService + SecurityAdvisor,
    F: Fn(Ticket, CryptoOutcome),
{
    fn run(self) {
        let _entered = self.span.enter();
        while let Some((ticket, job)) = self.queue.pop() {
            (self.report)(ticket, self.outcome(job));
        }
    }

    /// A check that panics has failed, so that no input is accepted by causing a panic.
    fn outcome(&self, job: CryptoJob) -> CryptoOutcome {
        let refused = refuse(&job, CryptoError::Panicked);
        catch_unwind(AssertUnwindSafe(|| perform(&*self.service, job))).unwrap_or_else(|_| {
            self.counters.crypto_panics.add();
            warn!("the crypto service panicked; the check counts as failed");
            refused
        })
    }
}

#[cfg(test)]
mod tests {
    use async_channel::Receiver;
    use bytes::Bytes;

    use super::*;
    use crate::testing::TestCrypto;

    fn start(
        threads: usize,
        queue: usize,
        service: TestCrypto,
    ) -> (Pool, Receiver<Done>, Receiver<()>) {
        let (alive, ended) = async_channel::bounded(1);
        let (done, outcomes) = async_channel::bounded(64);
        let settings = PoolSettings {
            threads: NonZeroUsize::new(threads).unwrap(),
            bounds: Bounds {
                urgent: queue,
                checks: queue,
            },
            counters: Arc::default(),
            span: Span::none(),
            alive,
        };
        let report = move |ticket, outcome| done.send_blocking((ticket, outcome)).unwrap();
        (
            Pool::start(settings, &Arc::new(service), report).unwrap(),
            outcomes,
            ended,
        )
    }

    type Done = (Ticket, CryptoOutcome);

    fn block(block: &'static str) -> CryptoJob {
        CryptoJob::VerifyBlock {
            channel: "trade".into(),
            seq: 0,
            block: Bytes::from(block),
        }
    }

    #[test]
    fn a_panic_fails_its_check_and_no_other() {
        let service = TestCrypto::new("org1", "alice").with_block_check(|_, _, block| {
            assert_ne!(block, b"poison", "a panic of the service");
            true
        });
        let (pool, outcomes, _ended) = start(1, 8, service);
        assert_eq!(pool.submit(Ticket(1), block("poison")), None);
        assert_eq!(pool.submit(Ticket(2), block("fine")), None);
        let bad = CryptoOutcome::Verified(Err(CryptoError::Panicked));
        assert_eq!(outcomes.recv_blocking(), Ok((Ticket(1), bad)));
        assert_eq!(
            outcomes.recv_blocking(),
            Ok((Ticket(2), CryptoOutcome::Verified(Ok(()))))
        );
        assert_eq!(pool.counters.snapshot().crypto_panics, 1);
    }

    #[test]
    fn a_full_queue_answers_overloaded_at_once_and_a_stop_drops_the_queue() {
        let (begun, begins) = async_channel::bounded(1);
        let (go, gate) = async_channel::bounded::<()>(1);
        let service = TestCrypto::new("org1", "alice").with_block_check(move |_, _, _| {
            begun.send_blocking(()).unwrap();
            gate.recv_blocking().is_ok()
        });
        let (pool, outcomes, ended) = start(1, 1, service);
        assert_eq!(pool.submit(Ticket(1), block("begun")), None);
        begins.recv_blocking().unwrap();
        assert_eq!(pool.submit(Ticket(2), block("waits")), None);
        let overloaded = CryptoOutcome::Verified(Err(CryptoError::Overloaded));
        assert_eq!(
            pool.submit(Ticket(3), block("has no place")),
            Some(overloaded)
        );
        assert_eq!(pool.counters.snapshot().crypto_jobs_shed, 1);
        drop(pool);
        go.send_blocking(()).unwrap();
        assert_eq!(
            outcomes.recv_blocking().map(|(ticket, _)| ticket),
            Ok(Ticket(1))
        );
        assert!(ended.recv_blocking().is_err(), "all threads have ended");
        assert!(
            outcomes.try_recv().is_err(),
            "the waiting job was not started"
        );
    }
}
