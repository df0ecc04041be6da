//! W6: one link of the transport, without nodes.

mod link;

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use gossip_driver::core::Class;
use gossip_driver::transport::FrameReader as _;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use self::link::connect;
use crate::measure::{Latencies, Meter};
use crate::measured::Measured;
use crate::size::size;

/// One run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "lowercase")]
pub(crate) enum Case {
    /// Frames of one size as fast as possible.
    Throughput { size: usize },
    /// A control frame every 5 ms while bulk frames of 1 MB saturate the link.
    Control,
    /// Sealing and opening alone, on one thread: the upper bound for a link.
    Aead { size: usize },
    /// A bare TCP stream with writes and reads of 64 KB: the cost of the sockets.
    Tcp,
}

const WARM_UP: Duration = Duration::from_millis(300);
const PERIOD: Duration = Duration::from_secs(3);
/// Most bytes in the writer's queue that are not flushed: the same as a node's per class.
const WINDOW: usize = 4 << 20;
const LIMIT: usize = 16 << 20;
const PROBES: usize = 400;

impl Case {
    pub(crate) async fn run(self) -> Result<Measured> {
        match self {
            Self::Throughput { size } => throughput(size).await,
            Self::Control => control().await,
            Self::Aead { size } => aead(size),
            Self::Tcp => tcp().await,
        }
    }
}

async fn throughput(size: usize) -> Result<Measured> {
    let (flow, mut reader) = connect().await?;
    let feeding = tokio::spawn(flow.saturate(Bytes::from(vec![7; size]), Class::Bulk, WINDOW));
    let warm = Instant::now();
    while warm.elapsed() < WARM_UP {
        reader.read(LIMIT).await?.context("the link has ended")?;
    }
    let meter = Meter::start();
    let (mut bytes, mut frames) = (0, 0);
    let begun = Instant::now();
    while begun.elapsed() < PERIOD {
        let frame = reader.read(LIMIT).await?.context("the link has ended")?;
        bytes += frame.len();
        frames += 1;
    }
    let usage = meter.stop();
    feeding.abort();
    let seconds = usage.wall.as_secs_f64();
    let mut measured = Measured::default();
    measured.set("gb_per_s", bytes as f64 / 1e9 / seconds);
    measured.set("gb_per_cpu_s", bytes as f64 / 1e9 / usage.cpu.as_secs_f64());
    measured.set(
        "cpu_ns_per_byte",
        usage.cpu.as_secs_f64() * 1e9 / bytes as f64,
    );
    measured.set("frames_per_s", f64::from(frames) / seconds);
    let segments = usage.loopback.segments as f64 / f64::from(frames);
    measured.set("segments_per_frame", segments);
    Ok(measured)
}

async fn control() -> Result<Measured> {
    let (flow, mut reader) = connect().await?;
    let probes = flow.sender();
    let feeding = tokio::spawn(flow.saturate(Bytes::from(vec![7; 1 << 20]), Class::Bulk, WINDOW));
    let begun = Instant::now();
    let reading = tokio::spawn(async move {
        let mut latencies = Vec::with_capacity(PROBES);
        while let Some(frame) = reader.read(LIMIT).await? {
            if frame.len() == 8 {
                let sent = frame
                    .first_chunk::<8>()
                    .map_or(0, |sent| u64::from_be_bytes(*sent));
                latencies.push(begun.elapsed().saturating_sub(Duration::from_nanos(sent)));
            }
            if latencies.len() == PROBES {
                break;
            }
        }
        anyhow::Ok(latencies)
    });
    sleep(WARM_UP).await;
    while !reading.is_finished() {
        let sent = begun.elapsed().as_nanos() as u64;
        probes.push(Class::Control, Bytes::copy_from_slice(&sent.to_be_bytes()));
        sleep(Duration::from_millis(5)).await;
    }
    let latencies = Latencies::new(reading.await??);
    feeding.abort();
    let mut measured = Measured::default();
    measured.set("control_p50_ms", latencies.millis(0.5));
    measured.set("control_p99_ms", latencies.millis(0.99));
    measured.set("control_max_ms", latencies.millis(1.0));
    measured.curve = latencies.curve();
    Ok(measured)
}

async fn tcp() -> Result<Measured> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut near = TcpStream::connect(listener.local_addr()?).await?;
    let (mut far, _) = listener.accept().await?;
    let feeding = tokio::spawn(async move {
        let buffer = vec![7; 64 << 10];
        while near.write_all(&buffer).await.is_ok() {}
    });
    let mut buffer = vec![0; 64 << 10];
    let meter = Meter::start();
    let mut bytes = 0;
    let begun = Instant::now();
    while begun.elapsed() < PERIOD {
        bytes += far.read(&mut buffer).await?;
    }
    let usage = meter.stop();
    feeding.abort();
    let mut measured = Measured::default();
    measured.set("gb_per_s", bytes as f64 / 1e9 / usage.wall.as_secs_f64());
    measured.set(
        "cpu_ns_per_byte",
        usage.cpu.as_secs_f64() * 1e9 / bytes as f64,
    );
    Ok(measured)
}

/// Seals and opens each byte once, as on a link.
fn aead(size: usize) -> Result<Measured> {
    let failed = |_| anyhow::anyhow!("the cipher fails");
    let key = UnboundKey::new(&AES_256_GCM, &[3; 32]).map_err(failed)?;
    let key = LessSafeKey::new(key);
    let mut buffer = vec![7; size];
    let meter = Meter::start();
    let mut count: u64 = 0;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        for _ in 0..16 {
            let mut nonce = [0; 12];
            nonce[4..].copy_from_slice(&count.to_be_bytes());
            let sealing = Nonce::assume_unique_for_key(nonce);
            key.seal_in_place_append_tag(sealing, Aad::empty(), &mut buffer)
                .map_err(failed)?;
            let opening = Nonce::assume_unique_for_key(nonce);
            let plain = key
                .open_in_place(opening, Aad::empty(), &mut buffer)
                .map_err(failed)?;
            black_box(plain.len());
            buffer.truncate(size);
            count += 1;
        }
    }
    let usage = meter.stop();
    let bytes = count as f64 * size as f64;
    let mut measured = Measured::default();
    measured.set("gb_per_s", bytes / 1e9 / usage.wall.as_secs_f64());
    measured.set("cpu_ns_per_byte", usage.cpu.as_secs_f64() * 1e9 / bytes);
    Ok(measured)
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throughput { size: bytes } => write!(f, "one link, frames of {}", size(*bytes)),
            Self::Tcp => write!(f, "bare TCP stream"),
            Self::Control => write!(f, "control frames behind saturated bulk"),
            Self::Aead { size: bytes } => write!(f, "seal and open alone, {}", size(*bytes)),
        }
    }
}
