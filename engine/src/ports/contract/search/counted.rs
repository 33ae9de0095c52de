//! Documents are counted and summed.

use super::*;

/// Rows count clicks by their groups; those without a value are a group too.
pub async fn a_drilldown_counts_by_any_fields(index: &impl SearchIndex) {
    let sub = |text: &str| Subs([(2, text.to_owned())].into());
    fill(
        index,
        &[
            click(1, BEGIN, |c| {
                c.visit.subs = sub("a");
                c.visit.visitor = "v1".to_owned();
            }),
            click(2, hour(1), |c| {
                c.visit.subs = sub("a");
                c.visit.visitor = "v1".to_owned();
                c.unique = false;
            }),
            click(3, hour(2), |c| {
                c.visit.subs = sub("b");
                c.visit.visitor = "v2".to_owned();
                c.target.country = "AT".to_owned();
                (c.cost_micros, c.cost_currency) = (Some(1), Some(Currency::EUR));
            }),
            click(4, hour(3), |c| {
                c.valid = false;
                c.unique = false;
            }),
            click(5, hour(3), |c| c.target.test = true),
        ],
    )
    .await;
    let request =
        json!({"of": "clicks", "group_by": ["sub2", "country"], "distinct": ["visitors"]});
    let page = drilldown(index, request).await;
    let expected = [
        (vec![None, Some("DE")], 1),
        (vec![Some("a"), Some("DE")], 2),
        (vec![Some("b"), Some("AT")], 1),
    ];
    assert_eq!(counts(&page), expected);
    assert_eq!(
        (page.total.count, page.total.valid, page.total.unique),
        (4, 3, 2)
    );
    assert_eq!(page.total.distinct[0].1, 2);
    assert_eq!(page.rows[1].measured.distinct[0].1, 1);
    assert_eq!(page.total.sum(AmountField::Cost, Currency::EUR), 1);
    assert_eq!(page.watermark, Some(watermark(5)));
    let page = drilldown(
        index,
        json!({"of": "clicks", "group_by": ["sub2"], "sort": "-count", "limit": 1}),
    )
    .await;
    assert_eq!(
        (counts(&page), page.next.clone()),
        (vec![(vec![Some("a")], 2)], None)
    );
}

/// Sums are exact, also where they are larger than a double can count to; rejected conversions earn nothing.
pub async fn sums_are_exact_and_by_currency(index: &impl SearchIndex) {
    // 2^53 micros are nine billion units: three of these are past it, and odd.
    let large = 4_503_599_627_370_497;
    let earning = |seq, amount: i64| conversion(seq, hour(seq), move |c| c.payout_micros = amount);
    fill(
        index,
        &[
            earning(1, large),
            earning(2, large),
            earning(3, large),
            earning(4, -1),
            conversion(5, hour(5), |c| c.currency = Currency::EUR),
            conversion(6, hour(6), |c| c.status = ConversionStatus::Rejected),
            conversion(7, hour(7), |c| {
                c.status = ConversionStatus::Pending;
                (c.sale_amount_micros, c.sale_currency) = (None, None);
            }),
        ],
    )
    .await;
    let page = drilldown(
        index,
        json!({"of": "conversions", "group_by": ["status"], "sort": "-payout:USD"}),
    )
    .await;
    let payout = |i: usize| {
        page.rows[i]
            .measured
            .sum(AmountField::Payout, Currency::USD)
    };
    let (one, all) = (i128::from(large), 3 * i128::from(large) - 1);
    assert!(one * 3 > 1 << 53);
    assert_eq!([payout(0), payout(1), payout(2)], [all, 1_500_000, 0]);
    let total = &page.total;
    assert_eq!(
        total.sum(AmountField::Payout, Currency::USD),
        all + 1_500_000
    );
    assert_eq!(total.sum(AmountField::Payout, Currency::EUR), 1_500_000);
    assert_eq!(total.sum(AmountField::Revenue, Currency::USD), 10_000_000);
    assert_eq!(total.sum(AmountField::Sale, Currency::EUR), 100_000_000);
    assert_eq!(
        total.statuses,
        [
            (ConversionStatus::Pending, 1),
            (ConversionStatus::Approved, 5),
            (ConversionStatus::Rejected, 1)
        ]
    );
}

