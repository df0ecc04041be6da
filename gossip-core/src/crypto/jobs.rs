//! Jobs of the crypto service: tickets, deadlines, and queues of jobs that wait for others to be done.
//!
//! Each link has its share of the service, and its own queue for what exceeds it. However many checks one message
//! needs, the next check of another link is handed over at once.

use std::collections::{BTreeMap, VecDeque};

use crate::cyclic::from_after;
use crate::out::Out;
use crate::snapshot::Stores;
use crate::timer::TimerKey;
use crate::{Command, Config, CryptoJob, GateConfig, Instant, LinkId, Ticket};

/// The link that a check runs for. `None` for checks of the node and the application, and for shared checks whose link
/// has ended.
type Owner = Option<LinkId>;

/// Outstanding jobs, each with its purpose.
#[derive(Debug)]
pub(super) struct Jobs<T> {
    started: BTreeMap<Ticket, Box<Started<T>>>,
    /// Checks that wait until others of their owner, or of any owner, are done. Bounded by the share of each link plus
    /// the items of one message, because a link that has used its share is not read. May contain tickets that have
    /// moved to another queue.
    waiting: BTreeMap<Owner, VecDeque<Ticket>>,
    /// The owner whose waiting check was handed over last.
    turn: Option<Owner>,
    /// Authentication jobs that wait. Bounded by the links that authenticate, two for each.
    handshakes: VecDeque<Ticket>,
    loads: BTreeMap<Owner, Load>,
    /// Deadlines of the jobs handed over, in order.
    deadlines: VecDeque<(Instant, Ticket)>,
    /// A timer is set for the first deadline, or for the earlier one of a job that is done.
    armed: bool,
    checking: usize,
    authenticating: usize,
    bytes: u64,
}

#[derive(Debug)]
struct Started<T> {
    what: T,
    kind: JobKind,
    owner: Owner,
    /// The job to hand over, while it waits.
    job: Option<CryptoJob>,
    /// It has moved to another owner while it waited.
    moved: bool,
    /// Its deadline, once it is handed over.
    until: Instant,
    /// Bytes kept for it, by owner.
    held: Vec<(Owner, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JobKind {
    Check,
    Handshake,
    Own,
}

/// Outstanding work of one owner.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    checks: usize,
    running: usize,
    bytes: u64,
}

impl<T> Started<T> {
    fn waits(&self) -> bool {
        self.job.is_some()
    }
}

impl<T> Default for Jobs<T> {
    fn default() -> Self {
        Self {
            started: BTreeMap::new(),
            waiting: BTreeMap::new(),
            turn: None,
            handshakes: VecDeque::new(),
            loads: BTreeMap::new(),
            deadlines: VecDeque::new(),
            armed: false,
            checking: 0,
            authenticating: 0,
            bytes: 0,
        }
    }
}

impl<T> Jobs<T> {
    /// Returns whether one more message of this link may be read. A link with nothing outstanding is not read only
    /// while the total of all links is at its limit.
    pub(super) fn admit(&self, config: &GateConfig, link: LinkId) -> bool {
        let load = self.load(Some(link));
        let fits = |bytes: u64, max: u64| bytes == 0 || bytes < max;
        self.checking < config.max_pending.get()
            && load.checks < config.max_pending_per_link.get()
            && fits(self.bytes, config.max_pending_bytes)
            && fits(load.bytes, config.max_pending_bytes_per_link)
    }

    pub(super) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut T> {
        self.started
            .get_mut(&ticket)
            .map(|started| &mut started.what)
    }

    /// Starts a check, or lets it wait. `owner` is the link that it runs for, if any; `bytes` are kept until it is
    /// done.
    pub(super) fn start(
        &mut self,
        cx: &mut Out<'_>,
        owner: Option<LinkId>,
        job: CryptoJob,
        bytes: u64,
        what: T,
    ) -> Ticket {
        cx.metrics().verifications += 1;
        let ticket = self.add(cx, JobKind::Check, owner, job, what);
        self.hold(ticket, owner, bytes);
        let load = self.loads.entry(owner).or_default();
        load.checks += 1;
        let gate = &cx.config.gate;
        let within_share = owner.is_none() || load.running < gate.max_pending_per_link.get();
        if self.waiting.is_empty() && within_share && self.checking < gate.max_pending.get() {
            self.hand_over(cx, ticket);
        } else {
            self.waiting.entry(owner).or_default().push_back(ticket);
            self.proceed(cx);
        }
        ticket
    }

