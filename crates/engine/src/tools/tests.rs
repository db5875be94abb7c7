//! What models write themselves where it differs from what their templates write, several calls in one
//! answer, and calls that cannot be read. Templates are in `tests/golden/templates`.

use serde_json::json;

use super::*;

/// Reads with every marked format at once; calls as `name{…}`, broken ones in `!…!`.
fn read(answer: &str, tools: &[Json]) -> String {
    let formats = FORMATS.iter().filter(|it| !it.open.is_empty()).collect();
    shown(ToolFormat { formats }.read(answer, tools))
}

fn shown(parts: Vec<Part>) -> String {
    let show = |part| match part {
        Part::Text(text) => text,
        Part::Call(it) => format!("{}{}", it.function.name, it.function.arguments),
        Part::Broken { raw, .. } => format!("!{raw}!"),
    };
    parts.into_iter().map(show).collect::<Vec<_>>().join("|")
}

#[track_caller]
fn check(answer: &str, expected: &str) {
    assert_eq!(read(answer, &[]), expected, "{answer}");
}

#[test]
fn several_calls_and_words_around_them() {
    let hermes = "I look.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>\n\
                  <tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>";
    check(hermes, "I look.\n|f{\"a\":1}|g{}");
    check("[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}}, {\"name\": \"g\"}]", "f{}|g{}");
    check("[TOOL_CALLS]f[ARGS]{\"a\": 1}[TOOL_CALLS]g[ARGS]{}", "f{\"a\":1}|g{}");
    check(
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": 1}\n```\
         <｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>g\n```json\n{}\n```\
         <｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "f{\"a\":1}|g{}",
    );
    check("<function_calls>\nf(a=1)\ng()\n</function_calls>", "f{\"a\":1}|g{}");
    check("<|tool_call>call:f{a:1}<tool_call|><|tool_call>call:g{}<tool_call|>", "f{\"a\":1}|g{}");
    check(
        "<|START_ACTION|>[\n {\"tool_call_id\": \"0\", \"tool_name\": \"f\", \"parameters\": \
         {\"a\": 1}}\n]<|END_ACTION|>",
        "f{\"a\":1}",
    );
    check(
        "Action: ```json\n[{\"tool_name\": \"f\", \"parameters\": {\"a\": 1}}]\n```",
        "f{\"a\":1}",
    );
    check("<|tool_call|>[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]", "f{\"a\":1}");
    check("<|tool_call|>[{\"name\": \"f\", \"arguments\": {}}]<|/tool_call|>", "f{}");
    check("<|tool_call_start|>[f(a=\"b\")]<|tool_call_end|>", "f{\"a\":\"b\"}");
}

#[test]
fn what_the_models_write_themselves() {
    // gpt-oss, whose template writes the recipient before the channel.
    check(
        "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\": 1}<|call|>",
        "<|channel|>commentary|f{\"a\":1}",
    );
    check("<|channel|>commentary to=functions.f<|message|>{}", "<|channel|>commentary|f{}");
    // Llama 3's own tools, and others after the mark of those.
    check("<|python_tag|>brave_search.call(query=\"x\")", "brave_search{\"query\":\"x\"}");
    check("<|python_tag|>{\"name\": \"f\", \"parameters\": {\"a\": 1}}", "f{\"a\":1}");
    check("<|python_tag|>print(1)", "!<|python_tag|>print(1)!");
    // OpenAI's nesting, with the arguments as text.
    let nested = json!({"type": "function", "id": "x", "function": {"name": "f", "arguments": "{\"a\": 1}"}});
    check(&format!("<tool_call>{nested}</tool_call>"), "f{\"a\":1}");
}

#[test]
fn an_argument_may_hold_a_mark() {
    check(
        "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"</tool_call>\"}}</tool_call> ok",
        "f{\"a\":\"</tool_call>\"}| ok",
    );
    check("[TOOL_CALLS]f[ARGS]{\"a\": \"[TOOL_CALLS]\"}", "f{\"a\":\"[TOOL_CALLS]\"}");
}

#[test]
fn schemas_tell_text_from_numbers() {
    let answer = "<tool_call>f<arg_key>a</arg_key><arg_value>12</arg_value></tool_call>";
    check(answer, "f{\"a\":12}");
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": schema}});
    assert_eq!(read(answer, &[tool]), "f{\"a\":\"12\"}");
}

#[test]
fn an_argument_that_may_be_nothing_is_text_all_the_same() {
    let (text, nothing, number) = (json!("string"), json!("null"), json!("integer"));
    let either = |a: &Json, b: &Json| json!({"anyOf": [{"type": a}, {"type": b}]});
    for (argument, written, expected) in [
        (json!({"type": [text, nothing]}), "12", "\"12\""),
        (json!({"type": [text, nothing]}), "null", "null"),
        (json!({"type": text}), "null", "\"null\""),
        (either(&text, &nothing), "12", "\"12\""),
        (either(&text, &nothing), "null", "null"),
        (json!({"oneOf": [{"type": nothing}, {"type": text}]}), "12", "\"12\""),
        (json!({"type": [text, number]}), "12", "12"),
        (either(&number, &nothing), "12", "12"),
        (json!({"anyOf": [{"type": text}, {"const": 12}]}), "12", "12"),
    ] {
        let schema = json!({"type": "object", "properties": {"a": argument}});
        let tool = json!({"type": "function", "function": {"name": "f", "parameters": schema}});
        let answer =
            format!("<tool_call>f<arg_key>a</arg_key><arg_value>{written}</arg_value></tool_call>");
        let call = format!("f{{\"a\":{expected}}}");
        assert_eq!(read(&answer, slice::from_ref(&tool)), call, "{tool}");
    }
}

#[test]
fn broken_calls_are_kept_as_they_came() {
    for broken in [
        "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}</tool_call>",
        "<tool_call>{\"arguments\": {}}</tool_call>",
        "<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>",
        "<tool_call>{\"name\": \"f g\", \"arguments\": {}}</tool_call>",
        "<tool_call>\n<function=f>\n<parameter=a>\n1",
        "[TOOL_CALLS]f[ARGS]{\"a\": ",
        "[TOOL_CALLS]nothing",
        "<|tool_call>call:f{a:<|\"|>b}<tool_call|>",
        "<｜DSML｜invoke name=\"f\"><｜DSML｜parameter name=\"a\" string=\"true\">b",
    ] {
        check(broken, &format!("!{broken}!"));
    }
    check("<tool_call></tool_call>no call", "no call");
}

#[test]
fn an_answer_without_marks_is_a_call_as_a_whole_or_not_at_all() {
    let bare = FORMATS.iter().find(|it| it.open.is_empty()).expect("Llama 3's is one");
    let read = |text: &str| shown(ToolFormat { formats: vec![bare] }.read(text, &[]));
    assert_eq!(read(" {\"name\": \"f\", \"parameters\": {\"a\": 1}}\n"), "f{\"a\":1}");
    for text in ["{\"name\": \"f\"} is an object", "{\"a\": 1}", "[1, 2]", "hello", ""] {
        assert_eq!(read(text), text);
    }
}

#[test]
fn a_long_answer_takes_no_square_time() {
    let started = std::time::Instant::now();
    for open in ["<tool_call>{", "[TOOL_CALLS]f", "<|tool_call|>[", "<function=f>", "</tool_call>"]
    {
        let answer = open.repeat(20_000);
        let parts = ToolFormat { formats: FORMATS.iter().collect() }.read(&answer, &[]);
        assert!(parts.len() <= MAX_PARTS + 1, "{open}");
    }
    assert!(started.elapsed().as_secs() < 30);
}
