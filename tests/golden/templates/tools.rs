//! Golden: what each real template writes for an assistant's tool call is read back as that call.

use std::fs;

use engine::{
    Tokenizer,
    template::{Conversation, Message, Role, Template, TokenTexts},
    tools::{Part, ToolFormat},
};
use ingle_tests::golden;
use loader::ModelFile;
use serde_json::{Value as Json, json};

use super::{at_least, battery, compiled, conversation, read, texts};

/// Templates that show a call in `golden_battery_of_real_templates`, or did when this was written.
const AT_LEAST: usize = 60;

#[test]
fn golden_tool_calls_come_back() {
    let Some(folder) = battery() else { return };
    let cases = crate::data::json(&folder.join("cases.json"));
    let (mut read_back, mut silent) = (0, vec![]);
    for path in
        fs::read_dir(folder.join("all")).expect("templates").map(|it| it.expect("a file").path())
    {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let template = compiled(&read(&path), texts(&cases)).expect("it compiles");
        let Some((said, expected)) = said(&template, &cases) else {
            silent.push(name);
            continue;
        };
        let format = ToolFormat::of(&template, None);
        let format = format.unwrap_or_else(|| panic!("{name}: no format for {said:?}"));
        let tools = cases["tools"].as_array().expect("tools");
        for (tools, how) in [(&tools[..], "with schemas"), (&[][..], "without")] {
            let parts = format.read(&said, tools);
            let calls: Vec<_> = parts.iter().filter(|it| !matches!(it, Part::Text(_))).collect();
            let [Part::Call(call)] = calls[..] else { panic!("{name}, {how}: {parts:?}") };
            assert_eq!(call.function.name, "get_weather", "{name}, {how}: {said:?}");
            assert_eq!(call.function.arguments, expected, "{name}, {how}: {said:?}");
        }
        check_broken(&name, &format, &said);
        read_back += 1;
    }
    eprintln!("{read_back} templates' calls are read back; {} show none: {silent:?}", silent.len());
    let wanted = at_least(&folder, AT_LEAST);
    assert!(read_back >= wanted, "only {read_back} templates show a call");
}

