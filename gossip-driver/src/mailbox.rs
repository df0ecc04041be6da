//! Requests of the handles to the driver.

use async_channel::{Receiver, Sender};
use gossip_core::{Request, RequestError, Response};

use crate::validator::CandidateQueue;

/// The answer to a request.
pub(crate) type Answer = Result<Response, RequestError>;

/// A request, and the channel of its answer.
///
/// If it is dropped unanswered, the caller's operation fails: the node has stopped.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) request: Request,
    pub(crate) reply: Reply,
    /// The queue of the new validator, if the request starts validation.
    pub(crate) validator: Option<CandidateQueue>,
}

/// Sends the answer.
#[derive(Debug)]
pub(crate) struct Reply(Sender<Answer>);

impl Reply {
    pub(crate) fn send(self, answer: Answer) {
        let _ = self.0.try_send(answer);
    }
}

impl Submission {
    pub(crate) fn new(request: Request) -> (Self, Receiver<Answer>) {
        let (answer, answered) = async_channel::bounded(1);
        (
            Self {
                request,
                reply: Reply(answer),
                validator: None,
            },
            answered,
        )
    }
}

/// The driver's end of the mailbox. Dropping it answers the waiting requests: the node has stopped.
#[derive(Debug)]
pub(crate) struct Mailbox(Receiver<Submission>);

impl Mailbox {
    pub(crate) fn new(capacity: usize) -> (Sender<Submission>, Self) {
        let (sender, receiver) = async_channel::bounded(capacity);
        (sender, Self(receiver))
    }

    pub(crate) fn take(&self) -> Option<Submission> {
        self.0.try_recv().ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.0.close();
        while self.0.try_recv().is_ok() {}
    }
}
