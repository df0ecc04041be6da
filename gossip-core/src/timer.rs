//! The node's timers: one ordered set, with cancel. No timer leaves the core.

use std::collections::{BTreeMap, BTreeSet};

use crate::{ChannelId, Endpoint, Instant, LinkId, PeerId, Ticket};

/// What a timer is for. At most one timer runs per key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerKey {
    /// Push what the emitter has collected.
    Emitter,
    /// Push the signs of life collected.
    Pulses,
    /// A link has not authenticated in time.
    Handshake(LinkId),
    /// A finished link's remote has not closed its half in time.
    Linger(LinkId),
    /// A dial has not been answered in time.
    Dial(Ticket),
    /// A peer may be dialled again.
    Redial(PeerId),
    /// The oldest outstanding check may be lost.
    Checks,
    /// The application has not judged a block in time.
    Validations,
    /// State infos have waited for an identity for long enough.
    AwaitingIdentity,
    /// State infos of channels not joined have been remembered for long enough.
    Relay,
    /// Our next heartbeat.
    Heartbeat,
    /// The next exchange of views.
    Sync,
    /// A member's next deadline: to die, to be tried again, to be forgotten.
    Member(PeerId),
    /// A seed's next step.
    Seed(Endpoint),
    /// The signature of our farewell has not come in time.
    Farewell,
    /// An identity expires.
    Identity(PeerId),
    /// Acknowledgements of a message are overdue.
    Ack(u64),
    /// Our own identity's end comes near.
    OwnExpiry,
    /// The next step of the pull of identities.
    PullIdentities,
    /// A timer of a channel.
    Channel(ChannelTimer, ChannelId),
}

/// What a channel's timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChannelTimer {
    /// The next step of the pull of blocks.
    Pull,
    /// Tell neighbours our height.
    Announce,
    /// A wait for coverage is over.
    Coverage,
    /// Publish our state info.
    Publish,
    /// Ask for the state infos of others.
    RequestStateInfo,
    /// A number has been missing for long enough to ask for it, or a request is overdue.
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

/// The timers that run.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Instant, TimerKey)>,
    by_key: BTreeMap<TimerKey, Instant>,
    /// The first of `by_time`: asked for after each event.
    next: Option<Instant>,
}

impl Timers {
    /// Starts a timer, replacing one of the same key.
    pub(crate) fn set(&mut self, key: TimerKey, at: Instant) {
        if let Some(before) = self.by_key.insert(key.clone(), at) {
            if before == at {
                return;
            }
            self.by_time.remove(&(before, key.clone()));
        }
        self.by_time.insert((at, key));
        self.look();
    }

    /// Starts a timer unless one of the same key runs that fires no later.
    pub(crate) fn set_earlier(&mut self, key: TimerKey, at: Instant) {
        if self.by_key.get(&key).is_none_or(|running| *running > at) {
            self.set(key, at);
        }
    }

    /// Stops a timer; nothing happens if it does not run.
    pub(crate) fn cancel(&mut self, key: &TimerKey) {
        if let Some(at) = self.by_key.remove(key) {
            self.by_time.remove(&(at, key.clone()));
            self.look();
        }
    }

    /// Stops all timers of a channel.
    pub(crate) fn cancel_channel(&mut self, channel: &ChannelId) {
        for timer in ChannelTimer::ALL {
            self.cancel(&TimerKey::Channel(timer, channel.clone()));
        }
    }

    /// Whether a timer of this key runs.
    #[cfg(test)]
    pub(crate) fn is_set(&self, key: &TimerKey) -> bool {
        self.by_key.contains_key(key)
    }

    /// When the next timer fires.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// How many timers run.
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
        self.look();
        Some(key)
    }

    /// Stops all.
    pub(crate) fn clear(&mut self) {
        self.by_time.clear();
        self.by_key.clear();
        self.look();
    }

    fn look(&mut self) {
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
