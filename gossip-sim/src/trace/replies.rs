//! The hashed content of replies.

use std::time::Duration;

use gossip_core::{
    AckFailure, IdentityInfo, LedgerError, OrgId, PeerId, PushOutcome, RequestError, Response,
    SendOutcome, Snapshot, Store,
};

use super::Trace;

impl Trace {
    pub(super) fn reply(&mut self, result: &Result<Response, RequestError>) {
        match result {
            Ok(response) => {
                self.batch.push(0);
                self.response(response);
            }
            Err(error) => {
                self.batch.push(1);
                self.request_error(error);
            }
        }
    }

    fn response(&mut self, response: &Response) {
        match response {
            Response::Done => self.batch.push(0),
            Response::Joined { height } => self.kind(1, *height),
            Response::Published { fresh, push } => {
                self.batch.extend([2, u8::from(*fresh)]);
                self.push_outcome(push);
            }
            Response::LedgerHeight { height } => self.kind(3, *height),
            Response::Covered { holders } => {
                self.batch.push(4);
                self.peers(holders);
            }
            Response::Sent(outcome) => {
                self.batch.push(5);
                self.send_outcome(outcome);
            }
            Response::Snapshot(snapshot) => {
                self.batch.push(6);
                self.snapshot(snapshot);
            }
            Response::Acknowledged { by } => {
                self.batch.push(7);
                self.peers(by);
            }
            Response::Suspected { purged } => {
                self.batch.push(8);
                self.peers(purged);
            }
            Response::Identities(identities) => {
                self.kind(9, identities.len() as u64);
                identities.iter().for_each(|one| self.identity_info(one));
            }
            Response::IsInMyOrg(yes) => self.batch.extend([10, u8::from(*yes)]),
        }
    }

    /// Hashes sums, because the names in a snapshot may change.
    fn snapshot(&mut self, snapshot: &Snapshot) {
        self.number(snapshot.at_ms);
        self.number(snapshot.incarnation);
        self.number(snapshot.members.len() as u64);
        self.number(snapshot.links.len() as u64);
        self.number(snapshot.channels.len() as u64);
        for channel in &snapshot.channels {
            self.number(channel.sequence);
            self.number(channel.height);
            self.number(channel.peers.len() as u64);
        }
        let entries = |store: &Store| store.entries;
        self.number(snapshot.all_stores().map(entries).sum());
    }

    fn identity_info(&mut self, info: &IdentityInfo) {
        self.bytes(info.peer.as_bytes());
        self.bytes(info.org.as_ref().map_or(&[], OrgId::as_bytes));
        self.bytes(&info.identity);
        self.duration(info.expires_in.unwrap_or(Duration::MAX));
    }

    fn push_outcome(&mut self, push: &PushOutcome) {
        self.kind(u8::from(push.off), push.eligible as u64);
        self.send_outcome(&push.sent);
    }

    fn send_outcome(&mut self, outcome: &SendOutcome) {
        self.peers(&outcome.queued);
        self.peers(&outcome.dialling);
        self.number(outcome.dropped.len() as u64);
        for (peer, reason) in &outcome.dropped {
            self.bytes(peer.as_bytes());
            self.batch.push(*reason as u8);
        }
    }

    pub(super) fn peers(&mut self, peers: &[PeerId]) {
        self.number(peers.len() as u64);
        peers.iter().for_each(|peer| self.bytes(peer.as_bytes()));
    }

    #[allow(clippy::too_many_lines, reason = "a flat match")]
    fn request_error(&mut self, error: &RequestError) {
        match error {
            RequestError::UnknownChannel(channel) => {
                self.batch.push(0);
                self.channel(channel);
            }
            RequestError::TooManyChannels(most) => self.kind(1, *most as u64),
            RequestError::OldConfiguration { given, current } => {
                self.kind(2, *given);
                self.number(*current);
            }
            RequestError::NoMembers => self.batch.push(3),
            RequestError::NotAMember(org) => {
                self.batch.push(4);
                self.bytes(org.as_bytes());
            }
            RequestError::UnnamedChannel => self.batch.push(5),
            RequestError::TooLong {
                what: _,
                actual,
                limit,
            } => {
                self.kind(6, *actual as u64);
                self.number(*limit as u64);
            }
            RequestError::Busy => self.batch.push(7),
            RequestError::NotCovered {
                holding,
                wanted,
                lacking,
            } => {
                self.kind(8, *holding as u64);
                self.number(*wanted as u64);
                self.peers(lacking);
            }
            RequestError::BadBlock(error) => self.batch.extend([9, *error as u8]),
            RequestError::Validating(channel) => {
                self.batch.push(10);
                self.channel(channel);
            }
            RequestError::Rejected => self.batch.push(11),
            RequestError::Ignored => self.batch.push(12),
            RequestError::LowerHeight { given, current } => {
                self.kind(13, *given);
                self.number(*current);
            }
            RequestError::LedgerBehind { given, actual } => {
                self.kind(14, *given);
                self.number(*actual);
            }
            RequestError::Halted { channel, reason: _ } => {
                self.batch.push(15);
                self.channel(channel);
            }
            RequestError::Illegal(_) => self.batch.push(16),
            RequestError::NotForApplications(kind) => self.batch.extend([17, *kind as u8]),
            RequestError::NotOurs => self.batch.push(18),
            RequestError::SigningFailed => self.batch.push(19),
            RequestError::NoTimeout => self.batch.push(20),
            RequestError::TooFewPeers { wanted, known } => {
                self.kind(21, *wanted as u64);
                self.number(*known as u64);
            }
            RequestError::NotAcknowledged {
                wanted,
                acknowledged,
                failures,
            } => {
                self.kind(22, *wanted as u64);
                self.number(*acknowledged as u64);
                self.number(failures.len() as u64);
                for (peer, failure) in failures {
                    self.bytes(peer.as_bytes());
                    self.ack_failure(failure);
                }
            }
            RequestError::NotConnected => self.batch.push(23),
            RequestError::Ledger(error) => {
                self.batch.push(24);
                self.ledger_error(error);
            }
            RequestError::Stopped => self.batch.push(25),
            RequestError::Overloaded => self.batch.push(26),
            RequestError::OtherMembers { sequence } => self.kind(27, *sequence),
            _ => Self::has_no_number("RequestError"),
        }
    }

    fn ack_failure(&mut self, failure: &AckFailure) {
        match failure {
            AckFailure::Refused(text) => {
                self.batch.push(0);
                self.bytes(text.as_bytes());
            }
            AckFailure::TimedOut => self.batch.push(1),
            AckFailure::NotSent(reason) => self.batch.extend([2, *reason as u8]),
            AckFailure::Purged => self.batch.push(3),
            _ => Self::has_no_number("AckFailure"),
        }
    }

    pub(super) fn ledger_error(&mut self, error: &LedgerError) {
        match error {
            LedgerError::UnknownChannel(channel) => {
                self.batch.push(0);
                self.channel(channel);
            }
            LedgerError::NotNext(_) => self.batch.push(1),
            LedgerError::Storage(_) => self.batch.push(2),
            _ => Self::has_no_number("LedgerError"),
        }
    }

    pub(super) fn duration(&mut self, duration: Duration) {
        self.batch
            .extend_from_slice(&duration.as_nanos().to_le_bytes());
    }
}
