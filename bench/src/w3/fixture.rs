use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use gossip_core::proto::{Branch, Content, Limits, SignedMessage};
use gossip_core::{
    Binding, ChannelId, Command, Config, CryptoJob, CryptoOutcome, Endpoint, Event, Instant,
    JoinChannel, LedgerOp, LedgerOutcome, LinkId, Node, OrgId, PeerId, Request, RequestId,
    SelfIdentity, Signatures, Start, Ticket, ValidIdentity,
};

use super::messages::{CHANNEL, conn, first_alive, pki_id, state_info, tree};

/// Number of established links, whatever the number of members.
const LINKS: usize = 8;
/// Number of neighbours to which the node pushes blocks.
const EAGER_PEERS: u64 = 3;
const ORG: &[u8] = b"org";

/// A node with members, links and a channel, in an environment in which every check succeeds at
/// once.
pub(crate) struct Fixture {
    node: Node,
    now: Instant,
    work: Work,
}

/// Operations that the node has requested.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) checks: usize,
    pub(super) sends: usize,
}

impl Fixture {
    /// A node that knows members 0 to `members` − 1; the first ones are connected and in the
    /// channel.
    pub(crate) fn new(members: usize) -> Result<Self> {
        let own = usize::MAX;
        let identity = SelfIdentity {
            peer: PeerId::new(&pki_id(own)),
            org: OrgId::new(ORG),
            bytes: Bytes::from_static(b"identity"),
        };
        let mut config = Config::new(identity, Endpoint::new("10.1.0.0:7051"));
        config.external_endpoint = Some(Endpoint::new("10.1.0.0:7051"));
        let start = Start {
            now: Instant::START,
            seed: [7; 32],
            incarnation: 1,
            identity_expires_in: None,
        };
        let mut fixture = Self {
            node: Node::new(Arc::new(config), start).context("the configuration is refused")?,
            now: Instant::START,
            work: Work::default(),
        };
        fixture.join();
        for index in 0..LINKS.min(members) {
            fixture.connect(index)?;
        }
        for index in 0..members {
            let link = fixture.link(index);
            fixture.receive(link, &first_alive(index))?;
        }
        for index in 0..LINKS.min(members) {
            fixture.receive(LinkId(index as u64), &state_info(index))?;
        }
        let seen = fixture
            .node
            .members()
            .iter()
            .filter(|member| member.alive)
            .count();
        ensure!(seen == members, "{seen} of {members} members are known");
        Ok(fixture)
    }

    /// The link on which message number `index` arrives.
    pub(super) fn link(&self, index: usize) -> LinkId {
        LinkId((index % LINKS) as u64)
    }

    pub(super) fn event(&mut self, event: Event) {
        self.node.handle(self.now, event);
        while let Some(command) = self.node.poll_command() {
            if let Some(event) = self.answer(command) {
                self.node.handle(self.now, event);
            }
        }
    }

    pub(super) fn take_work(&mut self) -> Work {
        std::mem::take(&mut self.work)
    }

    fn join(&mut self) {
        let config = JoinChannel {
            sequence: 1,
            members: BTreeMap::from([(OrgId::new(ORG), Vec::new())]),
        };
        let channel = ChannelId::new(CHANNEL);
        self.event(Event::Request {
            id: RequestId(1),
            request: Request::JoinChannel { channel, config },
        });
    }

    fn connect(&mut self, index: usize) -> Result<()> {
        let link = LinkId(index as u64);
        let binding = Bytes::copy_from_slice(&link.0.to_be_bytes());
        self.event(Event::LinkUp {
            link,
            dial: None,
            remote: Endpoint::new("10.9.9.9:1"),
            binding: Binding::symmetric(binding.clone()),
        });
        self.receive(link, &conn(index, binding))
    }

    fn receive(&mut self, link: LinkId, message: &SignedMessage) -> Result<()> {
        let message = SignedMessage::decode(message.encoded().clone(), &Limits::default())?;
        self.event(Event::Received { link, message });
        Ok(())
    }

    fn answer(&mut self, command: Command) -> Option<Event> {
        match command {
            Command::Send { link, message, .. } => {
                self.work.sends += 1;
                if let Content::Tree(tree) = &message.message().content
                    && tree.offer.is_some()
                {
                    self.node.handle(self.now, answer_to_offer(link));
                }
                Some(Event::Flushed {
                    link,
                    frames: 1,
                    bytes: message.encoded().len() as u64,
                })
            }
            Command::Crypto { ticket, job } => Some(self.check(ticket, &job)),
            Command::Ledger { ticket, op } => Some(Event::LedgerDone {
                ticket,
                outcome: store(&op),
            }),
            Command::Dial { .. }
            | Command::FinishLink { .. }
            | Command::CloseLink { .. }
            | Command::Validate { .. }
            | Command::Reply { .. }
            | Command::Notify(_)
            | Command::Deliver(_) => None,
        }
    }

    fn check(&mut self, ticket: Ticket, job: &CryptoJob) -> Event {
        self.work.checks += 1;
        let outcome = match job {
            CryptoJob::Sign { .. } => CryptoOutcome::Signed(Ok(Signatures {
                payload: Bytes::from_static(&[7; 70]),
                secret: None,
            })),
            CryptoJob::Authenticate { pki_id, .. } | CryptoJob::Validate { pki_id, .. } => {
                CryptoOutcome::Authenticated(Ok(ValidIdentity {
                    peer: PeerId::new(pki_id),
                    org: Some(OrgId::new(ORG)),
                    expires_in: None,
                }))
            }
            CryptoJob::Verify { .. } | CryptoJob::VerifyBlock { .. } => {
                CryptoOutcome::Verified(Ok(()))
            }
        };
        Event::CryptoDone { ticket, outcome }
    }
}

/// Some neighbours request blocks; the others get them elsewhere.
fn answer_to_offer(link: LinkId) -> Event {
    let branch = match link.0 {
        1..=EAGER_PEERS => Branch::Graft,
        _ => Branch::Prune,
    };
    Event::Received {
        link,
        message: tree(branch),
    }
}

fn store(op: &LedgerOp) -> LedgerOutcome {
    match op {
        LedgerOp::Height { .. } => LedgerOutcome::Height(Ok(0)),
        LedgerOp::Commit { .. } => LedgerOutcome::Committed(Ok(())),
        LedgerOp::Read { .. } => LedgerOutcome::Blocks(Ok(Vec::new())),
    }
}