    /// Counts bytes that are kept for a link until a check is done.
    pub(super) fn hold(&mut self, ticket: Ticket, owner: Option<LinkId>, bytes: u64) {
        let Some(started) = self.started.get_mut(&ticket).filter(|_| bytes > 0) else {
            return;
        };
        started.held.push((owner, bytes));
        self.bytes = self.bytes.saturating_add(bytes);
        let load = self.loads.entry(owner).or_default();
        load.bytes = load.bytes.saturating_add(bytes);
    }

    /// Another link has sent a copy. A waiting check moves to that link's queue, so that it waits no longer than if
    /// that link had sent the item first. Once for each check.
    pub(super) fn join(&mut self, cx: &mut Out<'_>, ticket: Ticket, link: Option<LinkId>) {
        let Some(started) = self.started.get_mut(&ticket) else {
            return;
        };
        let owner = started.owner;
        if started.waits() && owner != link && !std::mem::replace(&mut started.moved, true) {
            self.reassign(ticket, link);
            self.proceed(cx);
        }
    }

    /// Starts a job of a link's authentication. At most `max_handshakes` run; the others wait in order, and end with
    /// their links.
    pub(super) fn start_handshake(
        &mut self,
        cx: &mut Out<'_>,
        link: LinkId,
        job: CryptoJob,
        what: T,
    ) {
        let ticket = self.add(cx, JobKind::Handshake, Some(link), job, what);
        self.handshakes.push_back(ticket);
        self.proceed(cx);
    }

    /// Starts a signature of a message of ours. It never waits, since few are outstanding.
    pub(super) fn start_own(&mut self, cx: &mut Out<'_>, job: CryptoJob, what: T) {
        let ticket = self.add(cx, JobKind::Own, None, job, what);
        self.hand_over(cx, ticket);
    }

    /// Ends a job that was handed over, and starts waiting ones.
    pub(super) fn finish(&mut self, cx: &mut Out<'_>, ticket: Ticket) -> Option<T> {
        let started = self.started.get(&ticket)?;
        if started.waits() {
            return None;
        }
        let what = self.end(ticket);
        self.proceed(cx);
        what
    }

    /// Ends a job whose answer is overdue.
    pub(super) fn pop_overdue(&mut self, cx: &mut Out<'_>) -> Option<T> {
        self.armed = false;
        let (at, ticket) = self.deadlines.front().copied()?;
        if at <= cx.now {
            return self.finish(cx, ticket);
        }
        self.armed = true;
        cx.timers().set(TimerKey::Checks, at);
        None
    }

    /// A link has ended. Its waiting jobs end and are returned, except those that `keep` selects because they are
    /// needed elsewhere.
    pub(super) fn on_link_down(
        &mut self,
        cx: &mut Out<'_>,
        link: LinkId,
        keep: impl Fn(&T) -> bool,
    ) -> Vec<T> {
        let mut ended = Vec::new();
        for ticket in self.waiting.remove(&Some(link)).unwrap_or_default() {
            let Some(started) = self.started.get(&ticket) else {
                continue;
            };
            if started.owner != Some(link) || !started.waits() {
                continue;
            }
            if keep(&started.what) {
                self.reassign(ticket, None);
            } else {
                ended.extend(self.end(ticket));
            }
        }
        let started = &self.started;
        let of_link = |ticket: &Ticket| {
            let handshake = started.get(ticket);
            handshake.is_some_and(|handshake| handshake.owner == Some(link))
        };
        let (gone, rest): (Vec<_>, Vec<_>) = self.handshakes.drain(..).partition(of_link);
        self.handshakes = rest.into();
        ended.extend(gone.into_iter().filter_map(|ticket| self.end(ticket)));
        self.proceed(cx);
        ended
    }

