use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use foca::{Config, Foca, NoCustomBroadcast, Notification, PostcardCodec, Runtime, Timer};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use crate::measured::Measured;

const LIMIT: Duration = Duration::from_secs(1_200);

type Member = Foca<SocketAddrV4, PostcardCodec, SmallRng, NoCustomBroadcast>;

/// All members, and their packets and timers in virtual time.
struct World {
    members: Vec<Member>,
    heap: BinaryHeap<Reverse<(Duration, u64, usize)>>,
    pending: Vec<Option<Event>>,
    latency: SmallRng,
    now: Duration,
    seen: Vec<BTreeSet<SocketAddrV4>>,
    pairs: usize,
    last: Duration,
    bytes: usize,
    packets: usize,
}

enum Event {
    Announce,
    Data(Vec<u8>),
    Timer(Timer<SocketAddrV4>),
}

/// The effects of one call of a member.
#[derive(Default)]
struct Effects {
    up: Vec<SocketAddrV4>,
    sent: Vec<(SocketAddrV4, Vec<u8>)>,
    timers: Vec<(Timer<SocketAddrV4>, Duration)>,
}

impl Runtime<SocketAddrV4> for Effects {
    fn notify(&mut self, notification: Notification<'_, SocketAddrV4>) {
        if let Notification::MemberUp(member) = notification {
            self.up.push(*member);
        }
    }

    fn send_to(&mut self, to: SocketAddrV4, data: &[u8]) {
        self.sent.push((to, data.to_vec()));
    }

    fn submit_after(&mut self, event: Timer<SocketAddrV4>, after: Duration) {
        self.timers.push((event, after));
    }
}

pub(super) fn run(nodes: usize, seed: u64) -> Result<Measured> {
    let mut world = World::new(nodes, seed)?;
    let due = nodes * (nodes - 1);
    while world.pairs < due {
        ensure!(
            world.now < LIMIT,
            "not all members have seen each other in {LIMIT:?}"
        );
        world
            .step()
            .context("no event is left before all members have seen each other")?;
    }
    let mut measured = Measured::default();
    measured.set("seconds_to_all_pairs", world.last.as_secs_f64());
    measured.set("kb_sent_per_node", world.bytes as f64 / 1e3 / nodes as f64);
    measured.set("messages_per_node", world.packets as f64 / nodes as f64);
    measured.set("events_per_s", 0.0);
    Ok(measured)
}

fn address(index: usize) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from(0x0a00_0000 | index as u32), 7051)
}

fn index(address: SocketAddrV4) -> usize {
    (u32::from(*address.ip()) & 0x00ff_ffff) as usize
}

impl World {
    fn new(nodes: usize, seed: u64) -> Result<Self> {
        let size = NonZeroU32::new(u32::try_from(nodes)?).context("a cluster has members")?;
        let members = (0..nodes).map(|index| {
            let random = SmallRng::seed_from_u64(seed.wrapping_add(index as u64));
            Foca::new(address(index), Config::new_lan(size), random, PostcardCodec)
        });
        let mut world = Self {
            members: members.collect(),
            heap: BinaryHeap::new(),
            pending: Vec::new(),
            latency: SmallRng::seed_from_u64(seed),
            now: Duration::ZERO,
            seen: vec![BTreeSet::new(); nodes],
            pairs: 0,
            last: Duration::ZERO,
            bytes: 0,
            packets: 0,
        };
        for index in 1..nodes {
            world.plan(Duration::from_millis(index as u64), index, Event::Announce);
        }
        Ok(world)
    }

    fn plan(&mut self, at: Duration, member: usize, event: Event) {
        let number = self.pending.len();
        self.pending.push(Some(event));
        self.heap.push(Reverse((at, number as u64, member)));
    }

    fn step(&mut self) -> Option<()> {
        let Reverse((at, number, index)) = self.heap.pop()?;
        self.now = at;
        let event = self.pending.get_mut(number as usize)?.take()?;
        let mut effects = Effects::default();
        let member = self.members.get_mut(index)?;
        // foca handles a packet that it refuses, as on a network.
        let _ = match event {
            Event::Announce => member.announce(address(0), &mut effects),
            Event::Data(data) => member.handle_data(&data, &mut effects),
            Event::Timer(timer) => member.handle_timer(timer, &mut effects),
        };
        self.carry_out(index, effects);
        Some(())
    }

    fn carry_out(&mut self, from: usize, effects: Effects) {
        for other in effects.up {
            if self
                .seen
                .get_mut(from)
                .is_some_and(|seen| seen.insert(other))
            {
                self.pairs += 1;
                self.last = self.now;
            }
        }
        for (to, data) in effects.sent {
            self.bytes += data.len();
            self.packets += 1;
            let delay = Duration::from_micros(self.latency.random_range(5_000..=15_000));
            self.plan(self.now + delay, index(to), Event::Data(data));
        }
        for (timer, after) in effects.timers {
            self.plan(self.now + after, from, Event::Timer(timer));
        }
    }
}
