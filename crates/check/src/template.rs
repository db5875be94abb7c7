//! Renderings of a chat template beside those recorded for the same text of a template.

use std::sync::OnceLock;

use chrono::{NaiveDate, NaiveDateTime};
use engine::template::{Conversation, Error, Message, Template, TokenTexts};
use loader::Metadata;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::{
    finding::{Finding, Part},
    hash::Fnv,
    logits::REFERENCE,
};

/// The keys of templates, and what they are called.
const TEMPLATES: [(&str, &str); 2] = [
    ("tokenizer.chat_template", "renderings"),
    ("tokenizer.chat_template.tool_use", "renderings with tools"),
];

/// Where no rendering is recorded: the reference refuses the conversation or fails on it.
const NONE: &str = "-";

/// A conversation.
#[derive(Clone, Debug, Deserialize)]
struct Case {
    /// What it is called.
    name: String,
    /// Its messages, as OpenAI shapes them.
    messages: Vec<Message>,
    /// The tools that are offered.
    #[serde(default)]
    tools: Vec<Json>,
    /// Whether the assistant is to answer.
    add_generation_prompt: bool,
}

/// The conversations, in the order of what is recorded.
fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    let json = include_str!("../fixtures/conversations.json");
    CASES.get_or_init(|| serde_json::from_str(json).expect("it is part of this program"))
}

/// Checks each template of a model.
pub(crate) fn check(metadata: &Metadata, see: &mut dyn FnMut(Finding)) {
    let mut found = false;
    for (key, name) in TEMPLATES {
        match metadata.str(key) {
            Ok(None) => continue,
            Ok(Some(source)) => {
                see(compare(name, source, include_str!("../fixtures/templates.txt")));
            }
            Err(error) => see(Finding::error(Part::Template, name, &error)),
        }
        found = true;
    }
    if !found {
        see(Finding::skipped(Part::Template, TEMPLATES[0].1, "the model has no chat template"));
    }
}

/// Compares the template `source` with what `recorded` has of it: lines of the hash of a template and
/// those of its renderings.
fn compare(name: &str, source: &str, recorded: &str) -> Finding {
    let texts = TokenTexts { bos: Some("<s>".to_owned()), eos: Some("</s>".to_owned()) };
    let template = match Template::from_source(source, texts) {
        Ok(template) => template.with_clock(noon),
        Err(error) => return Finding::error(Part::Template, name, &error),
    };
    let hash = Fnv::of(source).to_string();
    let known = recorded.lines().find_map(|line| line.strip_prefix(&hash)?.strip_prefix(' '));
    let Some(known) = known else {
        let detail = format!("no renderings are recorded for the template {hash}");
        return Finding::not_known(Part::Template, name, detail);
    };
    let mut n = 0;
    for (case, want) in cases().iter().zip(known.split(' ')).filter(|(_, want)| *want != NONE) {
        n += 1;
        let why = match render(&template, case) {
            Ok(text) if Fnv::of(&text).to_string() == want => continue,
            Ok(text) => format!("is rendered as {text:?}, other than {REFERENCE} does it"),
            Err(error) => format!("is not rendered: {error}"),
        };
        let detail = format!("the conversation `{}` {why}", case.name);
        return Finding::failed(Part::Template, name, detail);
    }
    Finding::ok(Part::Template, name, format!("{n} conversations as {REFERENCE} renders them"))
}

fn render(template: &Template, case: &Case) -> Result<String, Error> {
    let mut conversation = Conversation::new(case.messages.clone());
    conversation.tools = case.tools.clone();
    conversation.add_generation_prompt = case.add_generation_prompt;
    Ok(template.render(&conversation, &[])?.text)
}

/// When the renderings were recorded, as templates that print the day see it.
fn noon() -> NaiveDateTime {
    let day = NaiveDate::from_ymd_opt(2025, 1, 15).expect("a day of the calendar");
    day.and_hms_opt(12, 0, 0).expect("a time of the day")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;

    const SOURCE: &str = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}";

    /// What is recorded of `SOURCE` where one conversation has the rendering `text`.
    fn recorded(text: &str) -> String {
        let at = cases().iter().position(|it| it.name == "user").expect("there is one");
        let hashes = (0..cases().len()).map(|i| match i == at {
            true => Fnv::of(text).to_string(),
            false => NONE.to_owned(),
        });
        let hashes: Vec<String> = hashes.collect();
        format!("# a comment\n{} {}\n", Fnv::of(SOURCE), hashes.join(" "))
    }

    #[test]
    fn renderings_are_compared_where_the_template_is_known() {
        let right = recorded("user: Once upon a time\n");
        let verdict = |source: &str, recorded: &str| compare("t", source, recorded).verdict;
        assert_eq!(verdict(SOURCE, &right), Verdict::Ok);
        assert_eq!(verdict(SOURCE, &recorded("user: once upon a time\n")), Verdict::Failed);
        assert_eq!(verdict("{{ messages[0].content }}", &right), Verdict::NotKnown);
        assert_eq!(verdict("{% if", &right), Verdict::Failed);
    }

    #[test]
    fn each_recorded_template_has_all_conversations() {
        let lines = include_str!("../fixtures/templates.txt").lines();
        let lines: Vec<_> = lines.filter(|it| !it.starts_with('#')).collect();
        assert!(!lines.is_empty());
        for line in lines {
            assert_eq!(line.split(' ').count(), cases().len() + 1, "{line}");
        }
    }
}
