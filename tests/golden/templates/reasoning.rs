//! Golden: where a real template writes reasoning and an answer, the two are told apart again.

use std::fs;

use engine::{
    reasoning::{Piece, Reasoning},
    template::{Message, Role},
};
use serde_json::Value as Json;

use super::{at_least, battery, compiled, conversation, read, texts, tools::spoken};

/// Templates that write the reasoning of the last turn, when this was written.
const AT_LEAST: usize = 15;

/// Whose answers begin with a header of another kind than OpenAI's.
const OTHER_HEADERS: [&str; 2] =
    ["lcpp--muse-glimmer.jinja", "lcpp--upstage-Solar-Open-100B.jinja"];

#[test]
fn golden_reasoning_comes_back() {
    let Some(folder) = battery() else { return };
    let cases = crate::data::json(&folder.join("cases.json"));
    let all = conversation(&cases["cases"]["tool_call"], &Json::Null, &Json::Null);
    let mut told = vec![];
    for file in fs::read_dir(folder.join("all")).expect("templates") {
        let path = file.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if OTHER_HEADERS.contains(&&*name) {
            continue;
        }
        let template = compiled(&read(&path), texts(&cases)).expect("it compiles");
        let Some(marks) = template.reasoning() else { continue };
        let mut message = Message::new(Role::Assistant, "qanswer");
        message.reasoning = Some("qreasoning".to_owned());
        let Some(said) = spoken(&template, &all, message) else { continue };
        // What is before the first mark is the opening of the turn, which may have the mark already.
        let (prompt, at) = match said.find(&marks.start) {
            _ if !said.contains("qreasoning") => continue,
            Some(at) => ("", at),
            None => (marks.start.as_str(), 0),
        };
        let mut reasoning = Reasoning::new(Some(marks), prompt);
        let mut pieces = reasoning.push(&said[at..]);
        pieces.extend(reasoning.finish());
        let (mut thought, mut answer) = (String::new(), String::new());
        for piece in pieces {
            match piece {
                Piece::Thought(text) => thought += &text,
                Piece::Answer(text) => answer += &text,
                Piece::Call(text) => panic!("{name}: a call {text:?}"),
            }
        }
        assert_eq!(thought.trim(), "qreasoning", "{name}: {said:?}");
        assert!(answer.trim().starts_with("qanswer"), "{name}: {said:?} has the answer {answer:?}");
        told.push(name);
    }
    eprintln!("{} templates' reasoning is told from their answers: {told:?}", told.len());
    let wanted = at_least(&folder, AT_LEAST);
    assert!(told.len() >= wanted, "only {} templates write reasoning", told.len());
}
