//! Codes on AVX-512 with VNNI and VPOPCNTDQ: the instructions that pulp does not have.
//!
//! pulp has neither instruction, and what the compiler makes of the portable road misses both.
//! Rows that are chosen here and there are asked for ahead, since the walk of a graph waits for
//! memory more than it computes.
#![expect(unsafe_code, reason = "instructions that pulp does not have, and loads by address")]

use super::blocks::SPILL;
use super::halves::{LANES, SUMS, add_up};
use super::{BLOCK_ROWS, PLANES, prefetch};
use std::arch::x86_64::*;

/// Words of a register.
const REGISTER: usize = 8;
/// Rows asked for before they are needed.
const AHEAD: usize = 4;
/// The same of bits, two lines each. With all of a sift's 256 asked for at once, p99 of filters by
/// a tenth was 1.4 and 1.6 times as long in two turns.
const BITS_AHEAD: usize = 16;

/// Proof that the machine has the instructions: only `detect` makes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wide(());

impl Wide {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni")
            && is_x86_feature_detected!("avx512vpopcntdq");
        has.then_some(Self(()))
    }

    pub(super) fn count_bits_at(
        self,
        codes: &[u64],
        stride: usize,
        rows: &[u32],
        planes: &[u64],
        out: &mut [u32],
    ) {
        // SAFETY: a `Wide` exists only where `detect` saw every feature the function enables.
        // Tested against the portable road by `roads_agree`.
        unsafe { count_bits_at(codes, stride, rows, planes, out) }
    }

    pub(super) fn split(self, numbers: &[[u8; 64]], planes: &mut [u64]) {
        // SAFETY: as in `count_bits_at`.
        unsafe { split(numbers, planes) }
    }

    pub(super) fn add_lines(
        self,
        lines: &[[u8; BLOCK_ROWS]],
        tables: &[[[u8; 16]; 2]],
        out: &mut [u32; BLOCK_ROWS],
    ) {
        // SAFETY: as in `count_bits_at`.
        unsafe { add_lines(lines, tables, out) }
    }

    pub(super) fn sum_bytes_at(
        self,
        codes: &[u8],
        stride: usize,
        rows: &[u32],
        query: &[i8],
        out: &mut [i32],
    ) {
        // SAFETY: as in `count_bits_at`.
        unsafe { sum_bytes_at(codes, stride, rows, query, out) }
    }
}

impl Wide {
    pub(super) fn sum_nibbles_at(
        self,
        codes: &[u8],
        stride: usize,
        rows: &[u32],
        query: &[i8],
        out: &mut [i32],
    ) {
        // SAFETY: as in `count_bits_at`.
        unsafe { sum_nibbles_at(codes, stride, rows, query, out) }
    }

