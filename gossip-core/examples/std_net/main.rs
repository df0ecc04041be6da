//! Two nodes in one process that connect over plain TCP, without an async runtime: threads, blocking sockets and an own
//! event loop around [`Node`].
//!
//! A frame is its length as four bytes, big-endian, and the message. Nothing is encrypted, and the signatures are
//! hashes that anyone can compute: the example shows the loop, not security.
//!
//! `cargo run -p gossip-core --example std_net`
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "an application has a clock, threads and a terminal"
)]

mod identity;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant as Clock, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use gossip_core::proto::{Limits, SignedMessage};
use gossip_core::{
    Binding, Command, Config, DialError, Endpoint, Event, Instant, LedgerError, LedgerOp,
    LedgerOutcome, LinkDownReason, LinkId, Node, OrgId, PeerId, Request, RequestId, SelfIdentity,
    Start, Ticket,
};

fn main() -> Result<(), Box<dyn Error>> {
    let (news, heard) = sync_channel(16);
    let listeners = [
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
    ];
    let alice_at = Endpoint::new(&listeners[0].local_addr()?.to_string());
    let mut stops = Vec::new();
    let mut loops = Vec::new();
    for (name, listener) in ["alice", "bob"].into_iter().zip(listeners) {
        let bootstrap = (name == "bob").then(|| alice_at.clone());
        let (peer, stop) = Peer::new(name, listener, bootstrap, news.clone())?;
        stops.push(stop);
        loops.push(thread::spawn(move || peer.run()));
    }
    let mut met = BTreeSet::new();
    while met.len() < 2 {
        let (name, member) = heard.recv_timeout(Duration::from_secs(20))?;
        println!("{name} sees {member} alive");
        met.insert(name);
    }
    for stop in stops {
        stop.send(Input::Stop)?;
    }
    for peer in loops {
        peer.join().map_err(|_| "a node's loop panicked")?;
    }
    println!("both nodes have connected and stopped");
    Ok(())
}

/// An input from a thread to the loop of its node.
enum Input {
    Accepted(TcpStream),
    Frame(LinkId, Vec<u8>),
    Down(LinkId, LinkDownReason),
    Dialled(Ticket, io::Result<TcpStream>),
    Stop,
}

/// An open connection.
struct Link {
    stream: TcpStream,
    /// Permits for the reader thread, one per frame.
    more: SyncSender<()>,
}

