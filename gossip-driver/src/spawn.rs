//! Starting a node.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_channel::Receiver;
use futures_util::task::AtomicWaker;
use gossip_core::{Config, ConfigError, CryptoError, Event, Node, Start};
use thiserror::Error;
use tracing::{Instrument as _, info_span, warn};

use crate::bookkeeper::Bookkeeper;
use crate::clock::{Clock, Timer};
use crate::connect::{Opened, accept};
use crate::counters::Counters;
use crate::driver::{Application, Driver, Reporter, State};
use crate::handle::Shared;
use crate::intake::Window;
use crate::job_queue::Bounds;
use crate::links::{LinkSettings, Links};
use crate::listeners::Listeners;
use crate::mailbox::Mailbox;
use crate::notifications::News;
use crate::pool::{Pool, PoolSettings};
use crate::tasks::Tasks;
use crate::transport_counters::TransportCounters;
use crate::validator::Validators;
use crate::views::{Publisher, Views};
use crate::{
    DriverConfig, Gossip, Ledger, MessageCryptoService, PeerBookError, Runtime, SecurityAdvisor,
    Transport,
};

/// Why a node could not be started. Nothing runs then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The configuration contradicts itself.
    #[error("the configuration cannot be used: {0}")]
    Config(#[from] ConfigError),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes ({0}): set `DriverConfig::seed`")]
    Entropy(String),
    /// The system's clock cannot yield an incarnation.
    #[error("the system's clock is before 1970: set it, or `DriverConfig::incarnation`")]
    Clock,
    /// The peer book failed.
    #[error("{0}")]
    PeerBook(#[from] PeerBookError),
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(#[from] io::Error),
}

/// Starts a node on `runtime` and returns its handle.
///
/// `transport`, `crypto` and `ledger` may be given as `Arc`s where the application keeps using
/// them.
///
/// # Errors
/// See [`SpawnError`].
pub fn spawn<R, T, C, L>(
    runtime: R,
    mut config: Config,
    settings: DriverConfig,
    transport: T,
    crypto: C,
    ledger: L,
) -> Result<Gossip, SpawnError>
where
    R: Runtime,
    T: Transport,
    C: MessageCryptoService + SecurityAdvisor,
    L: Ledger,
{
    config.validate()?;
    if let Some(book) = &settings.peer_book {
        let known = book.peers()?.into_iter();
        config
            .remembered
            .extend(known.map(|booked| booked.endpoint));
    }
    let config = Arc::new(config);
    let span = info_span!("gossip", peer = %config.identity.peer);
    let clock = Clock::new(runtime.clone());
    let expires_in = expires_in(&crypto, &config.identity.bytes);
    let node = Node::new(Arc::clone(&config), start(&settings, &clock, expires_in)?)?;

    let wake = Arc::new(AtomicWaker::new());
    let counters = Arc::new(Counters::default());
    let tasks = Tasks::new(runtime.clone(), span.clone());
    let (reporter, completions) = Reporter::new(COMPLETIONS, Arc::clone(&wake));
    let pool = Pool::start(
        PoolSettings {
            threads: threads(&settings),
            bounds: bounds(&config),
            counters: Arc::clone(&counters),
            span: span.clone(),
            alive: tasks.alive(),
        },
        &Arc::new(crypto),
        {
            let reporter = reporter.clone();
            move |ticket, outcome| reporter.report_blocking(Event::CryptoDone { ticket, outcome })
        },
    )?;
    let bookkeeper = match &settings.peer_book {
        Some(book) => Some(Bookkeeper::start(Arc::clone(book), tasks.alive())?),
        None => None,
    };
    let transport = Arc::new(transport);
    let accepted = start_accepting(&tasks, &transport, &wake, &counters);
    let links = Links::new(
        link_settings(&config, &settings),
        &wake,
        Arc::clone(&counters),
    );
    let listeners = Arc::new(Listeners::default());
    let (gossip, application) = application(
        (&config, &settings),
        &node,
        &wake,
        &counters,
        TransportCounters::new(&transport),
        &listeners,
        clock.origin(),
    );
    let driver = Driver {
        node,
        clock,
        timer: Timer::new(),
        wake: Arc::clone(&wake),
        transport,
        ledger: Arc::new(ledger),
        pool,
        links,
        completions,
        reporter,
        accepted,
        dial_timeout: config.link.dial_timeout,
        shutdown_timeout: settings.shutdown_timeout,
        max_unanswered: settings.max_unanswered.get(),
        counters,
        validators: Validators::new(Arc::clone(&wake), config.gate.max_validations.get()),
        state: State::default(),
        tasks,
        bookkeeper,
        application,
    };
    runtime.spawn(Box::new(driver).run().instrument(span));
    Ok(gossip)
}

/// Completions that wait for the loop: as many as it takes in a turn. Those who complete wait for
/// room, the loop never waits for them, so any number is safe; the memory is taken at once.
const COMPLETIONS: usize = 256;
/// Connections accepted that wait for the loop.
const ACCEPTED: usize = 16;
/// What the first frame of a link may hold besides the identity.
const HANDSHAKE_SLACK: usize = 64 << 10;
/// Signatures that may be wanted besides those of handshakes.
const SIGNATURES: usize = 256;

/// How long our own identity is valid. The node starts with one that is not, as its service may be
/// mistaken, and says so.
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

fn start<R: Runtime>(
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

/// Jobs that may wait: every check and handshake that the core allows to be outstanding. A handshake
/// is a signature and a proof, and each channel's next block is checked whatever else is.
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

fn start_accepting<R: Runtime, T: Transport>(
    tasks: &Tasks<R>,
    transport: &Arc<T>,
    wake: &Arc<AtomicWaker>,
    counters: &Arc<Counters>,
) -> Receiver<Opened<T::Link>> {
    let (sender, accepted) = async_channel::bounded(ACCEPTED);
    tasks.spawn_until_stop(accept(
        tasks.runtime().clone(),
        Arc::clone(transport),
        sender,
        Arc::clone(wake),
        Arc::clone(counters),
    ));
    accepted
}

/// The handle, and the driver's end of it.
fn application(
    (config, settings): (&Config, &DriverConfig),
    node: &Node,
    wake: &Arc<AtomicWaker>,
    counters: &Arc<Counters>,
    transport: TransportCounters,
    listeners: &Arc<Listeners>,
    origin: std::time::Instant,
) -> (Gossip, Application) {
    let (requests, mailbox) = Mailbox::new(settings.mailbox.get());
    let (news, listener) = News::new(settings.notifications);
    let views = Arc::new(Views::new(node));
    let publisher = Publisher::new(Arc::clone(&views), node);
    let gossip = Gossip::new(Shared {
        requests,
        driver: Arc::clone(wake),
        views,
        news: listener,
        counters: Arc::clone(counters),
        transport,
        window: config.state_transfer.window.get() as u64,
        origin,
        max_validations: config.gate.max_validations.get(),
        listeners: Arc::clone(listeners),
        room: settings.deliveries.get(),
    });
    (
        gossip,
        Application {
            mailbox,
            news,
            publisher,
            listeners: Arc::clone(listeners),
        },
    )
}
