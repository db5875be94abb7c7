//! Golden: what transformers rendered from real chat templates, and what ours makes of them.
//!
//! Every recorded rendering is made twice: plain, and with provenance marked for typical control
//! tokens; both must be equal to the recorded text, and recorded errors must be errors.

mod injection;
mod reasoning;
mod recorded;
mod tools;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use chrono::{NaiveDate, NaiveDateTime};
use engine::template::{Conversation, Error, Template, TokenTexts};
use ingle_tests::golden;
use serde_json::Value as Json;

use crate::data::json;

/// Renderings of real templates that the data beside the project have, and of how many templates.
const RENDERINGS: usize = 1474;
const TEMPLATES: usize = 134;

/// Renderings of the families' templates that they have.
const FAMILY_RENDERINGS: usize = 352;

/// `path`, if it is there; where it is not, that is printed.
///
/// # Panics
///
/// If it is missing and `CI=true`.
fn there(path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    let in_ci = env::var_os("CI").is_some_and(|it| it == "true");
    assert!(!in_ci, "no golden data at {}", path.display());
    eprintln!("skipped: no golden data at {}", path.display());
    None
}

/// The folder of real templates.
fn battery() -> Option<PathBuf> {
    there(golden()?.join("chat_templates"))
}

/// How many there must be in `folder`, if the data beside the project have `known` there.
fn at_least(folder: &Path, known: usize) -> usize {
    let beside = ingle_tests::root().join("../shared/golden").canonicalize();
    let folder = folder.canonicalize();
    let is_beside = folder.is_ok_and(|it| beside.is_ok_and(|beside| it.starts_with(beside)));
    if is_beside { known } else { 1 }
}

#[test]
fn golden_battery_of_real_templates() {
    let Some(folder) = battery() else { return };
    let cases = json(&folder.join("cases.json"));
    let texts = texts(&cases);
    let mut templates = BTreeMap::new();
    let mut report = Report::default();
    for line in read(&folder.join("expected.jsonl")).lines().filter(|it| !it.is_empty()) {
        let expected: Json = serde_json::from_str(line).expect("a JSON line");
        let name = expected["template"].as_str().expect("a name");
        let source = read(&folder.join("all").join(name));
        let case = expected["case"].as_str().expect("a name");
        let messages = &cases["cases"][case];
        let tools = if expected["tools"] == true { &cases["tools"] } else { &Json::Null };
        let conversation = conversation(messages, tools, &expected);
        let template = templates
            .entry(name.to_owned())
            .or_insert_with(|| (compiled(&source, texts.clone()), markers(&source)));
        let what =
            format!("{name} {case} {} {}", expected["add_generation_prompt"], expected["tools"]);
        report.compare(&what, &template.0, &template.1, &conversation, &expected);
    }
    let n = templates.len();
    assert!(n >= at_least(&folder, TEMPLATES), "only {n} templates were rendered");
    report.finish(at_least(&folder, RENDERINGS));
}

#[test]
fn golden_families() {
    let Some(root) = golden() else { return };
    let Some(families) = there(root.join("families")) else { return };
    let mut report = Report::default();
    let mut folders: Vec<PathBuf> = fs::read_dir(families)
        .expect("it is there")
        .map(|it| it.expect("a readable folder").path())
        .collect();
    folders.sort();
    for folder in folders.iter().filter(|it| it.join("chat.json").exists()) {
        let recorded = json(&folder.join("chat.json"));
        let config = json(&folder.join("tokenizer_config.json"));
        let source = match config["chat_template"].as_str() {
            Some(source) => source.to_owned(),
            None => read(&folder.join("chat_template.jinja")),
        };
        let template = compiled(&source, texts(&recorded));
        for case in recorded["cases"].as_array().expect("cases") {
            let conversation = conversation(&case["messages"], &Json::Null, case);
            let family = folder.file_name().expect("a name").display();
            let what = format!("{family} {} {}", case["name"], case["add_generation_prompt"]);
            report.compare(&what, &template, &markers(&source), &conversation, case);
        }
    }
    report.finish(at_least(&root, FAMILY_RENDERINGS));
}

#[test]
fn golden_abilities_found_by_probing() {
    let Some(folder) = battery() else { return };
    let think = Some(("<think>", "</think>"));
    let known = [
        ("lcpp--Qwen-Qwen2.5-7B-Instruct", true, None, &[][..]),
        ("lcpp--Qwen-Qwen3-0.6B", true, think, &["enable_thinking"]),
        ("lcpp--Qwen-QwQ-32B", true, think, &["enable_thinking"]),
        ("lcpp--GLM-4.7-Flash", true, think, &["enable_thinking"]),
        ("lcpp--HuggingFaceTB-SmolLM3-3B", true, think, &["enable_thinking"]),
        ("lcpp--deepseek-ai-DeepSeek-V3.2", true, think, &["enable_thinking", "thinking"]),
        ("lcpp--llama-cpp-deepseek-r1", true, think, &[]),
        ("ollama--granite3.3_2b", true, think, &["thinking"]),
        ("ollama--exaone-deep_32b", true, Some(("<thought>", "</thought>")), &[]),
        (
            "lcpp--openai-gpt-oss-120b",
            true,
            Some(("<|channel|>analysis<|message|>", "<|end|>")),
            &[],
        ),
        (
            "lcpp--mistralai-Ministral-3-14B-Reasoning-2512",
            true,
            Some(("[THINK]", "[/THINK]")),
            &[],
        ),
        (
            "lcpp--google-gemma-4-31B-it",
            true,
            Some(("<|channel>thought", "<channel|>")),
            &["enable_thinking"],
        ),
        ("lcpp--google-gemma-2-2b-it", false, None, &[]),
        ("lcpp--meta-llama-Llama-3.2-3B-Instruct", true, None, &[]),
    ];
    let mut n_probed = 0;
    for (name, system, marks, switches) in known {
        let Some(path) = there(folder.join(format!("all/{name}.jinja"))) else { continue };
        n_probed += 1;
        let template = compiled(&read(&path), TokenTexts::default()).expect("it compiles");
        assert_eq!(template.supports_system(), system, "{name}: system");
        let found = template.reasoning().map(|it| (it.start.as_str(), it.end.as_str()));
        assert_eq!(found, marks, "{name}: marks of reasoning");
        let found = template.thinking().map(|it| it.switches.clone()).unwrap_or_default();
        assert_eq!(found, switches, "{name}: switches");
    }
    let wanted = at_least(&folder, known.len());
    assert!(n_probed >= wanted, "only {n_probed} templates were probed");
}

