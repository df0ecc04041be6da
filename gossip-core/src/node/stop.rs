//! The end: others are told, links are finished, and nothing is done any more.

use std::time::Duration;

use super::{Node, cx};
use crate::gate::{News, Signing};
use crate::signal::Signal;
use crate::timer::TimerKey;
use crate::{CloseReason, Command, Event, RequestError, RequestId, Response};

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    /// Our farewell is being signed; this request is answered when all is over.
    Leaving(RequestId),
    Stopped,
}

/// So long is waited for the signature of our farewell: without it others notice our silence.
const PATIENCE: Duration = Duration::from_secs(1);

impl Node {
    /// Ends all work, and the links too once those who hear of it have been told that we stop.
    pub(super) fn stop(&mut self, id: RequestId) {
        for channel in self.channels.ids() {
            self.drop_channel(&channel, &RequestError::Stopped);
        }
        let waiting = self.gate.stop().into_iter().chain(self.acks.stop());
        for id in waiting.chain(self.suspicion.stop()) {
            let result = Err(RequestError::Stopped);
            cx!(self).emit(Command::Reply { id, result });
        }
        self.io.timers.clear();
        if !self.hears_farewell() {
            self.finish(id);
            return;
        }
        self.phase = Phase::Leaving(id);
        let unsigned = self.membership.farewell(cx!(self), &self.identities);
        self.gate.sign_alive(cx!(self), unsigned);
        let until = self.now + PATIENCE;
        self.io.timers.set(TimerKey::Farewell, until);
    }

    /// Everything after the stop was asked for.
    pub(super) fn wind_up(&mut self, event: Event) {
        match event {
            Event::Request { id, .. } => {
                let result = Err(RequestError::Stopped);
                self.io.out.push_back(Command::Reply { id, result });
            }
            Event::LinkUp { link, .. } => {
                let reason = CloseReason::Stopping;
                self.io.out.push_back(Command::CloseLink { link, reason });
            }
            Event::Tick => {
                while let Some(key) = self.io.timers.pop_due(self.now) {
                    if let (TimerKey::Farewell, Phase::Leaving(id)) = (key, self.phase) {
                        self.finish(id);
                    }
                }
            }
            Event::CryptoDone { ticket, outcome } => {
                self.gate.on_crypto_done(cx!(self), ticket, outcome);
                self.say_farewell();
            }
            Event::Flushed {
                link,
                frames,
                bytes,
            } => self.links.on_flushed(cx!(self), link, frames, bytes),
            Event::LinkDown { .. }
            | Event::DialFailed { .. }
            | Event::Received { .. }
            | Event::Malformed { .. }
            | Event::Validated { .. }
            | Event::LedgerDone { .. } => {}
        }
    }

    fn say_farewell(&mut self) {
        while let Some(signal) = self.io.signals.pop_front() {
            let Signal::News(News::Signed {
                what: Signing::Alive,
                message,
            }) = signal
            else {
                continue;
            };
            let Phase::Leaving(id) = self.phase else {
                continue;
            };
            match message {
                Some(message) => self.push_farewell(&message, &[]),
                None => self.io.metrics.signing_failures += 1,
            }
            self.finish(id);
        }
    }

    fn finish(&mut self, id: RequestId) {
        self.phase = Phase::Stopped;
        self.links.stop(cx!(self));
        self.io.timers.clear();
        let result = Ok(Response::Done);
        self.io.out.push_back(Command::Reply { id, result });
    }
}
