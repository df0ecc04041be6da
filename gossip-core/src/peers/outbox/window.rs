//! What the transport holds of one link's frames.

use crate::{Class, OutboxConfig};

/// Frames and bytes handed to the transport and not yet flushed, per class.
///
/// The transport gives credit back without saying for which class. It is booked to the most urgent
/// class that has any outstanding, which the transport serves first. The sum is always exact, so
/// the windows' sum bounds what the transport holds, and all windows are empty when it holds
/// nothing.
#[derive(Debug, Default)]
pub(crate) struct Window {
    frames: [u32; 3],
    bytes: [u64; 3],
}

impl Window {
    /// One frame always fits into an empty window.
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
