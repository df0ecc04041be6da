//! A model of two nodes and the network between them, in every order that seeded delays produce.

use std::collections::VecDeque;

use super::*;

/// One end of a connection.
#[derive(Debug, Default)]
struct End {
    /// Frames of `Send`, by class.
    outgoing: [VecDeque<SignedMessage>; 3],
    /// Arrived frames that the node has not read. `None` is the end.
    incoming: VecDeque<Option<SignedMessage>>,
    /// Whether the node knows the link.
    up: bool,
    /// Whether the node has requested the close of its half.
    finishing: bool,
    /// Whether the node's half is closed.
    finished: bool,
    /// Whether the link has ended for the node.
    gone: bool,
    /// Whether a frame is in flight.
    writing: bool,
}

#[derive(Debug)]
enum Step {
    Send(usize, u32),
    Seed(usize, &'static str),
    Connected(usize, Ticket),
    Up(usize, u64),
    Signed(usize, LinkId, SignedMessage),
    Authenticated(usize, LinkId, PeerId),
    /// The transport of this end sends the next frame of its queue.
    Write(usize, u64),
    Arrive(usize, u64, SignedMessage),
    EndOfStream(usize, u64),
    Broken(usize, u64),
    Read(usize, u64),
}

/// Nodes 0 and 1, called `a` and `b`. Link `n` of one is link `n` of the other.
struct Model {
    nodes: [Rig; 2],
    rng: ModuleRng,
    now: Instant,
    seq: u64,
    steps: BTreeMap<(Instant, u64), Step>,
    links: BTreeMap<u64, [End; 2]>,
    /// The node that dialled, by link.
    dialled: BTreeMap<u64, (usize, Ticket)>,
    /// The messages received by each node.
    arrived: [Vec<String>; 2],
    /// Longest delay of a step, in milliseconds.
    spread: usize,
    /// Links whose end is noticed at the first end only, and whose frames are lost then.
    severed: BTreeMap<u64, usize>,
}

const NAMES: [&str; 2] = ["a", "b"];

impl Model {
    fn new(seed: u64, spread: usize) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self {
            nodes: [Rig::named("a", 1), Rig::named("b", 2)],
            rng: ModuleRng::fork(&bytes, "world"),
            now: Instant::START,
            seq: 0,
            steps: BTreeMap::new(),
            links: BTreeMap::new(),
            dialled: BTreeMap::new(),
            arrived: [Vec::new(), Vec::new()],
            spread,
            severed: BTreeMap::new(),
        }
    }

    fn after(&mut self, delay: Duration, step: Step) {
        self.seq += 1;
        self.steps.insert((self.now + delay, self.seq), step);
    }

    fn soon(&mut self, step: Step) {
        let micros = self.rng.below(self.spread * 1000) as u64;
        self.after(Duration::from_micros(micros), step);
    }

    fn run_until(&mut self, end: Instant) {
        let mut bound = Bound::new("the last step", 100_000);
        loop {
            bound.step((self.now, end));
            let timers = self
                .nodes
                .iter()
                .filter_map(|node| node.io.timers.next())
                .min();
            let step = self.steps.first_key_value().map(|((at, _), _)| *at);
            let Some(next) = timers
                .into_iter()
                .chain(step)
                .min()
                .filter(|next| *next <= end)
            else {
                break;
            };
            self.now = next;
            for node in 0..2 {
                self.nodes[node].now = next;
            }
            match self
                .steps
                .first_entry()
                .filter(|entry| entry.key().0 <= next)
            {
                Some(entry) => {
                    let step = entry.remove();
                    self.execute(step);
                }
                None => self.nodes.iter_mut().for_each(Rig::fire_due),
            }
            self.drain();
        }
        self.now = end;
        for node in 0..2 {
            self.nodes[node].now = end;
        }
    }

    fn execute(&mut self, step: Step) {
        match step {
            Step::Send(node, number) => {
                let class = Class::ALL[self.rng.below(3)];
                let message = format!("{}{number}", NAMES[node]);
                let sent = self.nodes[node].send_class(NAMES[1 - node], class, None, &message);
                assert!(!matches!(sent, Sent::Dropped(_)));
            }
            Step::Seed(node, endpoint) => {
                self.nodes[node].run(|links, cx| links.dial(cx, &Endpoint::new(endpoint)));
            }
            Step::Connected(node, ticket) => {
                self.seq += 1;
                let link = self.seq;
                self.links.insert(link, Default::default());
                self.dialled.insert(link, (node, ticket));
                self.soon(Step::Up(0, link));
                self.soon(Step::Up(1, link));
            }
            Step::Up(node, link) => {
                let (dialler, ticket) = self.dialled[&link];
                self.end(node, link).up = true;
                let ticket = (dialler == node).then_some(ticket.0);
                self.nodes[node].link_up(link, ticket);
                self.soon(Step::Read(node, link));
            }
            Step::Signed(node, link, message) => {
                self.nodes[node].run(|links, cx| links.on_conn_signed(cx, link, message));
                self.soon(Step::Read(node, link.0));
            }
            Step::Authenticated(node, link, peer) => {
                self.nodes[node].authenticated(link.0, Ok(identity(&show(&peer))));
                self.soon(Step::Read(node, link.0));
            }
            Step::Write(node, link) => self.write(node, link),
            Step::Arrive(node, link, message) => self.arrive(node, link, Some(message)),
            Step::EndOfStream(node, link) => self.arrive(node, link, None),
            Step::Broken(node, link) => self.down(node, link, LinkDownReason::Broken),
            Step::Read(node, link) => self.read(node, link),
        }
    }

