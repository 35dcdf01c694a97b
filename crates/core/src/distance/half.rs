//! Half floats made floats, exactly, many at a time.
//!
//! A half's exponent and digits, moved to where a float has them, are the number divided by 2^112,
//! subnormals too; one multiplication puts that right. It has no branch, so the compiler makes
//! registers of it inside [`pulp::Arch::dispatch`]. Infinity and NaN come out as large numbers:
//! vectors hold neither. F16C would do it in one instruction, but pulp does not reach it.

use pulp::{Arch, Simd, WithSimd};

/// 2^112, what the exponents' biases differ by.
const SCALE: u32 = 0x7780_0000;

/// The floats of finite halves, given by their bits; as many as there are places in `out`.
pub fn widen(halves: &[u16], out: &mut [f32]) {
    Arch::new().dispatch(Widen { halves, out });
}

struct Widen<'a> {
    halves: &'a [u16],
    out: &'a mut [f32],
}

impl WithSimd for Widen<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        for (out, half) in self.out.iter_mut().zip(self.halves) {
            *out = float_of(*half);
        }
    }
}

/// The float of a finite half.
#[inline(always)]
pub(crate) fn float_of(half: u16) -> f32 {
    let magnitude = f32::from_bits(u32::from(half & 0x7fff) << 13) * f32::from_bits(SCALE);
    f32::from_bits(magnitude.to_bits() | u32::from(half & 0x8000) << 16)
}

/// The least magnitude with all its digits, 2^-14.
const LEAST: u32 = 0x3880_0000;
/// Subnormal halves are multiples of 2^-24; added to this, a smaller float keeps those alone.
const GRAIN: f32 = 0.5;

/// The nearest half of a number of magnitude up to 65504, the even one of two.
#[must_use]
pub fn half_of(number: f32) -> u16 {
    let (sign, bits) = (number.to_bits() >> 16 & 0x8000, number.to_bits() & 0x7fff_ffff);
    let magnitude = if bits < LEAST {
        (f32::from_bits(bits) + GRAIN).to_bits() - GRAIN.to_bits()
    } else {
        // What is cut off rounds up from the half on, or beyond it where the digit kept is even.
        let rounded = bits + 0xfff + (bits >> 13 & 1);
        (rounded - (112 << 23)) >> 13
    };
    (sign | magnitude) as u16
}

#[cfg(test)]
mod tests {
    use super::{half_of, widen};
    use proptest::prelude::*;

    /// IEEE 754 binary16, by its definition.
    fn defined(half: u16) -> f64 {
        let exponent = i32::from(half >> 10 & 0x1f);
        let digits = f64::from(half & 0x3ff) / 1024.0;
        let magnitude = match exponent {
            0 => digits * 2f64.powi(-14),
            _ => (1.0 + digits) * 2f64.powi(exponent - 15),
        };
        if half >> 15 == 1 { -magnitude } else { magnitude }
    }

    #[test]
    fn every_finite_half_is_its_number() {
        let finite: Vec<u16> = (0..=u16::MAX).filter(|half| half >> 10 & 0x1f != 0x1f).collect();
        let mut floats = vec![0.0; finite.len()];
        widen(&finite, &mut floats);
        for (half, float) in finite.iter().zip(floats) {
            assert_eq!(f64::from(float).to_bits(), defined(*half).to_bits(), "{half:#06x}");
        }
    }

    proptest! {
        /// No half is nearer, and every half is its own.
        #[test]
        fn numbers_become_their_nearest_half(number in prop_oneof![
            -65504.0f32..65504.0, -2.0f32..2.0, -1e-4f32..1e-4, -1e-7f32..1e-7
        ]) {
            let half = half_of(number);
            let error = |half: u16| (defined(half) - f64::from(number)).abs();
            for other in [half.wrapping_sub(1), half.wrapping_add(1)] {
                if other >> 10 & 0x1f != 0x1f && other & 0x7fff != 0x7fff {
                    prop_assert!(error(half) <= error(other), "{number}: {half:#06x}");
                }
            }
            prop_assert_eq!(half >> 15, (number.to_bits() >> 31) as u16);
        }
    }

    #[test]
    fn every_half_is_its_own_nearest() {
        for half in (0..=u16::MAX).filter(|half| half >> 10 & 0x1f != 0x1f) {
            assert_eq!(half_of(defined(half) as f32), half);
        }
    }
}
