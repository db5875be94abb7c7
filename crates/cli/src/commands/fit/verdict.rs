//! What is found of a model: what it takes, whether and as what it fits, how fast it will be and why.

use engine::{Info, Options, Outline, arch};
use kernels::{Format, cpu::Config};
use loader::{ModelFile, quantise::Mix};
use serde::Serialize;

use super::{
    costs::{Cost, Costs},
    known,
    pace::Foretold,
    sizes::{longest, outline, recast, total, weights_as},
    subject::{Header, Subject},
};
use crate::{forecast::Work, quantisation, speed::Speed};

/// The mixes that are tried, the largest first.
const LADDER: [Mix; 6] = [Mix::Q8_0, Mix::Q6_K, Mix::Q5_K_M, Mix::Q4_K_M, Mix::Q3_K_M, Mix::Q2_K];

/// The longest context unless another is asked for.
const CONTEXT: usize = 8192;

/// Shorter contexts are of no use.
const LEAST_CONTEXT: usize = 1024;

/// How often a context is made shorter, until it fits.
const CUTS: usize = 3;

/// Tokens a second that people read.
const READING: f64 = 7.0;

/// Architectures all of whose weights take part in each token.
const DENSE: &[&str] = &[
    "cohere2",
    "command-r",
    "falcon",
    "gemma",
    "gemma2",
    "gemma3",
    "granite",
    "mistral3",
    "olmo2",
    "phi3",
    "qwen2",
    "qwen3",
    "smollm3",
    "stablelm",
];

/// What all models are judged by.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) config: Config,
    /// The context that was asked for.
    pub(super) context: Option<usize>,
    /// The only mix that counts.
    pub(super) mix: Option<Mix>,
    pub(super) free: Option<u64>,
}

/// What a model takes, and how much of it is known.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) subject: Subject,
    /// The weight format.
    quant: String,
    /// Weights, as far as they are known.
    parameters: Option<u64>,
    takes: Takes,
    /// A larger format, with a shorter context.
    shorter: Option<Shorter>,
    longest: Option<usize>,
    /// Whether the context is shorter than it should be, since it does not fit otherwise.
    is_cut: bool,
}

#[derive(Debug)]
enum Takes {
    /// To the byte.
    Exact { info: Info, work: Work },
    /// By the number of weights.
    About { weights: u64, work: Option<Work> },
    /// It cannot be told.
    Unknown(String),
}

/// What fits with a shorter context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Shorter {
    pub(super) quant: String,
    pub(super) context: usize,
}

/// Whether it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Fits {
    /// And it writes as fast as people read, as far as that is known.
    Yes,
    Slow,
    /// With a shorter context.
    Part,
    No,
    Unknown,
}

/// All that is said of a model; the form of `fit --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Verdict {
    pub(super) name: String,
    pub(super) architecture: Option<String>,
    pub(super) parameters: Option<u64>,
    pub(super) fits: Fits,
    pub(super) quant: String,
    /// Whether bytes are exact.
    pub(super) exact: bool,
    pub(super) context: Option<usize>,
    pub(super) weights: Option<u64>,
    pub(super) cache: Option<u64>,
    pub(super) scratch: Option<u64>,
    pub(super) total: Option<u64>,
    pub(super) free: Option<u64>,
    pub(super) longest_context: Option<usize>,
    pub(super) shorter: Option<Shorter>,
    pub(super) speed: Option<Foretold>,
    pub(super) cost: Option<Cost>,
    pub(super) licence: Option<String>,
    /// What in the licence bites.
    pub(super) terms: Vec<String>,
    pub(super) creator: Option<String>,
    /// Why it cannot be told.
    pub(super) trouble: Option<String>,
}

impl Candidate {
    /// Looks at the sizes of `subject`.
    pub(super) fn of(subject: Subject, terms: &Terms) -> Self {
        let mix = terms.mix.or(subject.mix);
        let found = match &subject.header {
            None => Found::about(&subject, mix, terms),
            Some(Header::Published(file)) if mix.is_none() => Found::published(file, terms),
            Some(header) => Found::recast(header.file(), mix, terms),
        };
        let Found { quant, takes, shorter, longest, is_cut } = found;
        let parameters = match &takes {
            Takes::Exact { info, .. } => Some(info.parameters),
            _ => None,
        };
        let listed = subject.listed.as_ref().and_then(|it| it.parameters);
        let parameters = listed.or(parameters);
        Self { parameters, subject, quant, takes, shorter, longest, is_cut }
    }

