//! What the rows of an index are scored by.

/// Codes that decide which of the rows let through by their bits are compared themselves: the
/// fewer bytes, the more are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Quantization {
    /// A byte a coordinate: almost right.
    #[default]
    Int8,
    /// A half float a coordinate: right but for the fourth digit, in twice the bytes.
    Fp16,
    /// Four bits a coordinate, by RaBitQ: half the bytes.
    Rabitq4,
    /// A byte for eight coordinates, by product quantisation: an eighth of the bytes.
    Pq,
}

impl Quantization {
    pub const ALL: [Self; 4] = [Self::Int8, Self::Fp16, Self::Rabitq4, Self::Pq];

    /// As the option of an index spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Fp16 => "fp16",
            Self::Rabitq4 => "rabitq4",
            Self::Pq => "pq",
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Bytes of a row's code and what lies behind it, of so many dimensions.
    #[must_use]
    pub fn row_bytes(self, dim: usize) -> usize {
        self.stride(cvx_core::code::code_width(dim))
    }

    /// Bytes from a row to the next, of codes so wide.
    #[inline]
    pub(super) fn stride(self, width: usize) -> usize {
        self.code_bytes(width) + super::codes::BEHIND
    }

    #[inline]
    pub(super) fn code_bytes(self, width: usize) -> usize {
        match self {
            Self::Int8 => width,
            Self::Fp16 => 2 * width,
            Self::Rabitq4 => width / 2,
            Self::Pq => width / cvx_core::code::SUB_DIM,
        }
    }

    /// Floats of the codebook, of codes so wide.
    pub(super) fn codebook(self, width: usize) -> usize {
        let books = width / cvx_core::code::SUB_DIM;
        if self == Self::Pq { books * cvx_core::code::SUB_BOOK } else { 0 }
    }

    /// Standard errors that a score may be off, where an estimate by bits is given so many: of
    /// scores that are almost right a few more rows cost nothing.
    pub(super) fn doubts(self, sigmas: f32) -> f32 {
        match self {
            Self::Int8 | Self::Fp16 => 4.0,
            Self::Rabitq4 | Self::Pq => 2.0 * sigmas,
        }
    }

    /// Candidates worth keeping behind the k best: as many as may be nearer for all that is known.
    pub(crate) fn behind(self) -> usize {
        match self {
            Self::Int8 | Self::Fp16 => 256,
            Self::Rabitq4 => 1_024,
            Self::Pq => 4_096,
        }
    }

    /// Whether codes tell neighbours apart hardly better than bits do: the order that they give
    /// cannot lead a walk.
    pub(crate) fn is_rough(self) -> bool {
        self == Self::Pq
    }

    /// As images number it.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Int8 => 0,
            Self::Fp16 => 1,
            Self::Rabitq4 => 2,
            Self::Pq => 3,
        }
    }

    pub(super) fn numbered(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}
