//! A conversation as a document.

use std::fmt::Write;

use store::{Chat, Role};

use super::slash::Form;

/// The text of `chat` in this form.
pub(super) fn text(chat: &Chat, form: Form) -> String {
    match form {
        Form::Markdown => markdown(chat),
        Form::Json => json(chat),
    }
}

fn markdown(chat: &Chat) -> String {
    let mut text = format!("# A chat with {}\n\n{}\n", chat.model, chat.saved);
    if let Some(system) = &chat.system {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n## System\n\n{system}\n");
    }
    for message in &chat.messages {
        let title = match message.role {
            Role::User => "You",
            Role::Assistant => "Answer",
        };
        let _ = write!(text, "\n## {title}\n\n");
        if let Some(reasoning) = &message.reasoning {
            let quoted = reasoning.lines().map(|it| format!("> {it}").trim_end().to_owned());
            let _ = write!(text, "{}\n\n", quoted.collect::<Vec<_>>().join("\n"));
        }
        let _ = writeln!(text, "{}", message.content.trim_end());
    }
    text
}

fn json(chat: &Chat) -> String {
    let mut text = serde_json::to_string_pretty(chat).expect("a chat is strings and lists");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use store::Message;

    use super::*;

    #[test]
    fn markdown_has_a_heading_for_each_message() {
        let mut chat = Chat::new("m.gguf", "2026-01-02T03:04:05Z");
        chat.system = Some("Be terse.".to_owned());
        let message = |role, content: &str, reasoning: Option<&str>| Message {
            role,
            content: content.to_owned(),
            reasoning: reasoning.map(str::to_owned),
        };
        chat.messages.push(message(Role::User, "hi", None));
        chat.messages.push(message(Role::Assistant, "hello\n", Some("a\n\nb")));
        let expected = "# A chat with m.gguf\n\n2026-01-02T03:04:05Z\n\n## System\n\nBe terse.\n\n\
                        ## You\n\nhi\n\n## Answer\n\n> a\n>\n> b\n\nhello\n";
        assert_eq!(text(&chat, Form::Markdown), expected);
        let back: Chat = serde_json::from_str(&text(&chat, Form::Json)).unwrap();
        assert_eq!(back, chat);
    }
}
