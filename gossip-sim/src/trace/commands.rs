//! The hashed content of commands.

use gossip_core::proto::SignedMessage;
use gossip_core::{
    ChannelId, CloseReason, Command, CryptoJob, Delivery, Instant, LedgerOp, Notification, PeerId,
    Received, SeedFailure, Signed,
};

use super::Trace;

impl Trace {
    pub(super) fn command(&mut self, command: &Command) {
        match command {
            Command::Dial { ticket, endpoint } => {
                self.kind(0, ticket.0);
                self.bytes(endpoint.as_str().as_bytes());
            }
            Command::Send {
                link,
                class,
                message,
            } => {
                self.kind(1, link.0);
                self.batch.push(*class as u8);
                self.message(message);
            }
            Command::FinishLink { link } => self.kind(2, link.0),
            Command::CloseLink { link, reason } => {
                self.kind(3, link.0);
                self.close_reason(*reason);
            }
            Command::Crypto { ticket, job } => {
                self.kind(4, ticket.0);
                self.crypto_job(job);
            }
            Command::Ledger { ticket, op } => {
                self.kind(5, ticket.0);
                self.ledger_op(op);
            }
            Command::Validate {
                ticket,
                channel,
                seq,
                block,
                from,
            } => {
                self.kind(6, ticket.0);
                self.channel(channel);
                self.number(*seq);
                self.bytes(block);
                self.bytes(from.as_ref().map_or(&[], PeerId::as_bytes));
            }
            Command::Deliver(delivery) => self.delivery(delivery),
            Command::Reply { id, result } => {
                self.kind(9, id.0);
                self.reply(result);
            }
            Command::Notify(notification) => {
                self.batch.push(10);
                self.notification(notification);
            }
        }
    }

    fn close_reason(&mut self, reason: CloseReason) {
        match reason {
            CloseReason::Refused(refusal) => self.batch.extend([0, refusal as u8]),
            CloseReason::Superseded => self.batch.push(1),
            CloseReason::SelfDial => self.batch.push(2),
            CloseReason::Violation => self.batch.push(3),
            CloseReason::PeerGone => self.batch.push(4),
            CloseReason::Evicted => self.batch.push(5),
            CloseReason::LingerExpired => self.batch.push(6),
            CloseReason::SigningFailed => self.batch.push(7),
            CloseReason::DialAbandoned => self.batch.push(8),
            CloseReason::Stopping => self.batch.push(9),
            _ => Self::has_no_number("CloseReason"),
        }
    }

    fn crypto_job(&mut self, job: &CryptoJob) {
        match job {
            CryptoJob::Authenticate {
                identity,
                pki_id,
                signed,
            } => {
                self.batch.push(0);
                self.bytes(identity);
                self.bytes(pki_id);
                self.signed(signed);
            }
            CryptoJob::Validate { identity, pki_id } => {
                self.batch.push(1);
                self.bytes(identity);
                self.bytes(pki_id);
            }
            CryptoJob::Verify {
                identity,
                signed,
                channel,
            } => {
                self.batch.push(2);
                self.bytes(identity);
                self.signed(signed);
                let channel = channel.as_ref().map_or("", ChannelId::as_str);
                self.bytes(channel.as_bytes());
            }
            CryptoJob::VerifyBlock {
                channel,
                seq,
                block,
            } => {
                self.kind(3, *seq);
                self.channel(channel);
                self.bytes(block);
            }
            CryptoJob::Sign { payload, secret } => {
                self.batch.push(4);
                self.bytes(payload);
                self.bytes(secret.as_deref().unwrap_or_default());
            }
        }
    }

    fn signed(&mut self, signed: &Signed) {
        self.bytes(&signed.payload);
        self.bytes(&signed.signature);
        self.batch.push(u8::from(signed.secret.is_some()));
        if let Some((text, signature)) = &signed.secret {
            self.bytes(text);
            self.bytes(signature);
        }
    }

    fn ledger_op(&mut self, op: &LedgerOp) {
        match op {
            LedgerOp::Height { channel, .. } => {
                self.batch.push(0);
                self.channel(channel);
            }
            LedgerOp::Commit {
                channel,
                seq,
                block,
            } => {
                self.kind(1, *seq);
                self.channel(channel);
                self.bytes(block);
            }
            LedgerOp::Read {
                channel,
                start,
                end,
                max_bytes,
            } => {
                self.kind(2, *start);
                self.number(*end);
                self.number(*max_bytes);
                self.channel(channel);
            }
        }
    }

