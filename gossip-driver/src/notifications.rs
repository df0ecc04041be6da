//! News for the application as a stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_broadcast::{Receiver, RecvError};
use futures_util::Stream;
use gossip_core::Notification;

/// An item of [`Notifications`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Something happened.
    Event(Notification),
    /// The listener was too slow: this many notifications were lost at this place. The snapshots of
    /// [`Gossip`](crate::Gossip) and [`Channel`](crate::Channel) say where things stand.
    Lagged(u64),
}

/// A stream of notifications, from the moment it was made to the node's end.
///
/// When a notification is read, the snapshots already show what it tells. It does not keep the node
/// running.
#[derive(Debug)]
pub struct Notifications(pub(crate) Receiver<Notification>);

impl Stream for Notifications {
    type Item = Notice;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Notice>> {
        Pin::new(&mut self.0).poll_recv(cx).map(|item| {
            item.and_then(|item| match item {
                Ok(notification) => Some(Notice::Event(notification)),
                Err(RecvError::Overflowed(lost)) => Some(Notice::Lagged(lost)),
                Err(RecvError::Closed) => None,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _};
    use gossip_core::PeerId;

    use super::*;

    #[test]
    fn a_slow_listener_is_told_how_much_it_missed() {
        let (mut sender, receiver) = async_broadcast::broadcast(2);
        sender.set_overflow(true);
        let mut notices = Notifications(receiver);
        let news = |byte| Notification::MemberAlive(PeerId::new(&[byte]));
        for byte in 0..5 {
            sender.try_broadcast(news(byte)).unwrap();
        }
        drop(sender);
        let mut next = || notices.next().now_or_never().unwrap();
        assert_eq!(next(), Some(Notice::Lagged(3)));
        assert_eq!(next(), Some(Notice::Event(news(3))));
        assert_eq!(next(), Some(Notice::Event(news(4))));
        assert_eq!(next(), None);
    }
}
