//! Requests to the driver, and waiting for their answers.

use std::pin::pin;
use std::sync::Arc;

use async_channel::{Receiver, Sender};
use futures_util::future::{Either, select};
use futures_util::task::AtomicWaker;
use gossip_core::{Request, RequestError};

use crate::counters::Counters;
use crate::mailbox::{Answer, Submission, refusal};
use crate::validator::Candidate;
use crate::views::Views;

/// The handles' end of the mailbox.
#[derive(Debug)]
pub(crate) struct Requests {
    queue: Sender<Submission>,
    driver: Arc<AtomicWaker>,
    views: Arc<Views>,
    counters: Arc<Counters>,
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
        }
    }

    /// Asks the node; waits for room in the mailbox and for the answer.
    pub(crate) async fn ask(&self, request: Request) -> Answer {
        self.submit(request, None).await
    }

    /// The same for a request that starts validation; blocks are queued in `validator`.
    pub(crate) async fn ask_to_validate(
        &self,
        request: Request,
        validator: Sender<Candidate>,
    ) -> Answer {
        self.submit(request, Some(validator)).await
    }

    /// Puts a request into the mailbox if there is room.
    pub(crate) fn try_ask(&self, request: Request) -> Result<Receiver<Answer>, RequestError> {
        if self.views.is_stopping() {
            return Err(RequestError::Stopped);
        }
        let (submission, answer) = Submission::new(request);
        if let Err(error) = self.queue.try_send(submission) {
            self.counters.requests_refused.add();
            return Err(refusal(&error));
        }
        self.driver.wake();
        Ok(answer)
    }

    /// Tells the node to stop.
    pub(crate) fn stop(&self) {
        self.views.ask_to_stop();
        self.driver.wake();
    }

    /// The node gets no more requests, and stops.
    pub(crate) fn close(&self) {
        self.queue.close();
        self.stop();
    }

    async fn submit(&self, request: Request, validator: Option<Sender<Candidate>>) -> Answer {
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
