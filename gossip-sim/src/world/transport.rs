//! Dialling, sending and closing.

use bytes::Bytes;
use gossip_core::proto::SignedMessage;
use gossip_core::{Binding, Class, DialError, Endpoint, Event, Instant, LinkDownReason, Ticket};

use super::environment::Environment;
use super::occurrence::{Arrival, Occurrence};
use crate::network::{Credit, Departure, EndKey, EndState, Frame, Hold};

impl Environment {
    pub(super) fn dial(&mut self, node: u32, ticket: Ticket, endpoint: &Endpoint) {
        let now = self.now;
        let host = self.host(node);
        host.driver.dials += 1;
        let bound = (host.driver.dials, host.config.link.max_dials.get() as u64);
        self.checker.bound(now, node, "dials outstanding", bound);
        let there = self.draw_latency();
        match self.endpoints.get(endpoint).copied() {
            Some(to) if self.is_cut_off(node, to) || self.loses_dial() => {
                let at = now + self.config.dial_timeout;
                self.fail_dial(at, node, ticket, DialError::TimedOut);
            }
            Some(to) if self.hosts[to as usize].up => {
                let key = self.links.open(node, to, ticket);
                self.agenda
                    .plan(now + there, to, Occurrence::Accept(key.other()));
            }
            _ => {
                let back = self.draw_latency();
                self.fail_dial(now + there + back, node, ticket, DialError::Unreachable);
            }
        }
    }

    /// Handles a dial that has reached its target; returns the event for the target if it accepts.
    pub(super) fn accept(&mut self, key: EndKey) -> Option<Event> {
        let now = self.now;
        let (dialler, ticket, waits) = {
            let end = self.links.end(key.other())?;
            (end.node, end.dial?, end.state == EndState::Pending)
        };
        let target = self.links.end(key)?.node;
        let back = self.draw_latency();
        let refused = if self.is_cut_off(dialler, target) || self.is_frozen(target) {
            Some((now + self.config.dial_timeout, DialError::TimedOut))
        } else if !self.hosts[target as usize].up {
            Some((now + back, DialError::Unreachable))
        } else {
            None
        };
        if refused.is_some() || !waits {
            self.links.put_down(key);
            self.links.put_down(key.other());
            if let Some((at, error)) = refused.filter(|_| waits) {
                self.fail_dial(at, dialler, ticket, error);
            }
            return None;
        }
        self.impair(key, (target, dialler));
        self.impair(key.other(), (dialler, target));
        let value = Bytes::copy_from_slice(&self.latency.bytes::<32>());
        let binding = Binding::symmetric(value);
        let end = self.links.end_mut(key)?;
        end.state = EndState::Up;
        end.counted = true;
        end.pipe.not_before(now + back);
        if let Some(end) = self.links.end_mut(key.other()) {
            end.binding = Some(binding.clone());
        }
        self.agenda
            .plan(now + back, dialler, Occurrence::Connected(key.other()));
        self.host(target).driver.open_links += 1;
        let remote = self.hosts[dialler as usize].config.endpoint.clone();
        Some(Event::LinkUp {
            link: key.link_id(),
            dial: None,
            remote,
            binding,
        })
    }

    /// Handles a dial that has succeeded; returns the event for the dialler if its end still exists.
    pub(super) fn connected(&mut self, node: u32, key: EndKey) -> Option<Event> {
        let target = self.links.end(key.other())?.node;
        let end = self.links.end_mut(key)?;
        if end.state != EndState::Pending {
            return None;
        }
        end.state = EndState::Up;
        end.counted = true;
        let (dial, binding) = (end.dial, end.binding.take()?);
        let driver = &mut self.host(node).driver;
        driver.dials = driver.dials.saturating_sub(1);
        driver.open_links += 1;
        let remote = self.hosts[target as usize].config.endpoint.clone();
        Some(Event::LinkUp {
            link: key.link_id(),
            dial,
            remote,
            binding,
        })
    }

