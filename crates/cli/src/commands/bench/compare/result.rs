//! Results as they were printed: what comparing needs of them. Those of llama-bench can be read, too,
//! and have no fingerprint.

use std::{fs, path::Path};

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Deserializer, Value};

use crate::{commands::bench::label::Label, failure::Failure};

/// The result of a test.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(super) struct Measured {
    pub(super) n_prompt: u64,
    pub(super) n_gen: u64,
    #[serde(default)]
    pub(super) n_depth: u64,
    /// Sequences at once; nothing of programs that do not say how many.
    pub(super) n_parallel: Option<u64>,
    /// Nothing where any tokens were gone on with.
    pub(super) n_texts: Option<u64>,
    /// Nothing where there was no draft.
    pub(super) draft_facts: Option<String>,
    pub(super) draft_type: Option<String>,
    pub(super) draft_max: Option<u64>,
    pub(super) drafted_tokens: Option<u64>,
    pub(super) accepted_tokens: Option<u64>,
    /// Tokens a second of each repetition.
    pub(super) samples_ts: Vec<f64>,
    pub(super) fingerprint: Option<String>,
    /// What the fingerprint is of.
    pub(super) model_facts: Option<String>,
    pub(super) model_type: Option<String>,
    pub(super) n_threads: Option<u64>,
    pub(super) kernels: Option<String>,
    pub(super) n_batch: Option<u64>,
    /// Nothing where it is as usual.
    pub(super) cache_type: Option<String>,
    pub(super) weights: Option<String>,
    pub(super) cpu_info: Option<String>,
    /// What can change without another fingerprint.
    pub(super) power_source_after: Option<String>,
    pub(super) governor_after: Option<String>,
    pub(super) preference_after: Option<String>,
    pub(super) profile_after: Option<String>,
    pub(super) boost_after: Option<bool>,
    /// Nothing where nobody could tell.
    pub(super) warnings: Option<Vec<String>>,
}

/// Reads the results in a file.
///
/// # Errors
///
/// If it cannot be read, or has something else in it.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Measured>> {
    let name = path.display();
    let text = fs::read_to_string(path).with_context(|| {
        let failure = Failure::new(format!("cannot read `{name}`"));
        failure.hint("write a result into a file: `ingle bench MODEL -o json > FILE`")
    })?;
    parse(&text).map_err(|found| {
        let message = format!("`{name}` is not the result of a benchmark: {found}");
        Failure::new(message).hint("`ingle bench MODEL -o json` or `-o jsonl` prints one").into()
    })
}

/// Lists of results and single ones, one after the other: the forms `json` and `jsonl`.
fn parse(text: &str) -> Result<Vec<Measured>, String> {
    let mut all = Vec::new();
    for value in Deserializer::from_str(text).into_iter::<Value>() {
        match value.map_err(|error| format!("it is not JSON: {error}"))? {
            Value::Array(rows) => all.extend(rows),
            one => all.push(one),
        }
    }
    if all.is_empty() {
        return Err("it has no results".to_owned());
    }
    all.into_iter().map(Measured::of).collect()
}

impl Measured {
    fn of(value: Value) -> Result<Self, String> {
        let row: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let test = row.test();
        match row.samples_ts.iter().find(|it| **it <= 0.0) {
            Some(found) => Err(format!("`samples_ts` of {test} has {found}, expected more than 0")),
            None if row.samples_ts.is_empty() => Err(format!("`samples_ts` of {test} is empty")),
            None => Ok(row),
        }
    }

    /// What its test is called.
    pub(super) fn test(&self) -> String {
        let label = Label {
            n_prompt: self.n_prompt,
            n_gen: self.n_gen,
            depth: self.n_depth,
            sequences: self.n_parallel.unwrap_or(1),
            is_of_texts: self.n_texts.is_some(),
            is_drafted: self.draft_facts.is_some(),
        };
        label.to_string()
    }

    /// Whether both have one fingerprint.
    pub(super) fn is_comparable(&self, other: &Self) -> bool {
        self.fingerprint.is_some() && self.fingerprint == other.fingerprint
    }

