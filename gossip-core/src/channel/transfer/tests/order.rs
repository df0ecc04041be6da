//! Under any sequence of events, the ledger gets 0, 1, 2, … once each.

use proptest::prelude::*;

use super::*;

const BLOCKS: u64 = 60;

#[derive(Clone, Debug)]
enum Step {
    Push(u64),
    Publish(u64),
    /// The ledger answers; with a failure if `true`.
    Ledger(bool),
    /// The oldest request is answered with the numbers whose bits are set.
    Answer(u32),
    BadBlock(u64),
    Claim(u8, u64),
    Gone(u8),
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..BLOCKS).prop_map(Step::Push),
        1 => (0..BLOCKS).prop_map(Step::Publish),
        6 => prop::bool::weighted(0.2).prop_map(Step::Ledger),
        3 => any::<u32>().prop_map(Step::Answer),
        1 => (0..BLOCKS).prop_map(Step::BadBlock),
        2 => (1..5_u8, prop_oneof![0..=BLOCKS, Just(u64::MAX)])
            .prop_map(|(name, height)| Step::Claim(name, height)),
        1 => (1..5_u8).prop_map(Step::Gone),
        2 => (0..5000_u16).prop_map(Step::Wait),
    ]
}

/// A bench with a simulated ledger, and requests under way.
struct Run {
    bench: Bench,
    stored: Vec<u64>,
    failures: u32,
    asked: VecDeque<Ask>,
    replies: u64,
    published: u64,
}

impl Run {
    fn new() -> Self {
        Self {
            bench: Bench::at(0),
            stored: Vec::new(),
            failures: 0,
            asked: VecDeque::new(),
            replies: 0,
            published: 0,
        }
    }

    fn out(&mut self) {
        let replies = self.bench.out().into_iter();
        let replies = replies
            .filter(|out| matches!(out, Emitted::Reply(..)))
            .count();
        self.replies += replies as u64;
    }

    fn apply(&mut self, step: &Step) {
        let effects = match step {
            Step::Push(seq) => self.bench.push(*seq),
            Step::Publish(seq) => {
                self.published += 1;
                self.bench.publish(self.published, *seq)
            }
            Step::Ledger(fail) => {
                self.ledger(*fail);
                return;
            }
            Step::Answer(bits) => {
                self.answer(*bits);
                return;
            }
            Step::BadBlock(seq) => {
                let peer = peer(1);
                self.bench
                    .call(|transfer, cx| transfer.on_bad_block(cx, &peer, *seq))
            }
            Step::Claim(name, height) => {
                let asked = self.bench.claim(*name, *height);
                self.asked.extend(asked);
                return;
            }
            Step::Gone(name) => {
                let peer = peer(*name);
                self.bench
                    .call(|transfer, cx| transfer.on_peer_gone(cx, &peer))
            }
            Step::Wait(millis) => {
                let asked = self.bench.wait(Duration::from_millis(u64::from(*millis)));
                self.asked.extend(asked);
                return;
            }
        };
        self.take(&effects);
    }

    fn take(&mut self, effects: &[Effect]) {
        let answered = |effect: &&Effect| {
            let Effect::Accepted { request, .. } = effect else {
                return matches!(effect, Effect::Known { .. });
            };
            request.is_some()
        };
        self.replies += effects.iter().filter(answered).count() as u64;
        self.asked.extend(asks(effects));
    }

    /// Answers the oldest operation, but with fewer consecutive failures than halt the channel.
    fn ledger(&mut self, fail: bool) {
        self.out();
        let Some((_, op)) = self.bench.pending.front().cloned() else {
            return;
        };
        let outcome = match op {
            LedgerOp::Height { .. } => LedgerOutcome::Height(Ok(self.stored.len() as u64)),
            LedgerOp::Commit { .. } if fail && self.failures < 3 => {
                self.failures += 1;
                not_next()
            }
            LedgerOp::Commit { seq, .. } => {
                assert_eq!(seq, self.stored.len() as u64, "out of order");
                self.failures = 0;
                self.stored.push(seq);
                committed()
            }
            LedgerOp::Read { .. } => panic!("unsolicited read"),
        };
        let effects = self.bench.answer(outcome);
        self.take(&effects);
    }

    fn answer(&mut self, bits: u32) {
        let Some(ask) = self.asked.pop_front() else {
            return;
        };
        let numbers: Vec<u64> = (ask.start..=ask.end)
            .filter(|seq| *seq < BLOCKS && bits >> (seq - ask.start) & 1 == 1)
            .collect();
        let asked = self.bench.deliver(&ask, &numbers);
        self.asked.extend(asked);
    }

    fn check(&self) {
        let transfer = &self.bench.transfer;
        let limit = self.bench.config.state_transfer.window.get();
        assert!(transfer.buffered() <= limit);
        assert_eq!(transfer.height(), self.stored.len() as u64);
        assert_eq!(transfer.halted(), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn blocks_are_committed_in_order_once_each(steps in prop::collection::vec(step(), 0..300)) {
        let mut run = Run::new();
        for step in &steps {
            run.apply(step);
            run.check();
        }
        // Recovery: an honest peer has all blocks and answers.
        for name in 1..5 {
            run.apply(&Step::Gone(name));
        }
        run.asked.clear();
        run.apply(&Step::Claim(9, BLOCKS));
        for _ in 0..400 {
            run.apply(&Step::Answer(u32::MAX));
            run.apply(&Step::Ledger(false));
            run.apply(&Step::Wait(500));
        }
        let expected: Vec<u64> = (0..BLOCKS).collect();
        prop_assert_eq!(&run.stored, &expected);
        run.out();
        prop_assert_eq!(run.replies, run.published, "each publication is answered once");
    }
}
