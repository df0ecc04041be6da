//! Priorities of frames.

/// The priority of a frame. A transport sends higher classes first and interleaves large frames, so that a frame waits
/// for at most one chunk of a lower class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Heartbeats, state infos, leadership, requests.
    Control,
    /// Pushed blocks.
    Push,
    /// Blocks sent by state transfer, and other large responses.
    Bulk,
}

impl Class {
    /// All classes, from the highest priority to the lowest.
    pub const ALL: [Self; 3] = [Self::Control, Self::Push, Self::Bulk];

    /// The class's index in [`Class::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