    /// The formats that are to be measured.
    pub(super) fn formats(&self) -> Vec<Format> {
        self.work().map(|it| it.formats().collect()).unwrap_or_default()
    }

    /// What an engine would be, and would do.
    pub(super) fn exact(&self) -> Option<(&Info, &Work)> {
        match &self.takes {
            Takes::Exact { info, work } => Some((info, work)),
            _ => None,
        }
    }

    fn work(&self) -> Option<&Work> {
        match &self.takes {
            Takes::Exact { work, .. } => Some(work),
            Takes::About { work, .. } => work.as_ref(),
            Takes::Unknown(_) => None,
        }
    }

    /// What follows, at this speed and these costs.
    pub(super) fn judged(self, speed: Option<&Speed>, terms: &Terms, costs: &Costs) -> Verdict {
        let info = self.exact().map(|it| it.0);
        let (context, total) = (info.map(|it| it.context), info.map(total));
        let (cache, scratch) = (info.map(|it| it.cache_bytes), info.map(|it| it.scratch_bytes));
        let weights = match &self.takes {
            Takes::Exact { info, .. } => Some(info.weight_bytes),
            Takes::About { weights, .. } => Some(*weights),
            Takes::Unknown(_) => None,
        };
        let taken = total.or(weights);
        let holds = taken.zip(terms.free).map(|(taken, free)| taken <= free);
        let work = self.work().filter(|_| holds != Some(false));
        let foretold = work.zip(speed);
        let foretold = foretold.and_then(|(it, speed)| Foretold::of(it, speed, context));
        let is_slow = foretold.as_ref().is_some_and(|it| it.tg128 < READING);
        let fits = match holds {
            None => Fits::Unknown,
            Some(false) => Fits::No,
            Some(true) if self.is_cut => Fits::Part,
            Some(true) if is_slow => Fits::Slow,
            Some(true) => Fits::Yes,
        };
        let cost = foretold.as_ref().and_then(|it| costs.of(it.tg128));
        let listed = self.subject.listed.as_ref();
        Verdict {
            fits,
            exact: info.is_some(),
            context,
            weights,
            cache,
            scratch,
            total,
            free: terms.free,
            cost,
            architecture: info
                .map(|it| it.architecture.clone())
                .or(listed.map(|it| it.architecture.clone())),
            creator: listed.map(|it| it.creator.clone()),
            terms: listed.map(|it| it.terms.clone()).unwrap_or_default(),
            trouble: match &self.takes {
                Takes::Unknown(why) => Some(why.clone()),
                _ => None,
            },
            speed: foretold,
            parameters: self.parameters,
            quant: self.quant,
            longest_context: self.longest,
            shorter: self.shorter,
            licence: self.subject.licence,
            name: self.subject.name,
        }
    }
}

/// What sizes tell.
struct Found {
    quant: String,
    takes: Takes,
    shorter: Option<Shorter>,
    longest: Option<usize>,
    is_cut: bool,
}

impl Found {
    fn new(quant: String, takes: Takes) -> Self {
        Self { quant, takes, shorter: None, longest: None, is_cut: false }
    }

    /// Of the number of weights alone.
    fn about(subject: &Subject, mix: Option<Mix>, terms: &Terms) -> Self {
        let listed = subject.listed.as_ref();
        let Some(weights) = listed.and_then(|it| it.parameters) else {
            let why = "neither its shape nor how many weights it has is known here".to_owned();
            let quant = mix.map_or_else(|| "-".to_owned(), |it| it.to_string());
            return Self::new(quant, Takes::Unknown(why));
        };
        let bytes = |mix: Mix| (weights as f64 * known::bits(mix) / 8.0) as u64;
        let holds = |mix: &Mix| terms.free.is_none_or(|free| bytes(*mix) <= free);
        let largest = LADDER.into_iter().find(holds).unwrap_or(LADDER[LADDER.len() - 1]);
        let mix = mix.unwrap_or(largest);
        let is_dense = listed.is_some_and(|it| {
            let is_plain = it.architecture == "llama" && !it.name.starts_with("mixtral");
            is_plain || DENSE.contains(&it.architecture.as_str())
        });
        let work = is_dense.then(|| Work::about(mix.base(), weights, bytes(mix)));
        Self::new(mix.to_string(), Takes::About { weights: bytes(mix), work })
    }

