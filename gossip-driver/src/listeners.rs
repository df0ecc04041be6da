//! The listeners of the application, and delivery of messages to them.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_channel::Sender;
use gossip_core::proto::{Content, GossipMessage};
use gossip_core::{Delivery, Interest, Received};
use tracing::warn;

use crate::counters::Counters;
use crate::deliveries::{AcceptedMessage, Delivered, Deliveries};
use crate::received::ReceivedMessage;
use crate::requests::Requests;

type Predicate = Box<dyn FnMut(&GossipMessage) -> bool + Send>;

/// A subscription.
struct Listener<T> {
    wants: Predicate,
    /// Has room for one item more than `room`: the last `Lagged`.
    queue: Sender<Delivered<T>>,
    room: usize,
    lost: u64,
}

impl<T> Listener<T> {
    /// Queues a message if the listener wants it and has room. Returns whether the subscription continues.
    fn offer(
        &mut self,
        message: &GossipMessage,
        make: impl FnOnce() -> T,
        counts: &Counters,
    ) -> bool {
        if self.queue.is_closed() {
            return false;
        }
        match catch_unwind(AssertUnwindSafe(|| (self.wants)(message))) {
            Ok(true) => {}
            Ok(false) => return true,
            Err(_) => {
                counts.listener_panics.add();
                warn!("a listener's predicate panicked: its subscription has ended");
                return false;
            }
        }
        if self.lost > 0 && self.push(|lost| Delivered::Lagged(lost)) {
            self.lost = 0;
        }
        if self.lost > 0 || !self.push(|_| Delivered::Message(make())) {
            self.lost = self.lost.saturating_add(1);
            counts.deliveries_dropped.add();
        }
        true
    }

    fn push(&self, item: impl FnOnce(u64) -> Delivered<T>) -> bool {
        self.queue.len() < self.room && self.queue.try_send(item(self.lost)).is_ok()
    }
}

impl<T> Drop for Listener<T> {
    /// Reports the messages lost since the last one queued, even if the queue is full.
    fn drop(&mut self) {
        if self.lost > 0 {
            // Fails only if the stream was dropped.
            let _ = self.queue.try_send(Delivered::Lagged(self.lost));
        }
    }
}

/// All subscriptions.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<State>);

#[derive(Default)]
struct State {
    accepted: Vec<Listener<AcceptedMessage>>,
    /// By topic.
    messages: HashMap<String, Vec<Receiver>>,
    raw: Vec<Receiver>,
}

/// A subscription to messages that can be answered.
struct Receiver {
    listener: Listener<ReceivedMessage>,
    node: Weak<Requests>,
}

impl Receiver {
    fn offer(&mut self, received: &Received, counts: &Counters) -> bool {
        let make = || ReceivedMessage::new(received.clone(), self.node.clone());
        let message = received.message.message();
        self.listener.offer(message, make, counts)
    }

    fn is_open(&self) -> bool {
        !self.listener.queue.is_closed()
    }
}

impl Listeners {
    /// Subscribes to messages that channels accept; at most `room` wait.
    pub(crate) fn add_accepted(
        &self,
        room: usize,
        wants: Predicate,
    ) -> Deliveries<AcceptedMessage> {
        let (listener, deliveries) = listener(room, wants);
        self.lock().accepted.push(listener);
        deliveries
    }

    /// Subscribes to application messages with this topic; at most `room` wait.
    pub(crate) fn add_messages(
        &self,
        room: usize,
        topic: String,
        node: &Arc<Requests>,
    ) -> Deliveries<ReceivedMessage> {
        let (receiver, deliveries) = receiver(room, Box::new(|_| true), node);
        let topics = &mut self.lock().messages;
        topics.entry(topic).or_default().push(receiver);
        deliveries
    }

    /// Subscribes to messages as they arrive; at most `room` wait.
    pub(crate) fn add_raw(
        &self,
        room: usize,
        wants: Predicate,
        node: &Arc<Requests>,
    ) -> Deliveries<ReceivedMessage> {
        let (receiver, deliveries) = receiver(room, wants, node);
        self.lock().raw.push(receiver);
        deliveries
    }

    /// The messages that the core must deliver.
    pub(crate) fn interest(&self) -> Interest {
        let mut state = self.lock();
        state.accepted.retain(|one| !one.queue.is_closed());
        state.raw.retain(Receiver::is_open);
        state.messages.retain(|_, receivers| {
            receivers.retain(Receiver::is_open);
            !receivers.is_empty()
        });
        Interest {
            accepted: !state.accepted.is_empty(),
            messages: !state.messages.is_empty(),
            raw: !state.raw.is_empty(),
        }
    }

