//! Results of a benchmark as csv, json and jsonl, with llama-bench's field names; `markdown` has the
//! table.

use std::env::consts::ARCH;

use engine::Info;
use kernels::CacheFormat;
use loader::ModelFile;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    foretold::Told,
    identity, label, markdown,
    measure::{Sample, Test},
    plot::Point,
    session::Beside,
    speculation::Speculation,
    synthetic::Made,
};
use crate::{args::Form, commands::version::commit, numbers::count, quantisation, speed::Speed};

/// What is benched, with what.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Subject {
    build_commit: &'static str,
    build_version: &'static str,
    pub(super) cpu_info: String,
    pub(super) backends: String,
    model_filename: String,
    pub(super) model_type: String,
    pub(super) model_size: u64,
    pub(super) model_n_params: u64,
    pub(super) n_threads: usize,
    /// What the kernels are written for, and their precision.
    pub(super) kernels: String,
    /// Tokens of a prompt that a step computes.
    n_batch: usize,
    /// How keys and values are kept, where that is not as usual.
    cache_type: Option<&'static str>,
    weights: Weights,
    /// A digest of what decides how long the model takes.
    model_facts: String,
    /// Of weights that were made for a shape.
    #[serde(flatten)]
    pub(super) made: Option<Made>,
    /// Who guesses, where a test has it so.
    #[serde(skip)]
    pub(super) speculation: Speculation,
}

/// With what it is benched.
pub(super) struct Setting {
    pub(super) threads: usize,
    /// What runs on them.
    pub(super) kernels: String,
    pub(super) n_batch: usize,
    pub(super) weights: Weights,
}

/// How weights lie in memory: in pages of the file, or in those that the system gives to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Weights {
    Mapped,
    Read,
    /// For a shape.
    Made,
    /// On a server, somehow.
    #[cfg(feature = "hub")]
    Served,
}

/// One test's result.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    pub(super) subject: Subject,
    n_prompt: usize,
    n_gen: usize,
    n_depth: usize,
    /// Sequences at once; the numbers above are those of one.
    pub(super) n_parallel: usize,
    #[serde(flatten)]
    pub(super) speculation: Speculation,
    test_time: String,
    avg_ns: u64,
    stddev_ns: u64,
    pub(super) avg_ts: f64,
    pub(super) stddev_ts: f64,
    median_ts: f64,
    /// `avg_ts` is that of all sequences; this is that of one, where tokens are generated.
    pub(super) avg_ts_each: Option<f64>,
    #[serde(flatten)]
    pub(super) foretold: Told,
    /// The same where two results are comparable; nothing where that cannot be told.
    fingerprint: Option<String>,
    #[serde(flatten)]
    pub(super) beside: Beside,
    samples_ns: Vec<u64>,
    samples_ts: Vec<f64>,
    #[serde(skip)]
    pub(super) label: String,
}

impl Subject {
    /// Of a model that is open.
    pub(super) fn of(name: &str, file: &ModelFile, info: &Info, setting: Setting) -> Self {
        let Setting { threads, kernels, n_batch, weights } = setting;
        Self {
            build_commit: commit(),
            build_version: crate::commands::version::VERSION,
            cpu_info: Speed::processor(),
            backends: info.device.clone(),
            model_filename: name.to_owned(),
            model_type: kind(file, info),
            model_size: info.weight_bytes,
            model_n_params: info.parameters,
            n_threads: threads,
            kernels,
            n_batch,
            cache_type: info.cache_format.map(CacheFormat::name),
            weights,
            model_facts: identity::facts(file),
            made: None,
            speculation: Speculation::default(),
        }
    }

    /// A model that a server has, of which nothing else is known.
    #[cfg(feature = "hub")]
    pub(super) fn of_server(host: &str, model: &str) -> Self {
        Self {
            backends: "url".to_owned(),
            model_filename: host.to_owned(),
            model_type: model.to_owned(),
            model_facts: identity::fingerprint(&[("server", host), ("model", model)]),
            ..Self::unknown(Weights::Served)
        }
    }

    /// Anything, of which nothing is known but how its weights lie.
    #[cfg(any(test, feature = "hub"))]
    pub(super) fn unknown(weights: Weights) -> Self {
        Self {
            build_commit: commit(),
            build_version: crate::commands::version::VERSION,
            cpu_info: String::new(),
            backends: String::new(),
            model_filename: String::new(),
            model_type: String::new(),
            model_size: 0,
            model_n_params: 0,
            n_threads: 0,
            kernels: String::new(),
            n_batch: 0,
            cache_type: None,
            weights,
            model_facts: String::new(),
            made: None,
            speculation: Speculation::default(),
        }
    }

