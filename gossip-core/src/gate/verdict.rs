//! Reads the answers of the crypto service.

use crate::out::Out;
use crate::{CryptoError, CryptoOutcome, ValidIdentity};

pub(super) fn valid_identity(outcome: CryptoOutcome) -> Result<ValidIdentity, CryptoError> {
    match outcome {
        CryptoOutcome::Authenticated(result) => result,
        CryptoOutcome::Verified(Err(error)) | CryptoOutcome::Signed(Err(error)) => Err(error),
        CryptoOutcome::Verified(Ok(())) | CryptoOutcome::Signed(Ok(_)) => {
            Err(CryptoError::MalformedIdentity)
        }
    }
}

pub(super) fn verified(outcome: CryptoOutcome) -> Result<(), CryptoError> {
    match outcome {
        CryptoOutcome::Verified(result) => result,
        CryptoOutcome::Authenticated(result) => result.map(|_| ()),
        CryptoOutcome::Signed(Err(error)) => Err(error),
        CryptoOutcome::Signed(Ok(_)) => Err(CryptoError::BadSignature),
    }
}

/// Counts a failed check. Overload is not a failed check.
pub(super) fn count<T>(cx: &mut Out<'_>, verdict: &Result<T, CryptoError>) {
    if verdict
        .as_ref()
        .is_err_and(|error| *error != CryptoError::Overloaded)
    {
        cx.metrics().verifications_failed += 1;
    }
}