    /// Of a file in its own formats.
    fn published(file: &ModelFile, terms: &Terms) -> Self {
        let quant = quantisation::of(file).to_owned();
        match outlined(file, terms) {
            Err(why) => Self::new(quant, Takes::Unknown(why)),
            Ok(outline) => {
                let found = Self::of(quant, &outline, Vec::new(), terms);
                found.cut(terms, |quant, terms| {
                    Some((quant.to_owned(), outlined(file, terms).ok()?))
                })
            }
        }
    }

    /// Of a shape: as `mix`, or as the largest that fits.
    fn recast(file: &ModelFile, mix: Option<Mix>, terms: &Terms) -> Self {
        let ladder = match mix {
            Some(mix) => vec![mix],
            None if file.architecture() == "gpt-oss" => vec![Mix::MXFP4_MOE],
            None => LADDER.to_vec(),
        };
        let (last, before) = ladder.split_last().expect("a mix at least");
        for (i, &mix) in before.iter().enumerate() {
            // Most are told by their weights.
            let weights = weights_as(file, mix).unwrap_or(u64::MAX);
            if terms.free.is_some_and(|free| weights > free) {
                continue;
            }
            let Ok(outline) = recast_outline(file, mix, terms) else { break };
            if terms.free.is_none_or(|free| total(&outline.info) <= free) {
                return Self::of(mix.to_string(), &outline, above(file, &before[..i]), terms);
            }
        }
        match recast_outline(file, *last, terms) {
            Err(why) => Self::new(last.to_string(), Takes::Unknown(why)),
            Ok(outline) => {
                let found = Self::of(last.to_string(), &outline, above(file, before), terms);
                found.cut(terms, |quant, terms| {
                    let mix = quant.parse::<Mix>().ok()?;
                    Some((quant.to_owned(), recast_outline(file, mix, terms).ok()?))
                })
            }
        }
    }

    /// Of what was found, below mixes that did not fit and the bytes of their weights.
    fn of(quant: String, outline: &Outline, above: Vec<(Mix, u64)>, terms: &Terms) -> Self {
        let Outline { info, plan, .. } = outline;
        let free = terms.free.unwrap_or(u64::MAX);
        let own = longest(outline, info.weight_bytes.saturating_add(info.scratch_bytes), free);
        let shorter = |quant: &str, context: Option<usize>| {
            let context = context.filter(|&it| it >= LEAST_CONTEXT && it < info.context)?;
            Some(Shorter { quant: quant.to_owned(), context })
        };
        let larger = above.into_iter().find_map(|(mix, weights)| {
            let others = weights.saturating_add(info.scratch_bytes);
            shorter(&mix.to_string(), longest(outline, others, free))
        });
        let work = Work::of(plan, outline.number_bytes());
        Self {
            shorter: larger.or_else(|| shorter(&quant, own)),
            longest: own,
            ..Self::new(quant, Takes::Exact { info: info.clone(), work })
        }
    }

    /// The same with the context that fits, where nothing fits otherwise; `again` gives a format as
    /// terms say.
    fn cut(self, terms: &Terms, again: impl Fn(&str, &Terms) -> Option<(String, Outline)>) -> Self {
        let fits = match &self.takes {
            Takes::Exact { info, .. } => terms.free.is_none_or(|free| total(info) <= free),
            _ => true,
        };
        let Some(Shorter { quant, mut context }) = self.shorter.clone().filter(|_| !fits) else {
            return self;
        };
        // What a step works in differs a little from format to format.
        for _ in 0..CUTS {
            let terms = Terms { context: Some(context), ..terms.clone() };
            let Some((quant, outline)) = again(&quant, &terms) else { break };
            let found = Self::of(quant, &outline, Vec::new(), &terms);
            if terms.free.is_none_or(|free| total(&outline.info) <= free) {
                return Self { is_cut: true, ..found };
            }
            match found.longest.filter(|&it| it >= LEAST_CONTEXT && it < context) {
                Some(less) => context = less,
                None => break,
            }
        }
        self
    }
}

