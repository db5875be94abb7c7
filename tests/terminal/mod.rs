//! `ingle` in a pseudo-terminal: what a person sees while they type, wait and interrupt.
//!
//! A test waits for what the screen shows, never for time to pass. The model is the scripted one
//! of `parrot`: every answer is known.

mod audit;
#[path = "../hub/fake/mod.rs"]
#[expect(dead_code, reason = "the tests of the hub use the rest of it")]
mod fake;
mod fit;
mod pull;
mod sandbox;
mod screen;
mod widths;

use std::fs;

use ingle_tests::{binary::Place, parrot};
use screen::Terminal;

use crate::place;

const CTRL_C: &str = "\x03";
const CTRL_G: &str = "\x07";
const UP: &str = "\x1b[A";

/// A chat that waits at its prompt.
fn chat(place: &Place, args: &[&str]) -> Terminal {
    let args: Vec<&str> = ["run", "parrot.gguf"].into_iter().chain(args.iter().copied()).collect();
    let terminal = Terminal::start(place, &args, &[]);
    terminal.wait_for_prompt();
    terminal
}

#[test]
fn a_conversation_is_held_and_kept() {
    let place = place();
    let mut terminal = chat(&place, &[]);
    terminal.shows("/help lists the commands");
    terminal.say("hi");
    terminal.wait_for("Hello there, friend!");
    terminal.wait_for("(saved as `");
    terminal.say("/regen");
    terminal
        .wait_until("a second answer", |text| text.matches("Hello there, friend!").count() == 2);
    terminal.wait_for_prompt();
    // The line before the last one comes back.
    terminal.send(UP);
    terminal.wait_for("> /regen");
    terminal.send(UP);
    terminal.wait_for_line("> hi");
    terminal.send(" smile\r");
    terminal.wait_for("Look🙂 yes");
    terminal.say("/undo");
    terminal.wait_for("(took back: hi smile)");
    terminal.say("/exit");
    assert_eq!(terminal.exit_code(), 0);

    let history = fs::read_to_string(place.path().join("ingle-home/history")).unwrap();
    assert!(history.lines().any(|it| it == "hi smile"), "{history}");
    let mut terminal = chat(&place, &["--resume"]);
    terminal.shows("(resumed after 2 messages)");
    terminal.send(UP);
    terminal.wait_for_line("> /exit");
    terminal.send(CTRL_C);
    terminal.wait_for("(Ctrl-C again leaves)");
    terminal.wait_for_prompt();
    terminal.send(CTRL_C);
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn ctrl_c_stops_an_answer_and_again_leaves() {
    let place = place();
    let mut terminal = chat(&place, &["--no-save", "-c", "200000"]);
    terminal.say("count");
    terminal.wait_for("1 2 3 4 5 6 7 8 2");
    terminal.send(CTRL_C);
    terminal.wait_for("(stopped; Ctrl-C again leaves)");
    terminal.say("hi");
    terminal.wait_for("Hello there, friend!");
    terminal.wait_for_prompt();
    terminal.clear();
    terminal.say("count");
    terminal.wait_for("1 2 3 4 5 6 7 8 2");
    terminal.send(CTRL_C);
    terminal.wait_for("(stopped; Ctrl-C again leaves)");
    terminal.wait_for_prompt();
    terminal.send(CTRL_C);
    assert_eq!(terminal.exit_code(), 0);
    assert!(!place.path().join("ingle-home").exists(), "nothing is kept with `--no-save`");
}

#[test]
fn an_only_answer_that_is_stopped_is_an_error() {
    let (place, args) = (place(), ["run", "parrot.gguf", "--no-save", "-c", "200000", "count"]);
    let mut terminal = Terminal::start(&place, &args, &[]);
    terminal.wait_for("1 2 3 4 5 6 7 8 2");
    terminal.send(CTRL_C);
    terminal.wait_for("error: the answer was stopped");
    assert_eq!(terminal.exit_code(), 1);
}

#[test]
fn a_chat_has_no_json() {
    let place = place();
    let terminal = Terminal::start(&place, &["run", "parrot.gguf", "--json"], &[]);
    terminal.wait_for("error: `--json` needs a prompt");
    assert_eq!(terminal.exit_code(), 2);
}

/// What the chats folder holds: of each chat the contents of its messages.
#[expect(clippy::unwrap_used, reason = "a test fails where its chats do")]
fn kept(place: &Place) -> Vec<Vec<String>> {
    let chats = fs::read_dir(place.path().join("ingle-home/chats")).unwrap();
    let contents = |path: std::path::PathBuf| {
        let chat: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let messages = chat["messages"].as_array().unwrap().clone();
        messages.iter().map(|it| it["content"].as_str().unwrap().to_owned()).collect()
    };
    chats.map(|it| contents(it.unwrap().path())).collect()
}

#[test]
fn what_is_on_disk_is_the_conversation() {
    let place = place();
    // With `/think on` it thinks for ever.
    let template = "{% for m in messages %}{% if m.role == 'assistant' %}<|bot|>\
                    {% if m.reasoning_content %}<|count|>{{ m.reasoning_content }}</think>\
                    {% endif %}{{ m.content }}{% else %}<|user|>{{ m.content }}{% endif %}\
                    {% endfor %}{% if add_generation_prompt %}<|bot|>\
                    {% if enable_thinking %}<|count|>{% endif %}{% endif %}";
    place.file("endless.jinja", template);
    let mut terminal =
        chat(&place, &["-c", "200000", "--chat-template", "endless.jinja", "--think", "off"]);
    terminal.say("hi");
    terminal.wait_for("(saved as `");
    let first = [["hi", "Hello there, friend!"].map(str::to_owned).to_vec()];
    assert_eq!(kept(&place), first);
    terminal.say("/think on");
    terminal.wait_for("(think: on, shown)");
    terminal.say("/regen");
    terminal.wait_for("1 2 3 4 5 6 7 8 2");
    terminal.send(CTRL_C);
    terminal.wait_for("(stopped; Ctrl-C again leaves)");
    terminal.wait_for_prompt();
    assert_eq!(kept(&place), first);
    terminal.say("/undo");
    terminal.wait_for("(took back: hi)");
    terminal.wait_for_prompt();
    assert_eq!(kept(&place), [[""; 0]]);
    terminal.leave();
}

#[test]
fn a_stop_string_cut_across_tokens_is_not_shown() {
    let place = place();
    let mut terminal = chat(&place, &["--no-save", "--stop", ", fr"]);
    terminal.say("hi");
    terminal.wait_for_line("Hello there");
    terminal.wait_for_prompt();
    assert!(!terminal.text().contains("there,"), "{}", terminal.text());
    terminal.leave();
}

#[test]
fn marks_become_styles_and_thoughts_are_dim() {
    let place = place();
    let mut terminal = chat(&place, &["--no-save"]);
    terminal.say("mark");
    terminal.wait_for_line("This is bold and code");
    assert!(terminal.is_bold("bold") && !terminal.is_bold("This"));
    terminal.say("think");
    terminal.wait_for_line("Done");
    terminal.shows("Hmm well");
    assert!(terminal.is_dim("Hmm well") && !terminal.is_dim("Done"));
    terminal.say("/think hide");
    terminal.wait_for("(think: as the model does, hidden)");
    terminal.say("/clear");
    terminal.wait_for("(a new conversation)");
    terminal.say("/think 1");
    terminal.wait_for("(think: 1, hidden)");
    terminal.say("/think off");
    terminal
        .wait_for("warning: `--think off` changes nothing: this model's template has no switch");
    terminal.leave();
}

#[test]
fn a_new_width_breaks_lines_elsewhere() {
    let place = place();
    let mut terminal = chat(&place, &["--no-save", "-n", "30"]);
    terminal.resize(24, 20);
    terminal.say("count");
    terminal.wait_for_line("1 2 3 4 5 6 7 8 2 3");
    terminal.wait_for_line("4 5 6 7 8 2 3 4 5 6");
    terminal.wait_for("(cut after 30 tokens");
    terminal.wait_for_prompt();
    terminal.resize(24, 60);
    terminal.say("count");
    terminal.wait_for_line("1 2 3 4 5 6 7 8 2 3 4 5 6 7 8 2 3 4 5 6 7 8 2 3 4 5 6 7 8 2");
    terminal.leave();
}

#[test]
fn a_pasted_page_is_one_message() {
    let place = place();
    let mut terminal = chat(&place, &["--no-save"]);
    terminal.send("\x1b[200~first line\rsecond line with a smile\rthird\x1b[201~");
    terminal.wait_for("third");
    assert!(!terminal.text().contains("Look"), "a pasted line end sends nothing");
    terminal.send("\r");
    terminal.wait_for("Look🙂 yes");
    terminal.wait_for_prompt();
    terminal.send("\"\"\"\rtwo\rlines smile\r\"\"\"\r");
    terminal.wait_until("an answer to both", |text| text.matches("Look🙂 yes").count() == 2);
    terminal.wait_for_prompt();
    terminal.send("over\\\rhere\r");
    terminal.wait_for("Hello there, friend!");
    terminal.wait_for_prompt();
    terminal.clear();
    // A page is no command, whatever it begins with.
    terminal.send("\x1b[200~/etc/hosts\rsmiles\x1b[201~\r");
    terminal.wait_for("Look🙂 yes");
    terminal.wait_for_prompt();
    terminal.clear();
    terminal.send("\"\"\"/exit with a smile\"\"\"\r");
    terminal.wait_for("Look🙂 yes");
    terminal.leave();
}

/// A message that is refused took the place of no other.
#[test]
fn what_is_too_long_makes_no_room_for_itself() {
    let place = place();
    let template = "{% for m in messages %}{% if m.role == 'assistant' %}<|bot|>{% else %}<|user|>\
                    {% endif %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}\
                    {% if messages|length > 1 %}<|smile|>{% else %}<|bot|>{% endif %}{% endif %}";
    place.file("remembers.jinja", template);
    let args = ["--no-save", "-c", "64", "--context-shift", "--chat-template", "remembers.jinja"];
    let mut terminal = chat(&place, &args);
    terminal.say("hi");
    terminal.wait_for("Hello there, friend!");
    terminal.wait_for_prompt();
    terminal.clear();
    terminal.say(&"x".repeat(70));
    terminal.wait_for("the context holds 64");
    terminal.wait_for_prompt();
    terminal.clear();
    terminal.say("hi");
    terminal.wait_for("Look🙂 yes");
    terminal.leave();
}

/// Two processes that resumed one chat would each write over what the other said.
#[test]
fn a_chat_that_another_process_went_on_with_stays() {
    let place = place();
    let mut terminal = chat(&place, &[]);
    terminal.say("hi");
    terminal.wait_for("(saved as `");
    terminal.wait_for_prompt();
    let told = place.run(&["run", "parrot.gguf", "--resume", "smile"]);
    assert!(told.starts_with("exit 0"), "{told}");
    terminal.clear();
    terminal.say("hi there");
    terminal.wait_for("was saved by another process meanwhile");
    terminal.wait_for("(saved as `");
    terminal.wait_for_prompt();
    terminal.leave();
    let mut all = kept(&place);
    all.sort();
    let hello = "Hello there, friend!";
    assert_eq!(all, [["hi", hello, "hi there", hello], ["hi", hello, "smile", "Look🙂 yes"]]);
}

#[test]
fn the_editor_changes_the_line() {
    let place = place();
    let editor = place.file("editor", "#!/bin/sh\nprintf 'please smile' > \"$1\"\n");
    fs::set_permissions(&editor, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let editor = editor.display().to_string();
    let args = ["run", "parrot.gguf", "--no-save"];
    let mut terminal = Terminal::start(&place, &args, &[("EDITOR", &editor)]);
    terminal.wait_for_prompt();
    terminal.send("please");
    terminal.wait_for("> please");
    terminal.send(CTRL_G);
    terminal.wait_for_line("> please smile");
    terminal.send("\r");
    terminal.wait_for("Look🙂 yes");
    terminal.leave();
}

#[test]
fn commands_change_the_conversation() {
    let place = place();
    place.file("page.txt", "a page with a smile\n");
    let mut terminal = chat(&place, &[]);
    let mut ask = |line: &str, answer: &str| {
        terminal.say(line);
        terminal.wait_for(answer);
        terminal.wait_for_prompt();
        terminal.clear();
    };
    ask("/undo", "error: nothing was said yet");
    ask("/load none", "error: no chat `none` in `");
    ask("/system You are a pirate", "(system prompt set)");
    ask("hi", "Arr matey");
    ask("/system -", "(no system prompt from now on)");
    ask("/set n 2", "error: no setting of a chat is called `n`");
    ask("/set predict 2", "(predict = 2)");
    ask("hi", "(cut after 2 tokens, as `--predict` says)");
    ask("/set temp x", "error: invalid value 'x' for '--temp <X>'");
    ask("/set top-p 2", "error: top-p is 2, expected above 0, at most 1");
    ask("/set predict -", "(predict is reset: -1)");
    ask("/set predict 50", "(predict = 50)");
    ask("/set stop END", "(stop = END)");
    ask("/set stop", "(stop = \"END\"; `/set stop -` resets it)");
    ask("/set stop \"\"", "error: `/set stop` needs at least one character");
    ask("/set stop -", "(stop is reset: none)");
    ask("/file page.txt", "goes before your next message)");
    ask("what is that?", "Look🙂 yes");
    ask("/stats", "prompt ");
    ask("/show", "Parrot, context");
    ask("/nope", "hint: `/help` lists them");
    ask("/save notes", "(saved as `");
    ask("/export md chat.md", "(written to `chat.md`)");
    ask("/clear", "(a new conversation)");
    ask("/load notes", "(notes: 6 messages)");
    ask("/set predict 2", "(predict = 2)");
    ask("/compact", "error: `--predict` cut the summary; the conversation is as it was");
    ask("/set predict 50", "(predict = 50)");
    ask("/compact", "(6 messages were replaced by a summary)");
    ask("/model none.gguf", "error: there is no file `none.gguf`");
    ask("/model parrot.gguf", "Parrot, context");
    terminal.leave();
    let exported = fs::read_to_string(place.path().join("chat.md")).unwrap();
    assert!(exported.contains("## You\n\na page with a smile\n\nwhat is that?\n"), "{exported}");
}

/// What was named for the first model is no reason not to talk to another.
#[test]
fn a_model_that_the_draft_cannot_guess_for_answers_alone() {
    let place = place();
    let (word, spelt) = (b"friend", b"fiends");
    let mut other = parrot::file();
    let at = other.windows(word.len()).position(|it| it == word).expect("it says so");
    other[at..at + word.len()].copy_from_slice(spelt);
    place.file("other.gguf", other);
    let mut terminal = chat(&place, &["--no-save", "--draft", "parrot.gguf"]);
    terminal.clear();
    terminal.say("/model other.gguf");
    terminal.wait_for("warning: the draft guesses nothing: ");
    terminal.wait_for_prompt();
    terminal.clear();
    terminal.say("hi");
    terminal.wait_for("Hello there, fiends!");
    terminal.leave();
}

/// Threads of two pools would take the cores from one another.
#[cfg(target_os = "linux")]
#[test]
fn a_draft_computes_on_the_threads_of_its_model() {
    let place = place();
    for args in [&["--no-save"][..], &["--no-save", "--draft", "parrot.gguf"]] {
        let mut terminal = chat(&place, args);
        terminal.say("hi");
        terminal.wait_for("Hello there, friend!");
        terminal.wait_for_prompt();
        let tasks = fs::read_dir(format!("/proc/{}/task", terminal.process())).unwrap();
        let names = tasks.map(|it| fs::read_to_string(it.unwrap().path().join("comm")).unwrap());
        let workers = names.filter(|it| it.starts_with("ingle-")).count();
        assert_eq!(workers, 1, "{args:?}: beside the thread that asks");
        terminal.leave();
    }
}

#[test]
fn a_conversation_is_printed_without_what_commands_the_terminal() {
    let place = place();
    place.file("page.txt", "wipe\x1b[2J\x1b]0;title\x07 it\n");
    let mut terminal = chat(&place, &["--no-save"]);
    terminal.say("/file page.txt hi");
    terminal.wait_for("Hello there, friend!");
    terminal.say("/export md");
    terminal.wait_for_line("wipe[2J]0;title it");
    terminal.shows("Hello there, friend!");
    terminal.leave();
}

#[test]
fn a_history_that_cannot_be_used_is_named_and_left_alone() {
    let place = place();
    let history = b"#V2\nbefore\n\xff\n";
    let path = place.file("ingle-home/history", history);
    let mut terminal = chat(&place, &[]);
    terminal.shows("warning: the line history `");
    terminal.say("hi");
    terminal.wait_for("Hello there, friend!");
    terminal.leave();
    assert_eq!(fs::read(path).unwrap(), history);
}

#[test]
fn t18_a_file_that_is_cut_while_it_is_in_use_is_an_error() {
    let place = place();
    let mut terminal = chat(&place, &["--no-save"]);
    let file = fs::OpenOptions::new().write(true).open(place.path().join("parrot.gguf")).unwrap();
    file.set_len(5000).unwrap();
    terminal.say("hi");
    terminal.wait_for("was truncated while it was in use: 5,000 bytes, it had");
    terminal.wait_for("hint: the file was changed or cut; load it again");
    terminal.leave();
}

#[test]
fn a_full_context_is_said_and_shifts_only_when_asked() {
    let place = place();
    let mut terminal = chat(&place, &["--no-save", "-c", "64"]);
    terminal.say("count");
    terminal.wait_for("error: the answer was cut: the context of 64 tokens is full");
    terminal.wait_for("hint: `--ctx-size 128` needs");
    terminal.say("and now?");
    terminal.wait_for("error: the prompt has");
    terminal.wait_for("`/set context-shift on` drops");
    terminal.say("/set context-shift on");
    terminal.wait_for("(context-shift = on)");
    terminal.say("now?");
    terminal.wait_for("context full: the oldest 2 messages are left out");
    terminal.wait_for("Hello there, friend!");
    terminal.leave();
}

#[test]
fn commands_and_settings_are_listed() {
    let place = place();
    let mut terminal = chat(&place, &["--no-save"]);
    terminal.resize(80, 80);
    terminal.say("/help");
    terminal.wait_for("Ctrl-G opens the editor");
    terminal.say("/set");
    terminal.wait_for("  seed ");
    terminal.wait_for_prompt();
    let text = terminal.text();
    let from = text.find("> /help").expect("it was typed");
    expect_test::expect_file!["listings.txt"].assert_eq(&format!("{}\n", &text[from..]));
    terminal.leave();
}
