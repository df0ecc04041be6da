//! State transfer in virtual time, command by command.

mod commit;
mod height;
mod machine;
mod order;
mod publish;
mod repair;
mod serve;
mod trust;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{Payload, StateRequest};

use self::machine::{Effect, Machine};
use crate::channel::commit::Want;
use crate::channel::transfer::requester::Ask as Request;
use crate::node::bench::Bound;
use crate::out::{Io, Out};
use crate::rng::ModuleRng;
use crate::timer::{ChannelTimer, TimerKey};
use crate::{
    BlockOrigin, ChannelId, Command, Config, Endpoint, Instant, LedgerError, LedgerOp,
    LedgerOutcome, LinkId, Notification, OrgId, PeerId, RequestError, RequestId, Response,
    SelfIdentity, Ticket,
};

pub(super) const LINK: LinkId = LinkId(1);

/// A command in comparable form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Emitted {
    Height,
    Commit(u64),
    Read(u64, u64),
    Reply(u64, Result<Response, RequestError>),
    Notify(Notification),
}

/// A request for blocks to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) peer: PeerId,
    pub(super) nonce: u64,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// One channel's parts and their environment.
pub(super) struct Bench {
    pub(super) config: Config,
    pub(super) io: Io,
    pub(super) now: Instant,
    pub(super) transfer: Machine,
    /// Outstanding ledger operations, in order.
    pub(super) pending: VecDeque<(Ticket, LedgerOp)>,
}

impl Bench {
    /// A channel whose ledger has not answered yet.
    pub(super) fn starting(adjust: impl FnOnce(&mut Config)) -> Self {
        let identity = SelfIdentity {
            peer: peer(0),
            org: OrgId::new(b"org"),
            bytes: Bytes::from_static(b"identity"),
        };
        let mut config = Config::new(identity, Endpoint::new("here:1"));
        adjust(&mut config);
        let mut io = Io::default();
        let now = Instant::from_millis(1000);
        let mut cx = Out {
            now,
            config: &config,
            io: &mut io,
        };
        let rng = ModuleRng::fork(&[7; 32], "state_transfer");
        let transfer = Machine::new(&mut cx, channel(), rng);
        Self {
            config,
            io,
            now,
            transfer,
            pending: VecDeque::new(),
        }
    }

    /// A channel with `height` blocks in its ledger.
    pub(super) fn at(height: u64) -> Self {
        Self::with(height, |_| {})
    }

    pub(super) fn with(height: u64, adjust: impl FnOnce(&mut Config)) -> Self {
        let mut bench = Self::starting(adjust);
        assert_eq!(bench.out(), [Emitted::Height]);
        let effects = bench.answer(LedgerOutcome::Height(Ok(height)));
        assert_eq!(effects, [Effect::Ready { height }]);
        bench
    }

