//! The end: others are told, links are finished, and nothing is done any more.

use std::time::Duration;

use super::Node;
use crate::peers::membership::Membership;
use crate::push::{has_farewell_receiver, push_farewell};
use crate::signal::{Signal, Signing};
use crate::timer::TimerKey;
use crate::{CloseReason, Event, RequestError, RequestId, Response};

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    /// Our farewell is being signed; this request is answered when all is over.
    Leaving(RequestId),
    Stopped,
}

/// So long is waited for the signature of our farewell: without it others notice our silence.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

impl Node {
    /// Ends all work, and the links too once the peers that hear of it have been told that we stop.
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

    /// Everything after the stop was asked for.
    pub(super) fn wind_up(&mut self, event: Event) {
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
                self.say_farewell();
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

    fn say_farewell(&mut self) {
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
