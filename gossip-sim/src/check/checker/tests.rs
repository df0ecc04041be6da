use super::*;

const NOW: Instant = Instant::from_millis(60_000);
const EXPIRATION: Duration = Duration::from_secs(25);

fn checker() -> (Checker, ChannelId) {
    let mut checker = Checker::default();
    checker.grow();
    checker.grow();
    (checker, ChannelId::new("c"))
}

fn breaches(checker: &Checker) -> Vec<Breach> {
    checker
        .violations()
        .iter()
        .map(|violation| violation.breach.clone())
        .collect()
}

fn commit(checker: &mut Checker, node: u32, channel: &ChannelId, seq: u64, hash: u8) {
    checker.commit_asked(NOW, node, channel, seq);
    checker.committed(NOW, node, (channel, seq), [hash; 32]);
}

#[test]
fn a_gap_or_repetition_in_commits_is_a_violation() {
    let (mut checker, channel) = checker();
    commit(&mut checker, 0, &channel, 0, 0);
    commit(&mut checker, 0, &channel, 1, 1);
    assert!(breaches(&checker).is_empty());
    checker.commit_asked(NOW, 0, &channel, 3);
    checker.commit_failed(0, &channel);
    checker.commit_asked(NOW, 0, &channel, 1);
    let found = [3, 1].map(|seq| Breach::OutOfOrder {
        channel: channel.clone(),
        height: 2,
        seq,
    });
    assert_eq!(breaches(&checker), found);
}

#[test]
fn two_commits_at_a_time_are_a_violation() {
    let (mut checker, channel) = checker();
    checker.commit_asked(NOW, 0, &channel, 0);
    checker.commit_asked(NOW, 0, &channel, 1);
    assert_eq!(breaches(&checker), [Breach::Overlap { channel, seq: 1 }]);
}

#[test]
fn a_height_that_falls_is_a_violation_unless_the_ledger_was_lost() {
    let (mut checker, channel) = checker();
    checker.height_told(NOW, 0, &channel, 5);
    checker.height_told(NOW, 0, &channel, 6);
    checker.ledger_lost(0);
    checker.height_told(NOW, 0, &channel, 1);
    assert!(breaches(&checker).is_empty());
    checker.started(0);
    checker.height_told(NOW, 0, &channel, 0);
    assert_eq!(
        breaches(&checker),
        [Breach::HeightFell {
            channel,
            from: 1,
            to: 0
        }]
    );
}

#[test]
fn a_fork_is_a_violation_at_its_first_block() {
    let (mut checker, channel) = checker();
    commit(&mut checker, 0, &channel, 0, 7);
    commit(&mut checker, 1, &channel, 0, 7);
    commit(&mut checker, 0, &channel, 1, 8);
    commit(&mut checker, 1, &channel, 1, 9);
    assert_eq!(breaches(&checker), [Breach::Forked { channel, seq: 1 }]);
}

#[test]
fn a_lower_incarnation_is_a_violation_until_the_member_was_forgotten() {
    let (mut checker, _) = checker();
    checker.listed(NOW, (0, 1), (5, 6));
    checker.listed(NOW, (0, 1), (6, 6));
    checker.forgot(0, 1);
    checker.listed(NOW, (0, 1), (2, 6));
    assert!(breaches(&checker).is_empty());
    checker.listed(NOW, (0, 1), (1, 6));
    let subject = NodeId::new(1);
    assert_eq!(
        breaches(&checker),
        [Breach::Stale {
            subject,
            known: 2,
            seen: 1
        }]
    );
}

#[test]
fn a_lower_incarnation_is_valid_if_the_node_runs_with_it() {
    let (mut checker, _) = checker();
    checker.listed(NOW, (0, 1), (5, 6));
    checker.listed(NOW, (0, 1), (4, 4));
    assert!(breaches(&checker).is_empty());
    checker.listed(NOW, (0, 1), (3, 4));
    assert_eq!(breaches(&checker).len(), 1);
}

#[test]
fn a_dead_node_that_becomes_alive_without_having_started_is_a_violation() {
    let (mut checker, _) = checker();
    let since = Instant::from_millis(1_000);
    let (down, gone) = (Some(since), Some((since, since)));
    checker.died(0, 1, down);
    checker.appeared(Instant::from_millis(20_000), (0, 1), gone, EXPIRATION);
    checker.died(0, 1, down);
    checker.appeared(NOW, (0, 1), None, EXPIRATION);
    checker.died(0, 1, None);
    checker.appeared(NOW, (0, 1), gone, EXPIRATION);
    checker.died(0, 1, down);
    let late = Some((since, Instant::from_millis(40_000)));
    checker.appeared(NOW, (0, 1), late, EXPIRATION);
    assert!(breaches(&checker).is_empty());
    checker.died(0, 1, down);
    checker.appeared(NOW, (0, 1), gone, EXPIRATION);
    assert_eq!(
        breaches(&checker),
        [Breach::Resurrected {
            subject: NodeId::new(1)
        }]
    );
}

#[test]
fn an_exceeded_bound_is_a_violation_and_kept_violations_are_bounded() {
    let (mut checker, _) = checker();
    checker.bound(NOW, 0, "things", (3, 3));
    assert!(breaches(&checker).is_empty());
    for _ in 0..2 * MAX_VIOLATIONS {
        checker.bound(NOW, 0, "things", (4, 3));
    }
    assert_eq!(
        breaches(&checker)[0],
        Breach::Overrun {
            what: "things",
            actual: 4,
            limit: 3
        }
    );
    assert_eq!(
        (checker.violations().len(), checker.total()),
        (1_000, 2_000)
    );
}