    pub(super) fn send(&mut self, node: u32, key: EndKey, class: Class, message: SignedMessage) {
        let (now, line) = (self.now, self.line());
        let bytes = message.encoded().len() as u64;
        let Some(end) = self.links.up(key, node) else {
            self.stats.sends_lost += 1;
            return;
        };
        self.stats.sent(&message, bytes);
        let departure = end.pipe.send(now, line, class, (message, bytes));
        let (used, largest) = (end.pipe.outstanding(), end.pipe.largest());
        let join = !std::mem::replace(&mut end.pipe.in_sweep, true);
        self.window_bound(node, used, largest);
        if join {
            self.join_sweep(node, key);
        }
        self.depart(key, departure);
    }

    /// Checks the bound on outstanding frames and bytes. Each class has its own window, which holds at least one
    /// frame of any size. The first frame of a link is sent regardless of the window.
    fn window_bound(&mut self, node: u32, used: Credit, largest: u64) {
        let (now, window) = (self.now, self.hosts[node as usize].window);
        let classes = Class::ALL.len() as u64;
        let frames = (
            u64::from(used.frames),
            classes * u64::from(window.frames) + 1,
        );
        self.checker
            .bound(now, node, "frames handed to a link", frames);
        let bytes = (
            used.bytes,
            (classes + 1).saturating_mul(window.bytes.max(largest)),
        );
        self.checker
            .bound(now, node, "bytes handed to a link", bytes);
    }

    pub(super) fn finish(&mut self, node: u32, key: EndKey) {
        let Some(end) = self.links.up(key, node) else {
            return;
        };
        end.pipe.finish();
        let counted = std::mem::take(&mut end.counted);
        let driver = &mut self.host(node).driver;
        driver.open_links = driver.open_links.saturating_sub(u64::from(counted));
        self.depart(key, None);
    }

    pub(super) fn close(&mut self, node: u32, key: EndKey) {
        let Some(end) = self.links.up(key, node) else {
            return;
        };
        end.pipe.cut();
        self.lower(node, key);
        let event = Event::LinkDown {
            link: key.link_id(),
            reason: LinkDownReason::Closed,
        };
        self.plan_event(self.now, node, event);
        self.tell_broken(key);
    }

    /// Breaks a link for both its ends.
    pub(super) fn break_link(&mut self, key: EndKey) {
        for key in [key, key.other()] {
            if let Some(end) = self.links.end_mut(key) {
                end.pipe.cut();
                let pending = end.state == EndState::Pending && end.dial.is_none();
                if !pending {
                    self.tell_broken(key.other());
                }
            }
        }
    }

    /// Plans the broken connection at the end opposite of `key`, after all frames under way to it.
    pub(super) fn tell_broken(&mut self, key: EndKey) {
        let latency = self.draw_latency();
        let now = self.now;
        let Some(end) = self.links.end_mut(key) else {
            return;
        };
        let at = end.pipe.arrival(now, latency);
        self.arrive(at, key.other(), Arrival::End(LinkDownReason::Broken));
    }

    /// Sends the next frame on the free line of `key`. Returns credit, which the caller delivers.
    pub(super) fn pump(&mut self, node: u32, key: EndKey) -> Option<Event> {
        let (now, line) = (self.now, self.line());
        let end = self.links.end_mut(key)?;
        end.pipe.pump_planned = false;
        let departure = end.pipe.serve(now, line);
        let event = self.credit(node, key);
        self.depart(key, departure);
        event
    }

    /// Credit that can be returned to the node.
    pub(super) fn credit(&mut self, node: u32, key: EndKey) -> Option<Event> {
        let now = self.now;
        let credit = self.links.up(key, node)?.pipe.take_credit(now)?;
        let (frames, bytes) = (credit.frames, credit.bytes);
        Some(Event::Flushed {
            link: key.link_id(),
            frames,
            bytes,
        })
    }

    /// Releases a hold of a pipe.
    pub(super) fn resume(&mut self, key: EndKey, hold: Hold) {
        let Some(end) = self.links.end_mut(key) else {
            return;
        };
        if !end.pipe.release(hold) {
            return;
        }
        let node = end.node;
        let free = end.pipe.owes() && !end.pipe.is_held();
        let join = free && !std::mem::replace(&mut end.pipe.in_sweep, true);
        if join && self.is_up(node, key) {
            self.join_sweep(node, key);
        }
        self.depart(key, None);
    }