    fn received(&mut self, kind: u8, received: &Received) {
        self.kind(kind, received.link.0);
        self.bytes(received.peer.as_bytes());
        let org = received.org.as_ref();
        self.bytes(org.map_or(&[], |org| org.as_bytes()));
        self.message(&received.message);
        self.message(&received.authentication);
    }

    fn delivery(&mut self, delivery: &Delivery) {
        match delivery {
            Delivery::Accepted { channel, message } => {
                self.batch.push(7);
                self.channel(channel);
                self.message(message);
            }
            Delivery::Raw(received) => self.received(8, received),
            Delivery::Message(received) => self.received(9, received),
        }
    }

    fn notification(&mut self, notification: &Notification) {
        match notification {
            Notification::MemberAlive(peer) => self.about(0, peer),
            Notification::MemberDead(peer) => self.about(1, peer),
            Notification::MemberForgotten(peer) => self.about(2, peer),
            Notification::MemberLeft(peer) => self.about(3, peer),
            Notification::IdentityInUse { incarnation } => self.kind(4, *incarnation),
            Notification::Connected(peer) => self.about(5, peer),
            Notification::Disconnected(peer) => self.about(6, peer),
            Notification::Refused { remote, refusal } => {
                self.batch.extend([7, *refusal as u8]);
                self.bytes(remote.as_str().as_bytes());
            }
            Notification::Committed {
                channel,
                seq,
                origin,
            } => {
                self.kind(8, *seq);
                self.batch.push(*origin as u8);
                self.channel(channel);
            }
            Notification::GapDetected { channel, next } => {
                self.kind(9, *next);
                self.channel(channel);
            }
            Notification::BlockRefused {
                channel,
                seq,
                reason: _,
            } => {
                self.kind(17, *seq);
                self.channel(channel);
            }
            Notification::ChannelHalted { channel, reason: _ } => {
                self.batch.push(10);
                self.channel(channel);
            }
            Notification::IdentityPurged { peer, reason } => {
                self.about(11, peer);
                self.batch.push(*reason as u8);
            }
            Notification::OwnIdentityInvalid { reason } => self.batch.extend([12, *reason as u8]),
            Notification::IdentityExpires { left } => {
                self.batch.push(13);
                self.duration(*left);
            }
            Notification::IdentityExpired => self.batch.push(14),
            Notification::SigningFailed => self.batch.push(15),
            Notification::SeedUnreachable {
                endpoint,
                failure,
                since,
            } => {
                self.batch.push(16);
                self.bytes(endpoint.as_str().as_bytes());
                self.seed_failure(*failure);
                self.duration(since.since(Instant::START));
            }
            _ => Self::has_no_number("Notification"),
        }
    }

    fn seed_failure(&mut self, failure: SeedFailure) {
        match failure {
            SeedFailure::Dial(error) => self.batch.extend([0, error as u8]),
            SeedFailure::Refused(refusal) => self.batch.extend([1, refusal as u8]),
            SeedFailure::Ended => self.batch.push(2),
            SeedFailure::WrongOrganisation => self.batch.push(3),
            SeedFailure::NoAnswer => self.batch.push(4),
            SeedFailure::TooManyDials => self.batch.push(5),
            _ => Self::has_no_number("SeedFailure"),
        }
    }

    fn about(&mut self, kind: u8, peer: &PeerId) {
        self.batch.push(kind);
        self.bytes(peer.as_bytes());
    }

    pub(super) fn message(&mut self, message: &SignedMessage) {
        self.bytes(message.encoded());
    }

    pub(super) fn channel(&mut self, channel: &ChannelId) {
        self.bytes(channel.as_str().as_bytes());
    }

    /// Handles a new variant of the core, which the compiler cannot report for a `non_exhaustive` enum.
    ///
    /// # Panics
    /// Always: a variant without a number would give different runs the same hash.
    pub(super) fn has_no_number(of: &str) -> ! {
        unreachable!("a variant of {of} has no number: give it one in gossip-sim/src/trace")
    }
}
