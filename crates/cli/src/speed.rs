//! How fast this machine is: what its memory gives in a second, and what the kernels do in one.
//!
//! `memory` reads memory and nothing else, `steps` takes the time of what steps of models are made
//! of, through the backend that runs them. What follows from it for a model is in `forecast`.

mod memory;
mod products;
mod steps;

use std::{
    collections::BTreeMap,
    env::consts::ARCH,
    time::{Duration, Instant},
};

use kernels::{
    Backend, Format,
    cpu::{Config, Cpu},
};
use serde::{Deserialize, Serialize};

use crate::{library::now, machine};
pub(crate) use memory::bandwidth;
#[cfg(test)]
pub(crate) use products::Length;
pub(crate) use products::Rates;
use steps::{Rig, Shares};

/// What was measured here, of one way to use the processor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Speed {
    /// What its maker calls the processor.
    pub(crate) processor: String,
    /// The backend as it calls itself: kernels, precision and threads.
    pub(crate) device: String,
    /// When.
    pub(crate) at: String,
    /// When the first of it was, where formats are from an earlier measurement of that day.
    #[serde(default)]
    pub(crate) oldest: Option<String>,
    /// Bytes that all threads together read from memory in a second.
    pub(crate) bandwidth: f64,
    /// Of the weight formats that were measured, by name.
    pub(crate) formats: BTreeMap<String, Rates>,
    /// Of all else.
    pub(crate) rest: Rest,
    /// What that took, where something tells.
    pub(crate) power: Option<Watts>,
    /// What other processes took of the processors' time meanwhile, where whoever measured looked.
    #[serde(default)]
    pub(crate) others_percent: Option<f64>,
    /// What was warned of meanwhile, each with what to do.
    #[serde(default)]
    pub(crate) warnings: Vec<String>,
}

/// What computing takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Watts {
    pub(crate) watts: f64,
    /// What told, and of what.
    pub(crate) source: String,
}

/// Of what else a step does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rest {
    /// Multiply-adds a second of the attention of one row, over what a cache of the processor holds.
    pub(crate) attend_one: f64,
    /// Those of the attention of the many rows of a prompt.
    pub(crate) attend_many: f64,
    /// Numbers a second that are normalised; others are turned and added about as fast.
    pub(crate) numbers: f64,
    /// Numbers a second that go through an activation.
    pub(crate) acts: f64,
    /// Seconds from one operation on a single row to the next.
    pub(crate) step: f64,
}

/// How much is spent on measuring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Bytes, most of which no cache holds.
    pub(crate) bytes: usize,
    /// Time for each figure of a round.
    pub(crate) time: Duration,
    /// Rows of activations that stand for a prompt.
    pub(crate) rows: usize,
    /// All but memory is measured again and again for about so long: the middle of several rounds is not
    /// what a moment's disturbance says.
    pub(crate) span: Duration,
}

impl Effort {
    /// What gives figures that can be relied upon, in about ten seconds; many formats take longer.
    pub(crate) fn usual() -> Self {
        let (bytes, time) = (memory::beyond_caches(), Duration::from_millis(60));
        Self { bytes, time, rows: 512, span: Duration::from_secs(8) }
    }
}

impl Speed {
    /// What the processor is called here.
    pub(crate) fn processor() -> String {
        machine::model().unwrap_or_else(|| ARCH.to_owned())
    }

    /// Whose figures these would be: the processor, and the backend with this configuration.
    ///
    /// # Errors
    ///
    /// If there is no such backend here.
    pub(crate) fn owner(config: Config) -> anyhow::Result<(String, String)> {
        Ok((Self::processor(), Cpu::new(config)?.info().name.clone()))
    }

    /// Measures. `watch` is told of each thing that is measured before that is done.
    ///
    /// # Errors
    ///
    /// If there is no such backend here, or no memory for it.
    pub(crate) fn measure(
        config: Config,
        formats: &[Format],
        effort: Effort,
        watch: &dyn Fn(&str),
    ) -> anyhow::Result<Self> {
        let (processor, device) = Self::owner(config)?;
        watch("memory");
        let bandwidth = memory::read(config.threads, effort.bytes, 4 * effort.time);
        let rig = Rig::new(config, effort);
        let mut rests = Vec::new();
        let mut products = vec![Vec::new(); formats.len()];
        let shares: Vec<Shares> =
            formats.iter().map(|it| rig.shares(*it)).collect::<Result<_, _>>()?;
        let begin = Instant::now();
        loop {
            watch("attention");
            rests.push(rig.rest()?);
            for ((format, shares), seen) in formats.iter().zip(&shares).zip(&mut products) {
                watch(format.layout().name);
                seen.push(rig.products(*format, *shares)?);
            }
            if is_enough(rests.len() as u32, begin.elapsed(), effort.span) {
                break;
            }
        }
        let rates = |(format, seen): (&Format, &Vec<Rates>)| {
            (format.layout().name.to_owned(), Rates::middle(seen))
        };
        Ok(Self {
            processor,
            device,
            at: now(),
            oldest: None,
            bandwidth,
            formats: formats.iter().zip(&products).map(rates).collect(),
            rest: Rest::middle(&rests),
            power: rig.power(),
            others_percent: None,
            warnings: Vec::new(),
        })
    }