/// A node and its event loop.
struct Peer {
    name: &'static str,
    node: Node,
    limits: Limits,
    origin: Clock,
    inputs: Receiver<Input>,
    own: SyncSender<Input>,
    links: BTreeMap<LinkId, Link>,
    next_link: u64,
    /// Links whose message was taken, and which the core has not admitted again since.
    refused: BTreeSet<LinkId>,
    /// Answers to commands, handled before any new input.
    answers: Vec<Event>,
    seen: BTreeSet<String>,
    news: SyncSender<(&'static str, String)>,
}

impl Peer {
    fn new(
        name: &'static str,
        listener: TcpListener,
        bootstrap: Option<Endpoint>,
        news: SyncSender<(&'static str, String)>,
    ) -> Result<(Self, SyncSender<Input>), Box<dyn Error>> {
        let identity = SelfIdentity {
            peer: PeerId::new(name.as_bytes()),
            org: OrgId::new(b"org1"),
            bytes: Bytes::from_static(name.as_bytes()),
        };
        let mut config = Config::new(identity, Endpoint::new(&listener.local_addr()?.to_string()));
        config.bootstrap.extend(bootstrap);
        let limits = config.limits.clone();
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let start = Start {
            now: Instant::START,
            // A real application asks its operating system for random bytes.
            seed: *blake3::hash(format!("{name} {nanos}").as_bytes()).as_bytes(),
            incarnation: u64::try_from(nanos)?,
            identity_expires_in: None,
        };
        let (own, inputs) = sync_channel(64);
        let accepting = own.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.send(Input::Accepted(stream)).is_err() {
                    break;
                }
            }
        });
        let peer = Self {
            name,
            node: Node::new(Arc::new(config), start)?,
            limits,
            origin: Clock::now(),
            inputs,
            own: own.clone(),
            links: BTreeMap::new(),
            next_link: 0,
            refused: BTreeSet::new(),
            answers: Vec::new(),
            seen: BTreeSet::new(),
            news,
        };
        Ok((peer, own))
    }

    /// Handles input first, then a due tick, and after each event all commands. Then waits no longer than the core
    /// allows.
    fn run(mut self) {
        loop {
            let now = self.now();
            if self
                .node
                .poll_timeout()
                .is_some_and(|deadline| deadline <= now)
            {
                self.handle(Event::Tick);
            }
            self.settle();
            let wait = match self.node.poll_timeout() {
                Some(deadline) => deadline.since(self.now()),
                None => Duration::from_secs(3600),
            };
            match self.inputs.recv_timeout(wait) {
                Ok(Input::Stop) => break,
                Ok(input) => self.take(input),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.handle(Event::Request {
            id: RequestId(0),
            request: Request::Stop,
        });
        self.settle();
    }

    fn now(&self) -> Instant {
        Instant::START + self.origin.elapsed()
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Accepted(stream) => self.link_up(stream, None),
            Input::Dialled(ticket, Ok(stream)) => self.link_up(stream, Some(ticket)),
            Input::Dialled(ticket, Err(_)) => {
                self.handle(Event::DialFailed {
                    ticket,
                    error: DialError::Unreachable,
                });
            }
            Input::Frame(link, frame) => self.received(link, frame),
            Input::Down(link, reason) => {
                if self.links.remove(&link).is_some() {
                    self.handle(Event::LinkDown { link, reason });
                }
            }
            Input::Stop => {}
        }
    }

    /// Delivers one event to the core and executes its commands.
    fn handle(&mut self, event: Event) {
        self.node.handle(self.now(), event);
        while let Some(command) = self.node.poll_command() {
            self.execute(command);
        }
    }

    /// Delivers the answers, resumes links that the core admits again, and prints new members.
    fn settle(&mut self) {
        while !self.answers.is_empty() {
            for event in std::mem::take(&mut self.answers) {
                self.handle(event);
            }
        }
        for link in std::mem::take(&mut self.refused) {
            self.read_on(link);
        }
        for member in self.node.members() {
            let peer = String::from_utf8_lossy(member.peer.as_bytes()).into_owned();
            if member.alive && self.seen.insert(peer.clone()) {
                let _ = self.news.send((self.name, peer));
            }
        }
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Dial { ticket, endpoint } => self.dial(ticket, endpoint),
            Command::Send { link, message, .. } => self.send(link, message.encoded()),
            Command::FinishLink { link } => self.shut(link, Shutdown::Write),
            Command::CloseLink { link, .. } => {
                self.shut(link, Shutdown::Both);
                if self.links.remove(&link).is_some() {
                    let reason = LinkDownReason::Closed;
                    self.answers.push(Event::LinkDown { link, reason });
                }
            }
            Command::Crypto { ticket, job } => {
                let outcome = identity::check(self.name, job);
                self.answers.push(Event::CryptoDone { ticket, outcome });
            }
            Command::Ledger { ticket, op } => {
                self.answers.push(Event::LedgerDone {
                    ticket,
                    outcome: no_ledger(op),
                });
            }
            // Neither validation nor listening was requested.
            Command::Validate { .. }
            | Command::Reply { .. }
            | Command::Notify(_)
            | Command::Deliver(_) => {}
        }
    }

    fn dial(&self, ticket: Ticket, endpoint: Endpoint) {
        let own = self.own.clone();
        thread::spawn(move || {
            let _ = own.send(Input::Dialled(
                ticket,
                TcpStream::connect(endpoint.as_str()),
            ));
        });
    }

    fn link_up(&mut self, stream: TcpStream, dial: Option<Ticket>) {
        let (Ok(local), Ok(remote), Ok(reader)) =
            (stream.local_addr(), stream.peer_addr(), stream.try_clone())
        else {
            return self.answers.extend(dial.map(|ticket| Event::DialFailed {
                ticket,
                error: DialError::Unreachable,
            }));
        };
        let link = LinkId(self.next_link);
        self.next_link += 1;
        let (more, permits) = sync_channel(1);
        let own = self.own.clone();
        thread::spawn(move || {
            let reason = match read_frames(reader, link, &permits, &own) {
                Ok(()) => LinkDownReason::Finished,
                Err(_) => LinkDownReason::Broken,
            };
            let _ = own.send(Input::Down(link, reason));
        });
        self.links.insert(link, Link { stream, more });
        // Both sides know both addresses. An encrypted transport has a better value to bind to.
        let (dialler, listener) = if dial.is_some() {
            (local, remote)
        } else {
            (remote, local)
        };
        let binding = Binding::symmetric(format!("{dialler} to {listener}").into());
        let remote = Endpoint::new(&remote.to_string());
        self.handle(Event::LinkUp {
            link,
            dial,
            remote,
            binding,
        });
        self.read_on(link);
    }

    fn received(&mut self, link: LinkId, frame: Vec<u8>) {
        match SignedMessage::decode(frame.into(), &self.limits) {
            Ok(message) => self.handle(Event::Received { link, message }),
            Err(error) => self.handle(Event::Malformed { link, error }),
        }
        self.read_on(link);
    }

    /// Lets one more frame be read if the core admits it; else tries again after the next event.
    fn read_on(&mut self, link: LinkId) {
        let Some(open) = self.links.get(&link) else {
            return;
        };
        if self.node.admits(link) {
            let _ = open.more.try_send(());
        } else {
            self.refused.insert(link);
        }
    }

    /// Writes at once. The core sends no more than the link's window, so this blocks only while the remote reads
    /// slowly. Use a thread per writer if that matters.
    fn send(&mut self, link: LinkId, frame: &Bytes) {
        let Some(Link { stream, .. }) = self.links.get_mut(&link) else {
            return;
        };
        let Ok(length) = u32::try_from(frame.len()) else {
            return;
        };
        let written = stream
            .write_all(&length.to_be_bytes())
            .and_then(|()| stream.write_all(frame));
        if written.is_ok() {
            self.answers.push(Event::Flushed {
                link,
                frames: 1,
                bytes: u64::from(length),
            });
        }
    }

    fn shut(&self, link: LinkId, how: Shutdown) {
        if let Some(Link { stream, .. }) = self.links.get(&link) {
            let _ = stream.shutdown(how);
        }
    }
}

