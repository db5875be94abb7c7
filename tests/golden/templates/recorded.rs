//! Golden: conversations with tools, their results, reasoning, documents and switches, in every real
//! template, as transformers renders them.
//!
//! `conversations.json` holds them and `renderings.txt` hashes of what `make.py` had transformers make of
//! them; a template is known by its hash. Where a rendering differs, `make.py --show` prints the other.

use std::collections::BTreeMap;

use check::Fnv;
use engine::template::{Conversation, Error, Template, TokenTexts};
use ingle_tests::files;
use serde_json::Value as Json;

use super::{at_least, battery, compiled, conversation, markers, read};

/// Different templates in the data beside the project.
const TEMPLATES: usize = 133;

/// What stands for a rendering that the template refuses, and for one that fails.
const REFUSED: &str = "!";
const FAILED: &str = "-";

#[test]
fn golden_tools_and_reasoning_in_real_templates() {
    let Some(folder) = battery() else { return };
    let recorded: Json = serde_json::from_str(include_str!("conversations.json")).expect("JSON");
    let cases = recorded["cases"].as_array().expect("cases");
    let renderings = renderings();
    let (mut n, mut differing, mut unknown) = (0, vec![], vec![]);
    let mut seen = BTreeMap::new();
    for path in files(&folder, "jinja") {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let source = read(&path);
        let hash = Fnv::of(&source).to_string();
        let Some(expected) = renderings.get(hash.as_str()) else {
            unknown.push(name);
            continue;
        };
        if seen.insert(hash, name.clone()).is_some() {
            continue;
        }
        let texts = TokenTexts { bos: Some("<s>".to_owned()), eos: Some("</s>".to_owned()) };
        let template = compiled(&source, texts).unwrap_or_else(|it| panic!("{name}: {it}"));
        assert_eq!(expected.len(), cases.len(), "{name}: `make.py` was not run again");
        for (case, expected) in cases.iter().zip(expected) {
            n += 1;
            let asked = asked(case, &recorded["tools"]);
            let found = difference(&template, &asked, &markers(&source), expected);
            differing.extend(found.map(|it| format!("{name} {}: {it}", case["name"])));
        }
    }
    assert!(differing.is_empty(), "{} of {n} differ:\n{}", differing.len(), differing.join("\n"));
    let wanted = at_least(&folder, TEMPLATES);
    assert!(seen.len() >= wanted, "{} templates are known, not {unknown:?}", seen.len());
    eprintln!("{n} renderings of {} templates are equal, plain and marked", seen.len());
}

/// The hashes of each template's renderings, by its own.
fn renderings() -> BTreeMap<&'static str, Vec<&'static str>> {
    let lines = include_str!("renderings.txt").lines().filter(|it| !it.starts_with('#'));
    let line = |line: &'static str| {
        let (template, rest) = line.split_once(' ').expect("a hash and more");
        (template, rest.split(' ').collect())
    };
    lines.map(line).collect()
}

fn asked(case: &Json, tools: &Json) -> Conversation {
    let tools = if case["tools"] == true { tools } else { &Json::Null };
    let mut asked = conversation(&case["messages"], tools, case);
    asked.add_generation_prompt = case["add_generation_prompt"] != false;
    asked.documents = case["documents"].as_array().cloned().unwrap_or_default();
    asked
}

/// What is wrong with the rendering, plain or with provenance marked.
fn difference(
    template: &Template,
    asked: &Conversation,
    markers: &[String],
    expected: &str,
) -> Option<String> {
    [("plain", &[][..]), ("marked", markers)].into_iter().find_map(|(how, structural)| {
        let found = template.render(asked, structural).map(|it| it.text);
        match (found, expected) {
            (Err(Error::Refused { .. }), REFUSED) | (Err(_), FAILED) => None,
            (Ok(text), _) if Fnv::of(&text).to_string() == expected => None,
            (Ok(text), REFUSED | FAILED) => Some(format!("({how}) is rendered: {text:?}")),
            (Ok(text), _) => Some(format!("({how}) is rendered otherwise: {text:?}")),
            (Err(error), _) => Some(format!("({how}) {error}")),
        }
    })
}
