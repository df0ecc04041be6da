//! The send queues of one link: three classes, bounded, within the credit of the transport.
//!
//! Corresponds to the send buffer of Fabric's `comm/conn.go`.
//!
//! # Deviations
//! - Fabric's queue counts messages only, and a full queue drops every new message. Here each class is bounded by
//!   frames and bytes, and the policy of a full queue depends on the class: control drops the superseded frame or else
//!   the oldest, the others drop the newest.
//! - A frame is passed to the transport only within the window of its class, so that a large frame of one class does
//!   not use up the credit of a class with higher priority.

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

/// The queued frames of one link, and the credit left of the link's transport.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queues: [Queue; 3],
    window: Window,
}

impl Outbox {
    /// Queues a frame, unless its class is full.
    ///
    /// A frame replaces a queued one with the same key, in its place. Else, without room, a control frame drops the
    /// oldest frames and any other frame is rejected. Drops are counted.
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

    /// Passes a frame to the transport at once if no frame of its class is queued and the window allows it; returns it
    /// if not. Queued frames of other classes wait for their own windows, so they do not matter.
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

    /// Adds frames from another queue behind those that are queued here. Only superseded frames are dropped, so a link
    /// can be closed without the loss of a message.
    pub(crate) fn adopt(&mut self, frames: Vec<Frame>) {
        let mut classes = [const { Vec::new() }; 3];
        for frame in frames {
            classes[frame.class.index()].push(frame);
        }
        for (queue, frames) in self.queues.iter_mut().zip(classes) {
            queue.adopt(frames);
        }
    }

    /// Removes all queued frames, each class in its order.
    pub(crate) fn drain(&mut self) -> Vec<Frame> {
        self.queues.iter_mut().flat_map(Queue::take).collect()
    }

    /// Removes the queued frames that are held after the end of the link.
    pub(crate) fn take_held(&mut self, now: Instant) -> Vec<Frame> {
        let queues = self.queues.iter_mut();
        queues.flat_map(|queue| queue.take_held(now)).collect()
    }

    /// Passes frames to the transport, the highest class first, as far as the windows allow. Returns whether there were
    /// any.
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

    /// Passes one frame to the transport regardless of the window: the link's first frame.
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

    /// Returns the credit of frames that the transport has sent.
    pub(crate) fn flushed(&mut self, frames: u32, bytes: u64) {
        self.window.give_back(frames, bytes);
    }

    /// Number of queued frames.
    pub(crate) fn waiting(&self) -> u64 {
        self.queues.iter().map(|queue| queue.len() as u64).sum()
    }

    /// Reports the queue of each class. Frames from another link, or held for this one, may exceed the class's own
    /// limit.
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

    /// Returns whether nothing is queued and the transport holds no frames.
    pub(crate) fn is_idle(&self) -> bool {
        self.queues.iter().all(Queue::is_empty) && self.window.is_empty()
    }

    /// Returns whether a bulk response would find room now.
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