    pub(super) fn sum_halves_at(
        self,
        codes: &[u8],
        stride: usize,
        rows: &[u32],
        query: &[f32],
        out: &mut [f32],
    ) {
        // SAFETY: as in `count_bits_at`.
        unsafe { sum_halves_at(codes, stride, rows, query, out) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx512vpopcntdq")]
fn count_bits_at(codes: &[u64], stride: usize, rows: &[u32], planes: &[u64], out: &mut [u32]) {
    let words = planes.len() / PLANES;
    let code = |row: &u32| &codes[*row as usize * stride..][..stride];
    rows.iter().take(BITS_AHEAD).for_each(|row| prefetch(code(row)));
    let rows = rows.iter().enumerate().map(|(at, row)| {
        rows.get(at + BITS_AHEAD).into_iter().for_each(|next| prefetch(code(next)));
        &code(row)[..words]
    });
    count_rows(rows, planes, out);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx512vpopcntdq")]
fn split(numbers: &[[u8; 64]], planes: &mut [u64]) {
    for (bit, plane) in planes.chunks_exact_mut(numbers.len().max(1)).enumerate() {
        let bit = _mm512_set1_epi8(1 << bit);
        for (word, numbers) in plane.iter_mut().zip(numbers) {
            *word = _mm512_test_epi8_mask(load_bytes(numbers, 0), bit);
        }
    }
}

/// Looks up each byte of 64 rows' codes at once: four coordinates in its lower half, four in its
/// upper. Two lines of looked up sums fit bytes, 4,096 coordinates of them 16 bits.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx512vpopcntdq")]
fn add_lines(lines: &[[u8; BLOCK_ROWS]], tables: &[[[u8; 16]; 2]], out: &mut [u32; BLOCK_ROWS]) {
    for (lines, tables) in lines.chunks(SPILL / 8).zip(tables.chunks(SPILL / 8)) {
        let [mut even, mut odd] = [_mm512_setzero_si512(); 2];
        let low = _mm512_set1_epi16(0xff);
        for (lines, tables) in lines.chunks(2).zip(tables.chunks(2)) {
            let mut sum = _mm512_setzero_si512();
            for (line, tables) in lines.iter().zip(tables) {
                sum = _mm512_add_epi8(sum, look_up(line, tables));
            }
            even = _mm512_add_epi16(even, _mm512_and_si512(sum, low));
            odd = _mm512_add_epi16(odd, _mm512_srli_epi16::<8>(sum));
        }
        let (even, odd) = (words(even), words(odd));
        for (pair, (even, odd)) in out.as_chunks_mut::<2>().0.iter_mut().zip(even.iter().zip(&odd))
        {
            pair[0] += u32::from(*even);
            pair[1] += u32::from(*odd);
        }
    }
}

/// The sums that a line of bytes chooses from the tables of their lower and upper halves.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn look_up(line: &[u8; BLOCK_ROWS], tables: &[[u8; 16]; 2]) -> __m512i {
    // SAFETY: the arrays are as long as the registers, and these loads need no alignment.
    let (codes, tables) = unsafe {
        let table = |at: usize| _mm_loadu_si128(tables[at].as_ptr().cast());
        (_mm512_loadu_si512(line.as_ptr().cast()), [table(0), table(1)])
    };
    let half = _mm512_set1_epi8(15);
    let lower = _mm512_and_si512(codes, half);
    let upper = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), half);
    let lower = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(tables[0]), lower);
    _mm512_add_epi8(lower, _mm512_shuffle_epi8(_mm512_broadcast_i32x4(tables[1]), upper))
}

/// A register as numbers of 16 bits.
#[inline]
#[target_feature(enable = "avx512f")]
fn words(register: __m512i) -> [u16; 32] {
    let mut words = [0; 32];
    // SAFETY: the array is as long as the register, and this store needs no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), register) };
    words
}

/// Counts each row, the planes of up to 1,024 coordinates held in registers meanwhile.
#[inline]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn count_rows<'a>(rows: impl Iterator<Item = &'a [u64]>, planes: &[u64], out: &mut [u32]) {
    let words = planes.len() / PLANES;
    let [first, second] = [0, REGISTER].map(|at| load_planes(planes, words, at));
    for (out, code) in out.iter_mut().zip(rows) {
        let none = [_mm512_setzero_si512(); PLANES];
        let mut met = meet(none, load(code, 0), &first);
        if words > REGISTER {
            met = meet(met, load(code, REGISTER), &second);
        }
        for at in (2 * REGISTER..words).step_by(REGISTER) {
            met = meet(met, load(code, at), &load_planes(planes, words, at));
        }
        *out = weigh(met);
    }
}

/// The words of each plane from one on.
#[inline]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn load_planes(planes: &[u64], words: usize, at: usize) -> [__m512i; PLANES] {
    let mut loaded = [_mm512_setzero_si512(); PLANES];
    for (loaded, plane) in loaded.iter_mut().zip(planes.chunks_exact(words.max(1))) {
        *loaded = load(plane, at);
    }
    loaded
}

/// A register of words from one on; zeros where there are none.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(words: &[u64], at: usize) -> __m512i {
    let words = words.get(at..).unwrap_or_default();
    let here = words.len().min(REGISTER);
    let mask = ((1u32 << here) - 1) as __mmask8;
    // SAFETY: the mask lets through the first `here` words of the slice, which has as many; lanes
    // masked out are not read.
    unsafe { _mm512_maskz_loadu_epi64(mask, words.as_ptr().cast()) }
}

/// Adds how many bits of a code meet those of each plane.
#[inline]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn meet(
    mut met: [__m512i; PLANES],
    code: __m512i,
    planes: &[__m512i; PLANES],
) -> [__m512i; PLANES] {
    for (met, plane) in met.iter_mut().zip(planes) {
        *met = _mm512_add_epi64(*met, _mm512_popcnt_epi64(_mm512_and_si512(code, *plane)));
    }
    met
}

