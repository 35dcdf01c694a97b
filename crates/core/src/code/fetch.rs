//! Asking memory ahead: whoever walks a graph waits for memory more than it computes.
#![expect(
    unsafe_code,
    reason = "the instruction counts as one of a feature, which every x86-64 has"
)]

/// Asks for the cache lines of a slice, and does not wait. Only a hint: nothing depends on it.
#[inline]
pub fn prefetch<T>(slice: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in slice.chunks((64 / size_of::<T>().max(1)).max(1)) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86-64, and a prefetch of whatever address reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = slice;
}
