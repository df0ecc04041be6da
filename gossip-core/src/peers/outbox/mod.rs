//! What waits to be sent on one link: three classes, bounded, within the credit of the transport.
//!
//! Answers to the send buffer of Fabric's `comm/conn.go`.
//!
//! # Deviations
//! - Fabric's queue counts messages only and drops whatever comes when it is full. Here each class
//!   is bounded by frames and bytes, and what is dropped depends on the class: of control frames
//!   the superseded one or else the oldest, of the others the newest.
//! - A frame is handed to the transport only within the window of its class, so that a large frame
//!   of one class never holds back the credit of a more urgent one.

mod queue;
mod supersede;
mod window;

#[cfg(test)]
mod tests;

pub(crate) use self::queue::{Frame, Hold, Queue};
pub(crate) use self::supersede::Supersede;

use gossip_proto::SignedMessage;

use self::window::Window;
use crate::out::Out;
use crate::snapshot::{Stores, queue_name};
use crate::{Class, Command, Config, DropReason, Instant, LinkId, OutboxConfig};

/// The frames that wait for one link, and the credit that the link's transport has left.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queues: [Queue; 3],
    window: Window,
}

impl Outbox {
    /// Queues a frame, unless its class is full.
    ///
    /// A frame replaces the queued one of the same key in its place. Else, if there is no room, a
    /// control frame pushes out the oldest ones and any other is refused. What is dropped is counted.
    pub(crate) fn push(&mut self, cx: &mut Out<'_>, frame: Frame) -> Result<(), DropReason> {
        let class = frame.class;
        let (max_frames, max_bytes) = limits(&cx.config.outbox, class);
        let queue = &mut self.queues[class.index()];
        if class == Class::Control {
            let shed = queue.push(frame, max_frames, max_bytes);
            cx.metrics().shed(DropReason::ControlQueueFull, shed);
            return Ok(());
        }
        let Some(frame) = queue.supersede(frame) else {
            return Ok(());
        };
        if queue.has_room(frame.len(), max_frames, max_bytes) {
            queue.append(frame);
            return Ok(());
        }
        let reason = match class {
            Class::Bulk => DropReason::BulkQueueFull,
            Class::Push | Class::Control => DropReason::PushQueueFull,
        };
        cx.metrics().shed(reason, 1);
        Err(reason)
    }

    /// Hands a frame to the transport at once if none of its class waits and the window allows it;
    /// returns it if not. Ask for no other class: what waits of one does so for its own window.
    pub(crate) fn send_directly(
        &mut self,
        cx: &mut Out<'_>,
        link: LinkId,
        frame: Frame,
    ) -> Option<Frame> {
        let class = frame.class;
        let waiting = !self.queues[class.index()].is_empty();
        if waiting || !self.window.admits(&cx.config.outbox, class, frame.len()) {
            return Some(frame);
        }
        self.send_now(cx, link, class, frame.message);
        None
    }

    /// Takes over what waited elsewhere, in front of nothing: behind what is queued here already.
    /// Nothing is dropped but what a newer frame makes worthless, so that a link can be given up without
    /// losing a message.
    pub(crate) fn adopt(&mut self, frames: Vec<Frame>) {
        let mut classes = [const { Vec::new() }; 3];
        for frame in frames {
            classes[frame.class.index()].push(frame);
        }
        for (queue, frames) in self.queues.iter_mut().zip(classes) {
            queue.adopt(frames);
        }
    }

    /// Takes everything that was not handed to the transport, each class in its order.
    pub(crate) fn drain(&mut self) -> Vec<Frame> {
        self.queues.iter_mut().flat_map(Queue::take).collect()
    }

    /// Takes what was not handed to the transport and goes on waiting when the link is no more.
    pub(crate) fn take_held(&mut self, now: Instant) -> Vec<Frame> {
        let queues = self.queues.iter_mut();
        queues.flat_map(|queue| queue.take_held(now)).collect()
    }

    /// Hands frames to the transport, the most urgent class first, as far as the windows allow.
    /// Returns whether there were any.
    pub(crate) fn pump(&mut self, cx: &mut Out<'_>, link: LinkId) -> bool {
        let mut any = false;
        for class in Class::ALL {
            while let Some(len) = self.queues[class.index()].next_len() {
                if !self.window.admits(&cx.config.outbox, class, len) {
                    break;
                }
                let Some(frame) = self.queues[class.index()].pop() else {
                    break;
                };
                self.send_now(cx, link, class, frame.message);
                any = true;
            }
        }
        any
    }

    /// Hands one frame to the transport whatever the window says: the link's first.
    pub(crate) fn send_now(
        &mut self,
        cx: &mut Out<'_>,
        link: LinkId,
        class: Class,
        message: SignedMessage,
    ) {
        let bytes = message.encoded().len() as u64;
        self.window.take(class, bytes);
        cx.metrics().messages_sent += 1;
        cx.metrics().bytes_sent += bytes;
        cx.emit(Command::Send {
            link,
            class,
            message,
        });
    }

    /// The transport is done with frames handed to it.
    pub(crate) fn flushed(&mut self, frames: u32, bytes: u64) {
        self.window.give_back(frames, bytes);
    }

    /// Frames that were not handed to the transport.
    pub(crate) fn waiting(&self) -> u64 {
        self.queues.iter().map(|queue| queue.len() as u64).sum()
    }

    /// Each class's queue. What is taken over from another link, or waited for this one, comes on top of the
    /// class's own bound.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        for class in Class::ALL {
            let queue = &self.queues[class.index()];
            let (frames, bytes) = limits(&config.outbox, class);
            let link = &config.link;
            let frames = frames
                .saturating_mul(2)
                .saturating_add(link.max_waiting.get());
            let bytes = bytes
                .saturating_mul(2)
                .saturating_add(link.max_waiting_bytes);
            let (now, most) = ((queue.len(), frames), (queue.bytes(), bytes));
            stores.add_bytes(queue_name(class), now, most);
        }
    }

    /// Nothing is queued, and the transport holds nothing.
    pub(crate) fn is_idle(&self) -> bool {
        self.queues.iter().all(Queue::is_empty) && self.window.is_empty()
    }

    /// A bulk response produced now would find room.
    pub(crate) fn has_bulk_room(&self, config: &OutboxConfig) -> bool {
        let (max_frames, max_bytes) = limits(config, Class::Bulk);
        self.queues[Class::Bulk.index()].has_room(1, max_frames, max_bytes)
    }
}

fn limits(config: &OutboxConfig, class: Class) -> (usize, u64) {
    match class {
        Class::Control => (config.max_control.get(), config.max_control_bytes),
        Class::Push => (config.max_push.get(), config.max_push_bytes),
        Class::Bulk => (config.max_bulk.get(), config.max_bulk_bytes),
    }
}
