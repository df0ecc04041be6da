//! Assembles a driver and starts it.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_channel::Receiver;
use futures_util::task::AtomicWaker;
use gossip_core::{Config, CryptoError, Event, Node, Start};
use tracing::{Instrument as _, Span, info_span, warn};

use crate::clock::{Clock, Timer};
use crate::connect::{Opened, accept};
use crate::counters::Counters;
use crate::driver::{Application, Driver, Reporter, State};
use crate::endpoint::EndpointRule;
use crate::error::SpawnError;
use crate::intake::Window;
use crate::job_queue::Bounds;
use crate::ledger_stalls::LedgerStalls;
use crate::links::{LinkSettings, Links};
use crate::listeners::Listeners;
use crate::mailbox::Mailbox;
use crate::notifications::Notifier;
use crate::peer_book_writer::PeerBookWriter;
use crate::pool::{Pool, PoolSettings};
use crate::requests::Requests;
use crate::shared::Shared;
use crate::tasks::Tasks;
use crate::transport::{Link, Transport};
use crate::transport_counters::TransportCounters;
use crate::validators::Validators;
use crate::views::{Publisher, Views};
use crate::{
    DriverConfig, Gossip, Ledger, MessageCryptoService, PeerBookError, Runtime, SecurityAdvisor,
};

/// The services that the application gives.
pub(crate) struct Services<R, C, T, L> {
    pub(crate) runtime: R,
    pub(crate) identity: C,
    pub(crate) transport: T,
    pub(crate) ledger: L,
}

/// Starts a node on its runtime and returns its handle.
pub(crate) fn start<R, C, T, L>(
    services: Services<R, C, T, L>,
    mut config: Config,
    settings: DriverConfig,
) -> Result<Gossip, SpawnError>
where
    R: Runtime,
    C: MessageCryptoService + SecurityAdvisor,
    T: Transport,
    L: Ledger,
{
    let Services {
        runtime,
        identity,
        transport,
        ledger,
    } = services;
    config.validate()?;
    remember(&mut config, &settings)?;
    let clock = Clock::new(runtime.clone());
    let start = conditions(
        &settings,
        &clock,
        expires_in(&identity, &config.identity.bytes),
    )?;
    let span = info_span!("gossip", peer = %config.identity.peer);
    let parts = Parts {
        config: Arc::new(config),
        settings,
        wake: Arc::default(),
        counters: Arc::default(),
        tasks: Tasks::new(runtime.clone(), span.clone()),
    };
    let node = Node::new(Arc::clone(&parts.config), start)?;

    let (reporter, completions) = Reporter::new(COMPLETIONS, Arc::clone(&parts.wake));
    let pool = parts.start_pool(&span, identity, &reporter)?;
    let peer_book = parts.start_peer_book()?;
    let transport = Arc::new(transport);
    let accepted = parts.start_accepting(&transport);
    let ledger_stalls = Arc::new(LedgerStalls::default());
    let (gossip, application) =
        parts.application(&node, &transport, (clock.origin(), &ledger_stalls));
    let driver = Driver {
        node,
        clock,
        timer: Timer::new(),
        transport,
        ledger: Arc::new(ledger),
        pool,
        links: parts.links(),
        completions,
        reporter,
        accepted,
        ledger_stalls,
        ledger_timeout: parts.settings.ledger_timeout,
        dial_timeout: parts.config.link.dial_timeout,
        shutdown_timeout: parts.settings.shutdown_timeout,
        max_unanswered: parts.settings.max_unanswered.get(),
        validators: parts.validators(),
        state: State::default(),
        peer_book,
        application,
        wake: parts.wake,
        counters: parts.counters,
        tasks: parts.tasks,
    };
    runtime.spawn(Box::new(driver).run().instrument(span));
    Ok(gossip)
}

/// Completions that wait for the loop: as many as it takes in a turn. Any number is safe, since tasks wait for
/// room and the loop never waits for them; the memory is allocated at the start.
const COMPLETIONS: usize = 256;
/// Accepted connections that wait for the loop.
const ACCEPTED: usize = 16;
/// The bytes of a link's first frame besides the identity.
const HANDSHAKE_SLACK: usize = 64 << 10;
/// Signatures that may wait besides those of handshakes.
const SIGNATURES: usize = 256;

/// Builds the parts of a driver from the state that they share.
struct Parts<R: Runtime> {
    config: Arc<Config>,
    settings: DriverConfig,
    wake: Arc<AtomicWaker>,
    counters: Arc<Counters>,
    tasks: Tasks<R>,
}

impl<R: Runtime> Parts<R> {
    fn start_pool<L: Link>(
        &self,
        span: &Span,
        crypto: impl MessageCryptoService + SecurityAdvisor,
        reporter: &Reporter<L>,
    ) -> io::Result<Pool> {
        let pool = PoolSettings {
            threads: threads(&self.settings),
            bounds: bounds(&self.config),
            counters: Arc::clone(&self.counters),
            span: span.clone(),
            alive: self.tasks.alive(),
        };
        let reporter = reporter.clone();
        Pool::start(pool, &Arc::new(crypto), move |ticket, outcome| {
            reporter.report_blocking(Event::CryptoDone { ticket, outcome });
        })
    }

