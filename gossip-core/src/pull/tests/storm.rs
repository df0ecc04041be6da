//! Steps of pulls in any order, from peers that have and have not been asked.

use gossip_proto::PullKind::{Block, Identity};

use super::*;
use crate::rng::ModuleRng;

const MEMBERS: [&str; 3] = ["m2", "m4", "a1"];
const NAMES: [&str; 6] = ["m1", "m3", "m9", "a4", "e5", "?6"];
const NUMBERS: [&str; 6] = ["0", "1", "2", "7", "45", "x"];

/// Random events at a node.
struct Storm {
    bench: Bench,
    links: Vec<LinkId>,
    /// The latest hellos that the node has sent or received.
    hellos: Vec<(LinkId, PullKind, u64)>,
    beats: u64,
    rng: ModuleRng,
}

impl Storm {
    fn new(seed: u8) -> Self {
        let mut bench = Bench::joined(&["m", "a"], |_| {});
        bench.publish(0, good_block(0));
        let links = MEMBERS.map(|name| legacy(&mut bench, name));
        bench.receive(links[0], &state_info("m2", 1, 0));
        bench.receive(links[1], &state_info("m4", 1, 0));
        Self {
            bench,
            links: links.to_vec(),
            hellos: vec![(links[0], Block, 0), (links[1], Identity, 1)],
            beats: 1,
            rng: ModuleRng::fork(&[seed; 32], "storm"),
        }
    }

    /// Advances the time now and then; all members stay alive.
    fn pause(&mut self) {
        if self.rng.below(6) > 0 {
            return;
        }
        let pause = millis(self.rng.below(1200) as u64);
        self.bench.advance(pause);
        self.beats += 1;
        for (link, name) in self.links.iter().zip(MEMBERS) {
            let beat = beat(name, self.beats).message();
            self.bench.receive(*link, &beat);
        }
    }

    fn step(&mut self) {
        let (mut link, mut kind, nonce) = self.hellos[self.rng.below(self.hellos.len())];
        if self.rng.below(3) == 0 {
            link = self.links[self.rng.below(self.links.len())];
            kind = [Block, Identity][self.rng.below(2)];
        }
        let pool = if kind == Block { NUMBERS } else { NAMES };
        let picked: Vec<&str> = (0..self.rng.below(9))
            .map(|_| pool[self.rng.below(pool.len())])
            .collect();
        let message = match self.rng.below(4) {
            0 => hello(kind, nonce),
            1 => digest(kind, nonce, &picked),
            2 => request_of(kind, nonce, &picked),
            _ => {
                let items: Vec<_> = picked.iter().map(|id| self.item(kind, id)).collect();
                update(kind, nonce, &items)
            }
        };
        self.bench.receive(link, &message);
        let sent = self.bench.sent_like(|message| match message.content() {
            Content::Hello(hello) => Some((hello.kind, hello.nonce)),
            _ => None,
        });
        for (to, (kind, nonce)) in sent {
            let place = MEMBERS.iter().position(|name| *name == to).unwrap();
            self.hellos.push((self.links[place], kind, nonce));
        }
        let recent = self.hellos.len().saturating_sub(6);
        self.hellos.drain(..recent);
    }

    fn item(&mut self, kind: PullKind, id: &str) -> SignedMessage {
        match (kind, self.rng.below(4)) {
            (_, 0) => beat("m7", 3).message(),
            (Identity, 1) => announcement_by("m8", id),
            (Identity, _) => announcement(id),
            (Block, 1) => pushed(id.parse().unwrap_or(3), Bytes::from_static(b"bad")),
            (Block, _) => {
                let seq = id.parse().unwrap_or(3);
                pushed(seq, good_block(seq))
            }
        }
    }
}

#[test]
fn unsolicited_items_are_not_checked_in_any_order_of_steps() {
    let (mut pulled, mut refused) = (0, 0);
    for seed in 0..40 {
        let mut storm = Storm::new(seed);
        for _ in 0..300 {
            storm.pause();
            let checked = storm.bench.checked;
            let before = storm.bench.metrics().pull_items_received;
            storm.step();
            let metrics = storm.bench.metrics();
            let taken = metrics.pull_items_received - before;
            assert!(storm.bench.checked - checked <= usize::try_from(taken).unwrap());
            assert!(metrics.pull_items_received <= metrics.pull_items_requested);
        }
        let metrics = storm.bench.metrics();
        pulled += metrics.blocks_pulled + metrics.identities_pulled;
        refused += metrics.pull_refused;
        assert!(!storm.bench.holds_identity("m7") && !storm.bench.holds_identity("m8"));
        assert!(storm.bench.closed.is_empty(), "no link is closed for it");
    }
    assert!(pulled > 40 && refused > 1_000, "{pulled} {refused}");
}
