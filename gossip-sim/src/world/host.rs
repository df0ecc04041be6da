use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use gossip_core::{ChannelId, Config, Delivery, Instant, JoinChannel, Notification};

use super::occurrence::Occurrence;
use super::submitted::{Validator, accept};
use crate::ledger::SimLedger;
use crate::network::{Credit, EndKey};

/// The host of one node: the state that survives a crash, and its driver.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) config: Arc<Config>,
    pub(super) window: Credit,
    /// Whether it is a legacy peer.
    pub(super) legacy: bool,
    pub(super) validator: Validator,
    pub(super) up: bool,
    /// Its application has asked it to stop: it counts as down, although it may still send.
    pub(super) stopped: bool,
    /// Incremented by each start and crash: events planned in an earlier epoch are dropped.
    pub(super) epoch: u32,
    pub(super) starts: u64,
    pub(super) incarnation: u64,
    pub(super) last_change: Instant,
    /// Its side of the partition.
    pub(super) side: u8,
    pub(super) ledger: SimLedger,
    pub(super) joins: BTreeMap<ChannelId, JoinChannel>,
    pub(super) notifications: VecDeque<Notification>,
    pub(super) deliveries: VecDeque<Delivery>,
    pub(super) crypto_slow: Slow,
    pub(super) ledger_slow: Slow,
    /// The end of its freeze, if it is frozen.
    pub(super) frozen_until: Option<Instant>,
    /// Occurrences since the freeze began, in order.
    pub(super) deferred: VecDeque<Occurrence>,
    pub(super) driver: Driver,
}

/// The driver's state, which a crash clears.
#[derive(Debug, Default)]
pub(super) struct Driver {
    /// The earliest planned wake-up.
    pub(super) wake_at: Option<Instant>,
    /// Links with frames that the node has not admitted yet.
    pub(super) blocked: VecDeque<EndKey>,
    /// Links whose sender waits for credit.
    pub(super) sweep: Vec<EndKey>,
    pub(super) sweep_planned: bool,
    /// Links that are up and that the node has neither finished nor closed.
    pub(super) open_links: u64,
    pub(super) dials: u64,
    pub(super) checks: u64,
    /// Height queries outstanding; until they are answered the node does not know its own height.
    pub(super) heights: u64,
}

/// Slowdown of a service until a given time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slow {
    pub(super) factor: u32,
    pub(super) until: Instant,
}

impl Host {
    pub(super) fn new(config: Arc<Config>) -> Self {
        let window = Credit {
            frames: u32::try_from(config.outbox.window_frames.get()).unwrap_or(u32::MAX),
            bytes: config.outbox.window_bytes,
        };
        Self {
            config,
            window,
            legacy: false,
            validator: accept,
            up: false,
            stopped: false,
            epoch: 0,
            starts: 0,
            incarnation: 0,
            last_change: Instant::START,
            side: 0,
            ledger: SimLedger::default(),
            joins: BTreeMap::new(),
            notifications: VecDeque::new(),
            deliveries: VecDeque::new(),
            crypto_slow: Slow::NONE,
            ledger_slow: Slow::NONE,
            frozen_until: None,
            deferred: VecDeque::new(),
            driver: Driver::default(),
        }
    }

    /// The time at which it went down; `None` if it runs.
    pub(super) fn down_since(&self) -> Option<Instant> {
        (!self.is_running()).then_some(self.last_change)
    }

    pub(super) fn is_running(&self) -> bool {
        self.up && !self.stopped
    }
}

impl Slow {
    pub(super) const NONE: Self = Self {
        factor: 1,
        until: Instant::START,
    };

    pub(super) fn factor(self, now: Instant) -> u32 {
        if now < self.until {
            self.factor.max(1)
        } else {
            1
        }
    }
}
