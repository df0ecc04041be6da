use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore};

use crate::measure::Latencies;

/// Counts the copies of each payload and records when the last node got it.
#[derive(Debug)]
pub(crate) struct Tracker {
    /// Number of receiving nodes: all but the publisher.
    receivers: usize,
    started: Instant,
    /// Permits for payloads in flight, which have not reached all nodes yet.
    window: Semaphore,
    payloads: Mutex<Vec<Payload>>,
    complete: AtomicUsize,
    copies: AtomicUsize,
    /// When the last copy arrived, in nanoseconds since the start. A run that loses copies ends
    /// after a silence.
    last_copy: AtomicU64,
    progress: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
struct Payload {
    published: Duration,
    copies: usize,
    latency: Duration,
}

impl Tracker {
    pub(crate) fn new(nodes: usize) -> Self {
        Self {
            receivers: nodes - 1,
            started: Instant::now(),
            window: Semaphore::new(0),
            payloads: Mutex::default(),
            complete: AtomicUsize::new(0),
            copies: AtomicUsize::new(0),
            last_copy: AtomicU64::new(0),
            progress: Notify::new(),
        }
    }

    /// Adds permits for payloads in flight.
    pub(crate) fn widen(&self, places: usize) {
        self.window.add_permits(places);
    }

    /// Waits for a permit.
    pub(crate) async fn place(&self) {
        if let Ok(permit) = self.window.acquire().await {
            permit.forget();
        }
    }

    /// Call before payload `index` is published.
    pub(crate) fn published(&self, index: usize) {
        let mut payloads = self.lock();
        if payloads.len() <= index {
            payloads.resize(index + 1, Payload::default());
        }
        payloads[index].published = self.started.elapsed();
    }

    /// Call when a node other than the publisher delivers payload `index` to its application.
    pub(crate) fn delivered(&self, index: usize) {
        let now = self.started.elapsed();
        self.copies.fetch_add(1, Ordering::Relaxed);
        self.last_copy
            .store(now.as_nanos() as u64, Ordering::Relaxed);
        let mut payloads = self.lock();
        let Some(payload) = payloads.get_mut(index) else {
            return;
        };
        payload.copies += 1;
        if payload.copies == self.receivers {
            payload.latency = now.saturating_sub(payload.published);
            drop(payloads);
            self.complete.fetch_add(1, Ordering::Release);
            self.window.add_permits(1);
            self.progress.notify_one();
        }
    }

    /// Waits until `count` payloads are at all nodes, or no copy has arrived for `timeout`.
    /// Returns the number of complete payloads.
    pub(crate) async fn wait(&self, count: usize, timeout: Duration) -> usize {
        let begun = self.started.elapsed();
        loop {
            let complete = self.complete.load(Ordering::Acquire);
            let last = Duration::from_nanos(self.last_copy.load(Ordering::Relaxed)).max(begun);
            let silent = self.started.elapsed().saturating_sub(last);
            if complete >= count || silent > timeout {
                return complete;
            }
            let _ = tokio::time::timeout(timeout, self.progress.notified()).await;
        }
    }

    /// The share of the receivers that have payload `index`.
    pub(crate) fn share(&self, index: usize) -> f64 {
        let payloads = self.lock();
        let copies = payloads.get(index).map_or(0, |payload| payload.copies);
        copies as f64 / self.receivers as f64
    }

    pub(crate) fn copies(&self) -> usize {
        self.copies.load(Ordering::Relaxed)
    }

    /// Latencies from publication to the last node, of the complete payloads from `first` on.
    pub(crate) fn latencies(&self, first: usize) -> Latencies {
        let payloads = self.lock();
        let whole = payloads.iter().skip(first);
        let whole = whole.filter(|payload| payload.copies >= self.receivers);
        Latencies::new(whole.map(|payload| payload.latency).collect())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Payload>> {
        self.payloads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
