//! State infos that await the identity of their publisher, for a bounded time.

use std::collections::BTreeMap;
use std::time::Duration;

use gossip_proto::{Content, RawEnvelope, SignedMessage};

use super::admitted::StateInfoItem;
use crate::out::Out;
use crate::snapshot::Stores;
use crate::timer::TimerKey;
use crate::{ChannelId, Config, Instant, PeerId};

/// One per publisher, channel and sender, so that a forgery does not replace a genuine one; equal ones are kept once.
/// At most `max_awaiting_identity`, a quarter of it from one sender, of at most `MAX_LENGTH` bytes each.
#[derive(Debug, Default)]
pub(super) struct AwaitingIdentity {
    entries: BTreeMap<(PeerId, ChannelId, PeerId), Entry>,
    by_sender: BTreeMap<PeerId, usize>,
}

#[derive(Debug)]
struct Entry {
    /// A copy: the frame in which it arrived may be much larger.
    envelope: RawEnvelope,
    pushed: bool,
    until: Instant,
}

/// Longer ones are dropped. Their publishers send new ones.
const MAX_LENGTH: usize = 4 << 10;
/// Enough for two exchanges of views; later the state info is asked for again.
const IDENTITY_TIMEOUT: Duration = Duration::from_secs(10);

impl AwaitingIdentity {
    /// Keeps a state info, in place of an earlier one from the same sender.
    pub(super) fn put(&mut self, cx: &mut Out<'_>, info: &StateInfoItem) {
        let Content::StateInfo(told) = info.message.content() else {
            return;
        };
        let publisher = PeerId::new(&told.pki_id);
        let max = cx.config.channel.max_awaiting_identity.get();
        let envelope = info.message.envelope();
        if envelope.encoded().len() > MAX_LENGTH {
            cx.metrics().state_infos_shed += 1;
            return;
        }
        if self.holds(&publisher, info) {
            return;
        }
        let key = (publisher, info.channel.clone(), info.from.clone());
        if !self.entries.contains_key(&key) {
            let of_sender = self.by_sender.get(&info.from).copied().unwrap_or(0);
            if self.entries.len() >= max || of_sender >= max.div_ceil(4) {
                cx.metrics().state_infos_shed += 1;
                return;
            }
            self.by_sender.insert(info.from.clone(), of_sender + 1);
        }
        let until = cx.now + IDENTITY_TIMEOUT;
        let entry = Entry {
            envelope: envelope.detach(),
            pushed: !info.pushed_by.is_empty(),
            until,
        };
        self.entries.insert(key, entry);
        cx.timers().set_earlier(TimerKey::AwaitingIdentity, until);
    }

    /// Takes the state infos that await the identity of `publisher`.
    pub(super) fn take(&mut self, cx: &Out<'_>, publisher: &PeerId) -> Vec<StateInfoItem> {
        let none = (publisher.clone(), ChannelId::new(""), PeerId::new(b""));
        let keys: Vec<_> = self
            .entries
            .range(none..)
            .map(|(key, _)| key.clone())
            .take_while(|(of, ..)| of == publisher)
            .collect();
        let mut taken = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(entry) = self.remove(&key) else {
                continue;
            };
            let (_, channel, from) = key;
            if let Ok(message) = SignedMessage::decode_nested(&entry.envelope, &cx.config.limits) {
                let pushed_by = entry.pushed.then(|| from.clone()).into_iter().collect();
                taken.push(StateInfoItem {
                    channel,
                    message,
                    from,
                    pushed_by,
                    revision: 0,
                });
            }
        }
        taken
    }

    /// Drops the state infos that have waited for too long.
    pub(super) fn fire(&mut self, cx: &mut Out<'_>) {
        let now = cx.now;
        self.remove_if(|_, entry| entry.until <= now);
        if let Some(next) = self.entries.values().map(|entry| entry.until).min() {
            cx.timers().set(TimerKey::AwaitingIdentity, next);
        }
    }

    /// Drops the state infos of a channel that was left.
    pub(super) fn forget_channel(&mut self, channel: &ChannelId) {
        self.remove_if(|of, _| of == channel);
    }

    /// Returns whether an equal one waits already, from any sender.
    fn holds(&self, publisher: &PeerId, info: &StateInfoItem) -> bool {
        let first = (publisher.clone(), info.channel.clone(), PeerId::new(b""));
        let envelope = info.message.envelope();
        self.entries
            .range(first..)
            .take_while(|((of, channel, _), _)| of == publisher && *channel == info.channel)
            .any(|(_, entry)| {
                entry.envelope.payload() == envelope.payload()
                    && entry.envelope.signature() == envelope.signature()
            })
    }

    pub(super) fn stores(&self, config: &Config, stores: &mut Stores) {
        let (waiting, max) = (
            self.entries.len(),
            config.channel.max_awaiting_identity.get(),
        );
        stores.add("state infos awaiting an identity", waiting, max);
    }

    fn remove_if(&mut self, is_over: impl Fn(&ChannelId, &Entry) -> bool) {
        let over = self.entries.iter();
        let over = over.filter(|((_, channel, _), entry)| is_over(channel, entry));
        let over: Vec<_> = over.map(|(key, _)| key.clone()).collect();
        for key in &over {
            self.remove(key);
        }
    }

    fn remove(&mut self, key: &(PeerId, ChannelId, PeerId)) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        if let Some(count) = self.by_sender.get_mut(&key.2) {
            *count -= 1;
            if *count == 0 {
                self.by_sender.remove(&key.2);
            }
        }
        Some(entry)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
