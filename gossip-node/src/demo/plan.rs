//! The plan of a run, from validated options.

use std::path::PathBuf;
use std::time::Duration;

use super::input::Input;
use super::publication;
use crate::cli::{DemoArgs, RuntimeKind, TransportKind};
use crate::failure::Failure;
use crate::size::ByteSize;

/// Cap of all peers: each has its own sockets, database and threads in this process.
const MAX_PEERS: usize = 256;

/// Cap of all blocks: a few bytes are kept per block.
const MAX_BLOCKS: u64 = 1_000_000;

const MIN_BLOCK: u64 = 256;
const MAX_BLOCK: u64 = 64 << 20;

/// The plan of a run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Organisations.
    pub(crate) orgs: u16,
    /// Peers in each organisation.
    pub(crate) peers_per_org: u16,
    /// The input.
    pub(crate) input: Input,
    /// Bytes of input in each block.
    pub(crate) block_size: usize,
    /// The number of blocks.
    pub(crate) blocks: u64,
    /// The transport.
    pub(crate) transport: TransportKind,
    /// The runtime.
    pub(crate) runtime: RuntimeKind,
    /// The first port; free ones if absent.
    pub(crate) port: Option<u16>,
    /// The folder of the ledgers; a temporary one if absent.
    pub(crate) data: Option<PathBuf>,
    /// Whether a temporary folder is kept.
    pub(crate) keep: bool,
    /// Timeout of a stage without progress.
    pub(crate) stall_timeout: Duration,
}

/// The name, organisation and number of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerSpec {
    /// Its name, `peer0.org1`.
    pub(crate) name: String,
    /// Its organisation's MSP-ID, `Org1MSP`.
    pub(crate) msp: String,
    /// Its organisation's number, from 0.
    pub(crate) org: usize,
    /// Its number within the organisation, from 0. Number 0 is the leader, the bootstrap peer and
    /// the anchor.
    pub(crate) number: usize,
}

impl PeerSpec {
    /// Whether it publishes blocks.
    pub(crate) fn is_leader(&self) -> bool {
        self.number == 0
    }
}

impl Plan {
    /// Checks the options against each other and opens the input.
    pub(crate) fn new(args: &DemoArgs) -> Result<Self, Failure> {
        let peers = usize::from(args.orgs) * usize::from(args.peers);
        if peers > MAX_PEERS {
            let text = format!("{peers} peers are too many for one process: at most {MAX_PEERS}");
            return Err(Failure::Usage(text));
        }
        check_ports(args, peers)?;
        let input = Input::open(&args.input)?;
        let block_size = args.block_size.0;
        if !(MIN_BLOCK..=MAX_BLOCK).contains(&block_size) {
            let (least, most) = (ByteSize(MIN_BLOCK), ByteSize(MAX_BLOCK));
            let text = format!("--block-size must be between {least} and {most}");
            return Err(Failure::Usage(text));
        }
        let block_size = usize::try_from(block_size)
            .map_err(|error| Failure::Usage(format!("--block-size is too large: {error}")))?;
        let blocks = publication::block_count(input.bytes(), block_size);
        if blocks > MAX_BLOCKS {
            let text = format!(
                "the input makes {blocks} blocks, at most {MAX_BLOCKS} are allowed: choose a larger --block-size"
            );
            return Err(Failure::Usage(text));
        }
        Ok(Self {
            orgs: args.orgs,
            peers_per_org: args.peers,
            input,
            block_size,
            blocks,
            transport: args.transport,
            runtime: args.runtime,
            port: args.port,
            data: args.data.clone(),
            keep: args.keep,
            stall_timeout: args.patience,
        })
    }

    /// All peers, organisation by organisation.
    pub(crate) fn specs(&self) -> Vec<PeerSpec> {
        let spec = |org: usize, number: usize| PeerSpec {
            name: format!("peer{number}.org{}", org + 1),
            msp: format!("Org{}MSP", org + 1),
            org,
            number,
        };
        (0..usize::from(self.orgs))
            .flat_map(|org| {
                (0..usize::from(self.peers_per_org)).map(move |number| spec(org, number))
            })
            .collect()
    }
}

fn check_ports(args: &DemoArgs, peers: usize) -> Result<(), Failure> {
    let Some(port) = args.port else { return Ok(()) };
    if args.transport == TransportKind::Mem {
        return Err(Failure::Usage(
            "--port has no effect with --transport mem".to_owned(),
        ));
    }
    if usize::from(port) + peers - 1 > usize::from(u16::MAX) {
        let text = format!("{peers} peers need {peers} ports, too many from {port} on");
        return Err(Failure::Usage(text));
    }
    Ok(())
}
