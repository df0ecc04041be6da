//! Tests of links in virtual time: each sees the exact commands and signals, in order.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test fails on commands that it does not expect"
)]

mod caps;
mod dialling;
mod duplicates;
mod handshake;
mod held;
mod invariants;
mod model;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{ConnEstablish, Content, GossipMessage, SignedMessage, Tag, UnsignedMessage};

use super::*;
use crate::node::bench::Bound;
use crate::out::{Io, Out};
use crate::peers::outbox::{Frame, Supersede};
use crate::rng::ModuleRng;
use crate::signal::Signal;
use crate::timer::TimerKey;
use crate::{
    Binding, Class, CloseReason, Command, Config, CryptoError, DialError, Endpoint, Instant,
    LinkDownReason, LinkId, Metrics, Notification, OrgId, PeerId, SelfIdentity, Ticket,
    ValidIdentity,
};

/// The links of one node under test, `m` by default.
struct Rig {
    config: Config,
    io: Io,
    links: Links,
    now: Instant,
    fx: Vec<LinkSignal>,
    to_sign: BTreeMap<LinkId, UnsignedMessage>,
}

fn peer(name: &str) -> PeerId {
    PeerId::new(name.as_bytes())
}

fn identity(name: &str) -> ValidIdentity {
    ValidIdentity {
        peer: peer(name),
        org: Some(org_of(name)),
        expires_in: None,
    }
}

/// Peers `m1`, `m2`, .. are of the organisation `m`.
fn org_of(name: &str) -> OrgId {
    OrgId::new(&name.as_bytes()[..1])
}

fn at(name: &str) -> SendTo {
    SendTo {
        endpoint: Some(Endpoint::new(name)),
        expected_org: Some(org_of(name)),
    }
}

/// The binding of the connection `link`, equal on both ends.
fn binding(link: u64) -> Bytes {
    Bytes::from(format!("binding {link}"))
}

fn conn_of(name: &str, link: u64) -> ConnEstablish {
    ConnEstablish {
        pki_id: Bytes::copy_from_slice(name.as_bytes()),
        identity: Bytes::from(format!("identity of {name}")),
        binding: binding(link),
        probe: false,
        capabilities: CAPABILITIES,
        network_id: Bytes::from_static(b"net"),
        incarnation: 1,
    }
}

/// The authentication of a legacy peer.
fn fabric_conn_of(name: &str, link: u64) -> ConnEstablish {
    ConnEstablish {
        capabilities: 0,
        network_id: Bytes::new(),
        incarnation: 0,
        ..conn_of(name, link)
    }
}

fn signed(content: Content) -> SignedMessage {
    let message = GossipMessage {
        nonce: 0,
        channel: Bytes::new(),
        tag: Tag::Empty,
        content,
    };
    UnsignedMessage::new(message, None).sign(Bytes::from_static(b"signature"), None)
}

/// A message displayed as `name`.
fn text(name: &str) -> SignedMessage {
    signed(Content::Ack(name.to_owned()))
}

fn name_of(message: &SignedMessage) -> String {
    match message.content() {
        Content::Ack(name) => name.clone(),
        Content::Conn(_) => "conn".to_owned(),
        other => format!("{other:?}"),
    }
}

impl Rig {
    fn new() -> Self {
        Self::named("m", 7)
    }

    fn named(name: &str, seed: u8) -> Self {
        let identity = SelfIdentity {
            peer: peer(name),
            org: org_of(name),
            bytes: Bytes::from(format!("identity of {name}")),
        };
        let mut config = Config::new(identity, Endpoint::new(name));
        config.network_id = Bytes::from_static(b"net");
        Self {
            config,
            io: Io::default(),
            links: Links::new(ModuleRng::fork(&[seed; 32], "link"), 1),
            now: Instant::START,
            fx: Vec::new(),
            to_sign: BTreeMap::new(),
        }
    }

    fn run<T>(&mut self, act: impl FnOnce(&mut Links, &mut Out<'_>) -> T) -> T {
        let mut cx = Out {
            now: self.now,
            config: &self.config,
            io: &mut self.io,
        };
        let result = act(&mut self.links, &mut cx);
        let effects = self.io.signals.drain(..).map(|signal| match signal {
            Signal::Link(effect) => effect,
            other => panic!("not a signal of links: {other:?}"),
        });
        self.fx.extend(effects);
        result
    }

    fn metrics(&self) -> &Metrics {
        &self.io.metrics
    }

    /// The commands and signals since the last call, commands first.
    fn take(&mut self) -> Vec<String> {
        let commands = self.io.out.drain(..).map(|command| show_command(&command));
        let mut all: Vec<String> = commands.collect();
        for effect in self.fx.drain(..) {
            all.push(show_effect(&effect));
            if let LinkSignal::Sign { link, message } = effect {
                self.to_sign.insert(link, *message);
            }
        }
        all
    }

    /// Advances the time, firing timers when they are due.
    fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        let mut bound = Bound::new("the timers to let time pass", 10_000);
        while let Some(due) = self.io.timers.next().filter(|due| *due <= end) {
            bound.step((due, end));
            self.now = due;
            self.fire_due();
        }
        self.now = end;
    }

    fn fire_due(&mut self) {
        let mut bound = Bound::new("no timer to be due", 1_000);
        while let Some(key) = self.io.timers.pop_due(self.now) {
            bound.step(&key);
            self.run(|links, cx| match key {
                TimerKey::Handshake(link) => links.on_timer_handshake(cx, link),
                TimerKey::Linger(link) => links.on_timer_linger(cx, link),
                TimerKey::Dial(ticket) => links.on_timer_dial(cx, ticket),
                TimerKey::Redial(peer) => links.on_timer_redial(cx, &peer),
                other => panic!("not a timer of links: {other:?}"),
            });
        }
    }

