//! The timers of a node: one ordered set with cancellation. No timer leaves the core.

use std::collections::{BTreeMap, BTreeSet};

use crate::{ChannelId, Endpoint, Instant, LinkId, PeerId, Ticket};

/// The purpose of a timer. At most one timer runs per key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerKey {
    /// The emitter's burst is to be pushed.
    Emitter,
    /// The collected pulses are to be pushed.
    Pulses,
    /// The timeout of a link's authentication.
    Handshake(LinkId),
    /// The timeout for the remote to close its half of a finished link.
    Linger(LinkId),
    /// The timeout of a dial.
    Dial(Ticket),
    /// A peer may be dialled again.
    Redial(PeerId),
    /// The timeout of the oldest outstanding check.
    Checks,
    /// The timeout of the oldest block shown to the application.
    Validations,
    /// The timeout of state infos awaiting an identity.
    AwaitingIdentity,
    /// The expiry of state infos of channels not joined.
    Relay,
    /// Our next heartbeat is due.
    Heartbeat,
    /// The next exchange of views is due.
    Sync,
    /// A member's next deadline: to be probed, to die, to be forgotten.
    Member(PeerId),
    /// A seed's next step is due.
    Seed(Endpoint),
    /// The timeout of the signature of our farewell.
    Farewell,
    /// An identity expires.
    Identity(PeerId),
    /// The timeout of a message's acknowledgements.
    Ack(u64),
    /// Our own identity expires soon.
    OwnExpiry,
    /// The next step of the identity pull is due.
    PullIdentities,
    /// A timer of a channel.
    Channel(ChannelTimer, ChannelId),
}

/// The purpose of a channel's timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChannelTimer {
    /// The next step of the block pull is due.
    Pull,
    /// Our height is to be announced to lazy peers.
    Announce,
    /// The timeout of a wait for coverage.
    Coverage,
    /// Our state info is to be published.
    Publish,
    /// The state infos of other participants are to be requested.
    RequestStateInfo,
    /// A missing block is to be requested, or a request has timed out.
    Transfer,
}

impl ChannelTimer {
    const ALL: [Self; 6] = [
        Self::Pull,
        Self::Announce,
        Self::Coverage,
        Self::Publish,
        Self::RequestStateInfo,
        Self::Transfer,
    ];
}

/// The running timers.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Instant, TimerKey)>,
    by_key: BTreeMap<TimerKey, Instant>,
    /// The time of the first entry of `by_time`, which is read after each event.
    next: Option<Instant>,
}

impl Timers {
    /// Starts a timer. Replaces a running one of the same key.
    pub(crate) fn set(&mut self, key: TimerKey, at: Instant) {
        if let Some(before) = self.by_key.insert(key.clone(), at) {
            if before == at {
                return;
            }
            self.by_time.remove(&(before, key.clone()));
        }
        self.by_time.insert((at, key));
        self.update_next();
    }

    /// Starts a timer unless one of the same key fires at the same time or earlier.
    pub(crate) fn set_earlier(&mut self, key: TimerKey, at: Instant) {
        if self.by_key.get(&key).is_none_or(|running| *running > at) {
            self.set(key, at);
        }
    }

    /// Stops a timer, if it runs.
    pub(crate) fn cancel(&mut self, key: &TimerKey) {
        if let Some(at) = self.by_key.remove(key) {
            self.by_time.remove(&(at, key.clone()));
            self.update_next();
        }
    }

    /// Stops all timers of a channel.
    pub(crate) fn cancel_channel(&mut self, channel: &ChannelId) {
        for timer in ChannelTimer::ALL {
            self.cancel(&TimerKey::Channel(timer, channel.clone()));
        }
    }

    /// Returns whether a timer of this key runs.
    #[cfg(test)]
    pub(crate) fn is_set(&self, key: &TimerKey) -> bool {
        self.by_key.contains_key(key)
    }

    /// The time at which the next timer fires.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// The number of running timers.
    pub(crate) fn len(&self) -> usize {
        self.by_time.len()
    }

    /// Removes and returns a timer that is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<TimerKey> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        self.update_next();
        Some(key)
    }

    /// Stops all timers.
    pub(crate) fn clear(&mut self) {
        self.by_time.clear();
        self.by_key.clear();
        self.update_next();
    }

    fn update_next(&mut self) {
        self.next = self.by_time.first().map(|(at, _)| *at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_set_again_fires_once_at_its_new_time() {
        let mut timers = Timers::default();
        timers.set(TimerKey::Sync, Instant::from_millis(5));
        timers.set(TimerKey::Sync, Instant::from_millis(9));
        assert_eq!(timers.pop_due(Instant::from_millis(8)), None);
        assert_eq!(
            timers.pop_due(Instant::from_millis(9)),
            Some(TimerKey::Sync)
        );
        assert_eq!(timers.pop_due(Instant::from_millis(99)), None);
    }

    #[test]
    fn an_earlier_timer_is_kept() {
        let mut timers = Timers::default();
        timers.set(TimerKey::Sync, Instant::from_millis(5));
        timers.set_earlier(TimerKey::Sync, Instant::from_millis(9));
        assert_eq!(timers.next(), Some(Instant::from_millis(5)));
        timers.set_earlier(TimerKey::Sync, Instant::from_millis(2));
        assert_eq!(timers.next(), Some(Instant::from_millis(2)));
    }

    #[test]
    fn a_cancelled_timer_does_not_fire() {
        let mut timers = Timers::default();
        timers.set(TimerKey::Sync, Instant::from_millis(5));
        timers.cancel(&TimerKey::Sync);
        assert_eq!(timers.pop_due(Instant::from_millis(9)), None);
    }
}
