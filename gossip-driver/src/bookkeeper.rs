//! Writes down whom we know, now and then.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use gossip_core::{Instant, Member, Node};
use tracing::warn;

use crate::peer_book::{BookedPeer, MAX_BOOKED_PEERS, PeerBook};

/// At the least between two writes.
const PAUSE: Duration = Duration::from_secs(5);

/// The loop's end of the thread that writes.
#[derive(Debug)]
pub(crate) struct Bookkeeper {
    pages: Sender<Vec<BookedPeer>>,
    written: Vec<BookedPeer>,
    /// The view that was looked at last.
    version: u64,
    next: Instant,
}

impl Bookkeeper {
    /// Starts the thread; it drops `alive` at its end.
    pub(crate) fn start(book: Arc<dyn PeerBook>, alive: Sender<()>) -> io::Result<Self> {
        let (pages, taken) = async_channel::bounded(1);
        thread::Builder::new()
            .name("gossip-peer-book".into())
            .spawn(move || {
                write(&*book, &taken);
                drop((book, alive));
            })?;
        Ok(Self {
            pages,
            written: Vec::new(),
            version: 0,
            next: Instant::START,
        })
    }

    /// Has the peers written down if they have changed and the last time is not too near.
    pub(crate) fn look(&mut self, now: Instant, node: &Node) {
        let version = node.membership_version();
        if version == self.version || now < self.next {
            return;
        }
        self.version = version;
        let page = page(node);
        // Nobody to be found is no reason to forget where to look.
        if page.is_empty() || page == self.written {
            return;
        }
        self.next = now + PAUSE;
        if self.pages.try_send(page.clone()).is_ok() {
            self.written = page;
        }
    }
}

fn page(node: &Node) -> Vec<BookedPeer> {
    let own = node.self_info();
    let ours = |member: &&Member| member.alive && member.org == own.org;
    let members = node.members();
    let booked = members.iter().filter(ours).filter_map(|member| {
        let endpoint = member.preferred_endpoint()?.clone();
        let peer = member.peer.clone();
        Some(BookedPeer { peer, endpoint })
    });
    let mut page: Vec<_> = booked.take(MAX_BOOKED_PEERS).collect();
    page.sort_unstable_by(|a, b| a.peer.cmp(&b.peer));
    page
}

fn write(book: &dyn PeerBook, pages: &Receiver<Vec<BookedPeer>>) {
    while let Ok(page) = pages.recv_blocking() {
        if let Err(error) = book.remember(&page) {
            warn!(%error, "the peers known could not be written down");
        }
    }
}