    /// When the first of it was measured.
    pub(crate) fn oldest(&self) -> &str {
        self.oldest.as_deref().unwrap_or(&self.at)
    }

    /// Why not to rely on it: what was warned of then, without what to do about that.
    pub(crate) fn doubt(&self) -> Option<String> {
        let what = |it: &String| it.split_once(": ").map_or(it.as_str(), |it| it.0).to_owned();
        let all: Vec<String> = self.warnings.iter().map(what).collect();
        let all = (!all.is_empty()).then(|| all.join(", and that "))?;
        Some(format!("it was said then that {all}: once that is over, measure again"))
    }
}

impl Rest {
    /// The middle of each figure of several rounds.
    fn middle(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| middle(rounds.iter().map(figure));
        Self {
            attend_one: of(|it| it.attend_one),
            attend_many: of(|it| it.attend_many),
            numbers: of(|it| it.numbers),
            acts: of(|it| it.acts),
            step: of(|it| it.step),
        }
    }
}

/// Whether so many rounds are enough, which took so long: three at least, unless that is far too long,
/// and then no more than there is time for.
fn is_enough(rounds: u32, elapsed: Duration, span: Duration) -> bool {
    let with_next = elapsed + elapsed / rounds;
    (rounds >= 3 || elapsed >= 2 * span) && with_next > span
}

/// The median of some numbers, the upper one of two.
fn middle(all: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = all.collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

#[cfg(test)]
mod tests {
    use kernels::cpu::Isa;

    use super::*;
    use crate::forecast::tests::speed;

    #[test]
    fn what_was_warned_of_is_a_doubt() {
        let doubt = |warnings: &[&str]| {
            let warnings = warnings.iter().map(|it| (*it).to_owned()).collect();
            Speed { warnings, ..speed() }.doubt()
        };
        assert_eq!(doubt(&[]), None);
        let hot = "the processor was too hot and slowed down 12 times: let it cool";
        let expected = "it was said then that the processor was too hot and slowed down 12 times: \
                        once that is over, measure again";
        assert_eq!(doubt(&[hot]).as_deref(), Some(expected));
        let both = doubt(&["it was hot: wait", "it runs on battery: plug it in"]);
        let expected = "it was said then that it was hot, and that it runs on battery: once \
                        that is over, measure again";
        assert_eq!(both.as_deref(), Some(expected));
    }

    #[test]
    fn what_disturbs_one_round_does_not_count() {
        let rest = |x: f64| Rest {
            attend_one: x,
            attend_many: 2.0 * x,
            numbers: 3.0 * x,
            acts: 4.0 * x,
            step: 5.0 * x,
        };
        assert_eq!(Rest::middle(&[rest(9.0), rest(1.0), rest(2.0)]), rest(2.0));
        assert_eq!(Rest::middle(&[rest(3.0)]), rest(3.0));
    }

    #[test]
    fn rounds_are_three_at_least_and_as_many_as_there_is_time_for() {
        let check = |rounds, elapsed, expected| {
            let seconds = Duration::from_secs(elapsed);
            assert_eq!(is_enough(rounds, seconds, Duration::from_secs(8)), expected);
        };
        check(1, 1, false);
        check(2, 8, false);
        check(3, 9, true);
        check(3, 6, false);
        check(7, 7, false);
        check(8, 8, true);
        check(1, 20, true);
        assert!(is_enough(1, Duration::from_nanos(1), Duration::ZERO));
    }

    #[test]
    fn every_figure_is_a_number_of_something() {
        let config = Config { isa: Isa::Scalar, threads: 2, ..Config::detect() };
        let effort =
            Effort { bytes: 1 << 20, time: Duration::ZERO, rows: 32, span: Duration::ZERO };
        let told = std::cell::RefCell::new(Vec::new());
        let formats = [Format::F32, Format::Q4_K, Format::MXFP4];
        let watch = |what: &str| told.borrow_mut().push(what.to_owned());
        let speed = Speed::measure(config, &formats, effort, &watch).unwrap();
        assert_eq!(*told.borrow(), ["memory", "attention", "F32", "Q4_K", "MXFP4"]);
        assert!(speed.device.contains("scalar") && speed.device.contains("2 threads"));
        assert_eq!(speed.formats.keys().collect::<Vec<_>>(), ["F32", "MXFP4", "Q4_K"]);
        let Rest { attend_one, attend_many, numbers, acts, step } = speed.rest;
        let rates = speed.formats.values().flat_map(|it| it.0).flat_map(|it| [it.one, it.more]);
        let all = [speed.bandwidth, attend_one, attend_many, numbers, acts, step];
        let all: Vec<f64> = rates.chain(all).collect();
        assert!(all.iter().all(|it| it.is_finite() && *it > 0.0), "{all:?}");
        let text = serde_json::to_string(&speed).unwrap();
        let read: Speed = serde_json::from_str(&text).unwrap();
        assert_eq!(read.formats.len(), speed.formats.len());
    }
}
