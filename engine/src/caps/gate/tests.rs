use std::sync::atomic::AtomicUsize;

use super::super::{Gates, Place, Since};
use super::*;
use crate::catalog::{Cap, CapLevel, CapLimit, CapPeriod, OverCap};

const DAY: u64 = 86_400_000;

fn rule(metric: CapMetric, limit: u64, on_cap: OnCap) -> CapRule {
    let cap = Cap {
        metric,
        period: CapPeriod::Day,
        limit: CapLimit::Count(limit),
        level: CapLevel::Offer,
        goal: None,
        timezone: None,
        hard: true,
        on_cap,
        over_cap: OverCap::Reject,
    };
    of_version(1, CapRule::compile(&cap, None, None, "UTC").unwrap())
}

/// The rule in a version that was made at the beginning of day `version - 1`.
fn of_version(version: u32, mut rule: CapRule) -> CapRule {
    let at = UnixMs(u64::from(version - 1) * DAY);
    rule.since = Since { version, at };
    rule
}

fn clicks(limit: u64) -> CapRule {
    rule(CapMetric::Clicks, limit, OnCap::Fallback)
}

fn ready(used: &[(Place, i64)]) -> Gates {
    let gates = Gates::default();
    assert!(
        gates.get(CapKey(1), &clicks(9)).is_none(),
        "closed until the head is reached"
    );
    gates.open(used.iter().copied());
    gates
}

fn at(day: u64) -> Place {
    Place {
        cap: 1,
        from: UnixMs(day * DAY),
    }
}

fn on(day: u64) -> UnixMs {
    UnixMs(day * DAY + 5)
}

/// How many of `tries` clicks on a day are admitted.
fn admitted(gate: &Arc<CapGate>, day: u64, tries: usize) -> usize {
    (0..tries).filter(|_| gate.take(on(day)).is_some()).count()
}

