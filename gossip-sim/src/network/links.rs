//! The links of the world.

use std::collections::VecDeque;

use bytes::Bytes;
use gossip_core::proto::SignedMessage;
use gossip_core::{Binding, LinkDownReason, LinkId, Ticket};

use super::pipe::Pipe;

/// One end of one link. The generation distinguishes the link from earlier ones in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndKey {
    place: u32,
    generation: u32,
    side: u8,
}

impl EndKey {
    pub(crate) const fn other(self) -> Self {
        Self {
            side: 1 - self.side,
            ..self
        }
    }

    /// The id of the link for the node at this end.
    pub(crate) const fn link_id(self) -> LinkId {
        LinkId((self.generation as u64) << 33 | (self.place as u64) << 1 | self.side as u64)
    }

    #[allow(clippy::cast_possible_truncation, reason = "extracts the fields")]
    pub(crate) const fn from_link_id(link: LinkId) -> Self {
        Self {
            place: (link.0 >> 1) as u32,
            generation: (link.0 >> 33) as u32,
            side: (link.0 & 1) as u8,
        }
    }
}

/// A frame that arrives at an end.
#[derive(Debug)]
pub(crate) enum Frame {
    /// Sent by a node.
    Message(SignedMessage),
    /// Forged by a test.
    Forged(Bytes),
}

/// State of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndState {
    /// Its node has not been notified of the link.
    Pending,
    /// Its node uses it.
    Up,
    /// Its node has been notified that the link is down, or will never be notified of it.
    Down,
}

/// One end of a link.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) node: u32,
    pub(crate) state: EndState,
    pub(crate) dial: Option<Ticket>,
    /// For the dialler, until it is notified.
    pub(crate) binding: Option<Binding>,
    /// Whether it counts as an open link of its node.
    pub(crate) counted: bool,
    /// The direction to the other end.
    pub(crate) pipe: Pipe<SignedMessage>,
    /// Frames that have arrived but are not admitted. The sender's window bounds them: while a frame waits here,
    /// the sender's pipe is held.
    pub(crate) inbox: VecDeque<Frame>,
    /// The end of the stream has arrived after the frames in the inbox.
    pub(crate) ended: Option<LinkDownReason>,
}

#[derive(Debug)]
struct Link {
    generation: u32,
    ends: [End; 2],
}

/// All links; places are reused with another generation.
#[derive(Debug, Default)]
pub(crate) struct Links {
    places: Vec<Place>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place {
    generation: u32,
    link: Option<Box<Link>>,
}

impl Links {
    /// Creates a link and returns the dialler's end.
    pub(crate) fn open(&mut self, dialler: u32, acceptor: u32, dial: Ticket) -> EndKey {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place {
                generation: 0,
                link: None,
            });
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let slot = &mut self.places[place as usize];
        slot.generation += 1;
        let end = |node, dial| End {
            node,
            state: EndState::Pending,
            dial,
            binding: None,
            counted: false,
            pipe: Pipe::new(),
            inbox: VecDeque::new(),
            ended: None,
        };
        let generation = slot.generation;
        slot.link = Some(Box::new(Link {
            generation,
            ends: [end(dialler, Some(dial)), end(acceptor, None)],
        }));
        EndKey {
            place,
            generation,
            side: 0,
        }
    }

    pub(crate) fn end(&self, key: EndKey) -> Option<&End> {
        let link = self.places.get(key.place as usize)?.link.as_ref()?;
        (link.generation == key.generation).then(|| &link.ends[usize::from(key.side)])
    }

    pub(crate) fn end_mut(&mut self, key: EndKey) -> Option<&mut End> {
        let link = self.places.get_mut(key.place as usize)?.link.as_mut()?;
        (link.generation == key.generation).then(|| &mut link.ends[usize::from(key.side)])
    }

    /// The end, if its node `node` uses it.
    pub(crate) fn up(&mut self, key: EndKey, node: u32) -> Option<&mut End> {
        self.end_mut(key)
            .filter(|end| end.state == EndState::Up && end.node == node)
    }

    /// Marks an end as down, and removes the link if both ends are.
    pub(crate) fn put_down(&mut self, key: EndKey) {
        if let Some(end) = self.end_mut(key) {
            end.state = EndState::Down;
            end.inbox.clear();
        }
        let other = self.end(key.other()).map(|end| end.state);
        if other == Some(EndState::Down) {
            self.places[key.place as usize].link = None;
            self.free.push(key.place);
        }
    }

    /// The ends that satisfy `wanted`, in order of place and side.
    pub(crate) fn select(&self, wanted: impl Fn(&End, &End) -> bool) -> Vec<EndKey> {
        let mut found = Vec::new();
        for (place, slot) in self.places.iter().enumerate() {
            let (Some(link), Ok(place)) = (&slot.link, u32::try_from(place)) else {
                continue;
            };
            let [first, second] = &link.ends;
            for (side, (end, other)) in [(0, (first, second)), (1, (second, first))] {
                if wanted(end, other) {
                    found.push(EndKey {
                        place,
                        generation: link.generation,
                        side,
                    });
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_ids_are_never_reused_although_places_are() {
        let mut links = Links::default();
        let first = links.open(1, 2, Ticket(0));
        assert_eq!(EndKey::from_link_id(first.link_id()), first);
        assert_eq!(EndKey::from_link_id(first.other().link_id()), first.other());
        links.put_down(first);
        assert!(links.end(first).is_some());
        links.put_down(first.other());
        assert!(links.end(first).is_none());
        let second = links.open(1, 2, Ticket(1));
        assert_eq!(second.place, first.place);
        assert_ne!(second.link_id(), first.link_id());
        assert!(links.end(first).is_none());
    }

    #[test]
    fn an_end_is_up_only_for_its_own_node() {
        let mut links = Links::default();
        let key = links.open(1, 2, Ticket(0));
        assert!(links.up(key, 1).is_none());
        if let Some(end) = links.end_mut(key) {
            end.state = EndState::Up;
        }
        assert!(links.up(key, 1).is_some());
        assert!(links.up(key, 2).is_none());
        assert_eq!(
            links.select(|end, other| end.node == 2 && other.node == 1),
            [key.other()]
        );
    }
}