    /// The same, whose weights were made.
    pub(super) fn made(self, made: Made) -> Self {
        let model_type = format!("{}{}", self.model_type, made.note());
        Self { model_type, made: Some(made), ..self }
    }

    /// The model, and how its keys and values are kept, where that is not as usual.
    pub(super) fn model(&self) -> String {
        let cache = self.cache_type.map(|it| format!(", cache {it}")).unwrap_or_default();
        format!("{}{cache}", self.model_type)
    }

    /// What must be equal for two results of `test` to be comparable; nothing of a processor that
    /// nobody names: all of its kind would look the same.
    fn fingerprint(&self, test: &str, speculation: &Speculation) -> Option<String> {
        if self.cpu_info == ARCH {
            return None;
        }
        let speculation = speculation.parts();
        let [threads, n_batch] = [self.n_threads, self.n_batch].map(|it| it.to_string());
        let mut parts = vec![
            ("model", self.model_facts.as_str()),
            ("test", test),
            ("threads", threads.as_str()),
            ("kernels", self.kernels.as_str()),
            ("batch", n_batch.as_str()),
            ("weights", self.weights.name()),
            ("cpu", self.cpu_info.as_str()),
        ];
        parts.extend(self.cache_type.map(|it| ("cache", it)));
        parts.extend(speculation.iter().map(|(name, part)| (*name, part.as_str())));
        Some(identity::fingerprint(&parts))
    }
}

impl Weights {
    fn name(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Read => "read",
            Self::Made => "made",
            #[cfg(feature = "hub")]
            Self::Served => "served",
        }
    }
}

impl Row {
    pub(super) fn new(
        subject: &Subject,
        test: Test,
        samples: &[Sample],
        time: String,
        beside: Beside,
    ) -> Self {
        let ns: Vec<f64> = samples.iter().map(|it| it.time.as_nanos() as f64).collect();
        let ts: Vec<f64> = samples.iter().map(|it| it.per_second).collect();
        let ((n_prompt, n_gen, n_depth), n_parallel) = (test.numbers(), test.sequences());
        let (label, speculation) = (test.label(), subject.speculation.of(test, samples));
        Self {
            subject: subject.clone(),
            n_prompt,
            n_gen,
            n_depth,
            n_parallel,
            test_time: time,
            avg_ns: mean(&ns) as u64,
            stddev_ns: deviation(&ns) as u64,
            avg_ts: mean(&ts),
            stddev_ts: deviation(&ts),
            median_ts: median(&ts),
            avg_ts_each: (n_gen > 0).then(|| mean(&ts) / n_parallel as f64),
            foretold: Told::default(),
            fingerprint: subject.fingerprint(&label, &speculation),
            speculation,
            beside,
            samples_ns: ns.iter().map(|&it| it as u64).collect(),
            samples_ts: ts,
            label,
        }
    }

    /// The model, the processor and the day, for a heading.
    pub(super) fn title(&self) -> String {
        let (model, cpu_info) = (self.subject.model(), self.subject.cpu_info.as_str());
        let day = self.test_time.split('T').next().unwrap_or_default();
        let parts = [model.as_str(), cpu_info, day].into_iter().filter(|it| !it.is_empty());
        parts.collect::<Vec<_>>().join(" · ")
    }

    /// What of it is drawn.
    pub(super) fn point(&self) -> Point {
        Point {
            is_prompt: self.n_prompt > 0,
            tokens: self.n_prompt.max(self.n_gen),
            depth: self.n_depth,
            threads: self.subject.n_threads,
            sequences: self.n_parallel,
            speed: self.avg_ts,
            spread: self.stddev_ts,
        }
    }

    /// One line of JSON.
    pub(super) fn line(&self) -> String {
        format!("{}\n", serde_json::to_value(self).unwrap_or(Value::Null))
    }

    /// Tokens a second, of all sequences.
    pub(super) fn speed(&self) -> f64 {
        self.avg_ts
    }
}

/// What each row is called beside the others: its test, and how many threads ran it where not all had
/// as many.
pub(super) fn labels(rows: &[Row]) -> Vec<String> {
    let one = markdown::threads(rows).is_some();
    let name = |row: &Row| match one {
        true => row.label.clone(),
        false => label::with_threads(&row.label, row.subject.n_threads as u64),
    };
    rows.iter().map(name).collect()
}