#[derive(Default)]
struct Report {
    compared: usize,
    differing: Vec<String>,
}

impl Report {
    fn compare(
        &mut self,
        what: &str,
        template: &Result<Template, Error>,
        markers: &[String],
        conversation: &Conversation,
        expected: &Json,
    ) {
        self.compared += 1;
        for (how, structural) in [("plain", &[][..]), ("marked", markers)] {
            let found = match template {
                Ok(template) => template.render(conversation, structural).map(|it| it.text),
                Err(error) => {
                    self.differing.push(format!("{what}: {error}"));
                    return;
                }
            };
            if let Some(difference) = difference(&found, expected) {
                self.differing.push(format!("{what} ({how}): {difference}"));
            }
        }
    }

    #[track_caller]
    fn finish(self, at_least: usize) {
        let n = self.differing.len();
        assert!(
            n == 0,
            "{n} of {} renderings differ:\n{}",
            self.compared,
            self.differing.join("\n")
        );
        assert!(
            self.compared >= at_least,
            "{} recorded renderings were found, expected {at_least}",
            self.compared
        );
        eprintln!("{} renderings are equal, plain and marked", self.compared);
    }
}

fn difference(found: &Result<String, Error>, expected: &Json) -> Option<String> {
    let refused = expected["error_kind"] == "raise_exception"
        || (expected["error_kind"].is_null() && expected["error"].is_string());
    match (found, expected["rendered"].as_str()) {
        (Ok(found), Some(expected)) if found == expected => None,
        (Ok(found), Some(expected)) => Some(first_difference(found, expected)),
        (Ok(_), None) => Some(format!("rendered, expected the error {}", expected["error"])),
        (Err(error), Some(_)) => Some(error.to_string()),
        (Err(Error::Refused { message }), None) if refused => {
            let recorded = expected["error"].as_str().unwrap_or_default();
            let equal = recorded.trim_start_matches("TemplateError: ") == message;
            (!equal).then(|| format!("refused with `{message}`, expected {}", expected["error"]))
        }
        (Err(error), None) if refused => Some(format!("{error}, expected a refusal")),
        (Err(Error::Failed { .. }), None) => None,
        (Err(error), None) => Some(format!("{error}, expected {}", expected["error"])),
    }
}

fn first_difference(found: &str, expected: &str) -> String {
    let same = found.chars().zip(expected.chars()).take_while(|(a, b)| a == b).count();
    let around =
        |text: &str| text.chars().skip(same.saturating_sub(30)).take(80).collect::<String>();
    format!("{:?} instead of {:?}", around(found), around(expected))
}

/// What looks like a control token in a template, and some that occur in many models.
fn markers(source: &str) -> Vec<String> {
    let mut markers = vec!["<|endoftext|>".to_owned(), "<s>".to_owned(), "</s>".to_owned()];
    for (open, close) in [('<', '>'), ('[', ']')] {
        for (at, _) in source.match_indices(open) {
            let end = source[at..].char_indices().take(40).find(|it| it.1 == close);
            let inside =
                |it: &str| !it.contains(|c: char| c.is_whitespace() || "'\"{}".contains(c));
            if let Some((end, _)) = end {
                let token = &source[at..=at + end];
                if token.len() > 2 && inside(token) {
                    markers.push(token.to_owned());
                }
            }
        }
    }
    markers.sort();
    markers.dedup();
    markers
}

fn compiled(source: &str, texts: TokenTexts) -> Result<Template, Error> {
    Ok(Template::from_source(source, texts)?.with_clock(recorded_time))
}

fn recorded_time() -> NaiveDateTime {
    let day = NaiveDate::from_ymd_opt(2025, 1, 15).expect("a day of the calendar");
    day.and_hms_opt(12, 0, 0).expect("a time of the day")
}

fn texts(recorded: &Json) -> TokenTexts {
    let text = |key: &str| recorded[key].as_str().map(str::to_owned);
    TokenTexts { bos: text("bos_token"), eos: text("eos_token") }
}

fn conversation(messages: &Json, tools: &Json, case: &Json) -> Conversation {
    let messages =
        serde_json::from_value(messages.clone()).expect("recorded messages are OpenAI's");
    let mut conversation = Conversation::new(messages);
    conversation.tools = tools.as_array().cloned().unwrap_or_default();
    conversation.add_generation_prompt = case["add_generation_prompt"] == true;
    conversation.kwargs = case["kwargs"].as_object().cloned().unwrap_or_default();
    conversation
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