    fn end(&mut self, node: usize, link: u64) -> &mut End {
        &mut self.links.get_mut(&link).expect("a link")[node]
    }

    /// The transport of a node sends its next frame, the highest class first.
    fn write(&mut self, node: usize, link: u64) {
        let lost = self.severed.contains_key(&link);
        let end = self.end(node, link);
        end.writing = false;
        let next = end.outgoing.iter_mut().find_map(VecDeque::pop_front);
        let finished = next.is_none() && end.finishing && !end.finished;
        end.finished |= finished;
        let gone = end.gone;
        if let Some(message) = next {
            let bytes = message.encoded().len() as u64;
            self.schedule_write(node, link);
            if lost {
                return;
            }
            self.arrive_in_order(1 - node, link, Some(message));
            if !gone {
                self.nodes[node].flushed(link, 1, bytes);
            }
        } else if finished && !lost {
            self.arrive_in_order(1 - node, link, None);
        }
    }

    /// Delivery in order: each frame takes the longest delay.
    fn arrive_in_order(&mut self, node: usize, link: u64, message: Option<SignedMessage>) {
        let wire = Duration::from_millis(self.spread as u64);
        match message {
            Some(message) => self.after(wire, Step::Arrive(node, link, message)),
            None => self.after(wire, Step::EndOfStream(node, link)),
        }
    }

    fn arrive(&mut self, node: usize, link: u64, message: Option<SignedMessage>) {
        let end = self.end(node, link);
        if !end.gone {
            end.incoming.push_back(message);
            self.soon(Step::Read(node, link));
        }
    }

    /// A node reads the frames that it admits.
    fn read(&mut self, node: usize, link: u64) {
        let admits = self.nodes[node].links.admits(LinkId(link));
        let end = self.end(node, link);
        if !end.up || end.gone {
            return;
        }
        let ended = matches!(end.incoming.front(), Some(None));
        if !ended && !admits {
            return;
        }
        match end.incoming.pop_front() {
            None => return,
            Some(None) => self.down(node, link, LinkDownReason::Finished),
            Some(Some(message)) => self.take(node, LinkId(link), &message),
        }
        self.soon(Step::Read(node, link));
    }

    fn take(&mut self, node: usize, link: LinkId, message: &SignedMessage) {
        let rig = &mut self.nodes[node];
        if rig.links.is_handshaking(link) {
            rig.first_message(link.0, message);
            return;
        }
        assert_eq!(rig.links.peer_of(link), Some(&peer(NAMES[1 - node])));
        rig.touch(link.0);
        self.arrived[node].push(name_of(message));
    }

    /// A node learns that a link has ended. After an orderly end its frames are still sent.
    fn down(&mut self, node: usize, link: u64, reason: LinkDownReason) {
        let end = self.end(node, link);
        if end.gone {
            return;
        }
        end.gone = true;
        end.finishing = true;
        if reason != LinkDownReason::Finished {
            end.outgoing = Default::default();
        }
        self.nodes[node].link_down(link, reason);
        self.schedule_write(node, link);
    }

    fn schedule_write(&mut self, node: usize, link: u64) {
        let end = self.end(node, link);
        if !std::mem::replace(&mut end.writing, true) {
            self.soon(Step::Write(node, link));
        }
    }

    /// Executes the commands of the nodes.
    fn drain(&mut self) {
        for node in 0..2 {
            while let Some(command) = self.nodes[node].io.out.pop_front() {
                self.command(node, command);
            }
            for effect in std::mem::take(&mut self.nodes[node].fx) {
                match effect {
                    LinkSignal::Sign { link, message } => {
                        let message = message.sign(Bytes::from_static(b"signature"), None);
                        self.soon(Step::Signed(node, link, message));
                    }
                    LinkSignal::Authenticate { link, message } => {
                        let Content::Conn(conn) = message.content() else {
                            panic!("no conn")
                        };
                        let peer = PeerId::new(&conn.pki_id);
                        self.soon(Step::Authenticated(node, link, peer));
                    }
                    LinkSignal::Unreachable { .. } | LinkSignal::DialFailed { .. } => {
                        panic!("{effect:?}")
                    }
                    _ => {}
                }
            }
        }
    }