    /// Queues a message for each listener that wants it. Returns whether such messages still have a listener.
    pub(crate) fn deliver(&self, delivery: Delivery, counts: &Counters) -> bool {
        let mut state = self.lock();
        match delivery {
            Delivery::Accepted { channel, message } => {
                state.accepted.retain_mut(|one| {
                    let make = || AcceptedMessage {
                        channel: channel.clone(),
                        message: message.clone(),
                    };
                    one.offer(message.message(), make, counts)
                });
                !state.accepted.is_empty()
            }
            Delivery::Message(received) => state.deliver_message(&received, counts),
            Delivery::Raw(received) => {
                let offer = |one: &mut Receiver| one.offer(&received, counts);
                state.raw.retain_mut(offer);
                !state.raw.is_empty()
            }
        }
    }

    /// Ends all streams, after the messages that wait in them.
    pub(crate) fn close(&self) {
        *self.lock() = State::default();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Queues an application message for each listener of its topic. Returns whether any topic has a listener.
    fn deliver_message(&mut self, received: &Received, counts: &Counters) -> bool {
        let Content::Application(application) = received.message.content() else {
            return true;
        };
        let topic = &application.topic;
        if let Some(receivers) = self.messages.get_mut(topic) {
            receivers.retain_mut(|one| one.offer(received, counts));
            if receivers.is_empty() {
                self.messages.remove(topic);
            }
        } else {
            counts.topics_unheard.add();
        }
        !self.messages.is_empty()
    }
}

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.lock();
        f.debug_struct("Listeners")
            .field("accepted", &state.accepted.len())
            .field("topics", &state.messages.len())
            .field("raw", &state.raw.len())
            .finish()
    }
}

fn listener<T>(room: usize, wants: Predicate) -> (Listener<T>, Deliveries<T>) {
    let (queue, deliveries) = async_channel::bounded(room.saturating_add(1));
    let listener = Listener {
        wants,
        queue,
        room,
        lost: 0,
    };
    (listener, Deliveries::new(deliveries))
}