/// Days are cut at midnight of the zone, and have the hours that its clocks say.
pub async fn periods_are_cut_in_the_zone(index: &impl SearchIndex) {
    // Clocks in Berlin go forward on 2026-03-29 and back on 2026-10-25.
    let at = |text: &str| UnixMs::parse_rfc3339(text).expect("a time");
    let times = [
        "2026-03-28T22:59:59.999Z",
        "2026-03-28T23:00:00Z",
        "2026-03-29T21:59:59.999Z",
        "2026-03-29T22:00:00Z",
        "2026-10-25T00:30:00Z",
        "2026-10-25T01:30:00Z",
    ];
    let documents: Vec<Document> = times
        .iter()
        .zip(1..)
        .map(|(t, seq)| click(seq, at(t), |_| ()))
        .collect();
    fill(index, &documents).await;
    let rows = async |period: &str, zone: &str| {
        let request = json!({"of": "clicks", "group_by": [period], "timezone": zone});
        let page = drilldown(index, request).await;
        let row = |r: &crate::search::DrilldownRow| {
            (r.group[0].clone().unwrap_or_default(), r.measured.count)
        };
        page.rows.iter().map(row).collect::<Vec<_>>()
    };
    let named = |rows: &[(&str, u64)]| {
        rows.iter()
            .map(|(n, c)| ((*n).to_owned(), *c))
            .collect::<Vec<_>>()
    };
    let berlin = "Europe/Berlin";
    let days = [
        ("2026-03-28", 1),
        ("2026-03-29", 2),
        ("2026-03-30", 1),
        ("2026-10-25", 2),
    ];
    assert_eq!(rows("day", berlin).await, named(&days));
    let hours = rows("hour", berlin).await;
    let repeated = [
        ("2026-10-25T02:00:00+02:00", 1),
        ("2026-10-25T02:00:00+01:00", 1),
    ];
    assert_eq!(hours[hours.len() - 2..], named(&repeated));
    let weeks = [("2026-03-23", 3), ("2026-03-30", 1), ("2026-10-19", 2)];
    assert_eq!(rows("week", berlin).await, named(&weeks));
    assert_eq!(
        rows("month", berlin).await,
        named(&[("2026-03", 4), ("2026-10", 2)])
    );
    let half_hour = rows("hour", "Asia/Kolkata").await;
    assert_eq!(half_hour[0], ("2026-03-29T04:00:00+05:30".to_owned(), 2));
}

/// Rows in order of their groups are paged to the last one.
pub async fn a_drilldown_is_paged_to_its_end(index: &impl SearchIndex) {
    let of =
        |n: u64| move |c: &mut ClickDocument| c.visit.subs = Subs([(1, format!("s{n:04}"))].into());
    let documents: Vec<Document> = (0..1_203)
        .map(|n| click(n, hour(n % 30), of(n % 601)))
        .collect();
    fill(index, &documents).await;
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let request = json!({"of": "clicks", "group_by": ["sub1"], "limit": 250, "cursor": cursor});
        let page = drilldown(index, request).await;
        assert_eq!(page.total.count, 1_203);
        seen.extend(
            page.rows
                .iter()
                .map(|r| (r.group[0].clone().unwrap_or_default(), r.measured.count)),
        );
        match page.next {
            Some(next) => cursor = serde_json::to_string(&next).expect("JSON").into(),
            None => break,
        }
    }
    let expected: Vec<(String, u64)> = (0..601)
        .map(|n| (format!("s{n:04}"), if n == 0 { 3 } else { 2 }))
        .collect();
    assert_eq!(seen, expected);
}