    /// Reports what is outstanding. A link may exceed its share by the items of one message, and by one block.
    pub(super) fn stores(&self, config: &Config, stores: &mut Stores) {
        let (gate, link) = (&config.gate, &config.link);
        let links = link.max_links.get().saturating_mul(2);
        let lists = links.saturating_mul(config.membership.max_members.get());
        let checks = gate.max_pending.get().saturating_add(lists);
        let handshakes = link
            .max_handshakes
            .get()
            .saturating_add(link.max_dials.get());
        let most = checks.saturating_add(handshakes.saturating_mul(2));
        let block = config.limits.max_envelope as u64;
        let bytes = gate
            .max_pending_bytes
            .saturating_add(block.saturating_mul(links as u64));
        let now = (self.started.len(), most);
        stores.add_bytes("checks and signatures", now, (self.bytes, bytes));
    }

    /// All outstanding work, handed over or not.
    pub(super) fn into_all(self) -> impl Iterator<Item = T> {
        self.started.into_values().map(|started| started.what)
    }

    fn add(
        &mut self,
        cx: &mut Out<'_>,
        kind: JobKind,
        owner: Owner,
        job: CryptoJob,
        what: T,
    ) -> Ticket {
        let ticket = cx.ticket();
        let started = Started {
            what,
            kind,
            owner,
            job: Some(job),
            moved: false,
            until: cx.now,
            held: Vec::new(),
        };
        self.started.insert(ticket, Box::new(started));
        ticket
    }

    fn reassign(&mut self, ticket: Ticket, to: Owner) {
        let Some(started) = self.started.get_mut(&ticket) else {
            return;
        };
        let from = std::mem::replace(&mut started.owner, to);
        self.waiting.entry(to).or_default().push_back(ticket);
        self.loads.entry(to).or_default().checks += 1;
        if let Some(load) = self.loads.get_mut(&from) {
            load.checks = load.checks.saturating_sub(1);
        }
        self.tidy(from);
    }

    fn end(&mut self, ticket: Ticket) -> Option<T> {
        let started = *self.started.remove(&ticket)?;
        let running = usize::from(!started.waits());
        if let Ok(place) = self.deadlines.binary_search(&(started.until, ticket)) {
            self.deadlines.remove(place);
        }
        match started.kind {
            JobKind::Check => {
                self.checking = self.checking.saturating_sub(running);
                let load = self.loads.entry(started.owner).or_default();
                load.checks = load.checks.saturating_sub(1);
                load.running = load.running.saturating_sub(running);
            }
            JobKind::Handshake => self.authenticating = self.authenticating.saturating_sub(running),
            JobKind::Own => {}
        }
        for (owner, bytes) in started.held {
            self.bytes = self.bytes.saturating_sub(bytes);
            if let Some(load) = self.loads.get_mut(&owner) {
                load.bytes = load.bytes.saturating_sub(bytes);
            }
            self.tidy(owner);
        }
        self.tidy(started.owner);
        Some(started.what)
    }

    /// Hands over jobs within the limits: authentications first, then the owners' checks in turn.
    fn proceed(&mut self, cx: &mut Out<'_>) {
        while self.authenticating < cx.config.link.max_handshakes.get()
            && let Some(ticket) = self.handshakes.pop_front()
        {
            self.hand_over(cx, ticket);
        }
        while self.checking < cx.config.gate.max_pending.get()
            && let Some(ticket) = self.next_check(&cx.config.gate)
        {
            self.hand_over(cx, ticket);
        }
    }

    fn next_check(&mut self, config: &GateConfig) -> Option<Ticket> {
        let share = config.max_pending_per_link.get();
        loop {
            let has_room = |owner: &Owner| owner.is_none() || self.load(*owner).running < share;
            let owners = from_after(&self.waiting, self.turn.as_ref());
            let owner = owners.map(|(owner, _)| *owner).find(has_room)?;
            self.turn = Some(owner);
            let queue = self.waiting.get_mut(&owner)?;
            let ticket = queue.pop_front();
            if queue.is_empty() {
                self.waiting.remove(&owner);
            }
            let started = ticket.and_then(|ticket| self.started.get(&ticket));
            if started.is_some_and(|started| started.owner == owner && started.waits()) {
                return ticket;
            }
        }
    }

