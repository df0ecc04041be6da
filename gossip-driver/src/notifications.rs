//! The stream of notifications.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_broadcast::{InactiveReceiver, Receiver, RecvError, Sender};
use futures_util::Stream;
use gossip_core::{ChannelId, Notification};

use crate::ledger_stalls::LedgerStall;

/// An item of [`Notifications`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A notification.
    Event(Notification),
    /// A block waits for the validator of this channel, which was dropped without
    /// [`Validator::finish`](crate::Validator::finish): blocks of the channel are ignored until it has a validator
    /// again. Reported once for each validator.
    ValidatorLost(ChannelId),
    /// An operation of the ledger takes longer than
    /// [`DriverConfig::ledger_timeout`](crate::DriverConfig::ledger_timeout). All that do so at present are listed by
    /// [`Gossip::ledger_stalls`](crate::Gossip::ledger_stalls).
    LedgerStalled(LedgerStall),
    /// The listener was too slow: this many notifications were lost here. The snapshots of
    /// [`Gossip`](crate::Gossip) and [`Channel`](crate::Channel) show the present state.
    Lagged(u64),
}

/// A stream of notifications, from its creation until the node has stopped.
///
/// When a notification is read, the snapshots already show the change. The stream does not keep the node
/// running.
#[derive(Debug)]
pub struct Notifications(pub(crate) Receiver<Notice>);

impl Stream for Notifications {
    type Item = Notice;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Notice>> {
        Pin::new(&mut self.0).poll_recv(cx).map(|item| {
            item.and_then(|item| match item {
                Ok(notice) => Some(notice),
                Err(RecvError::Overflowed(lost)) => Some(Notice::Lagged(lost)),
                Err(RecvError::Closed) => None,
            })
        })
    }
}

/// The queue's capacity at the start; it doubles up to the limit while listeners are slow.
const FIRST_ROOM: usize = 16;

/// The driver's end: sends notifications to all listeners.
#[derive(Debug)]
pub(crate) struct Notifier {
    sender: Sender<Notice>,
    limit: usize,
}

impl Notifier {
    /// At most `limit` notifications wait for the slowest listener.
    pub(crate) fn new(limit: NonZeroUsize) -> (Self, InactiveReceiver<Notice>) {
        let limit = limit.get();
        let (mut sender, listener) = async_broadcast::broadcast(FIRST_ROOM.min(limit));
        sender.set_overflow(true);
        (Self { sender, limit }, listener.deactivate())
    }

    /// Sends a notification to all listeners. Returns whether the oldest waiting one was overwritten.
    pub(crate) fn notify(&mut self, notice: Notice) -> bool {
        let room = self.sender.capacity();
        if room < self.limit && self.sender.is_full() {
            self.sender.set_capacity((room * 2).min(self.limit));
        }
        matches!(self.sender.try_broadcast(notice), Ok(Some(_)))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _};
    use gossip_core::PeerId;

    use super::*;

    fn notification(number: u32) -> Notice {
        Notice::Event(Notification::MemberAlive(PeerId::new(
            &number.to_be_bytes(),
        )))
    }

    #[test]
    fn a_slow_listener_reads_how_much_it_missed() {
        for limit in [2, 100] {
            let (mut sender, listener) = Notifier::new(NonZeroUsize::new(limit).unwrap());
            let mut notices = Notifications(listener.activate());
            let limit = u32::try_from(limit).unwrap();
            let overwritten = (0..limit + 3).filter(|number| sender.notify(notification(*number)));
            assert_eq!(overwritten.count(), 3);
            drop(sender);
            let mut next = || notices.next().now_or_never().unwrap();
            assert_eq!(next(), Some(Notice::Lagged(3)));
            for number in 3..limit + 3 {
                assert_eq!(next(), Some(notification(number)));
            }
            assert_eq!(next(), None);
        }
    }

    #[test]
    fn notifications_without_a_listener_are_not_kept() {
        let (mut sender, _listener) = Notifier::new(NonZeroUsize::new(100).unwrap());
        assert!(!(0..200).any(|number| sender.notify(notification(number))));
        assert_eq!(sender.sender.len(), 0);
    }
}
