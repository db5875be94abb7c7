//! Settings of sampling: llama.cpp's flags, over what the model recommends.

use std::str::FromStr;

use clap::{Args, builder::NonEmptyStringValueParser};
use engine::sample::Stage;
use loader::Metadata;
use serde::Deserialize;

use super::{number, text};

/// What the user says about sampling; the rest is the model's or Ingle's default.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Sampling {
    /// Temperature; 0 always takes the most probable token [default: the model's, else 0.8]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    #[arg(value_parser = number::number)]
    #[serde(deserialize_with = "text::number")]
    pub(crate) temp: Option<f32>,
    /// Keep so many of the most probable tokens; 0 keeps all [default: the model's, else 40]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = number::whole)]
    #[serde(deserialize_with = "text::whole")]
    pub(crate) top_k: Option<usize>,
    /// Keep the most probable up to this sum; 1 keeps all [default: the model's, else 0.95]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    #[arg(value_parser = number::number)]
    #[serde(deserialize_with = "text::number")]
    pub(crate) top_p: Option<f32>,
    /// Keep what has this share of the largest probability [default: the model's, else 0.05]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    #[arg(value_parser = number::number)]
    #[serde(deserialize_with = "text::number")]
    pub(crate) min_p: Option<f32>,
    /// Keep the locally typical tokens up to this mass; 1 keeps all [default: the model's, else 1]
    #[arg(long, alias = "typical-p", value_name = "X", allow_negative_numbers = true)]
    #[arg(value_parser = number::number)]
    #[serde(deserialize_with = "text::number")]
    pub(crate) typical: Option<f32>,
    /// Keep logits within so many standard deviations of the largest; 0 keeps all [default: the
    /// model's, else 0]
    #[arg(long, alias = "top-n-sigma", value_name = "X", allow_negative_numbers = true)]
    #[arg(value_parser = number::number)]
    #[serde(deserialize_with = "text::number")]
    pub(crate) top_nsigma: Option<f32>,
    /// Divide the logits of tokens that occurred; 1 does nothing [default: the model's, else 1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    #[arg(value_parser = number::number)]
    #[serde(deserialize_with = "text::number")]
    pub(crate) repeat_penalty: Option<f32>,
    /// How many tokens back the penalties look; -1 is all [default: the model's, else 64]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[serde(deserialize_with = "text::one")]
    pub(crate) repeat_last_n: Option<LastN>,
    /// Subtract this once from the logits of tokens that occurred [default: the model's, else 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    #[arg(value_parser = number::number)]
    #[serde(deserialize_with = "text::number")]
    pub(crate) presence_penalty: Option<f32>,
    /// Subtract this for each time that a token occurred [default: the model's, else 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    #[arg(value_parser = number::number)]
    #[serde(deserialize_with = "text::number")]
    pub(crate) frequency_penalty: Option<f32>,
    /// DRY: how hard to punish the repetition of runs; 0 is off [default: 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    #[arg(value_parser = number::number)]
    #[serde(deserialize_with = "text::number")]
    pub(crate) dry_multiplier: Option<f32>,
    /// DRY: how the punishment grows with the run [default: 1.75]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    #[arg(value_parser = number::number)]
    #[serde(deserialize_with = "text::number")]
    pub(crate) dry_base: Option<f32>,
    /// DRY: runs shorter than this are free [default: 2]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = number::whole)]
    #[serde(deserialize_with = "text::whole")]
    pub(crate) dry_allowed_length: Option<usize>,
    /// DRY: how many tokens back it looks; -1 is all [default: -1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[serde(deserialize_with = "text::one")]
    pub(crate) dry_penalty_last_n: Option<LastN>,
    /// DRY: no run reaches across this text; may be given several times [default: line ends, `:`,
    /// `"` and `*`]
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    #[serde(deserialize_with = "text::some")]
    pub(crate) dry_sequence_breaker: Vec<String>,
    /// XTC: how often to drop the most probable tokens; 0 is off [default: the model's, else 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    #[arg(value_parser = number::number)]
    #[serde(deserialize_with = "text::number")]
    pub(crate) xtc_probability: Option<f32>,
    /// XTC: of the tokens above this probability only the least probable stays [default: the
    /// model's, else 0.1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    #[arg(value_parser = number::number)]
    #[serde(deserialize_with = "text::number")]
    pub(crate) xtc_threshold: Option<f32>,
    /// Add to a token's logit, e.g. `15043+1` or `29905-inf`; may be given several times
    #[arg(short = 'l', long, value_name = "TOKEN(+/-)BIAS")]
    #[serde(deserialize_with = "text::many")]
    pub(crate) logit_bias: Vec<Bias>,
    /// The samplers in order, with `;` between them [default: penalties, dry, top_n_sigma, top_k,
    /// typ_p, top_p, min_p, xtc, temperature]
    #[arg(long, value_name = "NAMES", value_delimiter = ';')]
    #[serde(deserialize_with = "text::many")]
    pub(crate) samplers: Vec<Stage>,
    /// Decides every draw: the same seed gives the same text [default: another each time]
    #[arg(short = 's', long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = number::seed)]
    #[serde(deserialize_with = "text::seed")]
    pub(crate) seed: Option<u64>,
}

