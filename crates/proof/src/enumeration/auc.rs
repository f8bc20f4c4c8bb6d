//! How well one number tells two classes apart.

/// The probability that a sample of `ones` is larger than one of `others`, ties counting half: the area
/// under the curve of the best classifier by a threshold, as Mann and Whitney's U gives it. 0.5 is chance.
#[expect(clippy::cast_precision_loss, reason = "a few thousand samples")]
pub(crate) fn area_under_curve(ones: &[u64], others: &[u64]) -> f64 {
    let mut all: Vec<(u64, bool)> = ones.iter().map(|time| (*time, true)).collect();
    all.extend(others.iter().map(|time| (*time, false)));
    all.sort_unstable();
    let mut sum_of_ranks = 0.0;
    for tied in all.chunk_by(|one, other| one.0 == other.0) {
        let before = all.partition_point(|(time, _)| *time < tied[0].0);
        let rank = before as f64 + (tied.len() as f64 + 1.0) / 2.0;
        sum_of_ranks += rank * tied.iter().filter(|(_, is_one)| *is_one).count() as f64;
    }
    let (m, n) = (ones.len() as f64, others.len() as f64);
    if m * n == 0.0 { 0.5 } else { (sum_of_ranks - m * (m + 1.0) / 2.0) / (m * n) }
}

#[cfg(test)]
mod tests {
    use super::area_under_curve;

    #[test]
    fn it_is_the_share_of_pairs_in_which_the_one_is_larger() {
        let close = |area: f64, expected: f64| assert!((area - expected).abs() < 1e-9, "{area}");
        close(area_under_curve(&[4, 5, 6], &[1, 2, 3]), 1.0);
        close(area_under_curve(&[1, 2, 3], &[4, 5, 6]), 0.0);
        close(area_under_curve(&[1, 2, 3], &[1, 2, 3]), 0.5);
        close(area_under_curve(&[7, 7, 7], &[7, 7]), 0.5);
        // Of nine pairs six are larger and one is tied.
        close(area_under_curve(&[2, 4, 6], &[1, 3, 4]), 6.5 / 9.0);
        close(area_under_curve(&[], &[1]), 0.5);
    }
}