    fn link_up(&mut self, link: u64, dial: Option<u64>) {
        let symmetric = Binding::symmetric(binding(link));
        self.link_up_bound(link, dial, symmetric);
    }

    fn link_up_bound(&mut self, link: u64, dial: Option<u64>, binding: Binding) {
        let remote = Endpoint::new(&format!("remote {link}"));
        let dial = dial.map(Ticket);
        self.run(|links, cx| links.on_link_up(cx, LinkId(link), dial, remote, binding));
    }

    /// Executes the requested signature.
    fn sign(&mut self, link: u64) {
        for effect in std::mem::take(&mut self.fx) {
            match effect {
                LinkSignal::Sign { link, message } => {
                    self.to_sign.insert(link, *message);
                }
                other => self.fx.push(other),
            }
        }
        let message = self
            .to_sign
            .remove(&LinkId(link))
            .expect("a requested signature");
        let message = message.sign(Bytes::from_static(b"signature"), None);
        self.run(|links, cx| links.on_conn_signed(cx, LinkId(link), message));
    }

    fn first_message(&mut self, link: u64, message: &SignedMessage) {
        self.run(|links, cx| links.on_first_message(cx, LinkId(link), message));
    }

    fn authenticated(&mut self, link: u64, result: Result<ValidIdentity, CryptoError>) {
        self.run(|links, cx| links.on_authenticated(cx, LinkId(link), result));
    }

    /// Establishes a link with its whole authentication.
    fn establish_with(&mut self, link: u64, dial: Option<u64>, conn: ConnEstablish) {
        let name = String::from_utf8(conn.pki_id.to_vec()).unwrap();
        self.link_up(link, dial);
        self.sign(link);
        self.first_message(link, &signed(Content::Conn(conn)));
        self.authenticated(link, Ok(identity(&name)));
    }

    fn establish(&mut self, link: u64, dial: Option<u64>, name: &str) {
        self.establish_with(link, dial, conn_of(name, link));
    }

    fn send(&mut self, name: &str, message: &str) -> Sent {
        self.send_class(name, Class::Push, None, message)
    }

    fn send_class(
        &mut self,
        name: &str,
        class: Class,
        key: Option<Supersede>,
        message: &str,
    ) -> Sent {
        self.run(|links, cx| {
            links.send(
                cx,
                &peer(name),
                &at(name),
                Frame::new(class, text(message)).superseding(key),
            )
        })
    }

    fn link_down(&mut self, link: u64, reason: LinkDownReason) {
        self.run(|links, cx| links.on_link_down(cx, LinkId(link), reason));
    }

    fn dial_failed(&mut self, ticket: u64) {
        let error = DialError::Unreachable;
        self.run(|links, cx| links.on_dial_failed(cx, Ticket(ticket), error));
    }

    fn flushed(&mut self, link: u64, frames: u32, bytes: u64) {
        self.run(|links, cx| links.on_flushed(cx, LinkId(link), frames, bytes));
    }

    fn touch(&mut self, link: u64) {
        self.run(|links, cx| links.receive(cx, LinkId(link)));
    }
}

fn show_command(command: &Command) -> String {
    match command {
        Command::Dial { ticket, endpoint } => format!("dial {ticket} {endpoint}"),
        Command::Send { link, message, .. } => format!("send {link} {}", name_of(message)),
        Command::FinishLink { link } => format!("finish {link}"),
        Command::CloseLink {
            link,
            reason: CloseReason::Refused(refusal),
        } => {
            format!("refuse {link} {refusal:?}")
        }
        Command::CloseLink { link, reason } => format!("close {link} {reason:?}"),
        Command::Notify(Notification::Connected(peer)) => {
            format!("notify connected {}", show(peer))
        }
        Command::Notify(Notification::Disconnected(peer)) => {
            format!("notify disconnected {}", show(peer))
        }
        Command::Notify(Notification::Refused { remote, refusal }) => {
            format!("notify refused {remote} {refusal:?}")
        }
        other => format!("{other:?}"),
    }
}

fn show(peer: &PeerId) -> String {
    String::from_utf8_lossy(peer.as_bytes()).into_owned()
}

fn show_effect(effect: &LinkSignal) -> String {
    match effect {
        LinkSignal::Sign { link, .. } => format!("sign {link}"),
        LinkSignal::Authenticate { link, .. } => format!("authenticate {link}"),
        LinkSignal::Established(link) => {
            let peer = show(&link.identity.peer);
            let via = link
                .endpoint
                .as_ref()
                .map_or(String::new(), |at| format!(" via {at}"));
            let first = if link.first { " first" } else { "" };
            format!("established {} {peer}{via}{first}", link.link)
        }
        LinkSignal::IdentitySwitch { expected, actual } => {
            format!("switch {} {}", show(expected), show(actual))
        }
        LinkSignal::SelfDial { endpoint } => format!("self dial {endpoint}"),
        LinkSignal::Unreachable { peer, endpoint } => {
            format!("unreachable {} {endpoint}", show(peer))
        }
        LinkSignal::DialFailed { endpoint, failure } => {
            format!("dial failed {endpoint} {failure:?}")
        }
        LinkSignal::Disconnected { peer } => format!("disconnected {}", show(peer)),
    }
}
