//! How urgent a frame is.

/// How urgent a frame is: a transport sends a higher class first and interleaves large frames, so
/// that a frame waits for at most one chunk of a lower class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Heartbeats, state infos, leadership, requests.
    Control,
    /// Blocks pushed.
    Push,
    /// Responses of state transfer and other large transfers.
    Bulk,
}

impl Class {
    /// All classes, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Control, Self::Push, Self::Bulk];

    /// The class's place in [`Class::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
