//! `ingle run` without a terminal: one answer, its settings, what is kept.

use std::fs;

use expect_test::expect;
use ingle_tests::parrot;
use loader::Value;

use super::check;
use crate::place;

#[test]
fn a_prompt_is_answered_and_saved_unless_that_is_switched_off() {
    let place = place();
    let chats = place.path().join("ingle-home/chats");
    check(
        &place,
        &["run", "parrot.gguf", "hi", "--no-save"],
        expect![[r#"
        exit 0
        -- stdout
        Hello there, friend!
    "#]],
    );
    let off = place.run_with(&["run", "parrot.gguf", "hi"], b"", &[("INGLE_SAVE", "0")]);
    assert!(!off.contains("saved"), "{off}");
    assert!(!chats.exists());

    let told = place.run(&["run", "parrot.gguf", "hi"]);
    let name = fs::read_dir(&chats).unwrap().next().unwrap().unwrap().file_name();
    let name = name.into_string().unwrap();
    expect![[r#"
        exit 0
        -- stdout
        Hello there, friend!
        -- stderr
        (saved as `[DIR]/ingle-home/chats/[NAME]`; `--no-save` or INGLE_SAVE=0 keeps nothing)
    "#]]
    .assert_eq(&told.replace(&name, "[NAME]"));
    let resumed = place.run(&["run", "--resume", "-p", "smile"]);
    let chat = fs::read_to_string(chats.join(&name)).unwrap();
    let chat: serde_json::Value = serde_json::from_str(&chat).unwrap();
    let texts: Vec<_> =
        chat["messages"].as_array().unwrap().iter().map(|it| it["content"].clone()).collect();
    assert_eq!(texts, ["hi", "Hello there, friend!", "smile", "Look🙂 yes"], "{resumed}");
}

#[test]
fn prompts_come_from_pipes_files_and_words() {
    let place = place();
    place.file("page.txt", "smile at this\n");
    let run = |args: &[&str], input: &str| place.run_with(args, input.as_bytes(), &[]);
    let piped = run(&["run", "parrot.gguf", "--no-save"], "smile\n");
    expect![[r#"
        exit 0
        -- stdout
        Look🙂 yes
    "#]]
    .assert_eq(&piped);
    assert_eq!(run(&["chat", "-m", "parrot.gguf", "--no-save", "hi"], "smile"), piped);
    assert_eq!(run(&["run", "parrot.gguf", "--no-save", "-f", "page.txt"], ""), piped);
    assert_eq!(run(&["run", "parrot.gguf", "--no-save", "-p", "please smile"], ""), piped);
}

#[test]
fn an_answer_ends_where_it_is_told_to() {
    let place = place();
    let stop = ["run", "parrot.gguf", "--no-save", "--stop", ", fr", "hi"];
    check(
        &place,
        &stop,
        expect![[r#"
        exit 0
        -- stdout
        Hello there
    "#]],
    );
    let cut = ["run", "parrot.gguf", "--no-save", "-n", "4", "count"];
    check(
        &place,
        &cut,
        expect![[r#"
        exit 0
        -- stdout
        1 2 3 4
        -- stderr
        (cut after 4 tokens, as `--predict` says)
    "#]],
    );
}

#[test]
fn a_seed_decides_the_text() {
    let place = place();
    let roll = |seed: &str| {
        place.run(&["run", "parrot.gguf", "--no-save", "-n", "16", "--seed", seed, "dice"])
    };
    assert_eq!(roll("1"), roll("1"));
    assert_ne!(roll("1"), roll("2"));
}

#[test]
fn json_has_the_text_and_what_it_took() {
    let place = place();
    let args = ["run", "parrot.gguf", "--no-save", "--json", "--think", "on", "think"];
    let output = place.output(&args, b"", &[]);
    let mut answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for (_, value) in answer["usage"].as_object_mut().unwrap() {
        if value.is_f64() {
            *value = "[TIME]".into();
        }
    }
    expect![[r#"
        {
          "model": "parrot.gguf",
          "text": "Done",
          "reasoning": "Hmm well",
          "finish": "stop_token",
          "usage": {
            "prompt_tokens": 7,
            "reused_tokens": 0,
            "generated_tokens": 6,
            "ahead_tokens": 0,
            "prompt_per_second": "[TIME]",
            "generated_per_second": "[TIME]",
            "seconds_to_first_token": "[TIME]",
            "context_used": 13,
            "context_left": 32755
          },
          "warnings": [
            "`--think on` changes nothing: this model's template has no switch, the model decides"
          ]
        }"#]]
    .assert_eq(&format!("{answer:#}"));
}

#[test]
fn json_tells_what_a_full_context_dropped() {
    let args =
        ["run", "parrot.gguf", "--no-save", "--json", "-c", "64", "--context-shift", "-n", "99"];
    let output = place().output(&[&args[..], &["count"]].concat(), b"", &[]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let warning = answer["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("context full: 3"), "{answer:#}");
}

#[test]
fn thoughts_are_no_part_of_piped_output_and_can_be_bounded() {
    let place = place();
    let args = ["run", "parrot.gguf", "--no-save", "--json", "--think", "1", "think"];
    let output = place.output(&args, b"", &[]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["reasoning"], &answer["text"]), (&"Hmm".into(), &"Done".into()));
    check(
        &place,
        &["run", "parrot.gguf", "--no-save", "think"],
        expect![[r#"
        exit 0
        -- stdout
        Done
    "#]],
    );
}

/// The mark that ends the reasoning has four tokens, and the thought before it two.
#[test]
fn thoughts_are_ended_where_the_context_is_almost_full() {
    let place = place();
    let ask = |len: usize, more: &[&str]| {
        let args = ["run", "parrot.gguf", "--no-save", "--json", "-c", "64", "--think", "1"];
        // With a token on each side.
        let question = format!("think{}", "x".repeat(len - 7));
        let output = place.output(&[&args[..], more, &[&question]].concat(), b"", &[]);
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        (["text", "reasoning", "finish"].map(|it| answer[it].clone()), told)
    };
    let (answer, told) = ask(56, &[]);
    assert_eq!(answer, ["Done", "Hmm", "stop_token"], "{told}");
    assert!(!told.contains("context full"), "{told}");
    let (answer, told) = ask(60, &[]);
    assert_eq!(answer, ["", "Hmm", "context_full"], "{told}");
    assert!(told.contains("error: the answer was cut: the context of 64 tokens is full"), "{told}");
    // At the end of the thought, and in the middle of it.
    for (len, cut) in [(60, "31 tokens"), (63, "33 tokens")] {
        let (answer, told) = ask(len, &["--context-shift"]);
        assert_eq!(answer, ["Done", "Hmm", "stop_token"], "{told}");
        assert!(told.contains(&format!("context full: {cut} of the oldest text")), "{told}");
    }
}

/// Where thoughts are counted, nothing is computed ahead; where none are marked, none are counted.
#[test]
fn a_bound_that_changes_nothing_makes_nothing_slower() {
    let place = place();
    place
        .file("plain.jinja", "{% for m in messages %}<|user|>{{ m.content }}{% endfor %}<|count|>");
    let ahead = |more: &[&str]| {
        let args = ["run", "parrot.gguf", "--no-save", "--json", "-n", "90", "hi"];
        let args = [&args[..], &["--chat-template", "plain.jinja"], more].concat();
        let output = place.output(&args, b"", &[]);
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["usage"]["ahead_tokens"].as_u64().unwrap()
    };
    let usual = ahead(&[]);
    assert!(usual > 0, "it counts to 8 again and again");
    assert_eq!(ahead(&["--think", "5"]), usual);
}

/// As of DeepSeek-R1: what opens an answer opens the reasoning, and the model writes its end only.
#[test]
fn a_prompt_that_opens_the_reasoning_is_ended_by_the_model() {
    let place = place();
    let opened = "{% for m in messages %}{% if m.role == 'assistant' %}\
                  {{ m.content.split('</think>')[-1] }}{% else %}{{ m.content }}{% endif %}\
                  {% endfor %}{% if add_generation_prompt %}<|think|><think>{% endif %}";
    place.file("opened.jinja", opened);
    let args = ["run", "parrot.gguf", "--no-save", "--json", "--chat-template", "opened.jinja"];
    let output = place.output(&[&args[..], &["hi"]].concat(), b"", &[]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["reasoning"], &answer["text"]), (&"Hmm well".into(), &"Done".into()));
}

/// The template has a switch, or a warning says that it has none.
#[test]
fn thinking_is_switched_by_the_template() {
    let place = place();
    let switch = "{% for m in messages %}<|{{ m.role }}|>{% if m.reasoning_content %}<think>\
                  {{ m.reasoning_content }}</think>{% endif %}{{ m.content }}{% endfor %}\
                  {% if add_generation_prompt %}\
                  {% if enable_thinking is defined and not enable_thinking %}<|bot|>\
                  {% else %}<|think|>{% endif %}{% endif %}";
    place.file("switch.jinja", switch);
    let run = |more: &[&str]| {
        let args = ["run", "parrot.gguf", "--no-save", "--chat-template", "switch.jinja", "hi"];
        place.run(&[&args[..], more].concat())
    };
    expect![[r#"
        exit 0
        -- stdout
        Done
    "#]]
    .assert_eq(&run(&["--think", "on"]));
    expect![[r#"
        exit 0
        -- stdout
        Hello there, friend!
    "#]]
    .assert_eq(&run(&["--think", "off"]));
    let hidden = run(&["--json", "--hide-thinking"]);
    assert!(hidden.contains("\"reasoning\": null"), "{hidden}");
    check(
        &place,
        &["run", "parrot.gguf", "--no-save", "--think", "off", "think"],
        expect![[r#"
            exit 0
            -- stdout
            Done
            -- stderr
            warning: `--think off` changes nothing: this model's template has no switch (`--think 1` ends the reasoning at once, `--hide-thinking` hides it)
        "#]],
    );
    check(
        &place,
        &["run", "parrot.gguf", "--no-save", "--raw", "--think", "on", "anybody?"],
        expect![[r#"
            exit 0
            -- stdout
            Hello there, friend!
            -- stderr
            warning: `--think on` changes nothing: there is no chat template
        "#]],
    );
}

#[test]
fn the_system_prompt_and_a_template_from_a_file_are_used() {
    let place = place();
    let args = ["run", "parrot.gguf", "--no-save", "-sys", "You are a pirate", "hi"];
    check(
        &place,
        &args,
        expect![[r#"
        exit 0
        -- stdout
        Arr matey
    "#]],
    );
    place.file("other.jinja", "{{ messages[0].content }}<|smile|>");
    let args = ["run", "parrot.gguf", "--no-save", "--chat-template", "other.jinja", "hi"];
    check(
        &place,
        &args,
        expect![[r#"
        exit 0
        -- stdout
        Look🙂 yes
    "#]],
    );
}

/// A token of the vocabulary is a word like any other until a template gives it a meaning.
#[test]
fn tokens_of_a_template_from_a_file_cannot_be_typed() {
    let place = place();
    let plain = parrot::with(|file| {
        let template = "{{ messages[0].content }}";
        file.set("tokenizer.chat_template", Value::String(template.to_owned()));
    });
    place.file("plain.gguf", plain);
    place.file("pirate.jinja", "{{ messages[0].content }}{% if false %}<|pirate|>{% endif %}");
    let prompt_tokens = |more: &[&str]| {
        let args = ["run", "plain.gguf", "--no-save", "--json", "-n", "1", "<|pirate|>"];
        let output = place.output(&[&args[..], more].concat(), b"", &[]);
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["usage"]["prompt_tokens"].as_u64().unwrap()
    };
    assert_eq!(prompt_tokens(&[]), 1);
    assert_eq!(prompt_tokens(&["--chat-template", "pirate.jinja"]), 10);
}

#[test]
fn settings_come_from_the_file_below_the_environment_below_flags() {
    let place = place();
    place
        .file("ingle-home/settings.toml", "model = \"parrot.gguf\"\nno-save = true\npredict = 3\n");
    let first = place.run(&["run", "-m", "parrot.gguf", "count"]);
    expect![[r#"
        exit 0
        -- stdout
        1 2 3
        -- stderr
        (cut after 3 tokens, as `--predict` says)
    "#]]
    .assert_eq(&first);
    let over = place.run(&["run", "-m", "parrot.gguf", "-n", "2", "count"]);
    assert!(over.contains("1 2\n"), "{over}");
    assert!(!over.contains("saved"), "{over}");
    let args = ["run", "-m", "parrot.gguf", "-n", "2", "count"];
    let asked = place.run_with(&args, b"", &[("INGLE_SAVE", "1")]);
    assert!(asked.contains("(saved as `"), "{asked}");
    let flag = place.run(&[&args[..], &["--no-save=off"]].concat());
    assert!(flag.contains("(saved as `"), "{flag}");
    let both = place.run_with(&[&args[..], &["--no-save"]].concat(), b"", &[("INGLE_SAVE", "1")]);
    assert!(!both.contains("saved"), "{both}");
    place.file("ingle-home/settings.toml", "temp = 0.5\ntemperature = 1\n");
    check(
        &place,
        &["run", "parrot.gguf", "hi"],
        expect![[r#"
        exit 1
        -- stderr
        error: settings `[DIR]/ingle-home/settings.toml`, line 2: no setting is called `temperature`
    "#]],
    );
    place.file("ingle-home/settings.toml", "precision = \"half\"\n");
    check(
        &place,
        &["run", "parrot.gguf", "hi"],
        expect![[r#"
        exit 1
        -- stderr
        error: settings `[DIR]/ingle-home/settings.toml`, line 1: no precision is called `half`, there are `exact` and `fast`
    "#]],
    );
}

#[test]
fn without_a_template_the_text_goes_on() {
    let place = place();
    place.file("base.gguf", parrot::without_template());
    check(
        &place,
        &["run", "base.gguf", "--no-save", "anybody?"],
        expect![[r#"
            exit 0
            -- stdout
            Hello there, friend!
            -- stderr
            warning: this model has no chat template: it goes on with your text instead of answering (`--chat-template FILE` gives it one)
        "#]],
    );
}

/// What people write stays out of every log, at every level, and of every file.
#[test]
fn t21_no_log_and_no_file_holds_a_prompt() {
    let place = place();
    let canary = "xyzzy-canary";
    let args = ["run", "parrot.gguf", "--no-save", "--verbose", "-sys", canary, "smile", canary];
    let folders = ["ingle-home", "temporary", "runtime"].map(|it| place.path().join(it));
    folders[1..].iter().for_each(|it| fs::create_dir(it).unwrap());
    let [_, temporary, runtime] = folders.each_ref().map(|it| it.to_str().unwrap());
    let environment = [("INGLE_LOG", "trace"), ("TMPDIR", temporary), ("XDG_RUNTIME_DIR", runtime)];
    let output = place.output(&args, canary.as_bytes(), &environment);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("model loaded") && stderr.contains("sequence ended"), "{stderr}");
    assert!(!stderr.contains(canary) && !stderr.contains("Look"), "{stderr}");
    let left: Vec<_> = folders.iter().filter_map(|it| fs::read_dir(it).ok()).flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}