    fn start_peer_book(&self) -> io::Result<Option<PeerBookWriter>> {
        let book = self.settings.peer_book.as_ref();
        book.map(|book| PeerBookWriter::start(Arc::clone(book), self.tasks.alive()))
            .transpose()
    }

    fn start_accepting<T: Transport>(&self, transport: &Arc<T>) -> Receiver<Opened<T::Link>> {
        let (sender, accepted) = async_channel::bounded(ACCEPTED);
        self.tasks.spawn_until_stop(accept(
            self.tasks.runtime().clone(),
            Arc::clone(transport),
            sender,
            Arc::clone(&self.wake),
            Arc::clone(&self.counters),
        ));
        accepted
    }

    fn links(&self) -> Links {
        let settings = link_settings(&self.config, &self.settings);
        Links::new(settings, &self.wake, Arc::clone(&self.counters))
    }

    fn validators(&self) -> Validators {
        let most = self.config.gate.max_validations.get();
        Validators::new(Arc::clone(&self.wake), most)
    }

    /// The application's handle, and the driver's end of it.
    fn application<T: Transport>(
        &self,
        node: &Node,
        transport: &Arc<T>,
        (origin, ledger_stalls): (std::time::Instant, &Arc<LedgerStalls>),
    ) -> (Gossip, Application) {
        let listeners = Arc::new(Listeners::default());
        let (queue, mailbox) = Mailbox::new(self.settings.mailbox.get());
        let (notifier, notifications) = Notifier::new(self.settings.notifications);
        let views = Arc::new(Views::new(node));
        let publisher = Publisher::new(Arc::clone(&views), node);
        let requests = Requests::new(
            queue,
            Arc::clone(&self.wake),
            Arc::clone(&views),
            Arc::clone(&self.counters),
        );
        let gossip = Gossip::new(Shared {
            requests: Arc::new(requests),
            views,
            notifications,
            counters: Arc::clone(&self.counters),
            transport: TransportCounters::new(transport),
            endpoints: EndpointRule::of(transport),
            window: self.config.state_transfer.window.get() as u64,
            origin,
            ledger_stalls: Arc::clone(ledger_stalls),
            max_validations: self.config.gate.max_validations.get(),
            listeners: Arc::clone(&listeners),
            max_deliveries: self.settings.deliveries.get(),
        });
        (
            gossip,
            Application {
                mailbox,
                notifier,
                listeners,
                publisher,
            },
        )
    }
}

/// Adds the peers of the peer book to those that the node contacts if no bootstrap peer answers.
fn remember(config: &mut Config, settings: &DriverConfig) -> Result<(), PeerBookError> {
    if let Some(book) = &settings.peer_book {
        let known = book.peers()?.into_iter();
        config
            .remembered
            .extend(known.map(|booked| booked.endpoint));
    }
    Ok(())
}

/// The time until our own identity expires. An invalid one does not prevent the start, since the service may be
/// mistaken: the core notifies the application.
fn expires_in(crypto: &impl MessageCryptoService, identity: &[u8]) -> Option<Duration> {
    match crypto.expires_in(identity) {
        Ok(left) => left,
        Err(CryptoError::Expired) => Some(Duration::ZERO),
        Err(error) => {
            warn!(%error, "our own identity is not valid");
            None
        }
    }
}

/// Time, seed and incarnation of this start.
fn conditions<R: Runtime>(
    settings: &DriverConfig,
    clock: &Clock<R>,
    identity_expires_in: Option<Duration>,
) -> Result<Start, SpawnError> {
    let seed = match settings.seed {
        Some(seed) => seed,
        None => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|error| SpawnError::Entropy(error.to_string()))?;
            seed
        }
    };
    let incarnation = match settings.incarnation {
        Some(incarnation) => incarnation,
        None => {
            let since: Duration = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_err(|_| SpawnError::Clock)?;
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        }
    };
    let incarnation = match &settings.peer_book {
        Some(book) => book.begin(incarnation)?,
        None => incarnation,
    };
    Ok(Start {
        now: clock.now(),
        seed,
        incarnation,
        identity_expires_in,
    })
}

fn link_settings(config: &Config, settings: &DriverConfig) -> LinkSettings {
    let limits = config.limits.clone();
    LinkSettings {
        first_frame: limits
            .max_envelope
            .min(limits.max_identity + HANDSHAKE_SLACK),
        limits,
        window: Window {
            messages: settings.link_messages.get(),
            bytes: settings.link_bytes.get(),
        },
        linger: config.link.linger,
    }
}

fn threads(settings: &DriverConfig) -> NonZeroUsize {
    let threads = settings
        .crypto_threads
        .or_else(|| available_parallelism().ok());
    threads.unwrap_or(NonZeroUsize::MIN)
}

/// Room for every job that the core may have outstanding: each handshake is a signature and an
/// authentication, and each channel's next block is checked in any case.
fn bounds(config: &Config) -> Bounds {
    let handshakes = config
        .link
        .max_handshakes
        .saturating_add(config.link.max_dials.get());
    Bounds {
        urgent: handshakes.get().saturating_mul(2) + SIGNATURES,
        checks: config.gate.max_pending.get()
            + config.state_transfer.max_publications.get()
            + config.channel.max_channels.get(),
    }
}
