//! The numbers a dense vector is made of: float4 in `vector`, float2 in `halfvec`.

use super::float;
use crate::error::SqlError;
use arrow::datatypes::{ArrowNativeType, ArrowPrimitiveType, Float16Type, Float32Type};
use half::f16;

/// A number of a dense vector, and what the vectors of it are called.
pub trait Element: ArrowNativeType {
    type Arrow: ArrowPrimitiveType<Native = Self>;
    /// The type of vectors of these, as messages name it.
    const NAME: &'static str;
    /// Bytes of a number, on the wire too.
    const WIDTH: usize;

    /// The nearest number, infinite where `value` is beyond the greatest.
    fn nearest(value: f32) -> Self;
    fn to_f32(self) -> f32;
    /// From `WIDTH` bytes, the highest first.
    fn from_wire(bytes: &[u8]) -> Self;
    fn to_wire(self, bytes: &mut [u8]);

    /// The nearest number, or 22003 where a finite `value` is beyond the greatest.
    fn narrowed(value: f32) -> Result<Self, SqlError> {
        let nearest = Self::nearest(value);
        if nearest.to_f32().is_infinite() && value.is_finite() {
            let mut shown = bytes::BytesMut::new();
            float::write_f32(value, &mut shown);
            return Err(float::out_of_range(Self::NAME, &String::from_utf8_lossy(&shown)));
        }
        Ok(nearest)
    }
}

impl Element for f32 {
    type Arrow = Float32Type;
    const NAME: &'static str = "vector";
    const WIDTH: usize = 4;

    #[inline]
    fn nearest(value: f32) -> Self {
        value
    }

    #[inline]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline]
    fn from_wire(bytes: &[u8]) -> Self {
        bytes.first_chunk().map_or(f32::NAN, |bytes| f32::from_be_bytes(*bytes))
    }

    #[inline]
    fn to_wire(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.to_be_bytes());
    }
}

impl Element for f16 {
    type Arrow = Float16Type;
    const NAME: &'static str = "halfvec";
    const WIDTH: usize = 2;

    #[inline]
    fn nearest(value: f32) -> Self {
        f16::from_f32(value)
    }

    #[inline]
    fn to_f32(self) -> f32 {
        f16::to_f32(self)
    }

    #[inline]
    fn from_wire(bytes: &[u8]) -> Self {
        bytes.first_chunk().map_or(f16::NAN, |bytes| f16::from_be_bytes(*bytes))
    }

    #[inline]
    fn to_wire(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.to_be_bytes());
    }
}
