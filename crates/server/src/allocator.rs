//! What the C library's allocator does with memory that was given back to it.
//!
//! Rows on their way to a file are buffers of some megabytes, merged into ever larger ones. Left
//! to itself, glibc takes the first large buffer that is freed for a sign of more, and from then
//! on keeps such in its heaps, up to 64 MiB at the end of each thread's: after 100,000 vectors
//! had come in and were sealed, 190 MB stayed that nobody used. With a fixed threshold large
//! buffers come from the system and go back to it; that costs what filling pages costs, which a
//! COPY did not show (`benches/wire`, section memory).
//!
//! Rejected: another allocator. RocksDB would go on with this one, and two would each keep what
//! the other could use.

/// Buffers from here on are the system's; so is what is free at the end of a heap. Below it, a
/// COPY's batches are the most frequent, and a fifth more processor time would go into them.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: i32 = 4 << 20;

/// Has large buffers given back when they are freed. To be called before there are threads.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "a C function")]
pub(crate) fn give_back_large_buffers() {
    // SAFETY: mallopt takes two numbers and sets a field of malloc's state, under malloc's own
    // lock; numbers it does not know it refuses. It is no harm that another thread allocates
    // meanwhile, and none exists yet: `main` calls this first.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE_BYTES);
    }
}

/// Elsewhere the allocator is another one.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back_large_buffers() {}