/// A number of tokens back, or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastN(Option<usize>);

impl FromStr for LastN {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "-1" => Ok(Self(None)),
            _ => {
                let expected = "a whole number from 0, or -1 for all";
                number::integer(text, expected).map(|n| Self(Some(n)))
            }
        }
    }
}

/// A token and what is added to its logit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bias(u32, f32);

impl FromStr for Bias {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no bias, expected e.g. `15043+1` or `29905-inf`");
        let at = text.find(['+', '-']).ok_or_else(wrong)?;
        let token = text[..at].parse().map_err(|_| wrong())?;
        let bias = text[at..].parse().map_err(|_| wrong())?;
        Ok(Self(token, bias))
    }
}

impl Sampling {
    /// These, and where they say nothing, those of `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        fn either<T>(a: Vec<T>, b: Vec<T>) -> Vec<T> {
            if a.is_empty() { b } else { a }
        }
        Self {
            temp: self.temp.or(other.temp),
            top_k: self.top_k.or(other.top_k),
            top_p: self.top_p.or(other.top_p),
            min_p: self.min_p.or(other.min_p),
            typical: self.typical.or(other.typical),
            top_nsigma: self.top_nsigma.or(other.top_nsigma),
            repeat_penalty: self.repeat_penalty.or(other.repeat_penalty),
            repeat_last_n: self.repeat_last_n.or(other.repeat_last_n),
            presence_penalty: self.presence_penalty.or(other.presence_penalty),
            frequency_penalty: self.frequency_penalty.or(other.frequency_penalty),
            dry_multiplier: self.dry_multiplier.or(other.dry_multiplier),
            dry_base: self.dry_base.or(other.dry_base),
            dry_allowed_length: self.dry_allowed_length.or(other.dry_allowed_length),
            dry_penalty_last_n: self.dry_penalty_last_n.or(other.dry_penalty_last_n),
            dry_sequence_breaker: either(self.dry_sequence_breaker, other.dry_sequence_breaker),
            xtc_probability: self.xtc_probability.or(other.xtc_probability),
            xtc_threshold: self.xtc_threshold.or(other.xtc_threshold),
            logit_bias: either(self.logit_bias, other.logit_bias),
            samplers: either(self.samplers, other.samplers),
            seed: self.seed.or(other.seed),
        }
    }

    /// These over what the model recommends over Ingle's own.
    ///
    /// # Errors
    ///
    /// If a recommendation has the wrong type.
    pub(crate) fn over(
        &self,
        metadata: &Metadata,
    ) -> Result<engine::sample::Sampling, loader::Error> {
        let mut s = engine::sample::Sampling::recommended(metadata)?;
        s.seed = self.seed;
        s.logit_bias = self.logit_bias.iter().map(|it| (it.0, it.1)).collect();
        set(&mut s.temperature, self.temp);
        set(&mut s.top_k, self.top_k);
        set(&mut s.top_p, self.top_p);
        set(&mut s.min_p, self.min_p);
        set(&mut s.typical_p, self.typical);
        set(&mut s.top_n_sigma, self.top_nsigma);
        set(&mut s.penalties.repeat, self.repeat_penalty);
        set(&mut s.penalties.last_n, self.repeat_last_n.map(|it| it.0));
        set(&mut s.penalties.presence, self.presence_penalty);
        set(&mut s.penalties.frequency, self.frequency_penalty);
        set(&mut s.dry.multiplier, self.dry_multiplier);
        set(&mut s.dry.base, self.dry_base);
        set(&mut s.dry.allowed_length, self.dry_allowed_length);
        set(&mut s.dry.last_n, self.dry_penalty_last_n.map(|it| it.0));
        set(&mut s.xtc.probability, self.xtc_probability);
        set(&mut s.xtc.threshold, self.xtc_threshold);
        if !self.dry_sequence_breaker.is_empty() {
            s.dry.breakers = self.dry_sequence_breaker.clone();
        }
        if !self.samplers.is_empty() {
            s.order = self.samplers.clone();
        }
        Ok(s)
    }

    /// What is set here and has no effect among `all` settings.
    pub(crate) fn idle(&self, all: &engine::sample::Sampling) -> Vec<String> {
        let left_out = |&(name, stage, is_set): &(&str, Stage, bool)| {
            let idle = is_set && !all.order.contains(&stage);
            idle.then(|| format!("`{name}` does nothing: `samplers` leaves `{}` out", stage.name()))
        };
        let mut idle: Vec<String> = self.stages().iter().filter_map(left_out).collect();
        let dry = self.dry_base.is_some()
            || self.dry_allowed_length.is_some()
            || self.dry_penalty_last_n.is_some()
            || !self.dry_sequence_breaker.is_empty();
        if dry && all.dry.multiplier == 0.0 {
            idle.push("the settings of DRY do nothing while `dry-multiplier` is 0".to_owned());
        }
        if self.xtc_threshold.is_some() && all.xtc.probability == 0.0 {
            idle.push("`xtc-threshold` does nothing while `xtc-probability` is 0".to_owned());
        }
        let p = &all.penalties;
        let penalises = p.repeat != 1.0 || p.presence != 0.0 || p.frequency != 0.0;
        if self.repeat_last_n.is_some() && !penalises {
            idle.push("`repeat-last-n` does nothing while there is no penalty".to_owned());
        }
        idle
    }

    /// Settings, the stage that each belongs to, and whether it is set.
    fn stages(&self) -> [(&'static str, Stage, bool); 11] {
        [
            ("temp", Stage::Temperature, self.temp.is_some_and(|it| it > 0.0)),
            ("top-k", Stage::TopK, self.top_k.is_some()),
            ("top-p", Stage::TopP, self.top_p.is_some()),
            ("min-p", Stage::MinP, self.min_p.is_some()),
            ("typical", Stage::Typical, self.typical.is_some()),
            ("top-nsigma", Stage::TopNSigma, self.top_nsigma.is_some()),
            ("repeat-penalty", Stage::Penalties, self.repeat_penalty.is_some()),
            ("presence-penalty", Stage::Penalties, self.presence_penalty.is_some()),
            ("frequency-penalty", Stage::Penalties, self.frequency_penalty.is_some()),
            ("dry-multiplier", Stage::Dry, self.dry_multiplier.is_some()),
            ("xtc-probability", Stage::Xtc, self.xtc_probability.is_some()),
        ]
    }
}

fn set<T>(setting: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *setting = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bias_has_a_sign_between_token_and_number() {
        assert_eq!("15043+1".parse(), Ok(Bias(15043, 1.0)));
        assert_eq!("7-0.5".parse(), Ok(Bias(7, -0.5)));
        assert_eq!("7-inf".parse(), Ok(Bias(7, f32::NEG_INFINITY)));
        for bad in ["", "7", "+1", "x+1", "7+x", "-7+1"] {
            assert!(bad.parse::<Bias>().is_err(), "{bad}");
        }
    }

    #[test]
    fn minus_one_is_all_tokens_back() {
        assert_eq!("-1".parse(), Ok(LastN(None)));
        assert_eq!("64".parse(), Ok(LastN(Some(64))));
        assert!("-2".parse::<LastN>().is_err());
    }
}
