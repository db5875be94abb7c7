//! Measures one test after another, and beside each what the machine did meanwhile.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use chrono::{DateTime, SecondsFormat, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Serialize, Serializer};

use super::{
    conditions::{self, Conditions, UNTOLD},
    measure::{Rig, Sample, Test},
    roofline::{self, Read, Roofline},
    synthetic::Scale,
    table::{Row, Subject, mean, median},
};
use crate::{
    machine::{Meter, Note, Peak, Watch, last_level},
    terminal::tell,
};

/// What tells what the machine does; to be opened before this process gives up files.
pub(super) struct Instruments {
    watch: Watch,
    pub(super) meter: Meter,
    peak: Peak,
    /// Bytes of the processor's last caches, where the system tells.
    cache: Option<u64>,
}

/// A benchmark that goes on.
pub(super) struct Session {
    pub(super) instruments: Instruments,
    /// Bytes of weights that a generated token reads, where that is known.
    pub(super) bytes_a_token: Option<u64>,
    /// Whether all tokens read the same ones, so that those of a step share them.
    pub(super) is_dense: bool,
    pub(super) repetitions: usize,
    pub(super) steady: Option<Duration>,
    pub(super) bar: ProgressBar,
    /// Warnings that were told so far, but for those of the machine.
    pub(super) said: Vec<String>,
    /// Where not all of a model is there, times are scaled.
    pub(super) scale: Option<Scale>,
    /// How the machine was before the first test, and after the last.
    pub(super) notes: Option<(Note, Note)>,
}

/// What was measured beside the speed of a test.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Beside {
    #[serde(flatten)]
    pub(super) conditions: Conditions,
    /// The most memory that this process had so far, without what measures the bandwidth.
    pub(super) peak_memory: Option<u64>,
    #[serde(flatten)]
    pub(super) roofline: Roofline,
    #[serde(flatten)]
    pub(super) energy: Energy,
    #[serde(flatten)]
    pub(super) steady: Steady,
    pub(super) warnings: Warnings,
}

/// What makes a result doubtful, and what else was said while it was measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Warnings {
    /// Of the machine; nothing where nobody watched, or too shortly to tell whether it was busy.
    pub(super) machine: Option<Vec<String>>,
    /// Of the models, of this process, of a server.
    pub(super) said: Vec<String>,
}

/// What a token takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Energy {
    pub(super) joules_per_token: Option<f64>,
    /// What told, and of what.
    pub(super) energy_source: Option<String>,
}

/// What is left of the speed after a while.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Steady {
    pub(super) steady_seconds: Option<u64>,
    /// Tokens a second of the repetitions before: their median.
    pub(super) burst_ts: Option<f64>,
    /// Of the stretches in the last half of the time.
    pub(super) steady_ts: Option<f64>,
    pub(super) steady_ratio: Option<f64>,
    /// Of each stretch, one after the other.
    pub(super) steady_samples_ts: Vec<f64>,
}

impl Instruments {
    pub(super) fn open() -> Self {
        let cache = last_level(Path::new("/"));
        Self { watch: Watch::here(), meter: Meter::here(), peak: Peak::here(), cache }
    }
}

impl Serialize for Warnings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.all().serialize(serializer)
    }
}

impl Warnings {
    /// In one list; nothing where there are none and nobody could tell. Beside others, that is one.
    fn all(&self) -> Option<Vec<String>> {
        let machine = match &self.machine {
            Some(machine) => machine.clone(),
            None if self.said.is_empty() => return None,
            None => vec![UNTOLD.to_owned()],
        };
        Some([machine, self.said.clone()].concat())
    }
}

impl Session {
    /// Says a warning, and has it in the results from here on.
    pub(super) fn warn(&mut self, warning: String) {
        tell(format_args!("warning: {warning}"));
        self.said.push(warning);
    }

    /// A bar for so many tests.
    pub(super) fn bar(tests: usize, repetitions: usize) -> ProgressBar {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let steps = tests.saturating_mul(repetitions.saturating_add(1));
        ProgressBar::new(steps as u64).with_style(style)
    }