    fn hand_over(&mut self, cx: &mut Out<'_>, ticket: Ticket) {
        let Some(started) = self.started.get_mut(&ticket) else {
            return;
        };
        let Some(job) = started.job.take() else {
            return;
        };
        let until = cx.now + cx.config.gate.check_timeout;
        started.until = until;
        match started.kind {
            JobKind::Check => {
                self.checking += 1;
                self.loads.entry(started.owner).or_default().running += 1;
            }
            JobKind::Handshake => self.authenticating += 1,
            JobKind::Own => {}
        }
        // While a job is with the service, a timer is set for the one handed over first.
        if !std::mem::replace(&mut self.armed, true) {
            cx.timers().set(TimerKey::Checks, until);
        }
        let place = self
            .deadlines
            .partition_point(|earlier| *earlier < (until, ticket));
        self.deadlines.insert(place, (until, ticket));
        cx.emit(Command::Crypto { ticket, job });
    }

    fn load(&self, owner: Owner) -> Load {
        self.loads.get(&owner).copied().unwrap_or_default()
    }

    fn tidy(&mut self, owner: Owner) {
        let load = self.load(owner);
        if load.checks == 0 && load.bytes == 0 {
            self.loads.remove(&owner);
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test skips all variants that it does not look for"
)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::out::Io;
    use crate::{Config, Endpoint, OrgId, PeerId, SelfIdentity};

    fn rig(run: impl FnOnce(&mut Jobs<u64>, &mut Out<'_>)) -> Vec<Ticket> {
        let identity = SelfIdentity {
            peer: PeerId::new(b"me"),
            org: OrgId::new(b"org"),
            bytes: Bytes::from_static(b"identity"),
        };
        let mut config = Config::new(identity, Endpoint::new("here"));
        config.link.max_handshakes = 2.try_into().unwrap();
        let mut io = Io::default();
        let mut cx = Out {
            now: Instant::START,
            config: &config,
            io: &mut io,
        };
        run(&mut Jobs::default(), &mut cx);
        let tickets = io.out.into_iter().filter_map(|command| match command {
            Command::Crypto { ticket, .. } => Some(ticket),
            _ => None,
        });
        tickets.collect()
    }

    fn job() -> CryptoJob {
        CryptoJob::Sign {
            payload: Bytes::new(),
            secret: None,
        }
    }

    #[test]
    fn a_stuck_check_does_not_keep_finished_ones_in_memory() {
        rig(|jobs, cx| {
            let stuck = jobs.start(cx, None, job(), 1, 0);
            for number in 1..1000 {
                cx.now += Duration::from_millis(1);
                let ticket = jobs.start(cx, Some(LinkId(number)), job(), 1, number);
                assert_eq!(jobs.finish(cx, ticket), Some(number));
            }
            assert_eq!((jobs.deadlines.len(), jobs.loads.len()), (1, 1));
            cx.now += Duration::from_secs(30);
            assert_eq!(jobs.pop_overdue(cx), Some(0));
            assert_eq!(jobs.finish(cx, stuck), None);
            assert_eq!((jobs.deadlines.len(), jobs.bytes), (0, 0));
        });
    }

    #[test]
    fn waiting_authentications_end_with_their_link_and_running_ones_do_not() {
        let handed_over = rig(|jobs, cx| {
            for link in 0..100 {
                jobs.start_handshake(cx, LinkId(link), job(), link);
                jobs.on_link_down(cx, LinkId(link), |_| true);
            }
            assert_eq!(jobs.started.len(), 2, "running jobs cannot be cancelled");
            jobs.start_handshake(cx, LinkId(200), job(), 200);
            let first = *jobs.started.keys().next().unwrap();
            jobs.finish(cx, first);
        });
        assert_eq!(handed_over.len(), 3);
    }
}
