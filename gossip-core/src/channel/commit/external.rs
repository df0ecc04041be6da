//! External commits: the application stores blocks itself, and the ledger's height is read.

use super::Commit;
use crate::out::Out;
use crate::{LedgerError, RequestError, RequestId, Response};

impl Commit {
    /// The application reports that it has stored blocks up to a height. Answers the request at once, or when the
    /// ledger's height has been read.
    pub(crate) fn update_height(&mut self, cx: &mut Out<'_>, id: RequestId, height: u64) {
        let current = self.buffer.next();
        let refusal = if let Some(error) = self.halted_error() {
            error
        } else if !self.pipeline.runs() || self.external.is_some() {
            RequestError::Busy
        } else if height < current {
            RequestError::LowerHeight {
                given: height,
                current,
            }
        } else {
            self.external = Some((id, height));
            self.pipeline.read_height(cx, &self.channel);
            return;
        };
        cx.answer(id, Err(refusal));
    }

    pub(super) fn answer_external(&mut self, cx: &mut Out<'_>, read: Result<u64, LedgerError>) {
        let Some((id, given)) = self.external.take() else {
            return;
        };
        let result = match read {
            Ok(height) if height >= given => Ok(Response::LedgerHeight { height }),
            Ok(actual) => Err(RequestError::LedgerBehind { given, actual }),
            Err(error) => Err(RequestError::Ledger(error)),
        };
        cx.answer(id, result);
    }
}