    /// Plans the arrival of a departed frame, the next departure, and the end of the stream.
    pub(super) fn depart(&mut self, key: EndKey, departure: Option<Departure<SignedMessage>>) {
        let now = self.now;
        if let Some(Departure { frame, leaves }) = departure {
            let latency = self.draw_latency();
            let Some(end) = self.links.end_mut(key) else {
                return;
            };
            let at = end.pipe.arrival(leaves, latency);
            if !self.loses_frame() {
                let frame = self.for_legacy(key, frame);
                self.arrive(at, key.other(), Arrival::Frame(Frame::Message(frame)));
            }
        }
        let Some(end) = self.links.end_mut(key) else {
            return;
        };
        let node = end.node;
        // An end that is down takes no credit.
        let is_up = end.state == EndState::Up;
        let window = is_up.then_some(self.hosts[node as usize].window);
        if !end.pipe.pump_planned
            && let Some(at) = end.pipe.pump_at(now, window)
        {
            end.pipe.pump_planned = true;
            self.agenda.plan(at, node, Occurrence::Pump(key));
        }
        let Some(leaves) = end.pipe.take_end(now) else {
            return;
        };
        let latency = self.draw_latency();
        if let Some(end) = self.links.end_mut(key) {
            let at = end.pipe.arrival(leaves, latency);
            self.arrive(at, key.other(), Arrival::End(LinkDownReason::Finished));
        }
    }

    pub(super) fn separated(&self, a: u32, b: u32) -> bool {
        self.hosts[a as usize].side != self.hosts[b as usize].side
    }

    /// Returns whether no connection can be made between the two: it needs both directions.
    fn is_cut_off(&self, a: u32, b: u32) -> bool {
        self.separated(a, b) || self.is_one_way(a, b) || self.is_one_way(b, a)
    }

    pub(super) fn arrive(&mut self, at: Instant, key: EndKey, cargo: Arrival) {
        let Some(node) = self.links.end(key).map(|end| end.node) else {
            return;
        };
        let arrival = self.arrivals.insert((key, cargo));
        self.agenda.plan(at, node, Occurrence::Arrival(arrival));
    }

    fn fail_dial(&mut self, at: Instant, node: u32, ticket: Ticket, error: DialError) {
        self.plan_event(at, node, Event::DialFailed { ticket, error });
    }

    /// Adds a link whose sender still waits for credit to the next sweep. A held one is added when it is released.
    pub(super) fn keep_in_sweep(&mut self, node: u32, key: EndKey) {
        let Some(end) = self.links.up(key, node) else {
            return;
        };
        let keep = end.pipe.owes() && !end.pipe.is_held() && !end.pipe.in_sweep;
        if keep {
            end.pipe.in_sweep = true;
            self.join_sweep(node, key);
        }
    }

    fn join_sweep(&mut self, node: u32, key: EndKey) {
        let at = self.now + self.config.credit_delay;
        let driver = &mut self.host(node).driver;
        driver.sweep.push(key);
        if !std::mem::replace(&mut driver.sweep_planned, true) {
            self.agenda.plan(at, node, Occurrence::Sweep);
        }
    }

    fn impair(&mut self, key: EndKey, way: (u32, u32)) {
        let frozen = self.hosts[way.1 as usize].frozen_until.is_some();
        if frozen && let Some(end) = self.links.end_mut(key) {
            end.pipe.hold(Hold::Frozen);
        }
        let Some(impairment) = self.impaired.get(&way).copied() else {
            return;
        };
        let now = self.now;
        let Some(end) = self.links.end_mut(key) else {
            return;
        };
        if now < impairment.stalled_until {
            end.pipe.hold(Hold::Stalled);
        }
        if now < impairment.slow_until {
            end.pipe.slow_down(impairment.factor);
        }
    }
}