fn receiver(
    room: usize,
    wants: Predicate,
    node: &Arc<Requests>,
) -> (Receiver, Deliveries<ReceivedMessage>) {
    let (listener, deliveries) = listener(room, wants);
    let node = Arc::downgrade(node);
    (Receiver { listener, node }, deliveries)
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _};
    use gossip_core::ChannelId;
    use gossip_core::proto::{Content, SignedMessage, Tag};

    use super::*;

    fn message(nonce: u64) -> SignedMessage {
        SignedMessage::unsigned(GossipMessage {
            nonce,
            channel: bytes::Bytes::new(),
            tag: Tag::Empty,
            content: Content::Empty,
        })
    }

    fn deliver(listeners: &Listeners, nonce: u64, counts: &Counters) -> bool {
        let (channel, message) = (ChannelId::new("main"), message(nonce));
        listeners.deliver(Delivery::Accepted { channel, message }, counts)
    }

    fn next(deliveries: &mut Deliveries<AcceptedMessage>) -> Option<Delivered<u64>> {
        let delivered = deliveries.next().now_or_never()??;
        Some(match delivered {
            Delivered::Message(one) => Delivered::Message(one.message.message().nonce),
            Delivered::Lagged(lost) => Delivered::Lagged(lost),
        })
    }

    #[test]
    fn each_listener_gets_the_messages_that_it_wants() {
        let (listeners, counts) = (Listeners::default(), Counters::default());
        let parity = |odd: u64| -> Predicate { Box::new(move |one| one.nonce % 3 == odd) };
        let mut even = listeners.add_accepted(99, parity(0));
        let mut odd = listeners.add_accepted(99, parity(1));
        for nonce in 0..9 {
            assert!(deliver(&listeners, nonce, &counts));
        }
        for nonce in [0, 3, 6] {
            assert_eq!(next(&mut even), Some(Delivered::Message(nonce)));
            assert_eq!(next(&mut odd), Some(Delivered::Message(nonce + 1)));
        }
        assert_eq!((next(&mut even), next(&mut odd)), (None, None));
    }

    #[test]
    fn a_slow_listener_reads_how_much_it_lost_and_delays_no_other() {
        let (listeners, counts) = (Listeners::default(), Counters::default());
        let mut slow = listeners.add_accepted(2, Box::new(|_| true));
        let mut quick = listeners.add_accepted(99, Box::new(|_| true));
        for nonce in 0..5 {
            assert!(deliver(&listeners, nonce, &counts));
            assert_eq!(next(&mut quick), Some(Delivered::Message(nonce)));
        }
        assert_eq!(counts.deliveries_dropped.get(), 3);
        assert_eq!(next(&mut slow), Some(Delivered::Message(0)));
        assert_eq!(next(&mut slow), Some(Delivered::Message(1)));
        assert!(deliver(&listeners, 5, &counts));
        assert_eq!(next(&mut slow), Some(Delivered::Lagged(3)));
        assert_eq!(next(&mut slow), Some(Delivered::Message(5)));
    }

    #[test]
    fn a_listener_that_has_lost_the_last_messages_reads_so_before_the_end() {
        let (listeners, counts) = (Listeners::default(), Counters::default());
        let mut slow = listeners.add_accepted(2, Box::new(|_| true));
        let mut quick = listeners.add_accepted(99, Box::new(|_| true));
        for nonce in 0..5 {
            deliver(&listeners, nonce, &counts);
        }
        listeners.close();
        for nonce in 0..5 {
            assert_eq!(next(&mut quick), Some(Delivered::Message(nonce)));
        }
        assert_eq!(next(&mut slow), Some(Delivered::Message(0)));
        assert_eq!(next(&mut slow), Some(Delivered::Message(1)));
        assert_eq!(next(&mut slow), Some(Delivered::Lagged(3)));
        for ended in [&mut slow, &mut quick] {
            assert!(ended.next().now_or_never().is_some_and(|end| end.is_none()));
        }
    }

    #[test]
    fn a_dropped_stream_is_not_asked_again_and_waiting_messages_can_be_read_after_the_end() {
        let (listeners, counts) = (Listeners::default(), Counters::default());
        let dropped = listeners.add_accepted(2, Box::new(|_| panic!("the stream was dropped")));
        drop(dropped);
        assert!(!deliver(&listeners, 0, &counts));
        assert_eq!(listeners.interest(), Interest::default());
        let mut stays = listeners.add_accepted(2, Box::new(|_| true));
        assert!(deliver(&listeners, 1, &counts));
        drop(listeners);
        assert_eq!(next(&mut stays), Some(Delivered::Message(1)));
        assert!(stays.next().now_or_never().is_some_and(|end| end.is_none()));
    }

    #[test]
    fn a_predicate_that_panics_ends_its_own_subscription_only() {
        let (listeners, counts) = (Listeners::default(), Counters::default());
        let mut bad = listeners.add_accepted(2, Box::new(|_| panic!("no")));
        let mut good = listeners.add_accepted(2, Box::new(|_| true));
        assert!(deliver(&listeners, 7, &counts));
        assert_eq!(next(&mut good), Some(Delivered::Message(7)));
        assert!(bad.next().now_or_never().is_some_and(|end| end.is_none()));
        assert_eq!(counts.listener_panics.get(), 1);
    }

    /// The next number of a pseudo-random sequence.
    fn draw(step: &mut u64, below: u64) -> u64 {
        *step = step.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*step >> 33) % below
    }

    #[test]
    fn each_message_is_read_or_counted_as_lost_in_any_order_of_subscribing_reading_and_dropping() {
        for seed in 0..200 {
            let mut step = seed;
            let (listeners, counts) = (Listeners::default(), Counters::default());
            let mut all = Vec::new();
            for nonce in 0..100 {
                match draw(&mut step, 4) {
                    0 => {
                        let room = 1 + draw(&mut step, 4) as usize;
                        let deliveries = listeners.add_accepted(room, Box::new(|_| true));
                        all.push((deliveries, nonce));
                    }
                    1 if !all.is_empty() => {
                        let place = draw(&mut step, all.len() as u64) as usize;
                        drop(all.swap_remove(place));
                    }
                    2 => {
                        for (deliveries, expected) in &mut all {
                            if let Some(delivered) = next(deliveries) {
                                take(expected, delivered);
                            }
                        }
                    }
                    _ => {}
                }
                assert_eq!(deliver(&listeners, nonce, &counts), !all.is_empty());
            }
            for nonce in [100, 101] {
                all.iter_mut().for_each(drain);
                deliver(&listeners, nonce, &counts);
            }
            all.iter_mut().for_each(drain);
            let accounted_for = |(_, expected): &(_, u64)| *expected > 100;
            assert!(all.iter().all(accounted_for), "seed {seed}");
        }
    }

    fn drain((deliveries, expected): &mut (Deliveries<AcceptedMessage>, u64)) {
        while let Some(delivered) = next(deliveries) {
            take(expected, delivered);
        }
    }

    fn take(expected: &mut u64, delivered: Delivered<u64>) {
        match delivered {
            Delivered::Message(nonce) => {
                assert_eq!(nonce, *expected);
                *expected += 1;
            }
            Delivered::Lagged(lost) => *expected += lost,
        }
    }
}