/// All rows, a table in lines of at most `width` columns; for jsonl nothing, its lines were printed as
/// they came.
pub(super) fn text(rows: &[Row], form: Form, width: Option<usize>) -> String {
    match form {
        Form::Md => markdown::text(rows, width),
        Form::Csv => csv(rows),
        Form::Json => format!("{:#}\n", serde_json::to_value(rows).unwrap_or(Value::Null)),
        Form::Jsonl => String::new(),
    }
}

fn csv(rows: &[Row]) -> String {
    let objects: Vec<Map<String, Value>> = rows
        .iter()
        .filter_map(|row| serde_json::to_value(row).ok()?.as_object().cloned())
        .collect();
    let Some(first) = objects.first() else { return String::new() };
    // Lists have no place in a table, nor has the one that is nothing where nobody could tell.
    let is_list = |name: &str, it: &Value| it.is_array() || name == "warnings";
    let names: Vec<&String> =
        first.iter().filter(|(name, it)| !is_list(name, it)).map(|(name, _)| name).collect();
    let quoted = |text: String| format!("\"{}\"", text.replace('"', "\"\""));
    let cell = |value: &Value| match value {
        Value::String(text) => quoted(text.clone()),
        Value::Null => quoted(String::new()),
        other => quoted(other.to_string()),
    };
    let mut text = names.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(",") + "\n";
    for object in &objects {
        let cells: Vec<String> = names.iter().map(|it| cell(&object[it.as_str()])).collect();
        text += &(cells.join(",") + "\n");
    }
    text
}

pub(super) fn mean(all: &[f64]) -> f64 {
    all.iter().sum::<f64>() / all.len().max(1) as f64
}

/// Of a sample: 0 where there is one value.
fn deviation(all: &[f64]) -> f64 {
    if all.len() < 2 {
        return 0.0;
    }
    let mean = mean(all);
    let squares: f64 = all.iter().map(|it| (it - mean).powi(2)).sum();
    (squares / (all.len() - 1) as f64).sqrt()
}

pub(super) fn median(all: &[f64]) -> f64 {
    let mut sorted = all.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n.is_multiple_of(2) => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
        n => sorted[n / 2],
    }
}

/// Architecture, size and quantisation.
pub(super) fn kind(file: &ModelFile, info: &Info) -> String {
    format!("{} {} {}", info.architecture, count(info.parameters), quantisation::of(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_name_of_the_processor_nothing_is_comparable() {
        let of = |cpu: &str| {
            let bytes = loader::Bytes::new(ingle_tests::parrot::file());
            let file = ModelFile::from_bytes("parrot", bytes, &[]).unwrap();
            let info = Info {
                architecture: "llama".to_owned(),
                name: None,
                device: "cpu".to_owned(),
                n_layers: 1,
                vocab: 10,
                context: 64,
                model_context: 64,
                max_seqs: 1,
                parameters: 100,
                weight_bytes: 100,
                cache_format: None,
                cache_bytes: 1,
                scratch_bytes: 1,
            };
            let (kernels, weights) = ("scalar, fast".to_owned(), Weights::Mapped);
            let setting = Setting { threads: 1, kernels, n_batch: 512, weights };
            let subject = Subject::of("parrot", &file, &info, setting);
            Subject { cpu_info: cpu.to_owned(), ..subject }
        };
        let mark = |it: &Subject| it.fingerprint("pp8", &Speculation::default());
        assert_eq!(mark(&of(ARCH)), None);
        let one = of("a processor");
        assert!(mark(&one).is_some());
        for other in [
            Subject { weights: Weights::Made, ..one.clone() },
            Subject { n_batch: 64, ..one.clone() },
            Subject { cache_type: Some("q8_0"), ..one.clone() },
            of("another"),
        ] {
            assert_ne!(mark(&other), mark(&one));
        }
    }

    #[test]
    fn columns_are_the_same_where_nobody_could_tell_of_warnings() {
        let row = super::super::fixture::row(Test::Prompt { n: 8, depth: 0 }, 1);
        assert!(serde_json::to_value(&row).is_ok_and(|it| it["warnings"].is_null()));
        let csv = csv(&[row]);
        let head = csv.lines().next().unwrap_or_default();
        assert!(head.ends_with(",steady_ratio"), "{head}");
    }

    #[test]
    fn statistics_are_of_a_sample() {
        let all = [1.0, 2.0, 4.0, 5.0];
        assert_eq!((mean(&all), median(&all)), (3.0, 3.0));
        assert!((deviation(&all) - (10.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!((deviation(&[7.0]), median(&[7.0])), (0.0, 7.0));
    }
}
