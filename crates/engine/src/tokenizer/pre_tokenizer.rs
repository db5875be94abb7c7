//! The `pre_tokenizer` part of a `tokenizer.json` as steps of `split`.

use serde::Deserialize;
use serde_json::Value;

use super::{
    Error,
    regex::Pattern,
    split::{Behavior, Prefix, Step},
    tables::GPT2,
};

/// What a `pre_tokenizer` asks for.
pub(super) struct Steps {
    pub(super) steps: Vec<Step>,
    /// Whether pieces are byte strings in the end.
    pub(super) byte_level: bool,
}

/// Reads a `pre_tokenizer`; `null` cuts nothing.
pub(super) fn from_json(json: &Value) -> Result<Steps, Error> {
    let mut steps = vec![];
    collect(json, &mut steps)?;
    let byte_level = steps.iter().any(|step| matches!(step, Step::ByteLevel));
    if matches!(steps.last(), Some(Step::ByteLevel)) {
        steps.pop();
    }
    Ok(Steps { steps, byte_level })
}

/// The expressions of a byte-level `pre_tokenizer` whose steps all isolate what they match; `None` of
/// one that has others.
pub(super) fn expressions(json: &Value) -> Option<Vec<String>> {
    let isolates = || json["behavior"].is_null() || json["behavior"] == "Isolated";
    match json["type"].as_str()? {
        "Sequence" => {
            let all = json["pretokenizers"].as_array()?.iter().map(expressions);
            Some(all.collect::<Option<Vec<_>>>()?.concat())
        }
        "Split" if isolates() && json["invert"] != true => {
            Some(vec![json["pattern"]["Regex"].as_str()?.to_owned()])
        }
        // `invert` changes nothing about what is isolated, and the whole text is matched.
        "Split" if json["behavior"] == "Removed" && json["invert"] == true => {
            Some(vec![json["pattern"]["Regex"].as_str()?.to_owned()])
        }
        "Digits" if json["individual_digits"] == true => Some(vec![r"\p{N}".to_owned()]),
        "ByteLevel" if json["add_prefix_space"] != true => match json["use_regex"] != false {
            true => Some(vec![GPT2.to_owned()]),
            false => Some(vec![]),
        },
        _ => None,
    }
}

fn collect(json: &Value, steps: &mut Vec<Step>) -> Result<(), Error> {
    let kind = json["type"].as_str().unwrap_or_default();
    match kind {
        "" if json.is_null() => {}
        "Sequence" => {
            let all = json["pretokenizers"].as_array().into_iter().flatten();
            all.take(64).try_for_each(|it| collect(it, steps))?;
        }
        "Split" => steps.push(split(json)?),
        "ByteLevel" => {
            if json["add_prefix_space"] == true {
                steps.push(Step::Prefix { text: " ", at: Prefix::Always });
            }
            if json["use_regex"] != false {
                let pattern = Pattern::new(GPT2)?;
                steps.push(Step::Split { pattern, behavior: Behavior::Isolated });
            }
            steps.push(Step::ByteLevel);
        }
        "Digits" => steps.push(Step::Chars {
            class: char::is_numeric,
            behavior: match json["individual_digits"] == true {
                true => Behavior::Isolated,
                false => Behavior::Contiguous,
            },
        }),
        "Punctuation" => {
            steps.push(punctuation(behavior(&json["behavior"], Behavior::Isolated)?)?);
        }
        "Metaspace" => metaspace(json, steps)?,
        other => return Err(unsupported(other)),
    }
    Ok(())
}

/// Cuts at Unicode's punctuation and all of ASCII's signs.
pub(super) fn punctuation(behavior: Behavior) -> Result<Step, Error> {
    Ok(Step::Split { pattern: Pattern::new(r"[\p{P}!-/:-@\[-`{-~]")?, behavior })
}

fn split(json: &Value) -> Result<Step, Error> {
    let pattern = match (json["pattern"]["String"].as_str(), json["pattern"]["Regex"].as_str()) {
        (Some(text), None) => Pattern::literal(text)?,
        (None, Some(source)) => Pattern::new(source)?,
        _ => return Err(unsupported("Split without a pattern")),
    };
    let behavior = match (behavior(&json["behavior"], Behavior::Isolated)?, json["invert"] == true)
    {
        (behavior, false) => behavior,
        (Behavior::Removed, true) => Behavior::Kept,
        (behavior @ (Behavior::Isolated | Behavior::Contiguous), true) => behavior,
        (_, true) => return Err(unsupported("Split that inverts what it merges")),
    };
    Ok(Step::Split { pattern, behavior })
}

fn metaspace(json: &Value, steps: &mut Vec<Step>) -> Result<(), Error> {
    if json["replacement"] != "▁" {
        return Err(unsupported("Metaspace with another character than `▁`"));
    }
    steps.push(Step::Escape);
    let scheme = match json["add_prefix_space"] == false {
        true => "never",
        false => json["prepend_scheme"].as_str().unwrap_or("always"),
    };
    match scheme {
        "never" => {}
        "first" => steps.push(Step::Prefix { text: "▁", at: Prefix::First }),
        _ => steps.push(Step::Prefix { text: "▁", at: Prefix::Always }),
    }
    if json["split"] != false {
        let class = |char| char == '▁';
        steps.push(Step::Chars { class, behavior: Behavior::MergedWithNext });
    }
    Ok(())
}

fn behavior(json: &Value, default: Behavior) -> Result<Behavior, Error> {
    if json.is_null() { Ok(default) } else { Ok(Behavior::deserialize(json)?) }
}

fn unsupported(found: &str) -> Error {
    Error::UnsupportedPart { part: "pre-tokenizer", found: found.to_owned() }
}