#[test]
fn a_gate_admits_exactly_its_permits_under_64_threads_while_days_pass() {
    const DAYS: usize = 6;
    let gates = ready(&[(at(0), 30)]);
    let gate = gates.get(CapKey(1), &clicks(100)).unwrap();
    let admitted: [AtomicUsize; DAYS] = Default::default();
    // A barrier before each day, so that none is closed before everybody has asked in it.
    let barrier = std::sync::Barrier::new(64);
    std::thread::scope(|scope| {
        for thread in 0..64u64 {
            let (gate, admitted, barrier) = (&gate, &admitted, &barrier);
            scope.spawn(move || {
                for (day, count) in admitted.iter().enumerate() {
                    barrier.wait();
                    for click in 0..50u64 {
                        let now = UnixMs(day as u64 * DAY + thread + click);
                        let Some(permit) = gate.take(now) else {
                            continue;
                        };
                        // Some are not recorded.
                        if click % 10 == 3 {
                            permit.put_back();
                        } else {
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let counted = admitted.map(AtomicUsize::into_inner);
    assert_eq!(counted, [70, 100, 100, 100, 100, 100]);
}

#[test]
fn no_day_admits_too_many_while_windows_move_under_the_threads() {
    const DAYS: u64 = 40;
    let gates = ready(&[]);
    let gate = gates.get(CapKey(1), &clicks(5)).unwrap();
    let admitted: Vec<AtomicUsize> = (0..DAYS).map(|_| AtomicUsize::new(0)).collect();
    std::thread::scope(|scope| {
        for thread in 0..16u64 {
            let (gate, admitted) = (&gate, &admitted);
            scope.spawn(move || {
                for click in 0..4_000u64 {
                    // Clocks that differ by up to three days: windows open and close all the time.
                    let day = (click * DAYS / 4_000 + (thread + click) % 4).min(DAYS - 1);
                    let Some(permit) = gate.take(on(day)) else {
                        continue;
                    };
                    if (thread + click) % 3 == 0 {
                        permit.put_back();
                    } else {
                        admitted[day as usize].fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    for (day, count) in admitted.iter().enumerate() {
        let count = count.load(Ordering::Relaxed);
        assert!(count <= 5, "{count} on day {day}");
    }
}

#[test]
fn a_permit_put_back_can_be_taken_again_and_an_old_period_stays_closed() {
    let gate = ready(&[]).get(CapKey(1), &clicks(1)).unwrap();
    let permit = gate.take(on(0)).unwrap();
    assert!(gate.take(on(0)).is_none());
    permit.put_back();
    let late = gate.take(on(0)).unwrap();
    assert!(gate.has_room(on(1)) && gate.has_room(on(2)));
    assert!(!gate.has_room(on(0)), "two newer periods are open");
    late.put_back();
    assert_eq!(admitted(&gate, 1, 3) + admitted(&gate, 2, 3), 2);
}

#[test]
fn bookings_move_the_room_of_what_clicks_do_not_count() {
    let conversions = rule(CapMetric::Conversions, 2, OnCap::Fallback);
    let gates = ready(&[(at(0), 1)]);
    gates.book(&[(at(1), 2)]);
    let gate = gates.get(CapKey(1), &conversions).unwrap();
    assert!(gate.has_room(on(0)));
    assert!(!gate.has_room(on(1)), "booked before anybody asked");
    gates.book(&[(at(0), 2)]);
    assert!(!gate.has_room(on(0)));
    gates.book(&[(at(0), 1)]);
    assert!(gate.has_room(on(0)), "a rejection gave a place back");
    let gates = ready(&[]);
    let gate = gates.get(CapKey(1), &clicks(2)).unwrap();
    assert_eq!(admitted(&gate, 0, 1), 1);
    gates.book(&[(at(0), 1)]);
    assert_eq!(admitted(&gate, 0, 5), 1, "clicks are not counted twice");
}

#[test]
fn a_new_limit_keeps_what_is_used_and_an_old_snapshot_cannot_bring_the_old_one_back() {
    let gates = ready(&[]);
    let gate = gates.get(CapKey(1), &clicks(3)).unwrap();
    assert_eq!(admitted(&gate, 0, 2), 2);
    let wider = of_version(2, clicks(10));
    let _ = gates.get(CapKey(1), &wider);
    let _ = gates.get(CapKey(1), &clicks(3));
    assert_eq!(admitted(&gate, 0, 20), 8);
    let narrower = of_version(3, clicks(4));
    let _ = gates.get(CapKey(1), &narrower);
    assert_eq!(admitted(&gate, 0, 20), 0);
    assert_eq!(admitted(&gate, 1, 20), 4);
}

#[test]
fn a_cap_that_pauses_stays_closed_until_a_person_changes_the_offer() {
    let pausing = rule(CapMetric::Clicks, 2, OnCap::Pause);
    let gates = ready(&[]);
    let gate = gates.get(CapKey(1), &pausing).unwrap();
    assert_eq!(admitted(&gate, 0, 5), 2);
    assert_eq!(admitted(&gate, 1, 5), 0, "the next day is closed too");
    let _ = gates.get(CapKey(1), &pausing);
    assert_eq!(admitted(&gate, 2, 5), 0);
    let resumed = of_version(2, pausing.clone());
    let _ = gates.get(CapKey(1), &resumed);
    assert_eq!(admitted(&gate, 2, 5), 2, "resumed, and reached again");
    let resumed = of_version(3, pausing);
    let _ = gates.get(CapKey(1), &resumed);
    assert_eq!(
        admitted(&gate, 2, 5),
        0,
        "resumed, but nothing is left today"
    );
    assert_eq!(admitted(&gate, 3, 5), 2, "tomorrow is open");
}

#[test]
fn a_click_that_was_not_recorded_pauses_nothing() {
    let gates = ready(&[]);
    let pausing = rule(CapMetric::Clicks, 1, OnCap::Pause);
    let gate = gates.get(CapKey(1), &pausing).unwrap();
    gate.take(on(0)).unwrap().put_back();
    assert_eq!(admitted(&gate, 0, 5), 1);
}

#[test]
fn a_pause_outlives_a_restart_unless_the_offer_was_changed_after_the_period() {
    let pausing = |version| of_version(version, rule(CapMetric::Clicks, 2, OnCap::Pause));
    for (version, day, expect) in [(1, 1, 0), (1, 2, 0), (2, 1, 2), (3, 2, 2)] {
        // Reached on day 0; version 2 was made on day 1, version 3 on day 2.
        let gates = ready(&[(at(0), 2)]);
        let gate = gates.get(CapKey(1), &pausing(version)).unwrap();
        assert_eq!(
            admitted(&gate, day, 5),
            expect,
            "version {version}, day {day}"
        );
    }
    let booked = rule(CapMetric::Conversions, 2, OnCap::Pause);
    let gates = ready(&[(at(0), 1)]);
    let gate = gates.get(CapKey(1), &booked).unwrap();
    gates.book(&[(at(0), 2)]);
    assert!(
        !gate.has_room(on(1)),
        "a booking that reaches it pauses at once"
    );
}

#[test]
fn clicks_decided_before_there_was_the_cap_use_its_permits_once_they_are_counted() {
    let gates = ready(&[]);
    let gate = gates.get(CapKey(1), &clicks(10)).unwrap();
    assert_eq!(admitted(&gate, 0, 4), 4);
    // Three of another snapshot lie between them in the log; the fold is two clicks behind.
    gates.book(&[(at(0), 5)]);
    assert!(gate.has_room(on(0)));
    gates.book(&[(at(0), 7)]);
    assert_eq!(admitted(&gate, 0, 100), 3, "ten in all, with those three");
}

#[test]
fn a_fold_that_is_behind_gives_no_permit_back() {
    let gates = ready(&[]);
    let gate = gates.get(CapKey(1), &clicks(10)).unwrap();
    assert_eq!(admitted(&gate, 0, 8), 8);
    gates.book(&[(at(0), 1)]);
    assert_eq!(admitted(&gate, 0, 100), 2);
}
