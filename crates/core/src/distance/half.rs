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

#[inline(always)]
fn float_of(half: u16) -> f32 {
    let magnitude = f32::from_bits(u32::from(half & 0x7fff) << 13) * f32::from_bits(SCALE);
    f32::from_bits(magnitude.to_bits() | u32::from(half & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    use super::widen;

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
}
