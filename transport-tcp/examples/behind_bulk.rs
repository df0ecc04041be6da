//! Measures, on loopback, the delay of a control frame on a link that is saturated with bulk, and
//! the throughput of the link: `cargo run --release -p transport-tcp --example behind_bulk
//! [seconds]`.
#![allow(clippy::print_stdout, reason = "it is the example's result")]

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gossip_driver::core::{Class, Endpoint};
use gossip_driver::transport::{
    FrameReader as _, FrameSender, FrameWriter as _, Link as _, Transport as _,
};
use runtime_tokio::TokioRuntime;
use transport_tcp::{TcpConfig, TcpTransport};

const BULK: usize = 1 << 20;
/// Bulk frames in the queue at any time.
const QUEUED: usize = 16;
const EVERY: Duration = Duration::from_millis(2);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(5), |text| text.parse())?;
    let config = TcpConfig::new(Endpoint::new("127.0.0.1:0"), "measurement");
    let transport = TcpTransport::bind(TokioRuntime::current(), config).await?;
    let (near, far) = tokio::try_join!(
        transport.dial(transport.local_endpoint()),
        transport.accept()
    )?;
    let (mut near_reader, near_writer) = near.split();
    let (mut far_reader, far_writer) = far.split();
    tokio::spawn(async move { near_reader.read(BULK).await });
    let (_idle, queue) = gossip_driver::transport::frame_queue(|| {});
    tokio::spawn(far_writer.run(queue));

    let (credit, returned) = async_channel::bounded(1);
    let (sender, queue) = gossip_driver::transport::frame_queue(move || {
        let _ = credit.try_send(());
    });
    tokio::spawn(near_writer.run(queue));

    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    tokio::spawn(async move { feed(&sender, &returned, start, end).await });

    let (mut bytes, mut delays) = (0, Vec::new());
    while let Some(frame) = far_reader.read(BULK).await? {
        bytes += frame.len();
        if let Ok(sent) = frame.as_ref().try_into().map(u64::from_be_bytes) {
            let sent = Duration::from_nanos(sent);
            delays.push(start.elapsed().saturating_sub(sent));
        }
    }
    report(bytes, start.elapsed(), &mut delays);
    Ok(())
}

/// Keeps the queue filled with bulk frames, and periodically adds a control frame with its time of
/// sending.
async fn feed(
    sender: &FrameSender,
    returned: &async_channel::Receiver<()>,
    start: Instant,
    end: Instant,
) {
    let bulk = Bytes::from(vec![7; BULK]);
    let mut queued = 0;
    let mut ticks = tokio::time::interval(EVERY);
    while Instant::now() < end {
        while queued < QUEUED {
            sender.push(Class::Bulk, bulk.clone());
            queued += 1;
        }
        tokio::select! {
            _ = ticks.tick() => {
                let now = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
                sender.push(Class::Control, Bytes::copy_from_slice(&now.to_be_bytes()));
            }
            _ = returned.recv() => {}
        }
        let (_, bytes) = sender.take_flushed();
        queued = queued.saturating_sub(usize::try_from(bytes).unwrap_or_default() / BULK);
    }
    sender.finish();
}

fn report(bytes: usize, took: Duration, delays: &mut [Duration]) {
    delays.sort_unstable();
    let at = |percent: usize| delays.get(delays.len() * percent / 100).copied();
    let rate = bytes as f64 / took.as_secs_f64() / 1e6;
    println!("{rate:.0} MB/s beside {} control frames", delays.len());
    println!("control frames took {:?} (p50), {:?} (p99)", at(50), at(99));
}
