//! Mixes of formats by name. Which tensor gets which is in `recipe`.

use std::{fmt, str::FromStr};

use crate::Format;

/// A mix, named as llama.cpp names its file types.
#[expect(non_camel_case_types, reason = "`Q4_K_M` is what everybody calls it")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the name says it: a format, and small, medium or large")]
pub enum Mix {
    F32,
    F16,
    BF16,
    Q8_0,
    Q6_K,
    Q5_K_M,
    Q5_K_S,
    Q5_1,
    Q5_0,
    Q4_K_M,
    Q4_K_S,
    IQ4_NL,
    IQ4_XS,
    Q4_1,
    Q4_0,
    MXFP4,
    MXFP4_MOE,
    Q3_K_L,
    Q3_K_M,
    Q3_K_S,
    Q2_K,
    Q2_K_S,
}

impl Mix {
    /// Every mix, from many bits to few.
    pub const ALL: &'static [Self] = &[
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q8_0,
        Self::Q6_K,
        Self::Q5_K_M,
        Self::Q5_K_S,
        Self::Q5_1,
        Self::Q5_0,
        Self::Q4_K_M,
        Self::Q4_K_S,
        Self::IQ4_NL,
        Self::IQ4_XS,
        Self::Q4_1,
        Self::Q4_0,
        Self::MXFP4,
        Self::MXFP4_MOE,
        Self::Q3_K_L,
        Self::Q3_K_M,
        Self::Q3_K_S,
        Self::Q2_K,
        Self::Q2_K_S,
    ];

    /// The format of most of its matrices.
    pub fn base(self) -> Format {
        match self {
            Self::F32 => Format::F32,
            Self::F16 => Format::F16,
            Self::BF16 => Format::BF16,
            Self::Q8_0 | Self::MXFP4_MOE => Format::Q8_0,
            Self::Q6_K => Format::Q6_K,
            Self::Q5_K_M | Self::Q5_K_S => Format::Q5_K,
            Self::Q5_1 => Format::Q5_1,
            Self::Q5_0 => Format::Q5_0,
            Self::Q4_K_M | Self::Q4_K_S => Format::Q4_K,
            Self::IQ4_NL => Format::IQ4_NL,
            Self::IQ4_XS => Format::IQ4_XS,
            Self::Q4_1 => Format::Q4_1,
            Self::Q4_0 => Format::Q4_0,
            Self::MXFP4 => Format::MXFP4,
            Self::Q3_K_L | Self::Q3_K_M | Self::Q3_K_S => Format::Q3_K,
            Self::Q2_K | Self::Q2_K_S => Format::Q2_K,
        }
    }

    /// `general.file_type`, where llama.cpp has a number for it.
    pub fn file_type(self) -> Option<u32> {
        Some(match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::BF16 => 32,
            Self::Q8_0 => 7,
            Self::Q6_K => 18,
            Self::Q5_K_M => 17,
            Self::Q5_K_S => 16,
            Self::Q5_1 => 9,
            Self::Q5_0 => 8,
            Self::Q4_K_M => 15,
            Self::Q4_K_S => 14,
            Self::IQ4_NL => 25,
            Self::IQ4_XS => 30,
            Self::Q4_1 => 3,
            Self::Q4_0 => 2,
            Self::MXFP4 => return None,
            Self::MXFP4_MOE => 38,
            Self::Q3_K_L => 13,
            Self::Q3_K_M => 12,
            Self::Q3_K_S => 11,
            Self::Q2_K => 10,
            Self::Q2_K_S => 21,
        })
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl FromStr for Mix {
    type Err = String;

    /// In upper or lower case; `Q4_K` is `Q4_K_M`.
    fn from_str(name: &str) -> Result<Self, String> {
        let wanted = name.to_uppercase();
        let named = |wanted: &str| Self::ALL.iter().copied().find(|it| it.to_string() == wanted);
        named(&wanted).or_else(|| named(&format!("{wanted}_M"))).ok_or_else(|| {
            let names = Self::ALL.iter().map(|it| it.to_string()).collect::<Vec<_>>().join(", ");
            format!("no mix is called `{name}`, there are {names}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case() {
        for &mix in Mix::ALL {
            assert_eq!(mix.to_string().to_lowercase().parse(), Ok(mix));
        }
        assert_eq!(("q4_k".parse(), "Q3_K".parse()), (Ok(Mix::Q4_K_M), Ok(Mix::Q3_K_M)));
        assert!("q9".parse::<Mix>().unwrap_err().contains("there are F32, F16"));
    }
}
