//! The types of numbers that safetensors knows.

use std::fmt;

use crate::Format;

/// A type of numbers: its name, its bits and, where weights may have it, its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dtype(&'static (&'static str, usize, Option<Format>));

const DTYPES: &[(&str, usize, Option<Format>)] = &[
    ("F32", 32, Some(Format::F32)),
    ("F16", 16, Some(Format::F16)),
    ("BF16", 16, Some(Format::BF16)),
    ("BOOL", 8, None),
    ("U8", 8, None),
    ("I8", 8, None),
    ("U16", 16, None),
    ("I16", 16, None),
    ("U32", 32, None),
    ("I32", 32, None),
    ("U64", 64, None),
    ("I64", 64, None),
    ("F64", 64, None),
    ("C64", 64, None),
    ("F8_E5M2", 8, None),
    ("F8_E4M3", 8, None),
    ("F8_E8M0", 8, None),
    ("F8_E4M3FNUZ", 8, None),
    ("F8_E5M2FNUZ", 8, None),
    ("F6_E2M3", 6, None),
    ("F6_E3M2", 6, None),
    ("F4", 4, None),
];

impl Dtype {
    /// The type that safetensors calls `name`.
    pub fn named(name: &str) -> Option<Self> {
        DTYPES.iter().find(|it| it.0 == name).map(Self)
    }

    /// The format of weights of this type; `None` if weights do not have it.
    pub fn format(self) -> Option<Format> {
        self.0.2
    }

    /// Bytes of a tensor of this shape; `None` if they do not fit `usize` or end within a byte.
    pub fn bytes(self, shape: &[usize]) -> Option<usize> {
        let n = shape.iter().try_fold(1usize, |n, &dim| n.checked_mul(dim))?;
        let bits = n.checked_mul(self.0.1)?;
        bits.is_multiple_of(8).then_some(bits / 8)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.0)
    }
}
