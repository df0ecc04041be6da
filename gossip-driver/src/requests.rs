//! Requests to the driver, and waiting for their answers.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_channel::{Receiver, Sender, TrySendError};
use futures_util::future::{Either, select};
use futures_util::task::AtomicWaker;
use gossip_core::{Request, RequestError, Response};

use crate::counters::Counters;
use crate::error::{OperationError, Stopped};
use crate::mailbox::{Answer, Submission};
use crate::validator::CandidateQueue;
use crate::views::Views;

/// The handles' end of the mailbox.
#[derive(Debug)]
pub(crate) struct Requests {
    queue: Sender<Submission>,
    driver: Arc<AtomicWaker>,
    views: Arc<Views>,
    counters: Arc<Counters>,
    /// Nonces made without randomness.
    nonces: AtomicU64,
}

impl Requests {
    pub(crate) fn new(
        queue: Sender<Submission>,
        driver: Arc<AtomicWaker>,
        views: Arc<Views>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            queue,
            driver,
            views,
            counters,
            nonces: AtomicU64::default(),
        }
    }

    /// A nonce for a message: random, so that only the message's receivers know it, and never 0. If the
    /// operating system gives no random bytes, it differs from all others of this node.
    pub(crate) fn nonce(&self) -> u64 {
        let random = getrandom::u64().ok().filter(|nonce| *nonce != 0);
        random.unwrap_or_else(|| {
            self.nonces
                .fetch_add(1, Ordering::Relaxed)
                .wrapping_add(1)
                .max(1)
        })
    }

    /// Sends a request; waits for room in the mailbox and for the answer.
    pub(crate) async fn ask<E: OperationError>(&self, request: Request) -> Result<Response, E> {
        self.answer(request).await.map_err(E::refused)
    }

    /// Sends a request whose answer has no value.
    pub(crate) async fn order<E: OperationError>(&self, request: Request) -> Result<(), E> {
        done(self.ask(request).await?)
    }

    /// Starts validation; blocks are queued in `validator`.
    pub(crate) async fn order_to_validate<E: OperationError>(
        &self,
        request: Request,
        validator: CandidateQueue,
    ) -> Result<(), E> {
        let answer = self.submit(request, Some(validator)).await;
        done(answer.map_err(E::refused)?)
    }

    /// Sends a request; returns the core's own answer.
    pub(crate) async fn answer(&self, request: Request) -> Answer {
        self.submit(request, None).await
    }

    /// Puts a request into the mailbox if there is room; `None` if there is none now.
    pub(crate) fn try_ask(&self, request: Request) -> Result<Option<Receiver<Answer>>, Stopped> {
        if self.views.is_stopping() {
            return Err(Stopped);
        }
        let (submission, answer) = Submission::new(request);
        match self.queue.try_send(submission) {
            Ok(()) => {
                self.driver.wake();
                Ok(Some(answer))
            }
            Err(TrySendError::Full(_)) => {
                self.counters.requests_refused.add();
                Ok(None)
            }
            Err(TrySendError::Closed(_)) => Err(Stopped),
        }
    }

    /// Requests a stop of the node.
    pub(crate) fn stop(&self) {
        self.views.ask_to_stop();
        self.driver.wake();
    }

    /// Closes the mailbox, so that the node stops.
    pub(crate) fn close(&self) {
        self.queue.close();
        self.stop();
    }

    async fn submit(&self, request: Request, validator: Option<CandidateQueue>) -> Answer {
        if self.views.is_stopping() {
            return Err(RequestError::Stopped);
        }
        let (mut submission, answer) = Submission::new(request);
        submission.validator = validator;
        let sent = {
            let sending = pin!(self.queue.send(submission));
            let stopping = pin!(self.views.wait(|| self.views.is_stopping().then_some(())));
            matches!(select(sending, stopping).await, Either::Left((Ok(()), _)))
        };
        if !sent {
            return Err(RequestError::Stopped);
        }
        self.driver.wake();
        // A driver that ends drops the submission unanswered.
        answer.recv().await.unwrap_or(Err(RequestError::Stopped))
    }
}

/// Reads the answer to an order.
fn done<E: OperationError>(answer: Response) -> Result<(), E> {
    if answer == Response::Done {
        return Ok(());
    }
    Err(E::mismatched(&answer))
}
