//! What a person can set about sampling, its defaults and its ranges.

use loader::Metadata;

/// How the next token is chosen. [`Sampling::default`] is what Ingle uses where neither the model
/// nor the person says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Divides the logits; 0 takes the most probable token after bias and penalties.
    pub temperature: f32,
    /// Keeps this many of the most probable; 0 keeps all.
    pub top_k: usize,
    /// Keeps the most probable until their probabilities sum to this; 1 keeps all.
    pub top_p: f32,
    /// Keeps what has at least this share of the largest probability; 0 keeps all.
    pub min_p: f32,
    /// Keeps the locally typical tokens up to this mass; 1 keeps all.
    pub typical_p: f32,
    /// Keeps logits within this many standard deviations of the largest; 0 keeps all.
    pub top_n_sigma: f32,
    /// Against single tokens that occurred before.
    pub penalties: Penalties,
    /// Against runs of tokens that occurred before.
    pub dry: Dry,
    /// Drops the most probable tokens by chance.
    pub xtc: Xtc,
    /// Added to these tokens' logits before anything else; minus infinity forbids one.
    pub logit_bias: Vec<(u32, f32)>,
    /// The stages, first to last; one that is left out does not run.
    pub order: Vec<Stage>,
    /// Decides every draw; absent: another one each time.
    pub seed: Option<u64>,
}

/// One stage of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// [`Sampling::penalties`].
    Penalties,
    /// [`Sampling::dry`].
    Dry,
    /// [`Sampling::top_n_sigma`].
    TopNSigma,
    /// [`Sampling::top_k`].
    TopK,
    /// [`Sampling::typical_p`].
    Typical,
    /// [`Sampling::top_p`].
    TopP,
    /// [`Sampling::min_p`].
    MinP,
    /// [`Sampling::xtc`].
    Xtc,
    /// [`Sampling::temperature`].
    Temperature,
}

/// Penalties on tokens among the last few.
#[derive(Clone, Debug, PartialEq)]
pub struct Penalties {
    /// How many tokens back; `None` is all of them.
    pub last_n: Option<usize>,
    /// Divides a positive logit, multiplies a negative one; 1 does nothing.
    pub repeat: f32,
    /// Subtracted once for each occurrence.
    pub frequency: f32,
    /// Subtracted once.
    pub presence: f32,
}

/// "Don't repeat yourself": a token that would prolong a repeated run of `n` tokens loses
/// `multiplier * base^(n - allowed_length)`. By p-e-w for text-generation-webui.
#[derive(Clone, Debug, PartialEq)]
pub struct Dry {
    /// 0 switches it off.
    pub multiplier: f32,
    /// At least 1.
    pub base: f32,
    /// Runs shorter than this are free.
    pub allowed_length: usize,
    /// How many tokens back; `None` is all of them.
    pub last_n: Option<usize>,
    /// No run reaches across one of these texts.
    pub breakers: Vec<String>,
}

/// "Exclude top choices": with this probability, of the tokens at or above the threshold only the
/// least probable stays. By p-e-w for text-generation-webui.
#[derive(Clone, Debug, PartialEq)]
pub struct Xtc {
    /// 0 switches it off.
    pub probability: f32,
    /// Above 0.5 at most one token can reach it, and nothing happens.
    pub threshold: f32,
}

/// A sampling setting that is out of range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number outside what its definition allows.
    #[error("{name} is {found}, expected {expected}")]
    Range {
        /// The setting.
        name: &'static str,
        /// Its value.
        found: f32,
        /// The range.
        expected: &'static str,
    },
    /// A bias on a token that the model does not have.
    #[error("logit bias on token {token}, the vocabulary has {vocab}")]
    Token {
        /// The token.
        token: u32,
        /// Tokens in the vocabulary.
        vocab: usize,
    },
    /// The same stage twice.
    #[error("sampler `{name}` is listed twice")]
    Twice {
        /// The stage's name.
        name: &'static str,
    },
    /// A stage that does not exist.
    #[error("sampler `{found}` is not known, expected one of {}", Stage::names())]
    Unknown {
        /// The name.
        found: String,
    },
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.8,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.05,
            typical_p: 1.0,
            top_n_sigma: 0.0,
            penalties: Penalties { last_n: Some(64), repeat: 1.0, frequency: 0.0, presence: 0.0 },
            dry: Dry {
                multiplier: 0.0,
                base: 1.75,
                allowed_length: 2,
                last_n: None,
                breakers: ["\n", ":", "\"", "*"].map(str::to_owned).to_vec(),
            },
            xtc: Xtc { probability: 0.0, threshold: 0.1 },
            logit_bias: Vec::new(),
            order: Stage::ALL.to_vec(),
            seed: None,
        }
    }
}

