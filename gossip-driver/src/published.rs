use gossip_core::{PushOutcome, RequestError, Response};

use crate::mailbox::{Answer, mismatched};

/// What became of a block that was handed over: it is verified and has its place, and was handed to links.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// The block is new, as opposed to one that the node held or had committed.
    pub fresh: bool,
    /// Who is sent it. If the block is not new nobody is: those who had to be were then.
    pub push: PushOutcome,
}

impl Published {
    /// Reads the answer to a publication.
    pub(crate) fn read(answer: Answer) -> Result<Self, RequestError> {
        let Response::Published { fresh, push } = answer? else {
            return Err(mismatched());
        };
        Ok(Self { fresh, push })
    }
}
