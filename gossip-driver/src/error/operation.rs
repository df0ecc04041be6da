//! Maps the core's answer to the error of an operation.

use gossip_core::{RequestError, Response};

use super::{Defect, TooLong};

/// The error of one operation.
pub(crate) trait OperationError: Sized {
    /// The operation's name, for [`Defect`].
    const OPERATION: &'static str;

    fn stopped() -> Self;

    fn defect(defect: Defect) -> Self;

    /// Maps the core's error. Returns it unchanged if the operation cannot have it.
    fn from_core(error: RequestError) -> Result<Self, RequestError>;

    /// The error of a request that the core has refused.
    fn refused(error: RequestError) -> Self {
        if error == RequestError::Stopped {
            return Self::stopped();
        }
        Self::from_core(error).unwrap_or_else(|other| {
            Self::defect(Defect {
                operation: Self::OPERATION,
                answer: other.to_string(),
            })
        })
    }

    /// The error of an answer of another kind than the request's.
    fn mismatched(answer: &Response) -> Self {
        let text = format!("{answer:?}");
        let kind = text.split(|character: char| !character.is_alphanumeric());
        Self::defect(Defect {
            operation: Self::OPERATION,
            answer: kind.take(1).collect(),
        })
    }
}

/// Implements [`OperationError`] by a table of the core's errors that the operation can have.
macro_rules! operation_error {
    ($error:ident, $operation:literal, { $($pattern:pat => $value:expr),* $(,)? }) => {
        impl $crate::error::OperationError for $error {
            const OPERATION: &'static str = $operation;

            fn stopped() -> Self {
                Self::Stopped
            }

            fn defect(defect: $crate::error::Defect) -> Self {
                Self::Defect(defect)
            }

            #[allow(
                clippy::wildcard_enum_match_arm,
                reason = "every other error of the core is a defect"
            )]
            fn from_core(
                error: ::gossip_core::RequestError,
            ) -> Result<Self, ::gossip_core::RequestError> {
                match error {
                    $($pattern => Ok($value),)*
                    other => Err(other),
                }
            }
        }
    };
}
pub(crate) use operation_error;

impl TooLong {
    pub(crate) const fn new(what: &'static str, actual: usize, limit: usize) -> Self {
        Self {
            what,
            actual,
            limit,
        }
    }
}