impl Sampling {
    /// The most probable token, always.
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::default() }
    }

    /// The defaults, with what the model file recommends (`general.sampling.*`).
    ///
    /// # Errors
    ///
    /// If a recommendation has the wrong type.
    pub fn recommended(metadata: &Metadata) -> Result<Self, loader::Error> {
        let mut s = Self::default();
        let number = |name: &str| {
            let key = format!("general.sampling.{name}");
            Ok::<_, loader::Error>(metadata.f64(&key)?.map(|x| x as f32))
        };
        for (name, setting) in [
            ("temp", &mut s.temperature),
            ("top_p", &mut s.top_p),
            ("min_p", &mut s.min_p),
            ("typical_p", &mut s.typical_p),
            ("top_n_sigma", &mut s.top_n_sigma),
            ("penalty_repeat", &mut s.penalties.repeat),
            ("penalty_freq", &mut s.penalties.frequency),
            ("penalty_present", &mut s.penalties.presence),
            ("xtc_probability", &mut s.xtc.probability),
            ("xtc_threshold", &mut s.xtc.threshold),
        ] {
            *setting = number(name)?.unwrap_or(*setting);
        }
        if let Some(k) = number("top_k")? {
            s.top_k = k.max(0.0) as usize;
        }
        if let Some(n) = number("penalty_last_n")? {
            s.penalties.last_n = (n >= 0.0).then_some(n as usize);
        }
        Ok(s)
    }

    /// Whether every setting is in its range, for a vocabulary of `vocab` tokens.
    ///
    /// # Errors
    ///
    /// The first that is not.
    pub fn check(&self, vocab: usize) -> Result<(), Error> {
        let (d, x, p) = (&self.dry, &self.xtc, &self.penalties);
        range("temperature", self.temperature, "0 or more", |x| x >= 0.0)?;
        range("top-p", self.top_p, "above 0, at most 1", |x| x > 0.0 && x <= 1.0)?;
        range("min-p", self.min_p, "0 to 1", |x| (0.0..=1.0).contains(&x))?;
        range("typical-p", self.typical_p, "above 0, at most 1", |x| x > 0.0 && x <= 1.0)?;
        range("top-n-sigma", self.top_n_sigma, "0 or more", |x| x >= 0.0)?;
        range("repeat penalty", p.repeat, "above 0", |x| x > 0.0)?;
        range("frequency penalty", p.frequency, "a number", |_| true)?;
        range("presence penalty", p.presence, "a number", |_| true)?;
        range("DRY multiplier", d.multiplier, "0 or more", |x| x >= 0.0)?;
        range("DRY base", d.base, "1 or more", |x| x >= 1.0)?;
        range("XTC probability", x.probability, "0 to 1", |x| (0.0..=1.0).contains(&x))?;
        range("XTC threshold", x.threshold, "0 to 1", |x| (0.0..=1.0).contains(&x))?;
        for &(token, bias) in &self.logit_bias {
            let fits = !bias.is_nan() && bias < f32::INFINITY;
            if !fits {
                let expected = "a number or minus infinity";
                return Err(Error::Range { name: "logit bias", found: bias, expected });
            }
            if token as usize >= vocab {
                return Err(Error::Token { token, vocab });
            }
        }
        let twice = |(i, stage): (usize, &Stage)| self.order[..i].contains(stage);
        match self.order.iter().enumerate().find(|&it| twice(it)) {
            Some((_, stage)) => Err(Error::Twice { name: stage.name() }),
            None => Ok(()),
        }
    }
}

fn range(
    name: &'static str,
    found: f32,
    expected: &'static str,
    fits: impl Fn(f32) -> bool,
) -> Result<(), Error> {
    match found.is_finite() && fits(found) {
        true => Ok(()),
        false => Err(Error::Range { name, found, expected }),
    }
}

impl Stage {
    /// Every stage, in the default order.
    pub const ALL: [Self; 9] = [
        Self::Penalties,
        Self::Dry,
        Self::TopNSigma,
        Self::TopK,
        Self::Typical,
        Self::TopP,
        Self::MinP,
        Self::Xtc,
        Self::Temperature,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Penalties => "penalties",
            Self::Dry => "dry",
            Self::TopNSigma => "top_n_sigma",
            Self::TopK => "top_k",
            Self::Typical => "typ_p",
            Self::TopP => "top_p",
            Self::MinP => "min_p",
            Self::Xtc => "xtc",
            Self::Temperature => "temperature",
        }
    }

    fn names() -> String {
        Self::ALL.map(|stage| format!("`{}`", stage.name())).join(", ")
    }
}

impl std::str::FromStr for Stage {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|stage| stage.name() == name);
        known.ok_or_else(|| Error::Unknown { found: name.to_owned() })
    }
}
