//! What is said of a model: what it takes, whether and as what it fits, how fast it will be and why.

use engine::Info;
use indicatif::{ProgressBar, ProgressStyle};
use kernels::Format;
use serde::Serialize;

use super::{
    costs::{Cost, Costs},
    found::{self, Found, Shorter, Takes, Terms},
    pace::Foretold,
    sizes::total,
    subject::Subject,
};
use crate::{forecast::Work, speed::Speed};

/// Tokens a second that people read.
pub(super) const READING: f64 = 7.0;

/// What a model takes, and how much of it is known.
#[derive(Debug)]
pub(super) struct Candidate {
    subject: Subject,
    found: Found,
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
    /// What the model was made for.
    pub(super) model_context: Option<usize>,
    pub(super) weights: Option<u64>,
    pub(super) cache: Option<u64>,
    /// How it keeps keys and values, where that is not as usual.
    pub(super) cache_type: Option<String>,
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
    /// Looks at the sizes of all `subjects`, with a bar where there are several.
    pub(super) fn all(subjects: Vec<Subject>, terms: &Terms) -> Vec<Self> {
        let style = ProgressStyle::with_template("judging {bar:30} {pos}/{len}");
        let bar = match subjects.len() {
            1 => ProgressBar::hidden(),
            n => ProgressBar::new(n as u64),
        };
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let found = found::all(&subjects, terms, &|| bar.inc(1));
        bar.finish_and_clear();
        let candidate = |(subject, found)| Self { subject, found };
        subjects.into_iter().zip(found).map(candidate).collect()
    }

    /// The formats that are to be measured.
    pub(super) fn formats(&self) -> Vec<Format> {
        self.work().map(|it| it.formats().collect()).unwrap_or_default()
    }

    /// What an engine would be, and would do.
    pub(super) fn exact(&self) -> Option<(&Info, &Work)> {
        match &self.found.takes {
            Takes::Exact { info, work } => Some((info, work)),
            _ => None,
        }
    }

    fn work(&self) -> Option<&Work> {
        match &self.found.takes {
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
        let weights = match &self.found.takes {
            Takes::Exact { info, .. } => Some(info.weight_bytes),
            Takes::About { weights, .. } => Some(*weights),
            Takes::Unknown(_) => None,
        };
        let holds = match (total, weights, terms.free) {
            (Some(total), _, Some(free)) => Some(total <= free),
            (None, Some(weights), Some(free)) => Some(found::has_room(weights, free)),
            _ => None,
        };
        let work = self.work().filter(|_| holds != Some(false));
        let foretold = work.zip(speed);
        let foretold = foretold.and_then(|(it, speed)| Foretold::of(it, speed, context));
        let is_slow = foretold.as_ref().is_some_and(|it| it.tg128 < READING);
        let fits = match holds {
            None => Fits::Unknown,
            Some(false) => Fits::No,
            Some(true) if self.found.is_cut => Fits::Part,
            Some(true) if is_slow => Fits::Slow,
            Some(true) => Fits::Yes,
        };
        let cost = foretold.as_ref().and_then(|it| costs.of(it.tg128));
        let listed = self.subject.listed.as_ref();
        let parameters = listed.and_then(|it| it.parameters).or(info.map(|it| it.parameters));
        Verdict {
            fits,
            exact: info.is_some(),
            context,
            model_context: info.map(|it| it.model_context),
            weights,
            cache,
            cache_type: info.and_then(|it| it.cache_format).map(|it| it.to_string()),
            scratch,
            total,
            free: terms.free,
            cost,
            architecture: info
                .map(|it| it.architecture.clone())
                .or(listed.map(|it| it.architecture.clone())),
            creator: listed.map(|it| it.creator.clone()),
            terms: listed.map(|it| it.terms.clone()).unwrap_or_default(),
            trouble: match &self.found.takes {
                Takes::Unknown(why) => Some(why.clone()),
                _ => None,
            },
            speed: foretold,
            parameters,
            quant: self.found.quant,
            longest_context: self.found.longest,
            shorter: self.found.shorter,
            licence: self.subject.licence,
            name: self.subject.name,
        }
    }
}

#[cfg(test)]
mod tests {
    use loader::quantise::Mix;

    use super::*;
    use crate::commands::fit::{fixture, found::LEAST_CONTEXT, subject};

    /// What is found of a model of the catalogue where so much memory is free.
    fn judged(name: &str, mix: Option<Mix>, free: u64) -> Verdict {
        let (cpu, free) = (fixture::cpu(1), Some(free));
        let terms = Terms { cpu, context: None, mix, cache: None, free };
        let subject = subject::catalogue().into_iter().find(|it| it.name == name);
        verdict(subject.expect("it is listed"), &terms)
    }

    fn verdict(subject: Subject, terms: &Terms) -> Verdict {
        let candidate = Candidate::all(vec![subject], terms).remove(0);
        candidate.judged(None, terms, &Costs::default())
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
        let terms = |mix, free| {
            let (cpu, free) = (fixture::cpu(1), Some(free));
            Terms { cpu, context: None, mix, cache: None, free }
        };
        let subject = || {
            let subject = subject::catalogue().into_iter().find(|it| it.name == SMALL).unwrap();
            Subject { header: None, ..subject }
        };
        let judged = |mix, free| verdict(subject(), &terms(mix, free));
        let about = judged(None, 1 << 40);
        assert_eq!((about.fits, about.exact, about.quant.as_str()), (Fits::Yes, false, "Q8_0"));
        assert_eq!((about.cache, about.total), (None, None));
        let weights = about.weights.unwrap() as f64 * 8.0 / 134_515_008.0;
        assert!((8.5..8.6).contains(&weights), "{weights} bits a weight");
        assert_eq!(judged(None, 1 << 24).fits, Fits::No);
        // The weights would fit, and leave no room for a cache.
        let tight = judged(Some(Mix::Q8_0), about.weights.unwrap() + (1 << 23));
        assert_eq!(tight.fits, Fits::No);
        let unknown = verdict(Subject { listed: None, ..subject() }, &terms(None, 1 << 40));
        assert_eq!((unknown.fits, unknown.trouble.is_some()), (Fits::Unknown, true));
    }

    #[test]
    fn more_context_than_the_model_was_made_for_is_no_reason_for_less() {
        let asked = |context, free| {
            let subject = subject::catalogue().into_iter().find(|it| it.name == SMALL).unwrap();
            let (cpu, context, free) = (fixture::cpu(1), Some(context), Some(free));
            verdict(subject, &Terms { cpu, context, mix: None, cache: None, free })
        };
        let beyond = asked(10_000, 1 << 40);
        assert_eq!((beyond.fits, beyond.context), (Fits::Yes, Some(10_000)));
        assert_eq!(beyond.model_context, Some(8192));
        let none = asked(999_999_999, 1 << 34);
        assert_eq!((none.fits, none.quant.as_str()), (Fits::No, "Q2_K"));
        assert_eq!((none.context, none.longest_context), (Some(999_999_999), Some(8192)));
    }
}