/// Reads one frame per permit. Memory is allocated as bytes arrive, not by the announced length.
fn read_frames(
    mut stream: TcpStream,
    link: LinkId,
    permits: &Receiver<()>,
    own: &SyncSender<Input>,
) -> io::Result<()> {
    while permits.recv().is_ok() {
        let mut length = [0; 4];
        match stream.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        let length = u64::from(u32::from_be_bytes(length));
        if length > MAX_FRAME {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut frame = Vec::new();
        let read = Read::take(&mut stream, length).read_to_end(&mut frame)?;
        if read as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if own.send(Input::Frame(link, frame)).is_err() {
            break;
        }
    }
    Ok(())
}

/// No channel is joined, so no frame is large.
const MAX_FRAME: u64 = 1 << 20;

fn no_ledger(op: LedgerOp) -> LedgerOutcome {
    match op {
        LedgerOp::Height { channel, .. } => {
            LedgerOutcome::Height(Err(LedgerError::UnknownChannel(channel)))
        }
        LedgerOp::Commit { channel, .. } => {
            LedgerOutcome::Committed(Err(LedgerError::UnknownChannel(channel)))
        }
        LedgerOp::Read { channel, .. } => {
            LedgerOutcome::Blocks(Err(LedgerError::UnknownChannel(channel)))
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_nodes_connect_over_blocking_sockets() -> Result<(), Box<dyn std::error::Error>> {
        super::main()
    }
}
