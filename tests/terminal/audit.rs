//! What is noted in the audit log while somebody is at the terminal.

use std::fs;

use super::screen::Terminal;

#[test]
fn a_chat_that_cannot_be_noted_ends() {
    let place = crate::place();
    let args = ["run", "parrot.gguf", "--no-save"];
    let mut terminal = Terminal::start(&place, &args, &[("INGLE_AUDIT", "1")]);
    terminal.wait_for_prompt();
    fs::remove_file(place.path().join("ingle-home/audit/head")).unwrap();
    terminal.say("hi");
    assert_eq!(terminal.exit_code(), 1);
}

#[test]
fn what_another_process_removed_meanwhile_is_not_said_to_be_removed_twice() {
    let (place, on) = (crate::place(), [("INGLE_AUDIT", "1")]);
    let told = place.run(&["cp", "parrot.gguf", "polly"]);
    assert!(told.starts_with("exit 0"), "{told}");
    let mut terminal = Terminal::start(&place, &["rm", "polly"], &on);
    terminal.wait_for("[y/N]");
    let told = place.run_with(&["rm", "-y", "polly"], b"", &on);
    assert!(told.contains("`polly` is removed"), "{told}");
    terminal.send("y\r");
    terminal.wait_for("`polly` is gone already: another process removed it");
    assert_eq!(terminal.exit_code(), 0);
    let told = place.run(&["audit", "verify"]);
    assert!(told.contains("\n1 removed\n"), "{told}");
}
