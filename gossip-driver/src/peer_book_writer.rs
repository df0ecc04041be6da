//! Writes known peers to the peer book from time to time.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use gossip_core::{Instant, Member, Node};
use tracing::warn;

use crate::peer_book::{BookedPeer, MAX_BOOKED_PEERS, PeerBook};

/// The shortest time between two writes.
const PAUSE: Duration = Duration::from_secs(5);

/// The loop's end of the thread that writes.
#[derive(Debug)]
pub(crate) struct PeerBookWriter {
    queue: Sender<Vec<BookedPeer>>,
    written: Vec<BookedPeer>,
    /// The membership's version at the latest comparison.
    version: u64,
    next: Instant,
}

impl PeerBookWriter {
    /// Starts the thread. It drops `alive` when it ends.
    pub(crate) fn start(book: Arc<dyn PeerBook>, alive: Sender<()>) -> io::Result<Self> {
        let (queue, queued) = async_channel::bounded(1);
        thread::Builder::new()
            .name("gossip-peer-book".into())
            .spawn(move || {
                write(&*book, &queued);
                drop((book, alive));
            })?;
        Ok(Self {
            queue,
            written: Vec::new(),
            version: 0,
            next: Instant::START,
        })
    }

    /// Queues the known peers for writing if they have changed and [`PAUSE`] has passed.
    pub(crate) fn update(&mut self, now: Instant, node: &Node) {
        let version = node.membership_version();
        if version == self.version || now < self.next {
            return;
        }
        self.version = version;
        let peers = peers(node);
        // While the view is empty, the book keeps the endpoints of the last run.
        if peers.is_empty() || peers == self.written {
            return;
        }
        self.next = now + PAUSE;
        if self.queue.try_send(peers.clone()).is_ok() {
            self.written = peers;
        }
    }
}

/// The alive peers of our organisation, in the order of their PKI-IDs.
fn peers(node: &Node) -> Vec<BookedPeer> {
    let own = node.self_info();
    let ours = |member: &&Member| member.alive && member.org == own.org;
    let members = node.members();
    let booked = members.iter().filter(ours).filter_map(|member| {
        let endpoint = member.preferred_endpoint()?.clone();
        let peer = member.peer.clone();
        Some(BookedPeer { peer, endpoint })
    });
    let mut peers: Vec<_> = booked.take(MAX_BOOKED_PEERS).collect();
    peers.sort_unstable_by(|a, b| a.peer.cmp(&b.peer));
    peers
}

fn write(book: &dyn PeerBook, queued: &Receiver<Vec<BookedPeer>>) {
    while let Ok(peers) = queued.recv_blocking() {
        if let Err(error) = book.remember(&peers) {
            warn!(%error, "the peer book cannot be written");
        }
    }
}