/// How the models of a family call tools.
#[derive(Clone, Copy, Debug)]
enum Calls {
    /// They do not, as far as their template and their vocabulary say.
    Never,
    /// As the template shows it, with this in it.
    Shown(&'static str),
    /// With this mark, which the template tells them to write, or which their vocabulary has.
    Told(&'static str),
}
use Calls::{Never, Shown, Told};

/// The families of the mission, their templates in `chat_templates`, and how these call tools.
const CALLS: &[(&str, &[&str], Calls)] = &[
    ("Llama 2", &["llama2"], Never),
    (
        "Llama 3.1, 3.2",
        &["llama31", "llama32"],
        Shown("{\"name\": \"get_weather\", \"parameters\": "),
    ),
    ("Llama 4", &["llama4"], Shown("<|python_start|><|python_end|>{\"name\": ")),
    ("Mistral 7B v0.1, Mixtral", &["mistral_v01", "mixtral"], Never),
    // The template that is recorded for Large 2 knows no tools.
    ("Mistral Large 2", &["mistral_large"], Never),
    ("Mistral 7B v0.3", &["mistral_v03"], Shown("[TOOL_CALLS] [{\"name\": ")),
    ("Mistral Nemo", &["mistral_nemo"], Shown("[TOOL_CALLS][{\"name\": ")),
    ("Mistral Small", &["mistral_small"], Shown("[TOOL_CALLS]get_weather[CALL_ID]")),
    ("Ministral 3", &["ministral3"], Shown("[TOOL_CALLS]get_weather[ARGS]")),
    ("Gemma 2, 3, 3n", &["gemma2", "gemma3", "gemma3n"], Never),
    ("Gemma 4", &["gemma4"], Shown("<|tool_call>call:get_weather{")),
    ("Phi 3, 3.5, 4", &["phi3", "phi35", "phi4"], Never),
    ("Phi 4 mini", &["phi4_mini"], Told("<|tool_call|>")),
    ("Qwen 2, 2.5, 3", &["qwen2", "qwen3"], Shown("<tool_call>\n{\"name\": ")),
    ("DeepSeek V2", &["deepseek_v2"], Never),
    ("DeepSeek V3, R1", &["deepseek_v3"], Told("<｜tool▁call▁begin｜>")),
    ("DeepSeek V3.1", &["deepseek_v31"], Shown("<｜tool▁call▁begin｜>get_weather")),
    ("Command R, R+", &["command_r", "command_r_plus"], Never),
    ("Command R7B", &["command_r7b"], Told("<|START_ACTION|>")),
    ("Falcon 7B, 40B, 2", &["falcon"], Never),
    ("Falcon 3", &["falcon3"], Shown("<tool_call>\n[\n")),
    ("gpt-oss", &["gpt_oss"], Shown(" to=functions.get_weather")),
    ("SmolLM 3", &["smollm3"], Never),
    ("Granite 3.3", &["granite33"], Told("<|tool_call|>")),
    ("Granite 4", &["granite40"], Shown("<tool_call>\n{\"name\": ")),
    ("OLMo 2", &["olmo2"], Never),
    ("StableLM 2", &["stablelm2"], Never),
    ("ChatML, of the others", &["chatml"], Never),
];

#[test]
fn golden_calls_by_family() {
    let Some(folder) = battery() else { return };
    let cases = crate::data::json(&folder.join("cases.json"));
    let names = fs::read_dir(&folder).expect("templates").filter_map(|it| {
        let path = it.expect("a file").path();
        let is_one = path.extension().is_some_and(|it| it == "jinja");
        is_one.then(|| path.file_stem().expect("a name").to_string_lossy().into_owned())
    });
    let mut wrong = vec![];
    for name in names {
        let row = CALLS.iter().find(|it| it.1.contains(&&*name));
        let (family, _, expected) = row.unwrap_or_else(|| panic!("{name} needs a row in CALLS"));
        let source = read(&folder.join(format!("{name}.jinja")));
        let template = compiled(&source, texts(&cases)).expect("it compiles");
        let format = ToolFormat::of(&template, vocabulary(&name).as_ref());
        let said = said(&template, &cases).map(|it| it.0);
        let fits = match (expected, &format, said.as_deref()) {
            (Never, None, None) => true,
            (Shown(mark), Some(format), Some(said)) => {
                let parts = format.read(said, &[]);
                said.contains(mark) && parts.iter().any(|it| matches!(it, Part::Call(_)))
            }
            (Told(mark), Some(format), None) => format.names(mark),
            _ => false,
        };
        if !fits {
            let marks = format.map(|it| format!("{it:?}"));
            wrong.push(format!("{family}, {name}: {expected:?}, found {said:?} by {marks:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (family, templates, _) in CALLS {
        let is_there = |it: &&str| folder.join(format!("{it}.jinja")).exists();
        assert!(templates.iter().all(is_there), "{family}: {templates:?}");
    }
}

/// The vocabulary of a family that has the template's name, if there is one.
fn vocabulary(name: &str) -> Option<Tokenizer> {
    let folder = golden()?.join("families").join(name);
    let file = folder.is_dir().then(|| ModelFile::open(&folder, &[]).expect("a golden family"))?;
    Some(Tokenizer::load(&file).expect("its tokenizer"))
}

/// Cut anywhere, the text is kept, and nothing is made up.
#[track_caller]
fn check_broken(name: &str, format: &ToolFormat, said: &str) {
    let start = said.find("get_weather").expect("it names the tool");
    let end = start + said[start..].find("Paris").expect("it has the argument") + 3;
    let cut = &said[..end];
    let parts = format.read(cut, &[]);
    let kept: String = parts
        .iter()
        .map(|part| match part {
            Part::Text(text) | Part::Broken { raw: text, .. } => text.as_str(),
            Part::Call(call) => panic!("{name}: {call:?} from {cut:?}"),
        })
        .collect();
    assert!(cut.ends_with(&kept[kept.len() - 5..]), "{name}: {kept:?} of {cut:?}");
    assert!(kept.contains("get_weather"), "{name}: {kept:?}");
}

/// What an assistant says that calls the tool of the recorded case, and the arguments; nothing where
/// the template refuses it or does not show it.
fn said(template: &Template, cases: &Json) -> Option<(String, Json)> {
    let all = conversation(&cases["cases"]["tool_call"], &cases["tools"], &Json::Null);
    let call = all.messages[1].clone();
    let arguments = call.tool_calls[0].function.arguments.clone();
    let said = spoken(template, &all, call)?;
    said.contains("get_weather").then_some((said, arguments))
}

/// What the template makes of `message` as the answer to the first of `all`, without the opening and the
/// end of the turn.
pub(crate) fn spoken(template: &Template, all: &Conversation, message: Message) -> Option<String> {
    let user = &all.messages[0];
    let turn = |messages: Vec<Message>, opened: bool| {
        let mut conversation = Conversation { messages, ..all.clone() };
        conversation.add_generation_prompt = opened;
        template.render(&conversation, &[]).ok().map(|it| it.text)
    };
    let shown = turn(vec![user.clone(), message], false)?;
    let opening = turn(vec![user.clone()], true)?;
    let question = "Weather in Paris?";
    let after = || shown.rsplit_once(question).map(|it| it.1);
    let said = shown.strip_prefix(&opening).or_else(after)?;
    let answer = Message::new(Role::Assistant, "qanswer");
    let plain = turn(vec![user.clone(), answer], false).unwrap_or_default();
    let end = plain.split_once("qanswer").map_or("", |it| it.1);
    Some(said.strip_suffix(end).unwrap_or(said).to_owned())
}

/// Templates that show no call but tell of one, and what such a model writes.
const TOLD: [(&str, &str); 4] = [
    (
        "lcpp--ibm-granite-granite-3.3-2B-Instruct",
        "<|tool_call|>[{\"name\": \"f\", \"arguments\": {}}]",
    ),
    (
        "lcpp--CohereForAI-c4ai-command-r-plus-tool_use",
        "Action: ```json\n[{\"tool_name\": \"f\", \"parameters\": {}}]\n```",
    ),
    (
        "ollama--command-r7b_7b",
        "<|START_ACTION|>[{\"tool_call_id\": \"0\", \"tool_name\": \"f\", \"parameters\": {}}]<|END_ACTION|>",
    ),
    (
        "lcpp--deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{}\n```<｜tool▁call▁end｜>",
    ),
];

#[test]
fn golden_signs_of_formats() {
    let Some(root) = golden() else { return };
    for (name, said) in TOLD {
        let source = read(&root.join(format!("chat_templates/all/{name}.jinja")));
        let template = compiled(&source, TokenTexts::default()).expect("it compiles");
        check_one_call(name, ToolFormat::of(&template, None), said);
    }
    // Nothing but its vocabulary tells how this one calls.
    let file = ModelFile::open(&root.join("families/phi4_mini"), &[]).expect("a golden family");
    let tokenizer = Tokenizer::load(&file).expect("its tokenizer");
    let template = Template::load(&file, TokenTexts::default()).expect("it compiles");
    let format = ToolFormat::of(&template.expect("it has one"), Some(&tokenizer));
    let said = "<|tool_call|>[{\"name\": \"f\", \"arguments\": {}}]<|/tool_call|>";
    check_one_call("phi4_mini", format.clone(), said);
    let format = format.expect("it was read with it");
    assert!(format.names("<|tool_call|>") && !format.names("<|user|>"));
    for name in ["lcpp--google-gemma-2-2b-it", "ollama--tinyllama_1.1b", "ollama--phi3_14b"] {
        let source = read(&root.join(format!("chat_templates/all/{name}.jinja")));
        let template = compiled(&source, TokenTexts::default()).expect("it compiles");
        assert!(ToolFormat::of(&template, None).is_none(), "{name}");
    }
}

#[track_caller]
fn check_one_call(name: &str, format: Option<ToolFormat>, said: &str) {
    let parts = format.unwrap_or_else(|| panic!("{name}: no format")).read(said, &[]);
    let [Part::Call(call)] = &parts[..] else { panic!("{name}: {parts:?}") };
    assert_eq!(
        (call.function.name.as_str(), &call.function.arguments),
        ("f", &json!({})),
        "{name}"
    );
}
