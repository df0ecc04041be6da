//! The expiry of our own identity.

use std::time::Duration;

use crate::out::Out;
use crate::timer::TimerKey;
use crate::{Instant, Notification};

/// Warns the application before our own identity expires, and when it expires.
#[derive(Debug, Default)]
pub(crate) struct OwnExpiry {
    end: Option<Instant>,
}

/// Times before the expiry at which the warning is repeated.
const AGAIN: [Duration; 2] = [
    Duration::from_secs(24 * 60 * 60),
    Duration::from_secs(60 * 60),
];

impl OwnExpiry {
    /// Sets the time until the expiry, or that there is none.
    pub(crate) fn set(&mut self, cx: &mut Out<'_>, left: Option<Duration>) {
        let end = left.map(|left| cx.now + left);
        if self.end == end {
            return;
        }
        self.end = end;
        match end {
            None => cx.timers().cancel(&TimerKey::OwnExpiry),
            Some(end) => {
                let first = cx.config.identities.warn_before;
                let at = if end.since(cx.now) <= first {
                    cx.now
                } else {
                    Instant::from_nanos(before(end, first))
                };
                cx.timers().set(TimerKey::OwnExpiry, at);
            }
        }
    }

    /// The time until the expiry, if known.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        self.end.map(|end| end.since(now))
    }

    /// Handles the timer: warns, and sets the timer of the next warning.
    pub(crate) fn fire(&self, cx: &mut Out<'_>) {
        let Some(end) = self.end else {
            return;
        };
        let left = end.since(cx.now);
        if left.is_zero() {
            tracing::warn!("our own identity has expired: renew the certificate");
            cx.notify(Notification::IdentityExpired);
            return;
        }
        tracing::warn!(
            ?left,
            "our own identity expires soon: renew the certificate"
        );
        cx.notify(Notification::IdentityExpires { left });
        let again = AGAIN.into_iter().find(|again| *again < left);
        let at = before(end, again.unwrap_or_default());
        cx.timers()
            .set(TimerKey::OwnExpiry, Instant::from_nanos(at));
    }
}

fn before(end: Instant, left: Duration) -> u64 {
    let left = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
    end.as_nanos().saturating_sub(left)
}