    pub(super) fn call<R>(&mut self, f: impl FnOnce(&mut Machine, &mut Out<'_>) -> R) -> R {
        let mut cx = Out {
            now: self.now,
            config: &self.config,
            io: &mut self.io,
        };
        f(&mut self.transfer, &mut cx)
    }

    /// The commands since the last call.
    pub(super) fn out(&mut self) -> Vec<Emitted> {
        let mut out = Vec::new();
        while let Some(command) = self.io.out.pop_front() {
            out.push(match command.clone() {
                Command::Ledger { ticket, op } => {
                    self.pending.push_back((ticket, op.clone()));
                    match op {
                        LedgerOp::Height { .. } => Emitted::Height,
                        LedgerOp::Commit { seq, block, .. } => {
                            assert_eq!(block, data(seq));
                            Emitted::Commit(seq)
                        }
                        LedgerOp::Read { start, end, .. } => Emitted::Read(start, end),
                    }
                }
                Command::Reply { id, result } => Emitted::Reply(id.0, result),
                Command::Notify(notification) => Emitted::Notify(notification),
                Command::Dial { .. }
                | Command::Send { .. }
                | Command::FinishLink { .. }
                | Command::CloseLink { .. }
                | Command::Validate { .. }
                | Command::Crypto { .. }
                | Command::Deliver(_) => panic!("unexpected {command:?}"),
            });
        }
        out
    }

    /// Answers the oldest outstanding ledger operation.
    pub(super) fn answer(&mut self, outcome: LedgerOutcome) -> Vec<Effect> {
        self.out();
        let (ticket, _) = self.pending.pop_front().expect("an outstanding operation");
        self.call(|transfer, cx| transfer.on_ledger_done(cx, ticket, outcome))
    }

    /// Answers commits with success until none is outstanding.
    pub(super) fn commit_all(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        let mut bound = Bound::new("no ledger operation to be outstanding", 10_000);
        loop {
            bound.step(&self.pending);
            self.out();
            if self.pending.is_empty() {
                return effects;
            }
            effects.extend(self.answer(committed()));
        }
    }

    pub(super) fn push(&mut self, seq: u64) -> Vec<Effect> {
        self.admit(seq, BlockOrigin::Push)
    }

    pub(super) fn admit(&mut self, seq: u64, origin: BlockOrigin) -> Vec<Effect> {
        self.call(|transfer, cx| transfer.admit(cx, seq, data(seq), origin))
    }

    pub(super) fn publish(&mut self, id: u64, seq: u64) -> Vec<Effect> {
        self.call(|transfer, cx| transfer.publish(cx, RequestId(id), seq, data(seq)))
    }

    pub(super) fn want(&mut self, seq: u64) -> Want {
        self.call(|transfer, cx| transfer.want(cx, seq))
    }

    /// A connected peer claims `height`.
    pub(super) fn claim(&mut self, name: u8, height: u64) -> Vec<Ask> {
        asks(&self.call(|transfer, cx| transfer.on_claim(cx, &peer(name), height, true)))
    }

    /// Answers `ask` with blocks `numbers`; they are not admitted.
    pub(super) fn respond(&mut self, ask: &Ask, numbers: &[u64]) -> Vec<Effect> {
        let payloads = numbers.iter().map(|seq| payload(*seq)).collect();
        self.call(|transfer, cx| transfer.on_response(cx, &ask.peer, ask.nonce, payloads))
    }

    /// Answers `ask` with blocks `numbers`, all of which verify.
    pub(super) fn deliver(&mut self, ask: &Ask, numbers: &[u64]) -> Vec<Ask> {
        let effects = self.respond(ask, numbers);
        let mut asked = asks(&effects);
        for seq in to_verify(&effects) {
            asked.extend(asks(&self.admit(seq, BlockOrigin::StateTransfer)));
        }
        asked
    }

    /// Advances the time, and fires the timer whenever it is due.
    pub(super) fn wait(&mut self, time: Duration) -> Vec<Ask> {
        let until = self.now + time;
        let mut asked = Vec::new();
        let mut fired = None;
        let mut bound = Bound::new("the timer to allow time to pass", 10_000);
        while let Some(at) = self.io.timers.next().filter(|at| *at <= until) {
            bound.step((at, until));
            // It may lie in the past once: new events may have shortened the gap timeout.
            assert_ne!(fired.replace(at), Some(at), "the deadline does not change");
            self.now = self.now.max(at);
            let key = self.io.timers.pop_due(at);
            assert_eq!(
                key,
                Some(TimerKey::Channel(ChannelTimer::Transfer, channel()))
            );
            asked.extend(asks(&self.call(Machine::on_timer)));
        }
        self.now = until;
        asked
    }

    pub(super) fn wait_gap_timeout(&mut self) -> Vec<Ask> {
        self.wait(self.config.state_transfer.gap_timeout * 3)
    }

    /// The first request after the gap timeout, which must be the only one.
    pub(super) fn one_ask(&mut self) -> Ask {
        let asked = self.wait_gap_timeout();
        let [ask] = asked.as_slice() else {
            panic!("expected one request: {asked:?}");
        };
        ask.clone()
    }
}

pub(super) fn channel() -> ChannelId {
    ChannelId::new("c")
}

pub(super) fn peer(name: u8) -> PeerId {
    PeerId::new(&[name])
}

pub(super) fn data(seq: u64) -> Bytes {
    Bytes::from(format!("block {seq}"))
}

pub(super) fn payload(seq: u64) -> Payload {
    Payload {
        seq_num: seq,
        data: data(seq),
        private_data: Vec::new(),
    }
}

pub(super) fn committed() -> LedgerOutcome {
    LedgerOutcome::Committed(Ok(()))
}

pub(super) fn not_next() -> LedgerOutcome {
    LedgerOutcome::Committed(Err(LedgerError::NotNext("other hash".to_owned())))
}

pub(super) fn storage() -> LedgerOutcome {
    LedgerOutcome::Committed(Err(LedgerError::Storage("disk full".to_owned())))
}

pub(super) fn accepted(seq: u64, origin: BlockOrigin) -> Effect {
    Effect::Accepted {
        seq,
        data: data(seq),
        origin,
        request: None,
    }
}

/// A publication is accepted, and its answer is due when it has been passed on.
pub(super) fn published(id: u64, seq: u64) -> Effect {
    Effect::Accepted {
        seq,
        data: data(seq),
        origin: BlockOrigin::Local,
        request: Some(RequestId(id)),
    }
}

/// A publication is known, and its answer is due.
pub(super) fn known(id: u64) -> Effect {
    Effect::Known {
        request: RequestId(id),
    }
}

pub(super) fn asks(effects: &[Effect]) -> Vec<Ask> {
    let mut asked = Vec::new();
    for effect in effects {
        if let Effect::Ask(Request {
            peer,
            nonce,
            request,
            ..
        }) = effect
        {
            asked.push(Ask {
                peer: peer.clone(),
                nonce: *nonce,
                start: request.start,
                end: request.end,
            });
        }
    }
    asked
}

pub(super) fn to_verify(effects: &[Effect]) -> Vec<u64> {
    let mut numbers = Vec::new();
    for effect in effects {
        if let Effect::Verify { seq } = effect {
            numbers.push(*seq);
        }
    }
    numbers
}

pub(super) fn ranges(asked: &[Ask]) -> Vec<(u64, u64)> {
    let mut ranges: Vec<_> = asked.iter().map(|ask| (ask.start, ask.end)).collect();
    ranges.sort_unstable();
    ranges
}