/// The planes' counts together, weighed by 1, 2, 4, 8.
#[inline]
#[target_feature(enable = "avx512f")]
fn weigh(met: [__m512i; PLANES]) -> u32 {
    let low = _mm512_add_epi64(met[0], _mm512_slli_epi64::<1>(met[1]));
    let high = _mm512_add_epi64(met[2], _mm512_slli_epi64::<1>(met[3]));
    _mm512_reduce_add_epi64(_mm512_add_epi64(low, _mm512_slli_epi64::<2>(high))) as u32
}

/// Four rows at a time: each line of the query is loaded once for them, and their sums are added
/// up together. So many lines are under way at once that only rows left over are asked for ahead.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx512vpopcntdq")]
fn sum_bytes_at(codes: &[u8], stride: usize, rows: &[u32], query: &[i8], out: &mut [i32]) {
    let code = |row: u32| &codes[row as usize * stride..][..query.len()];
    let (fours, rest) = rows.as_chunks::<4>();
    let (places, places_rest) = out.as_chunks_mut::<4>();
    for row in rest {
        prefetch(&codes[*row as usize * stride..][..stride]);
    }
    for ([a, b, c, d], places) in fours.iter().zip(places) {
        *places = sum_four([code(*a), code(*b), code(*c), code(*d)], query);
    }
    for (row, place) in rest.iter().zip(places_rest) {
        *place = sum(code(*row), query);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn sum_four([a, b, c, d]: [&[u8]; 4], query: &[i8]) -> [i32; 4] {
    let pairs = a.as_chunks::<64>().0.iter().zip(b.as_chunks::<64>().0);
    let others = c.as_chunks::<64>().0.iter().zip(d.as_chunks::<64>().0);
    let mut sums = [_mm512_setzero_si512(); 4];
    for ((query, (a, b)), (c, d)) in query.as_chunks::<64>().0.iter().zip(pairs).zip(others) {
        sums[0] = add_products(sums[0], a, query);
        sums[1] = add_products(sums[1], b, query);
        sums[2] = add_products(sums[2], c, query);
        sums[3] = add_products(sums[3], d, query);
    }
    add_up_four(sums)
}

/// The sum of each of four registers: first of each lane of 128 bits, then of the lanes.
#[inline]
#[target_feature(enable = "avx512f")]
fn add_up_four([a, b, c, d]: [__m512i; 4]) -> [i32; 4] {
    let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    let lanes = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    let high = _mm512_extracti64x4_epi64::<1>(lanes);
    let lanes = _mm256_add_epi32(_mm512_castsi512_si256(lanes), high);
    let high = _mm256_extracti128_si256::<1>(lanes);
    let lanes = _mm_add_epi32(_mm256_castsi256_si128(lanes), high);
    let mut sums = [0; 4];
    // SAFETY: the array is as long as the register, and this store needs no alignment.
    unsafe { _mm_storeu_si128(sums.as_mut_ptr().cast(), lanes) };
    sums
}

#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn sum(code: &[u8], query: &[i8]) -> i32 {
    assert_eq!(code.len(), query.len(), "a query of another width");
    let (code, code_rest) = code.as_chunks::<256>();
    let (query, query_rest) = query.as_chunks::<256>();
    let mut sums = [_mm512_setzero_si512(); 4];
    for (code, query) in code.iter().zip(query) {
        let (code, query) = (code.as_chunks::<64>().0, query.as_chunks::<64>().0);
        for at in 0..4 {
            sums[at] = add_products(sums[at], &code[at], &query[at]);
        }
    }
    let (code, query) = (code_rest.as_chunks::<64>().0, query_rest.as_chunks::<64>().0);
    for (at, (code, query)) in code.iter().zip(query).enumerate() {
        sums[at] = add_products(sums[at], code, query);
    }
    let [a, b, c, d] = sums;
    _mm512_reduce_add_epi32(_mm512_add_epi32(_mm512_add_epi32(a, b), _mm512_add_epi32(c, d)))
}

#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn add_products(sum: __m512i, code: &[u8; 64], query: &[i8; 64]) -> __m512i {
    // SAFETY: a register is as long as the arrays, and these loads need no alignment.
    let (code, query) = unsafe {
        (_mm512_loadu_si512(code.as_ptr().cast()), _mm512_loadu_si512(query.as_ptr().cast()))
    };
    _mm512_dpbusd_epi32(sum, code, query)
}