/// Mixes that did not fit with the whole context, and the bytes of their weights.
fn above(file: &ModelFile, mixes: &[Mix]) -> Vec<(Mix, u64)> {
    mixes.iter().filter_map(|&mix| Some((mix, weights_as(file, mix).ok()?))).collect()
}

fn recast_outline(file: &ModelFile, mix: Mix, terms: &Terms) -> Result<Outline, String> {
    let made = recast(file, mix).map_err(|it| it.to_string())?;
    outlined(&made, terms)
}

fn outlined(file: &ModelFile, terms: &Terms) -> Result<Outline, String> {
    let context = match terms.context {
        Some(context) => context,
        None => arch::config(file).map_err(|it| it.to_string())?.context.min(CONTEXT),
    };
    let options = Options { ctx_size: Some(context), ..Options::default() };
    outline(file, terms.config, &options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::fit::subject;

    /// What is found of a model of the catalogue where so much memory is free.
    fn judged(name: &str, mix: Option<Mix>, free: u64) -> Verdict {
        let config = Config { threads: 1, ..Config::detect() };
        let terms = Terms { config, context: None, mix, free: Some(free) };
        let subject = subject::catalogue().into_iter().find(|it| it.name == name);
        let candidate = Candidate::of(subject.expect("it is listed"), &terms);
        candidate.judged(None, &terms, &Costs::default())
    }

    const SMALL: &str = "smollm2:135m";

    #[test]
    fn the_largest_format_that_fits_is_taken() {
        let all = judged(SMALL, None, 1 << 40);
        assert_eq!((all.fits, all.quant.as_str()), (Fits::Yes, "Q8_0"));
        assert_eq!((all.context, all.longest_context), (Some(8192), Some(8192)));
        assert_eq!((all.parameters, all.shorter, all.exact), (Some(134_515_008), None, true));
        let parts = [all.weights, all.cache, all.scratch].map(Option::unwrap);
        assert_eq!(all.total, Some(parts.iter().sum::<u64>()));
        let less = judged(SMALL, None, all.total.unwrap() - 1);
        assert_eq!((less.fits, less.quant.as_str()), (Fits::Yes, "Q6_K"));
        let Shorter { quant, context } = less.shorter.expect("the other, with less context");
        assert_eq!(quant, "Q8_0");
        assert!((LEAST_CONTEXT..8192).contains(&context), "{context}");
    }

    #[test]
    fn a_shorter_context_is_better_than_nothing() {
        let least = judged(SMALL, Some(Mix::Q2_K), 1 << 40);
        let free = least.total.unwrap() - least.cache.unwrap() / 2;
        let part = judged(SMALL, None, free);
        assert_eq!(part.fits, Fits::Part);
        let context = part.context.unwrap();
        assert!((LEAST_CONTEXT..8192).contains(&context), "{context}");
        assert!(part.total.unwrap() <= free, "{part:?}");
        let asked = judged(SMALL, Some(Mix::Q2_K), free);
        assert_eq!((asked.fits, asked.quant.as_str()), (Fits::Part, "Q2_K"));
        let none = judged(SMALL, None, 1000);
        assert_eq!((none.fits, none.quant.as_str(), none.context), (Fits::No, "Q2_K", Some(8192)));
    }

    #[test]
    fn what_has_no_known_shape_is_estimated() {
        let scout = judged("llama4:scout", None, 1 << 40);
        assert_eq!((scout.fits, scout.exact, scout.quant.as_str()), (Fits::Yes, false, "Q8_0"));
        assert_eq!((scout.cache, scout.total), (None, None));
        let weights = scout.weights.unwrap() as f64 * 8.0 / 109e9;
        assert!((8.5..8.6).contains(&weights), "{weights} bits a weight");
        assert_eq!(judged("llama4:scout", None, 1 << 30).fits, Fits::No);
        let unknown = judged("granite4:350m", None, 1 << 40);
        assert_eq!((unknown.fits, unknown.trouble.is_some()), (Fits::Unknown, true));
    }
}