    fn command(&mut self, node: usize, command: Command) {
        match command {
            Command::Dial { ticket, .. } => self.soon(Step::Connected(node, ticket)),
            Command::Send {
                link,
                class,
                message,
            } => {
                let end = self.end(node, link.0);
                assert!(!end.gone && !end.finishing, "sent on a finished link");
                end.outgoing[class.index()].push_back(message);
                self.schedule_write(node, link.0);
            }
            Command::FinishLink { link } => {
                self.end(node, link.0).finishing = true;
                self.schedule_write(node, link.0);
            }
            Command::CloseLink { link, .. } => {
                let end = self.end(node, link.0);
                *end = End {
                    gone: true,
                    finished: true,
                    ..End::default()
                };
                if !self.severed.contains_key(&link.0) {
                    self.soon(Step::Broken(1 - node, link.0));
                }
            }
            Command::Notify(_) => {}
            other => panic!("not a command of links: {other:?}"),
        }
    }

    /// The only link, held by both nodes.
    fn only_link(&self) -> u64 {
        let held = [0, 1].map(|node| {
            let links = &self.nodes[node].links;
            let all: Vec<u64> = links.connections.keys().map(|link| link.0).collect();
            assert_eq!(all.len(), 1, "{} holds links {all:?}", NAMES[node]);
            assert_eq!(links.link_of(&peer(NAMES[1 - node])), Some(LinkId(all[0])));
            all[0]
        });
        assert_eq!(held[0], held[1]);
        held[0]
    }
}

fn assert_all_arrived_once(model: &Model, count: u32) {
    for node in 0..2 {
        let from = NAMES[1 - node];
        let mut arrived = model.arrived[node].clone();
        arrived.sort();
        let mut sent: Vec<String> = (0..count).map(|number| format!("{from}{number}")).collect();
        sent.sort();
        assert_eq!(arrived, sent, "at {}", NAMES[node]);
    }
}

/// Runs `run` for many seeds; a failure names the seed.
fn for_each_seed(count: u64, run: impl Fn(u64)) {
    for seed in 0..count {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(seed)));
        assert!(result.is_ok(), "seed {seed} failed");
    }
}

#[test]
fn simultaneous_dials_end_with_one_link_and_no_lost_message() {
    for_each_seed(500, |seed| {
        let mut model = Model::new(seed, 1 + (seed as usize % 7) * 20);
        for number in 0..25 {
            for node in 0..2 {
                model.soon(Step::Send(node, number));
            }
        }
        model.run_until(Instant::from_millis(60_000));
        let dialled: Vec<usize> = model.dialled.values().map(|(node, _)| *node).collect();
        let winner = model.only_link();
        if dialled.len() == 2 && dialled[0] != dialled[1] {
            assert_eq!(
                model.dialled[&winner].0, 0,
                "the dial of the smaller peer wins"
            );
        }
        assert_all_arrived_once(&model, 25);
    });
}

#[test]
fn dials_of_both_sides_to_several_aliases_end_with_one_link_and_no_lost_message() {
    for_each_seed(500, |seed| {
        let mut model = Model::new(seed, 1 + (seed as usize % 5) * 30);
        for alias in ["one", "two", "three"] {
            for node in 0..2 {
                model.soon(Step::Seed(node, alias));
            }
        }
        for number in 0..40 {
            for node in 0..2 {
                model.soon(Step::Send(node, number));
            }
        }
        model.run_until(Instant::from_millis(60_000));
        model.only_link();
        assert_all_arrived_once(&model, 40);
    });
}

#[test]
fn a_link_whose_end_only_one_side_has_noticed_is_replaced_by_the_next() {
    for_each_seed(200, |seed| {
        let mut model = Model::new(seed, 20);
        let node = seed as usize % 2;
        let first = if seed % 4 < 2 { node } else { 1 - node };
        model.soon(Step::Send(first, 0));
        model.run_until(Instant::from_millis(5_000));
        let dead = model.only_link();
        model.severed.insert(dead, node);
        model.soon(Step::Broken(node, dead));
        model.run_until(Instant::from_millis(6_000));
        model.after(Duration::ZERO, Step::Send(node, 1));
        model.run_until(Instant::from_millis(30_000));
        let alive = model.only_link();
        assert_ne!(alive, dead);
        model.soon(Step::Send(1 - node, 2));
        model.run_until(Instant::from_millis(31_000));
        let number = format!("{}2", NAMES[1 - node]);
        assert!(model.arrived[node].contains(&number));
    });
}
