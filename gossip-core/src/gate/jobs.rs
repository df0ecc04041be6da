//! Work at the crypto service: tickets, deadlines, and a backlog when enough is outstanding.

use std::collections::{BTreeMap, VecDeque};

use crate::cx::Cx;
use crate::timer::TimerKey;
use crate::{Command, CryptoJob, Instant, LinkId, Ticket};

/// Outstanding work, each piece with what it stands for.
#[derive(Debug)]
pub(super) struct Jobs<T> {
    started: BTreeMap<Ticket, Started<T>>,
    /// Checks that wait until others are done. Bounded by what the links may have outstanding, plus
    /// one message's list for each, because a link with much outstanding is read no further.
    backlog: VecDeque<(Ticket, CryptoJob)>,
    per_link: BTreeMap<LinkId, usize>,
    deadlines: VecDeque<(Instant, Ticket)>,
    running: usize,
}

#[derive(Debug)]
struct Started<T> {
    what: T,
    link: Option<LinkId>,
    /// Handed to the service, as opposed to waiting in the backlog.
    running: bool,
}

impl<T> Default for Jobs<T> {
    fn default() -> Self {
        Self {
            started: BTreeMap::new(),
            backlog: VecDeque::new(),
            per_link: BTreeMap::new(),
            deadlines: VecDeque::new(),
            running: 0,
        }
    }
}

impl<T> Jobs<T> {
    pub(super) fn len(&self) -> usize {
        self.started.len()
    }

    pub(super) fn of_link(&self, link: LinkId) -> usize {
        self.per_link.get(&link).copied().unwrap_or(0)
    }

    pub(super) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut T> {
        self.started
            .get_mut(&ticket)
            .map(|started| &mut started.what)
    }

    /// Starts a check on behalf of a link, or queues it.
    pub(super) fn start(
        &mut self,
        cx: &mut Cx<'_>,
        link: Option<LinkId>,
        job: CryptoJob,
        what: T,
    ) -> Ticket {
        let ticket = cx.ticket();
        cx.metrics().verifications += 1;
        if let Some(link) = link {
            *self.per_link.entry(link).or_insert(0) += 1;
        }
        let running = self.running < cx.config.gate.max_pending.get();
        self.started.insert(
            ticket,
            Started {
                what,
                link,
                running,
            },
        );
        if running {
            self.hand_over(cx, ticket, job);
        } else {
            self.backlog.push_back((ticket, job));
        }
        ticket
    }

    /// Starts work that must not wait: our own signatures, and authentications, which are bounded
    /// by the number of handshakes.
    pub(super) fn start_urgent(&mut self, cx: &mut Cx<'_>, job: CryptoJob, what: T) {
        let ticket = cx.ticket();
        self.started.insert(
            ticket,
            Started {
                what,
                link: None,
                running: true,
            },
        );
        self.hand_over(cx, ticket, job);
    }

    /// Ends a piece of work and starts the next one that waits.
    pub(super) fn finish(&mut self, cx: &mut Cx<'_>, ticket: Ticket) -> Option<T> {
        let started = self.started.remove(&ticket)?;
        if let Some(link) = started.link
            && let Some(count) = self.per_link.get_mut(&link)
        {
            *count -= 1;
            if *count == 0 {
                self.per_link.remove(&link);
            }
        }
        if started.running {
            self.running = self.running.saturating_sub(1);
        }
        while self.running < cx.config.gate.max_pending.get() {
            let Some((next, job)) = self.backlog.pop_front() else {
                break;
            };
            if let Some(waiting) = self.started.get_mut(&next) {
                waiting.running = true;
                self.hand_over(cx, next, job);
            }
        }
        Some(started.what)
    }

    /// Ends a piece of work whose answer is overdue.
    pub(super) fn pop_overdue(&mut self, cx: &mut Cx<'_>) -> Option<T> {
        while let Some((at, ticket)) = self.deadlines.front().copied() {
            if !self.started.contains_key(&ticket) {
                self.deadlines.pop_front();
            } else if at <= cx.now {
                self.deadlines.pop_front();
                return self.finish(cx, ticket);
            } else {
                cx.timers().set(TimerKey::Checks, at);
                return None;
            }
        }
        None
    }

    fn hand_over(&mut self, cx: &mut Cx<'_>, ticket: Ticket, job: CryptoJob) {
        self.running += 1;
        let at = cx.now + cx.config.gate.check_timeout;
        self.deadlines.push_back((at, ticket));
        // One timer for all; answered work in front of the queue goes when it fires, or here.
        while self
            .deadlines
            .front()
            .is_some_and(|(_, first)| !self.started.contains_key(first))
        {
            self.deadlines.pop_front();
        }
        cx.timers().set_earlier(TimerKey::Checks, at);
        cx.emit(Command::Crypto { ticket, job });
    }
}