/// Sums each row, which was asked for some rows before.
#[inline(always)]
fn sum_each<T>(codes: &[u8], stride: usize, rows: &[u32], out: &mut [T], sum: impl Fn(&[u8]) -> T) {
    for row in rows.iter().take(AHEAD) {
        prefetch(&codes[*row as usize * stride..][..stride]);
    }
    for (at, (out, row)) in out.iter_mut().zip(rows).enumerate() {
        if let Some(next) = rows.get(at + AHEAD) {
            prefetch(&codes[*next as usize * stride..][..stride]);
        }
        *out = sum(&codes[*row as usize * stride..]);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx512vpopcntdq")]
fn sum_nibbles_at(codes: &[u8], stride: usize, rows: &[u32], query: &[i8], out: &mut [i32]) {
    let (low, high) = query.split_at(query.len() / 2);
    sum_each(codes, stride, rows, out, |code| sum_nibbles(&code[..low.len()], low, high));
}

/// Levels in the lower halves of bytes meet one half of the query, those in the upper the other.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn sum_nibbles(code: &[u8], low: &[i8], high: &[i8]) -> i32 {
    let half = _mm512_set1_epi8(15);
    let mut sums = [_mm512_setzero_si512(); 2];
    for at in (0..code.len()).step_by(64) {
        let code = load_bytes(code, at);
        let upper = _mm512_and_si512(_mm512_srli_epi16::<4>(code), half);
        let (low, high) = (load_bytes(signless(low), at), load_bytes(signless(high), at));
        sums[0] = _mm512_dpbusd_epi32(sums[0], _mm512_and_si512(code, half), low);
        sums[1] = _mm512_dpbusd_epi32(sums[1], upper, high);
    }
    _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]))
}

/// The same bytes.
#[inline]
fn signless(bytes: &[i8]) -> &[u8] {
    // SAFETY: both have one byte, and every byte is a number of either.
    unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
}

/// A register of bytes from one on; zeros where there are none.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_bytes(bytes: &[u8], at: usize) -> __m512i {
    let bytes = bytes.get(at..).unwrap_or_default();
    let mask = u64::MAX >> (64 - bytes.len().clamp(1, 64)) as u32;
    let mask = if bytes.is_empty() { 0 } else { mask };
    // SAFETY: the mask lets through as many bytes as the slice has, and no more than 64; lanes
    // masked out are not read.
    unsafe { _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx512vpopcntdq")]
fn sum_halves_at(codes: &[u8], stride: usize, rows: &[u32], query: &[f32], out: &mut [f32]) {
    sum_each(codes, stride, rows, out, |code| sum_halves(&code[..2 * query.len()], query));
}

/// Products are rounded before they are added, as on the portable road.
#[inline]
#[target_feature(enable = "avx512f")]
fn sum_halves(code: &[u8], query: &[f32]) -> f32 {
    let mut sums = [_mm512_setzero_ps(); SUMS];
    let code = code.as_chunks::<{ 2 * LANES * SUMS }>().0;
    for (code, query) in code.iter().zip(query.as_chunks::<{ LANES * SUMS }>().0) {
        let (code, query) = (code.as_chunks::<32>().0, query.as_chunks::<LANES>().0);
        for at in 0..SUMS {
            // SAFETY: the arrays are as long as the registers, and these loads need no alignment.
            let (row, query) = unsafe {
                let halves = _mm256_loadu_si256(code[at].as_ptr().cast());
                (_mm512_cvtph_ps(halves), _mm512_loadu_ps(query[at].as_ptr()))
            };
            sums[at] = _mm512_add_ps(sums[at], _mm512_mul_ps(row, query));
        }
    }
    let mut lanes = [[0.0f32; LANES]; SUMS];
    for (lanes, sum) in lanes.iter_mut().zip(sums) {
        // SAFETY: the array is as long as the register, and this store needs no alignment.
        unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), sum) };
    }
    add_up(lanes)
}
