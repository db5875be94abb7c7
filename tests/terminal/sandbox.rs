//! A chat that gave up its rights: what the person asks for still works, and no more.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use ingle_tests::{binary::Place, skip_sandbox};

use super::{CTRL_G, screen::Terminal};

/// A chat in a whole sandbox; nothing, and that is printed, where this kernel has none.
fn chat(place: &Place, args: &[&str], environment: &[(&str, &str)]) -> Option<Terminal> {
    let begin = ["run", "parrot.gguf", "--sandbox", "required"];
    let once = [&begin[..], &["--no-save", "hi"]].concat();
    let told = place.run(&once);
    let cannot = |why: &str| told.contains(&format!("`--sandbox required` cannot be kept: {why}"));
    if cannot("this kernel") || cannot("only Linux") {
        skip_sandbox(&told);
        return None;
    }
    let terminal = Terminal::start(place, &[&begin[..], args].concat(), environment);
    terminal.wait_for_prompt();
    Some(terminal)
}

#[test]
fn files_are_read_below_the_folder_and_where_that_was_allowed() {
    let (place, allowed, outside) = (crate::place(), Place::new(), Place::new());
    place.file("sub/page.txt", "smile\n");
    let page = allowed.file("page.txt", "smile\n").display().to_string();
    let secret = outside.file("secret.txt", "smile\n").display().to_string();
    let allow = allowed.path().display().to_string();
    let Some(mut terminal) = chat(&place, &["--no-save", "--allow-read", &allow], &[]) else {
        return;
    };
    for path in ["sub/page.txt", &page] {
        terminal.say(&format!("/file {path}"));
        terminal.wait_for("goes before your next message)");
        terminal.wait_for_prompt();
        terminal.clear();
    }
    terminal.say(&format!("/file {secret}"));
    terminal.wait_for("hint: the sandbox reads the folders of the model and its draft, of");
    terminal.wait_for_prompt();
    terminal.clear();
    terminal.say("what is that?");
    terminal.wait_for("Look🙂 yes");
    terminal.leave();
}

#[test]
fn a_chat_is_saved_and_exported_but_nothing_is_replaced() {
    let place = crate::place();
    place.file("chat-old.md", "old");
    let Some(mut terminal) = chat(&place, &[], &[]) else { return };
    let mut ask = |line: &str, answer: &str| {
        terminal.say(line);
        terminal.wait_for(answer);
        terminal.wait_for_prompt();
        terminal.clear();
    };
    ask("hi", "(saved as `");
    ask("/save notes", "(saved as `");
    ask("/export md chat-new.md", "(written to `chat-new.md`)");
    ask("/export md chat-old.md", "it is there, and no file is replaced");
    ask("/export md ../chat.md", "it is not below the folder that `ingle` was started in");
    ask("/export json package.json", "it writes files that are called `chat*.md`");
    ask("/load notes", "(notes: 2 messages)");
    ask("/model parrot.gguf", "Parrot, context");
    ask("hi", "Hello there, friend!");
    terminal.leave();
    assert!(
        fs::read_to_string(place.path().join("chat-new.md")).unwrap().contains("## You\n\nhi\n")
    );
    assert_eq!(fs::read_to_string(place.path().join("chat-old.md")).unwrap(), "old");
    let history = fs::read_to_string(place.path().join("ingle-home/history")).unwrap();
    assert!(history.contains("/export json package.json"), "{history}");
}

/// Neither of the chat nor of the process that runs the editor: what was said is in their memory.
#[cfg(target_os = "linux")]
#[test]
fn t21_no_core_is_left() {
    let place = crate::place();
    let terminal = Terminal::start_with_cores(&place, &["run", "parrot.gguf", "--no-save"]);
    terminal.wait_for_prompt();
    let chat = terminal.process();
    let children = fs::read_to_string(format!("/proc/{chat}/task/{chat}/children"));
    let children = children.unwrap_or_default();
    let children = children.split_whitespace().map(|it| it.parse().unwrap());
    for process in std::iter::once(chat).chain(children) {
        let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
        let row = limits.lines().find_map(|it| it.strip_prefix("Max core file size")).unwrap();
        // A byte, or none: no image is so small, and no program that is told of crashes gets one.
        let of_bytes: Vec<u8> =
            row.split_whitespace().take(2).map(|it| it.parse().expect(row)).collect();
        assert!(of_bytes.len() == 2 && of_bytes.iter().all(|it| *it <= 1), "{row}");
    }
    terminal.leave();
}

/// Neither the chat, nor the process that waits for the editor, nor the editor.
#[cfg(target_os = "linux")]
#[test]
fn no_socket_is_opened_in_a_chat() {
    if Command::new("strace").args(["-qq", "true"]).output().is_ok_and(|it| it.status.success()) {
        let place = crate::place();
        let editor = place.file("editor", "#!/bin/sh\nprintf 'please smile' > \"$1\"\n");
        fs::set_permissions(&editor, PermissionsExt::from_mode(0o755)).unwrap();
        let editor = editor.display().to_string();
        let trace = place.path().join("trace");
        let args = ["run", "parrot.gguf", "--sandbox", "best"];
        let environment = [("EDITOR", editor.as_str())];
        let mut terminal = Terminal::start_traced(&place, &args, &environment, &trace);
        terminal.say("hi");
        terminal.wait_for("(saved as `");
        terminal.wait_for_prompt();
        terminal.send(CTRL_G);
        terminal.wait_for_line("> please smile");
        terminal.send("\r");
        terminal.wait_for("Look🙂 yes");
        terminal.leave();
        let trace = fs::read_to_string(trace).unwrap();
        // Ends and signals are told of, too; and a pair that a process makes for itself leads nowhere.
        let is_none =
            |it: &str| ["+++", "---", "socketpair(AF_UNIX"].iter().any(|no| it.contains(no));
        assert!(trace.lines().all(is_none), "{trace}");
    } else {
        skip_sandbox("no strace that may trace");
    }
}

/// The editor runs outside, on the same terminal, and has no network.
#[test]
fn the_editor_has_the_terminal_and_no_network() {
    let place = crate::place();
    let script = "#!/bin/bash\n\
                  (exec 3<>/dev/tcp/127.0.0.1/9) 2> \"$(dirname \"$0\")/said\"\n\
                  test -t 0 && test -t 1 && printf 'please smile' > \"$1\"\n";
    let editor = place.file("editor", script);
    fs::set_permissions(&editor, PermissionsExt::from_mode(0o755)).unwrap();
    let editor = editor.display().to_string();
    let Some(mut terminal) = chat(&place, &["--no-save"], &[("EDITOR", &editor)]) else { return };
    for _ in 0..2 {
        terminal.send(CTRL_G);
        terminal.wait_for_line("> please smile");
        terminal.send("\r");
        terminal.wait_for("Look🙂 yes");
        terminal.wait_for_prompt();
        terminal.clear();
    }
    terminal.leave();
    let said = fs::read_to_string(place.path().join("said")).unwrap();
    assert!(said.contains("Operation not permitted"), "{said}");
}