    /// Measures a test of `subject`, which is in `rig`.
    ///
    /// # Errors
    ///
    /// If the engine fails.
    pub(super) fn row(
        &mut self,
        rig: &mut Rig,
        subject: &Subject,
        test: Test,
    ) -> anyhow::Result<Row> {
        self.bar.set_message(test.label());
        let bandwidth = self.bandwidth(subject, test);
        let before = self.instruments.watch.note();
        rig.warm_up(&test, &self.instruments.meter)?;
        self.bar.inc(1);
        let started: DateTime<Utc> = SystemTime::now().into();
        let mut samples = Vec::new();
        for _ in 0..self.repetitions {
            let sample = rig.measure(&test, &self.instruments.meter)?;
            samples.push(self.scale.map_or(sample, |it| it.whole(test, sample)));
            self.bar.inc(1);
        }
        let steady = self.steady(rig, test, &samples)?;
        let after = self.instruments.watch.note();
        let peak_memory = self.instruments.peak.note();
        let bandwidths = [bandwidth, self.bandwidth(subject, test)];
        let speeds: Vec<_> = samples.iter().map(|it| it.per_second).collect();
        let roofline = self.sharers(test).map(|sharers| {
            let (cache, all) = (self.instruments.cache, subject.model_size);
            let read = self.bytes_a_token.map(|it| Read::of(it / sharers, all, cache));
            Roofline::of(bandwidths, subject.n_threads, read, mean(&speeds))
        });
        let beside = Beside {
            conditions: Conditions::between(&before, &after),
            peak_memory,
            roofline: roofline.unwrap_or_default(),
            energy: Energy::of(&samples, &self.instruments.meter),
            steady,
            warnings: Warnings {
                machine: Some(conditions::warnings(&before, &after)),
                said: self.said.clone(),
            },
        };
        let first = self.notes.take().map_or(before, |it| it.0);
        self.notes = Some((first, after));
        let time = started.to_rfc3339_opts(SecondsFormat::Secs, true);
        Ok(Row::new(subject, test, &samples, time, beside))
    }

    /// Takes from the run so far how busy the machine was, where the test of `row` was too short to
    /// tell.
    pub(super) fn complete(&self, row: &mut Row) {
        if let Some((before, after)) = &self.notes {
            row.beside.complete(before, after);
        }
    }

    /// How many tokens share the weights that a step of generation reads; nothing where that is not
    /// known.
    fn sharers(&self, test: Test) -> Option<u64> {
        match test {
            // With guesses a step makes several tokens, and two models are read.
            Test::Prompt { .. } | Test::Drafted { .. } => None,
            Test::Generate { sequences, .. } if self.is_dense => Some(sequences as u64),
            Test::Text { .. } | Test::Generate { sequences: 1, .. } => Some(1),
            // Nobody tells which experts they go to.
            Test::Generate { .. } => None,
        }
    }

    /// What memory gives, where it is known what the test reads of it. What that takes is no memory of
    /// the model.
    fn bandwidth(&mut self, subject: &Subject, test: Test) -> Option<f64> {
        self.sharers(test)?;
        self.instruments.peak.apart(|| roofline::bandwidth(subject.n_threads))
    }

    fn steady(&self, rig: &mut Rig, test: Test, samples: &[Sample]) -> anyhow::Result<Steady> {
        let (Some(time), Test::Generate { n, depth, sequences }) = (self.steady, test) else {
            return Ok(Steady::default());
        };
        let (bar, label) = (&self.bar, test.label());
        let mut heard = |passed: Duration| {
            bar.set_message(format!("{label}, {} s of {} s", passed.as_secs(), time.as_secs()));
        };
        let all = rig.generate_for(time, (n, depth, sequences), &mut heard)?;
        let all = match self.scale {
            Some(scale) => scale.whole_speeds(test, &all),
            None => all,
        };
        self.bar.set_message(label);
        let burst: Vec<_> = samples.iter().map(|it| it.per_second).collect();
        Ok(Steady::of(time, median(&burst), all))
    }
}

impl Beside {
    /// Takes from a run, between these two, how busy the machine was, where the test was too short to
    /// tell. Where the run was, too, nothing says that it was quiet.
    pub(super) fn complete(&mut self, before: &Note, after: &Note) {
        if self.conditions.tells_load() {
            return;
        }
        let whole = Conditions::between(before, after);
        self.conditions = std::mem::take(&mut self.conditions).with_load_of(&whole);
        let busy = conditions::of_load(before, after);
        let all = self.warnings.machine.take().map(|it| [busy, it].concat());
        self.warnings.machine = all.filter(|it| whole.tells_load() || !it.is_empty());
    }
}

impl Energy {
    fn of(samples: &[Sample], meter: &Meter) -> Self {
        let joules: Option<f64> = samples.iter().map(|it| it.joules).sum();
        let tokens: usize = samples.iter().map(|it| it.tokens).sum();
        let a_token = joules.filter(|_| tokens > 0).map(|it| it / tokens as f64);
        Self { joules_per_token: a_token, energy_source: a_token.and_then(|_| meter.source()) }
    }
}

