//! The stop of a node: it sends a farewell, finishes its links and ignores all further events.

use std::time::Duration;

use super::Node;
use crate::peers::membership::Membership;
use crate::push::{has_farewell_receiver, push_farewell};
use crate::signal::{Signal, Signing};
use crate::timer::TimerKey;
use crate::{CloseReason, Event, RequestError, RequestId, Response};

/// The phase of the node's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    /// Our farewell is being signed. This request is answered at the end.
    Leaving(RequestId),
    Stopped,
}

/// Timeout of the farewell's signature. Without it other members notice our silence.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

impl Node {
    /// Ends all work, and all links after the farewell is queued on them.
    pub(super) fn stop(&mut self, id: RequestId) {
        for channel in self.channels.ids() {
            self.drop_channel(&channel, Some(&RequestError::Stopped));
        }
        let cx = &mut self.core.cx();
        let waiting = cx.crypto.stop().into_iter().chain(self.acks.stop());
        for id in waiting.chain(self.peers.suspects.stop()) {
            cx.answer(id, Err(RequestError::Stopped));
        }
        cx.timers().clear();
        if !has_farewell_receiver(cx, &mut self.peers) {
            self.finish(id);
            return;
        }
        self.phase = Phase::Leaving(id);
        let unsigned = self.in_membership(Membership::farewell);
        let cx = &mut self.core.cx();
        cx.sign(Signing::Alive, unsigned);
        let until = cx.now + FAREWELL_TIMEOUT;
        cx.timers().set(TimerKey::Farewell, until);
    }

    /// Handles an event after the stop was requested.
    pub(super) fn handle_stopping(&mut self, event: Event) {
        let cx = &mut self.core.cx();
        match event {
            Event::Request { id, .. } => cx.answer(id, Err(RequestError::Stopped)),
            Event::LinkUp { link, .. } => {
                let reason = CloseReason::Stopping;
                cx.close_link(link, reason);
            }
            Event::Tick => {
                while let Some(key) = self.core.io.timers.pop_due(self.core.now) {
                    if let (TimerKey::Farewell, Phase::Leaving(id)) = (key, self.phase) {
                        self.finish(id);
                    }
                }
            }
            Event::CryptoDone { ticket, outcome } => {
                self.at_gate(|gate, cx| gate.on_crypto_done(cx, ticket, outcome));
                self.send_farewell();
            }
            Event::Flushed {
                link,
                frames,
                bytes,
            } => self.peers.links.on_flushed(cx, link, frames, bytes),
            Event::LinkDown { .. }
            | Event::DialFailed { .. }
            | Event::Received { .. }
            | Event::Malformed { .. }
            | Event::Validated { .. }
            | Event::LedgerDone { .. } => {}
        }
    }

    fn send_farewell(&mut self) {
        while let Some(signal) = self.core.io.signals.pop_front() {
            let Signal::Signed {
                what: Signing::Alive,
                message,
            } = signal
            else {
                continue;
            };
            let Phase::Leaving(id) = self.phase else {
                continue;
            };
            let cx = &mut self.core.out();
            match message {
                Some(message) => push_farewell(cx, &mut self.peers, &message, &[]),
                None => cx.metrics().signing_failures += 1,
            }
            self.finish(id);
        }
    }

    fn finish(&mut self, id: RequestId) {
        self.phase = Phase::Stopped;
        let cx = &mut self.core.out();
        self.peers.links.stop(cx);
        cx.timers().clear();
        cx.answer(id, Ok(Response::Done));
    }
}
