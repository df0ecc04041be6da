use std::fmt;

use ring::aead::{
    AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, MAX_TAG_LEN, Nonce, UnboundKey,
};
use ring::error::Unspecified;

/// Bytes that sealing adds to a message.
pub(crate) const TAG_LEN: usize = MAX_TAG_LEN;

/// After this many messages in one direction (at most 1 GiB) both sides derive the next key.
pub(crate) const REKEY_INTERVAL: u64 = 1 << 14;

/// The cipher of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cipher {
    /// AES-256-GCM: about 10 GB/s per core with AES instructions; without them slow, and hard to
    /// protect against timing attacks.
    AesGcm,
    /// ChaCha20-Poly1305: about 3 GB/s per core on any processor.
    ChaChaPoly,
}

impl Cipher {
    /// The faster cipher on this processor.
    #[must_use]
    pub fn by_hardware() -> Self {
        #[cfg(target_arch = "x86_64")]
        let aes =
            std::is_x86_feature_detected!("aes") && std::is_x86_feature_detected!("pclmulqdq");
        #[cfg(target_arch = "aarch64")]
        let aes = std::arch::is_aarch64_feature_detected!("aes")
            && std::arch::is_aarch64_feature_detected!("pmull");
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let aes = false;
        if aes { Self::AesGcm } else { Self::ChaChaPoly }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AesGcm => "AESGCM",
            Self::ChaChaPoly => "ChaChaPoly",
        }
    }

    fn key(self, key: &[u8; 32]) -> Result<LessSafeKey, Unspecified> {
        let algorithm = match self {
            Self::AesGcm => &AES_256_GCM,
            Self::ChaChaPoly => &CHACHA20_POLY1305,
        };
        Ok(LessSafeKey::new(UnboundKey::new(algorithm, key)?))
    }

    fn nonce(self, counter: u64) -> Nonce {
        let mut nonce = [0; 12];
        let counter = match self {
            Self::AesGcm => counter.to_be_bytes(),
            Self::ChaChaPoly => counter.to_le_bytes(),
        };
        if let Some(tail) = nonce.last_chunk_mut() {
            *tail = counter;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// One direction of a link: the `CipherState` of the Noise specification, in place.
///
/// snow's transport state copies each message and serves both directions with one object; here each
/// half owns its key and works in its own buffer.
pub(crate) struct CipherState {
    cipher: Cipher,
    /// Boxed: the key is large, and a future may hold several copies of what is moved into it.
    key: Box<LessSafeKey>,
    counter: u64,
    rekey_interval: u64,
}

impl CipherState {
    pub(crate) fn new(cipher: Cipher, key: &[u8; 32]) -> Result<Self, Unspecified> {
        Ok(Self {
            cipher,
            key: Box::new(cipher.key(key)?),
            counter: 0,
            rekey_interval: REKEY_INTERVAL,
        })
    }

    #[cfg(test)]
    pub(crate) fn with_rekey_interval(mut self, messages: u64) -> Self {
        self.rekey_interval = messages;
        self
    }

    /// Seals the next message in place; its tag follows it.
    pub(crate) fn seal(&mut self, plain: &mut [u8]) -> Result<[u8; TAG_LEN], Unspecified> {
        let nonce = self.cipher.nonce(self.counter);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::empty(), plain)?;
        self.advance()?;
        tag.as_ref().try_into().map_err(|_| Unspecified)
    }

    /// Opens the next message in place and returns the length of its plain text. After an error
    /// this direction cannot be used any more.
    pub(crate) fn open(&mut self, sealed: &mut [u8]) -> Result<usize, Unspecified> {
        let nonce = self.cipher.nonce(self.counter);
        let length = self.key.open_in_place(nonce, Aad::empty(), sealed)?.len();
        self.advance()?;
        Ok(length)
    }

    fn advance(&mut self) -> Result<(), Unspecified> {
        self.counter = self
            .counter
            .checked_add(1)
            .filter(|next| *next < u64::MAX)
            .ok_or(Unspecified)?;
        if self.counter.is_multiple_of(self.rekey_interval) {
            self.rekey()
        } else {
            Ok(())
        }
    }

    // REKEY, section 4.2 of the Noise specification: the counter continues.
    fn rekey(&mut self) -> Result<(), Unspecified> {
        let mut key = [0; 32];
        let nonce = self.cipher.nonce(u64::MAX);
        let _tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::empty(), &mut key)?;
        *self.key = self.cipher.key(&key)?;
        Ok(())
    }
}

impl fmt::Debug for CipherState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CipherState")
            .field("cipher", &self.cipher)
            .finish_non_exhaustive()
    }
}
