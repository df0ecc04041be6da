//! In any order of events: no panic, no limit exceeded, and nothing waits for ever.

use std::num::NonZeroUsize;

use super::*;

const PEERS: [&str; 6] = ["a1", "a2", "b1", "m", "z1", "z2"];

struct RandomEvents {
    rig: Rig,
    rng: ModuleRng,
    last_link: u64,
}

impl RandomEvents {
    fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rig = Rig::new();
        let cap = |value| NonZeroUsize::new(value).unwrap();
        rig.config.link.max_links = cap(4);
        rig.config.link.max_handshakes = cap(3);
        rig.config.link.max_dials = cap(4);
        rig.config.link.max_waiting = cap(3);
        rig.config.gate.max_remembered_handshakes = cap(5);
        rig.config.outbox.window_frames = cap(2);
        let rng = ModuleRng::fork(&bytes, "chaos");
        Self {
            rig,
            rng,
            last_link: 0,
        }
    }

    fn peer(&mut self) -> &'static str {
        PEERS[self.rng.below(PEERS.len())]
    }

    fn link(&mut self) -> u64 {
        let links: Vec<u64> = self
            .rig
            .links
            .connections
            .keys()
            .map(|link| link.0)
            .collect();
        let known = self.rng.below(links.len() + 1);
        links.get(known).copied().unwrap_or(self.last_link + 1)
    }

    fn conn(&mut self, link: u64) -> ConnEstablish {
        let name = self.peer();
        let conn = match self.rng.below(4) {
            0 => fabric_conn_of(name, link),
            _ => conn_of(name, link),
        };
        ConnEstablish {
            probe: self.rng.below(8) == 0,
            incarnation: conn.incarnation * (1 + self.rng.below(2) as u64),
            binding: binding(if self.rng.below(8) == 0 { 1 } else { link }),
            ..conn
        }
    }

    /// Takes the newest link through part of its authentication, or all of it.
    fn authenticate(&mut self) {
        let link = self.last_link;
        let conn = self.conn(link);
        let name = String::from_utf8_lossy(&conn.pki_id).into_owned();
        self.rig.take();
        for _ in 0..self.rng.below(10) {
            match self.rng.below(3) {
                0 if self.rig.to_sign.contains_key(&LinkId(link)) => self.rig.sign(link),
                0 | 1 if self.rig.links.admits(LinkId(link)) => {
                    self.rig
                        .first_message(link, &signed(Content::Conn(conn.clone())));
                }
                _ => self.rig.authenticated(link, Ok(identity(&name))),
            }
        }
    }

    #[allow(clippy::too_many_lines, reason = "one arm per kind of event")]
    fn step(&mut self) {
        let link = self.link();
        let name = self.peer();
        match self.rng.below(16) {
            0 | 1 => {
                self.last_link += 1;
                let dial = (self.rng.below(2) == 0).then_some(1 + self.rng.below(40) as u64);
                self.rig.link_up(self.last_link, dial);
                self.authenticate();
            }
            2 | 3 => {
                let ticket = self
                    .rig
                    .links
                    .dialler
                    .dials
                    .keys()
                    .next()
                    .map(|ticket| ticket.0);
                self.last_link += u64::from(ticket.is_some());
                if ticket.is_some() {
                    self.rig.link_up(self.last_link, ticket);
                    self.authenticate();
                }
            }
            4 => self.rig.dial_failed(1 + self.rng.below(40) as u64),
            5 | 6 => {
                self.rig.take();
                if self.rig.to_sign.contains_key(&LinkId(link)) {
                    self.rig.sign(link);
                }
            }
            7 => {
                let conn = self.conn(link);
                self.rig.first_message(link, &signed(Content::Conn(conn)));
            }
            8 | 9 => {
                let handshake = self.rig.links.connections.get(&LinkId(link));
                let claimed = handshake.and_then(|connection| connection.handshake()?.claimed());
                let claimed = claimed.map(|name| String::from_utf8_lossy(name).into_owned());
                let name = claimed.unwrap_or_else(|| name.to_owned());
                self.rig.authenticated(link, Ok(identity(&name)));
            }
            10 => {
                let reason = [LinkDownReason::Finished, LinkDownReason::Broken][self.rng.below(2)];
                self.rig.link_down(link, reason);
            }
            11 => {
                self.rig.touch(link);
                self.rig.flushed(link, self.rng.below(4) as u32, 100);
            }
            12 => match self.rng.below(4) {
                0 => self
                    .rig
                    .run(|links, cx| links.on_malformed(cx, LinkId(link))),
                1 => self
                    .rig
                    .run(|links, cx| links.on_sign_failed(cx, LinkId(link))),
                2 => {
                    let reason = CloseReason::PeerGone;
                    self.rig
                        .run(|links, cx| links.close_peer(cx, &peer(name), reason));
                }
                _ => {
                    let endpoint = Endpoint::new(name);
                    self.rig.run(|links, cx| links.dial(cx, &endpoint));
                }
            },
            13 => {
                let millis = self.rng.below(900) as u64;
                self.rig.advance(Duration::from_millis(millis));
            }
            14 => {
                self.rig.hold(name, "held");
            }
            _ => {
                let class = Class::ALL[self.rng.below(3)];
                self.rig.send_class(name, class, None, "x");
            }
        }
        self.check();
    }

    fn check(&mut self) {
        self.rig.take();
        let Rig {
            links, io, config, ..
        } = &self.rig;
        let up = || {
            links
                .connections
                .iter()
                .filter_map(|(id, link)| Some((*id, link.up()?)))
        };
        assert!(up().count() <= config.link.max_links.get());
        let finishing = links
            .connections
            .values()
            .filter(|link| link.is_finishing());
        assert!(finishing.count() <= config.link.max_links.get());
        for (id, connection) in &links.connections {
            let handshaking = connection.handshake().is_some();
            assert_eq!(io.timers.is_set(&TimerKey::Handshake(*id)), handshaking);
            let standby = connection
                .up()
                .is_some_and(|session| session.standby.is_some());
            let lingers = standby || connection.is_finishing();
            assert_eq!(io.timers.is_set(&TimerKey::Linger(*id)), lingers);
        }
        for (peer, route) in &links.routes {
            let mut listed = route.standby.clone();
            listed.push(route.primary);
            listed.sort();
            let of_peer = up().filter(|(_, session)| session.peer == *peer);
            let of_peer: Vec<LinkId> = of_peer.map(|(link, _)| link).collect();
            assert_eq!(listed, of_peer, "{peer}");
        }
        assert!(up().all(|(_, session)| links.routes.contains_key(&session.peer)));
        assert!(links.dialler.pursuits.len() <= config.link.max_dials.get());
        for (peer, pursuit) in &links.dialler.pursuits {
            let awaited = pursuit.attempt
                || links.is_claimed(peer)
                || io.timers.is_set(&TimerKey::Redial(peer.clone()));
            assert!(
                pursuit.waiting.is_empty() || awaited,
                "messages wait without a dial"
            );
            assert!(pursuit.waiting.is_empty() || !links.is_connected(peer));
            assert!(
                awaited || links.is_connected(peer),
                "a pursuit without a timer"
            );
        }
        for ticket in links.dialler.dials.keys() {
            assert!(io.timers.is_set(&TimerKey::Dial(*ticket)));
        }
    }
}

#[test]
fn every_order_of_events_leaves_no_state_behind() {
    let mut established = 0;
    for seed in 0..300 {
        let mut random = RandomEvents::new(seed);
        for _ in 0..400 {
            random.step();
        }
        established += random.rig.metrics().links_established;
        let links: Vec<LinkId> = random.rig.links.connections.keys().copied().collect();
        for link in links {
            random.rig.link_down(link.0, LinkDownReason::Broken);
            random.check();
        }
        random.rig.advance(Duration::from_secs(120));
        random.check();
        assert!(random.rig.links.connections.is_empty());
        assert!(random.rig.links.routes.is_empty());
        assert!(random.rig.links.dialler.pursuits.is_empty(), "seed {seed}");
        assert_eq!(random.rig.io.timers.next(), None);
    }
    assert!(established > 3_000, "links were established: {established}");
}