impl Steady {
    fn of(time: Duration, burst: f64, all: Vec<f64>) -> Self {
        let steady = median(&all[all.len() / 2..]);
        Self {
            steady_seconds: Some(time.as_secs()),
            burst_ts: Some(burst),
            steady_ts: Some(steady),
            steady_ratio: Some(steady / burst),
            steady_samples_ts: all,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Value, json};

    use super::{super::fixture::sample, *};
    use crate::machine::fixture::lay;

    /// A machine of two processors, and then the same after so much time, a part of it with others.
    fn notes(ticks: u64, others: u64) -> (Note, Note) {
        let stat = |busy: u64, idle: u64| {
            format!("cpu  {busy} 0 0 {idle} 0 0 0 0\ncpu0 1 0 0 1\ncpu1 1 0 0 1\n")
        };
        let own = "1 (ingle) R 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 0\n";
        let begin = stat(0, 0);
        let root = lay(&[("proc/stat", begin.as_str()), ("proc/self/stat", own)]);
        let watch = Watch::at(root.path());
        let before = watch.note();
        fs::write(root.path().join("proc/stat"), stat(others, ticks - others)).unwrap();
        (before, watch.note())
    }

    #[test]
    fn a_test_that_is_too_short_to_tell_is_with_load_of_the_whole_run() {
        let of = |(before, after): &(Note, Note)| Beside {
            conditions: Conditions::between(before, after),
            warnings: Warnings {
                machine: Some(conditions::warnings(before, after)),
                ..Warnings::default()
            },
            ..Beside::default()
        };
        let told = |test: &(Note, Note), run: &(Note, Note)| {
            let mut beside = of(test);
            beside.complete(&run.0, &run.1);
            let json = serde_json::to_value(&beside).unwrap();
            (json["others_percent"].as_f64(), beside.warnings.all().map(|it| it.len()))
        };
        let (short, busy, quiet) = (notes(10, 9), notes(1000, 620), notes(1000, 0));
        assert_eq!(told(&short, &busy), (Some(62.0), Some(1)));
        assert_eq!(told(&short, &quiet), (Some(0.0), Some(0)));
        assert_eq!(told(&busy, &quiet), (Some(62.0), Some(1)));
        // Nobody knows.
        assert_eq!(told(&short, &short), (None, None));
    }

    #[test]
    fn a_bar_is_for_as_many_repetitions_as_there_are_numbers() {
        assert_eq!(Session::bar(2, 5).length(), Some(12));
        assert_eq!(Session::bar(2, usize::MAX).length(), Some(usize::MAX as u64));
    }

    #[test]
    fn what_was_said_joins_the_warnings_of_the_machine() {
        let text = |it: &str| it.to_owned();
        let of = |machine: Option<&str>, said: &[&str]| {
            let machine = machine.map(|it| vec![text(it)]);
            let warnings = Warnings { machine, said: said.iter().map(|it| text(it)).collect() };
            let json = serde_json::to_value(Beside { warnings, ..Beside::default() }).unwrap();
            json["warnings"].clone()
        };
        assert_eq!(of(Some("it was hot"), &[]), json!(["it was hot"]));
        assert_eq!(of(Some("it was hot"), &["a", "b"]), json!(["it was hot", "a", "b"]));
        assert_eq!(of(None, &[]), Value::Null);
        assert_eq!(of(None, &["a"]), json!([UNTOLD, "a"]));
    }

    #[test]
    fn what_is_steady_is_the_last_half() {
        let told = Steady::of(Duration::from_secs(4), 8.0, vec![8.0, 7.0, 3.0, 4.0, 5.0]);
        assert_eq!((told.steady_ts, told.steady_ratio), (Some(4.0), Some(0.5)));
        let told = Steady::of(Duration::from_secs(4), 8.0, vec![6.0]);
        assert_eq!((told.steady_ts, told.steady_ratio), (Some(6.0), Some(0.75)));
    }

    #[test]
    fn energy_counts_where_all_of_it_is_known() {
        let sample = |tokens, joules| Sample { tokens, joules, ..sample(1.0) };
        let meter = Meter::at(tempfile::tempdir().unwrap().path());
        let of = |all: &[Sample]| Energy::of(all, &meter).joules_per_token;
        assert_eq!(of(&[sample(4, Some(3.0)), sample(4, Some(1.0))]), Some(0.5));
        assert_eq!(of(&[sample(4, Some(3.0)), sample(4, None)]), None);
        assert_eq!(of(&[]), None);
    }
}
