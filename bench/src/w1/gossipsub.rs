use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow};
use futures_util::StreamExt as _;
use libp2p::gossipsub::{
    Behaviour, ConfigBuilder, Event, IdentTopic, MessageAuthenticity, PublishError, ValidationMode,
};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm, SwarmBuilder, noise, tcp, yamux};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::{Network, Tracker, index_of};

const TOPIC: &str = "bench";
const MAX_TRANSMIT: usize = 2 << 20;
/// Two heartbeats of gossipsub, in which its mesh forms.
const SETTLE: Duration = Duration::from_secs(2);

/// libp2p's gossipsub with signed messages and strict validation, over TCP, Noise and yamux.
pub(crate) struct Gossipsub {
    publisher: mpsc::Sender<Publication>,
}

struct Publication {
    payload: Vec<u8>,
    done: oneshot::Sender<Result<(), PublishError>>,
}

impl Network for Gossipsub {
    async fn start(nodes: usize, tracker: &Arc<Tracker>) -> Result<Self> {
        let subscribed = Arc::new(AtomicUsize::new(0));
        let mut addresses: Vec<Multiaddr> = Vec::new();
        let mut publisher = None;
        for index in 0..nodes {
            let mut swarm = swarm()?;
            swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
            let address = loop {
                if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                    break address;
                }
            };
            for earlier in &addresses {
                swarm.dial(earlier.clone())?;
            }
            addresses.push(address);
            let (sender, publications) = mpsc::channel(1);
            publisher.get_or_insert(sender);
            let tracker = (index > 0).then(|| Arc::clone(tracker));
            tokio::spawn(serve(swarm, publications, tracker, Arc::clone(&subscribed)));
        }
        while subscribed.load(Ordering::Relaxed) < nodes * (nodes - 1) {
            sleep(Duration::from_millis(10)).await;
        }
        sleep(SETTLE).await;
        let publisher = publisher.ok_or_else(|| anyhow!("a network has at least one node"))?;
        Ok(Self { publisher })
    }

    async fn publish(&mut self, payload: &[u8]) -> Result<()> {
        loop {
            let (done, result) = oneshot::channel();
            let payload = payload.to_vec();
            self.publisher.send(Publication { payload, done }).await?;
            match result.await? {
                Ok(()) => return Ok(()),
                // The queues are full: wait, as a publisher would.
                Err(PublishError::AllQueuesFull(_)) => sleep(Duration::from_millis(1)).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn stop(self) {}
}

fn swarm() -> Result<Swarm<Behaviour>> {
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(
            tcp::Config::default().nodelay(true),
            noise::Config::new,
            yamux::Config::default,
        )?
        .with_behaviour(|key| {
            let config = ConfigBuilder::default()
                .validation_mode(ValidationMode::Strict)
                .max_transmit_size(MAX_TRANSMIT)
                .build()?;
            let mut behaviour = Behaviour::new(MessageAuthenticity::Signed(key.clone()), config)?;
            behaviour.subscribe(&IdentTopic::new(TOPIC))?;
            Ok(behaviour)
        })?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(600)));
    Ok(swarm.build())
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "other events of the swarm are not measured"
)]
async fn serve(
    mut swarm: Swarm<Behaviour>,
    mut publications: mpsc::Receiver<Publication>,
    tracker: Option<Arc<Tracker>>,
    subscribed: Arc<AtomicUsize>,
) {
    loop {
        tokio::select! {
            publication = publications.recv(), if tracker.is_none() => {
                let Some(Publication { payload, done }) = publication else {
                    return;
                };
                let topic = IdentTopic::new(TOPIC);
                let result = swarm.behaviour_mut().publish(topic, payload);
                let _ = done.send(result.map(drop));
            }
            event = swarm.select_next_some() => match event {
                SwarmEvent::Behaviour(Event::Message { message, .. }) => {
                    if let (Some(tracker), Some(index)) = (&tracker, index_of(&message.data)) {
                        tracker.delivered(index);
                    }
                }
                SwarmEvent::Behaviour(Event::Subscribed { .. }) => {
                    subscribed.fetch_add(1, Ordering::Relaxed);
                }
                _ => {}
            }
        }
    }
}