    /// Whether both are of one test with as many threads, the same kernels and the same cache.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.is_same_test(other)
            && self.n_threads == other.n_threads
            && self.kernels == other.kernels
            && self.cache_type == other.cache_type
    }

    /// Whether both are of one test, of whatever.
    pub(super) fn is_same_test(&self, other: &Self) -> bool {
        self.test() == other.test()
    }

    /// What a fingerprint is of and differs from `other`; each with what both are.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let text = |it: &Option<String>| it.clone().unwrap_or_else(|| "not told".to_owned());
        let differ =
            |name: &str, a: String, b: String| (a != b).then(|| format!("the {name} ({a}, {b})"));
        let cache = |it: &Self| it.cache_type.clone().unwrap_or_else(|| "as usual".to_owned());
        let number = |it: Option<u64>| text(&it.map(|it| it.to_string()));
        let weights = |what: &str, facts: fn(&Self) -> [&Option<String>; 2]| {
            let [[facts, kind], [other_facts, other_kind]] = [facts(self), facts(other)];
            match (facts, other_facts) {
                (Some(a), Some(b)) if a != b && kind == other_kind => {
                    Some(format!("the tensors or numbers of the {what}"))
                }
                _ => differ(what, text(kind), text(other_kind)),
            }
        };
        let guesses = |it: &Self| {
            let counts = it.accepted_tokens.zip(it.drafted_tokens);
            text(&counts.map(|(right, made)| format!("{right} of {made}")))
        };
        let others = [
            weights("model", |it| [&it.model_facts, &it.model_type]),
            weights("draft", |it| [&it.draft_facts, &it.draft_type]),
            differ("number of threads", number(self.n_threads), number(other.n_threads)),
            differ("kernels", text(&self.kernels), text(&other.kernels)),
            differ("batch", number(self.n_batch), number(other.n_batch)),
            differ("type of the cache", cache(self), cache(other)),
            differ("way that weights lie in memory", text(&self.weights), text(&other.weights)),
            differ("processor", text(&self.cpu_info), text(&other.cpu_info)),
            differ("most guesses at a time", number(self.draft_max), number(other.draft_max)),
            differ("guesses that were right", guesses(self), guesses(other)),
        ];
        others.into_iter().flatten().collect()
    }

    /// What changes the speed of the same test on the same machine, and differs.
    pub(super) fn circumstances(&self, other: &Self) -> Vec<String> {
        let differ = |name: &str, a: &Option<String>, b: &Option<String>| {
            let (a, b) = (a.as_ref()?, b.as_ref()?);
            (a != b).then(|| format!("the {name} ({a}, {b})"))
        };
        let boost = |it: &Self| it.boost_after.map(|it| if it { "on" } else { "off" }.to_owned());
        let all = [
            differ("power", &self.power_source_after, &other.power_source_after),
            differ("governor", &self.governor_after, &other.governor_after),
            differ("preference", &self.preference_after, &other.preference_after),
            differ("profile", &self.profile_after, &other.profile_after),
            differ("boost", &boost(self), &boost(other)),
        ];
        all.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"n_prompt": 512, "n_gen": 0, "samples_ts": [1.5, 2.5], "more": null}"#;

    #[test]
    fn lists_and_lines_are_read() {
        let tests = |text: &str| {
            let all = parse(text).unwrap();
            all.iter().map(Measured::test).collect::<Vec<_>>()
        };
        assert_eq!(tests(ONE), ["pp512"]);
        assert_eq!(tests(&format!("[{ONE}, {ONE}]\n")), ["pp512", "pp512"]);
        let deep = ONE.replace("\"n_gen\": 0", "\"n_gen\": 16, \"n_depth\": 4096");
        assert_eq!(tests(&format!("{ONE}\n{deep}\n")), ["pp512", "pp512+tg16 @ d4096"]);
        let at_once = |n: u8| {
            let generation = format!("0, \"n_gen\": 16, \"n_parallel\": {n},");
            deep.replace("512, \"n_gen\": 16,", &generation)
        };
        let lines = [at_once(1), at_once(4)].concat();
        assert_eq!(tests(&lines), ["tg16 @ d4096", "tg16 x 4 @ d4096"]);
        let text = r#"{"n_prompt": 0, "n_gen": 16, "n_texts": 3, "samples_ts": [1.5]}"#;
        let drafted = text.replace("3,", "3, \"draft_facts\": \"1\",");
        assert_eq!(tests(&format!("{text}\n{drafted}")), ["tg16 text", "tg16 text + draft"]);
    }

    #[test]
    fn what_is_no_result_is_refused() {
        let check = |text: &str, expected: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check("", "it has no results");
        check("[]", "it has no results");
        check("| model | size |", "it is not JSON");
        check("{\"a\": 1}", "missing field `n_prompt`");
        check("[7]", "invalid type");
        let samples = |text| ONE.replace("[1.5, 2.5]", text);
        check(&samples("[]"), "`samples_ts` of pp512 is empty");
        check(&samples("[1.0, 0.0]"), "`samples_ts` of pp512 has 0, expected more than 0");
        check(&samples("[1e999]"), "it is not JSON");
    }

    #[test]
    fn what_differs_is_named() {
        let text = |it: &str| Some(it.to_owned());
        let one = Measured {
            model_facts: text("1"),
            model_type: text("llama 1 B Q4_0"),
            n_threads: Some(2),
            kernels: text("avx2, fast"),
            weights: text("mapped"),
            power_source_after: text("mains"),
            preference_after: text("performance"),
            boost_after: Some(true),
            ..Measured::default()
        };
        assert!(one.differences(&one).is_empty() && one.circumstances(&one).is_empty());
        let other = Measured {
            model_facts: text("2"),
            n_threads: Some(4),
            cache_type: text("q8_0"),
            weights: text("made"),
            power_source_after: text("battery"),
            governor_after: text("performance"),
            preference_after: text("power"),
            boost_after: Some(false),
            ..one.clone()
        };
        let expected = [
            "the tensors or numbers of the model",
            "the number of threads (2, 4)",
            "the type of the cache (as usual, q8_0)",
            "the way that weights lie in memory (mapped, made)",
        ];
        assert_eq!(one.differences(&other), expected);
        let expected = [
            "the power (mains, battery)",
            "the preference (performance, power)",
            "the boost (on, off)",
        ];
        assert_eq!(one.circumstances(&other), expected);
        let drafted = Measured {
            draft_facts: text("3"),
            draft_type: text("llama 1 M Q8_0"),
            drafted_tokens: Some(9),
            accepted_tokens: Some(7),
            ..one.clone()
        };
        let other = Measured {
            draft_facts: text("4"),
            draft_max: Some(3),
            accepted_tokens: Some(6),
            ..drafted.clone()
        };
        let expected = [
            "the tensors or numbers of the draft",
            "the most guesses at a time (not told, 3)",
            "the guesses that were right (7 of 9, 6 of 9)",
        ];
        assert_eq!(drafted.differences(&other), expected);
        let foreign = Measured { model_type: text("llama 1B Q4_0"), ..Measured::default() };
        let expected = [
            "the model (llama 1 B Q4_0, llama 1B Q4_0)",
            "the number of threads (2, not told)",
            "the kernels (avx2, fast, not told)",
            "the way that weights lie in memory (mapped, not told)",
        ];
        assert_eq!(one.differences(&foreign), expected);
    }
}
