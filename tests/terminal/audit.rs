//! A chat that is noted in the audit log.

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
