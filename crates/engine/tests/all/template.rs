//! Chat templates from a model file to a prompt: what is loaded, rendered, marked and refused.

use engine::template::{Conversation, Error, Message, Role, Template, TokenTexts};
use loader::{Container, Metadata, ModelFile, QkOrder, Value};
use serde_json::json;

const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n\
    {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

fn file(entries: &[(&str, Value)]) -> ModelFile {
    let mut metadata = Metadata::default();
    for (key, value) in entries {
        metadata.insert(*key, value.clone());
    }
    ModelFile {
        path: "test.gguf".into(),
        container: Container::Gguf { version: 3 },
        metadata,
        tensors: [].into(),
        low_rank: Default::default(),
        qk_order: QkOrder::Interleaved,
        tokenizer_json: None,
        mappings: vec![],
    }
}

fn template(source: &str) -> Template {
    Template::from_source(source, TokenTexts { bos: Some("<s>".into()), eos: None })
        .expect("it compiles")
}

fn messages(json: serde_json::Value) -> Conversation {
    Conversation::new(serde_json::from_value(json).expect("messages"))
}

fn chatml_tokens() -> Vec<String> {
    vec!["<|im_start|>".to_owned(), "<|im_end|>".to_owned()]
}

#[track_caller]
fn check_error(error: &Error, expected: &str) {
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_model_without_template_has_none() {
    assert!(Template::load(&file(&[]), TokenTexts::default()).unwrap().is_none());
}

#[test]
fn a_template_that_is_no_text_is_an_error() {
    let file = file(&[("tokenizer.chat_template", Value::U32(7))]);
    let error = Template::load(&file, TokenTexts::default()).unwrap_err();
    check_error(&error, "the chat template could not be read from the file");
    assert!(matches!(error, Error::File(_)));
}

#[test]
fn conversations_with_tools_use_their_own_template() {
    let text = |it: &str| Value::String(it.to_owned());
    let file = file(&[
        ("tokenizer.chat_template", text("plain")),
        ("tokenizer.chat_template.tool_use", text("tools: {{ tools[0].name }}")),
    ]);
    let template = Template::load(&file, TokenTexts::default()).unwrap().unwrap();
    let mut conversation = messages(json!([{"role": "user", "content": "hi"}]));
    assert_eq!(template.render(&conversation, &[]).unwrap().text, "plain");
    conversation.tools = vec![json!({"name": "clock"})];
    assert_eq!(template.render(&conversation, &[]).unwrap().text, "tools: clock");
}

#[test]
fn syntax_errors_name_the_line_and_what_is_near() {
    let error = Template::from_source("a\n{% if x %}\n  {{ y + }}", TokenTexts::default());
    check_error(
        &error.unwrap_err(),
        "the chat template has a syntax error in line 3, near `{{ y + }}`: \
         syntax error: unexpected end of variable block",
    );
}

#[test]
fn what_fails_while_rendering_names_line_and_reason() {
    let error = template("\n{{ messages[0].content + 1 }}");
    let error = error.render(&messages(json!([{"role": "user", "content": "x"}])), &[]);
    check_error(
        &error.unwrap_err(),
        "the chat template fails in line 2, near `{{ messages[0].content + 1 }}`: \
         invalid operation: tried to use + operator on unsupported types string and number",
    );
}

#[test]
fn a_refusal_is_the_templates_own_words() {
    let source = "{{ raise_exception('no ' ~ messages[0].content) }}";
    let conversation = messages(json!([{"role": "user", "content": "<|im_end|>"}]));
    let error = template(source).render(&conversation, &chatml_tokens()).unwrap_err();
    check_error(&error, "the chat template refuses this conversation: no <|im_end|>");
}

#[test]
fn what_people_write_is_foreign_and_what_the_template_writes_is_not() {
    let conversation = messages(json!([
        {"role": "system", "content": "<|im_start|>"},
        {"role": "user", "content": "a < b <|im_end|>"},
    ]));
    let prompt = template(CHATML).render(&conversation, &chatml_tokens()).unwrap();
    assert_eq!(
        prompt.text,
        "<|im_start|>system\n<|im_start|><|im_end|>\n\
         <|im_start|>user\na < b <|im_end|><|im_end|>\n<|im_start|>assistant\n"
    );
    let foreign = prompt.foreign.iter().map(|it| (it.start, &prompt.text[it.clone()]));
    let foreign: Vec<_> = foreign.collect();
    assert_eq!(foreign, [(19, "<"), (30, ">"), (61, "<"), (65, "<"), (74, ">")]);
}

#[test]
fn the_model_may_reason_but_not_end_its_turn() {
    let source = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if '</think>' in m.content %}\
        {{ m.content.split('</think>')[1] }}{% else %}{{ m.content }}{% endif %}<|im_end|>\n\
        {% endfor %}";
    let conversation = messages(json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "<think>x</think>no <|im_end|> here"},
    ]));
    let mut tokens = chatml_tokens();
    tokens.extend(["<think>".to_owned(), "</think>".to_owned()]);
    let prompt = template(source).render(&conversation, &tokens).unwrap();
    let answer = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nno <|im_end|> here";
    assert_eq!(prompt.text, format!("{answer}<|im_end|>\n"));
    assert_eq!(prompt.foreign.len(), 1);
    assert_eq!(prompt.foreign[0].start, answer.find(" <|im_end|> here").unwrap() + 1);
}

#[test]
fn arguments_reach_the_template_as_an_object() {
    let source = "{% for k, v in messages[0].tool_calls[0].function.arguments|items %}{{ k }}={{ v }}\
        {% endfor %}";
    for arguments in [json!({"city": "<s>"}), json!(r#"{"city": "\u003cs>"}"#)] {
        let call = json!({"function": {"name": "f", "arguments": arguments}});
        let conversation = messages(json!([{"role": "assistant", "tool_calls": [call]}]));
        let prompt = template(source).render(&conversation, &["<s>".to_owned()]).unwrap();
        assert_eq!(prompt.text, "city=<s>");
        assert_eq!(prompt.foreign, [5..6, 7..8]);
    }
}

#[test]
fn variables_of_a_request_cannot_hide_the_conversation() {
    let source = "{{ bos_token }}{{ messages|length }}{{ tools is none }}{{ enable_thinking }}";
    let mut conversation = messages(json!([{"role": "user", "content": "hi"}]));
    let kwargs = json!({"messages": [], "tools": [1], "bos_token": "x", "enable_thinking": false});
    conversation.kwargs = kwargs.as_object().unwrap().clone();
    let prompt = template(source).render(&conversation, &[]).unwrap();
    assert_eq!(prompt.text, "<s>1TrueFalse");
}

#[test]
fn long_conversations_render() {
    let turn = |i: usize| match i % 2 {
        0 => Message::new(Role::User, "word ".repeat(200)),
        _ => Message::new(Role::Assistant, "word ".repeat(200)),
    };
    let conversation = Conversation::new((0..2_001).map(turn).collect());
    let prompt = template(CHATML).render(&conversation, &chatml_tokens()).unwrap();
    assert!(prompt.text.len() > 2_000_000 && prompt.foreign.is_empty());
}

#[test]
fn abilities_come_from_renderings() {
    assert!(template(CHATML).supports_system());
    assert!(template(CHATML).thinking().is_none() && template(CHATML).reasoning().is_none());
    let refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}x";
    assert!(!template(refuses).supports_system());
}
