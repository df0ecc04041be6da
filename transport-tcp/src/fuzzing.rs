//! Entry points of the fuzz targets. Not part of the API.

use std::io::{self, Cursor, Read as _};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::io::{AsyncRead, AsyncWrite};

use crate::Cipher;
use crate::cipher::CipherState;
use crate::decoder::{Decoder, Step};
use crate::handshake::{HandshakeConfig, respond};

const LIMIT: usize = 1 << 20;

/// Reads `data` twice: as bytes from the wire, and as plain text that the remote has sealed.
/// Returns false if a frame exceeds the limit.
#[must_use]
pub fn framing(data: &[u8]) -> bool {
    let key = [7; 32];
    let cipher = Cipher::ChaChaPoly;
    let (Ok(mut sealing), Ok(opening), Ok(other)) = (
        CipherState::new(cipher, &key),
        CipherState::new(cipher, &key),
        CipherState::new(cipher, &key),
    ) else {
        return true;
    };
    let mut wire = Vec::new();
    let mut rest = data;
    while let Some((length, tail)) = rest.split_first() {
        let (message, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        let mut message = message.to_vec();
        let Ok(tag) = sealing.seal(&mut message) else {
            return true;
        };
        message.extend_from_slice(&tag);
        wire.extend_from_slice(&(message.len() as u16).to_be_bytes());
        wire.extend_from_slice(&message);
    }
    feed(Decoder::new(opening), &wire) && feed(Decoder::new(other), data)
}

/// Runs the acceptor's handshake against `data`. Returns false if it succeeds.
#[must_use]
pub fn handshake(data: &[u8]) -> bool {
    let Ok(config) = HandshakeConfig::new(Bytes::from_static(b"n")) else {
        return true;
    };
    let mut line = Line(Cursor::new(data));
    respond(&mut line, &config, None)
        .now_or_never()
        .is_none_or(|session| session.is_err())
}

fn feed(mut decoder: Decoder, wire: &[u8]) -> bool {
    let mut rest = Cursor::new(wire);
    loop {
        match decoder.next(LIMIT) {
            Ok(Step::Frame(frame)) if frame.len() > LIMIT => return false,
            Ok(Step::Frame(_)) => {}
            Ok(Step::NeedMore) => match rest.read(decoder.space()) {
                Ok(0) | Err(_) => return true,
                Ok(count) => decoder.received(count),
            },
            Ok(Step::End) | Err(_) => return true,
        }
    }
}

/// A dialler that has sent everything and ignores the answer.
struct Line<'a>(Cursor<&'a [u8]>);

impl AsyncRead for Line<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.0.read(buffer))
    }
}

impl AsyncWrite for Line<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    use super::*;

    fn check_random_data(check: fn(&[u8]) -> bool) {
        let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut runner = TestRunner::new_with_rng(Config::with_cases(2000), random);
        let bytes = proptest::collection::vec(any::<u8>(), 0..2000);
        let outcome = runner.run(&bytes, |bytes| {
            proptest::prop_assert!(check(&bytes));
            Ok(())
        });
        outcome.unwrap();
    }

    #[test]
    fn no_data_makes_a_frame_beyond_the_limit() {
        check_random_data(framing);
    }

    #[test]
    fn no_data_completes_a_handshake() {
        check_random_data(handshake);
    }
}
