//! Asking memory ahead: whoever walks a graph waits for memory more than it computes.
#![expect(
    unsafe_code,
    reason = "the instruction counts as one of a feature, which every x86-64 has"
)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};

/// Asks for the cache lines of a slice, and does not wait. Only a hint: nothing depends on it.
#[inline]
pub fn prefetch<T>(slice: &[T]) {
    #[cfg(target_arch = "x86_64")]
    ask::<_MM_HINT_T0, T>(slice);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = slice;
}

/// The same of what is more than the first cache can wait for at a time: the second waits for
/// twice as many lines.
#[inline]
pub fn prefetch_soon<T>(slice: &[T]) {
    #[cfg(target_arch = "x86_64")]
    ask::<_MM_HINT_T1, T>(slice);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = slice;
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn ask<const HINT: i32, T>(slice: &[T]) {
    for line in slice.chunks((64 / size_of::<T>().max(1)).max(1)) {
        // SAFETY: SSE is part of x86-64, and a prefetch of whatever address reads nothing.
        unsafe { _mm_prefetch::<HINT>(line.as_ptr().cast()) }
    }
}
