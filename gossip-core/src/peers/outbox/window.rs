//! The frames of one link that the transport holds.

use crate::{Class, OutboxConfig};

/// Frames and bytes passed to the transport and not flushed yet, per class.
///
/// The transport returns credit without the class. It is credited to the highest class with outstanding frames, which
/// the transport sends first. The sum is always exact, so the sum of the windows bounds what the transport holds, and
/// all windows are empty when it holds nothing.
#[derive(Debug, Default)]
pub(crate) struct Window {
    frames: [u32; 3],
    bytes: [u64; 3],
}

impl Window {
    /// Returns whether a frame fits. An empty window has room for any frame.
    pub(crate) fn admits(&self, config: &OutboxConfig, class: Class, len: u64) -> bool {
        let frames = self.frames[class.index()] as usize;
        let bytes = self.bytes[class.index()];
        frames == 0
            || (frames < config.window_frames.get()
                && bytes.saturating_add(len) <= config.window_bytes)
    }

    pub(crate) fn take(&mut self, class: Class, len: u64) {
        let index = class.index();
        self.frames[index] = self.frames[index].saturating_add(1);
        self.bytes[index] = self.bytes[index].saturating_add(len);
    }

    pub(crate) fn give_back(&mut self, mut frames: u32, mut bytes: u64) {
        for outstanding in &mut self.frames {
            let booked = frames.min(*outstanding);
            *outstanding -= booked;
            frames -= booked;
        }
        for outstanding in &mut self.bytes {
            let booked = bytes.min(*outstanding);
            *outstanding -= booked;
            bytes -= booked;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.iter().all(|frames| *frames == 0)
    }
}
