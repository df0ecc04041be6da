//! The threads that check and make signatures.

use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use async_channel::{Receiver, Sender, TrySendError};
use gossip_core::{CryptoError, CryptoJob, CryptoOutcome, Ticket};
use tracing::{Span, warn};

use crate::counters::Counters;
use crate::crypto_jobs::{perform, refuse};
use crate::{MessageCryptoService, SecurityAdvisor};

/// A fixed number of plain threads with one bounded queue of jobs.
#[derive(Debug)]
pub(crate) struct Pool {
    jobs: Sender<Job>,
    /// Kept so that a stop can take back the jobs that nobody has begun.
    queue: Receiver<Job>,
    counters: Arc<Counters>,
}

type Job = (Ticket, CryptoJob);

/// How a pool is set up.
pub(crate) struct PoolSettings {
    pub(crate) threads: NonZeroUsize,
    /// Jobs that may wait.
    pub(crate) queue: usize,
    pub(crate) counters: Arc<Counters>,
    pub(crate) span: Span,
    /// Dropped by each thread at its end.
    pub(crate) alive: Sender<()>,
}

impl Pool {
    /// Starts the threads. `report` takes the outcome of each job, on the thread that did it.
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
            queue,
            counters,
            span,
            alive,
        } = settings;
        let (jobs, queue) = async_channel::bounded(queue.max(1));
        let pool = Self {
            jobs,
            queue,
            counters,
        };
        for index in 0..threads.get() {
            let worker = Worker {
                queue: pool.queue.clone(),
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

    /// Queues a job; its outcome at once if the queue is full.
    pub(crate) fn submit(&self, ticket: Ticket, job: CryptoJob) -> Option<CryptoOutcome> {
        match self.jobs.try_send((ticket, job)) {
            Ok(()) => None,
            Err(TrySendError::Full((_, job)) | TrySendError::Closed((_, job))) => {
                self.counters.crypto_jobs_shed.add();
                Some(refuse(&job, Some(CryptoError::Overloaded)))
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs.close();
        while self.queue.try_recv().is_ok() {}
    }
}

struct Worker<C, F> {
    queue: Receiver<Job>,
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
        while let Ok((ticket, job)) = self.queue.recv_blocking() {
            (self.report)(ticket, self.outcome(job));
        }
    }

    /// A check that panics has failed: whoever sent the input must gain nothing by it.
    fn outcome(&self, job: CryptoJob) -> CryptoOutcome {
        let refused = refuse(&job, None);
        catch_unwind(AssertUnwindSafe(|| perform(&*self.service, job))).unwrap_or_else(|_| {
            self.counters.crypto_panics.add();
            warn!("the crypto service panicked; the check counts as failed");
            refused
        })
    }
}
