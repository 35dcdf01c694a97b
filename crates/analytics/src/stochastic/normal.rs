//! The standard normal distribution.

/// The probability of a value not above `z`.
pub(super) fn cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

/// The probability of a value at least as far from zero as `z`, on either side.
pub(super) fn two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}
