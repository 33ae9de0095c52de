//! Figures from bursts: medians, ratios, spread.

/// The middle of `values`, of the two middle ones the mean; NaN when there are none.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => f64::NAN,
        (count, half) if count % 2 == 1 => sorted[half],
        (_, half) => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

/// By how much the larger of two figures exceeds the smaller, as a share of the smaller.
#[must_use]
pub fn apart(a: f64, b: f64) -> f64 {
    a.max(b) / a.min(b) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        let cases: [(&[f64], f64); 4] = [
            (&[3.0, 1.0, 2.0], 2.0),
            (&[4.0, 1.0, 3.0, 2.0], 2.5),
            (&[7.0], 7.0),
            (&[1.0, 100.0, 1.0], 1.0),
        ];
        for (values, expect) in cases {
            assert!((median(values) - expect).abs() < 1e-9, "{values:?}");
        }
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn two_bursts_are_apart_by_a_share_of_the_slower() {
        assert!((apart(115.0, 100.0) - 0.15).abs() < 1e-9);
        assert!((apart(100.0, 115.0) - 0.15).abs() < 1e-9);
        assert!(apart(5.0, 5.0).abs() < 1e-9);
    }
}
