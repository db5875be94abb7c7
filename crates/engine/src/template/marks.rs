//! What a template writes around the model's reasoning.

/// What stands around reasoning in the model's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasoningMarks {
    /// Before it, such as `<think>`.
    pub start: String,
    /// After it, such as `</think>`.
    pub end: String,
}

/// How tags begin.
const OPEN: [char; 3] = ['<', '[', '◁'];

/// Marks of models whose templates keep no reasoning.
const KNOWN: [(&str, &str); 7] = [
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<mm:think>", "</mm:think>"),
    ("<seed:think>", "</seed:think>"),
    ("◁think▷", "◁/think▷"),
];

impl ReasoningMarks {
    /// The texts of the marks that are known without a template.
    pub(crate) fn known_texts() -> impl Iterator<Item = &'static str> {
        KNOWN.into_iter().flat_map(|(start, end)| [start, end])
    }

    pub(super) fn known() -> impl Iterator<Item = Self> {
        KNOWN.into_iter().map(|(start, end)| Self { start: start.into(), end: end.into() })
    }

    /// The marks in what a template writes between the person's turn and the reasoning, and after
    /// the reasoning; without reasoning it writes `turn` before the answer.
    pub(super) fn around(before: &str, after: &str, turn: &str) -> Option<Self> {
        let end = tags(after).next().filter(|tag| after.trim_start().starts_with(tag))?.to_owned();
        let same = before.char_indices().zip(turn.chars()).find(|((_, a), b)| a != b);
        let same = same.map_or(before.len().min(turn.len()), |((at, _), _)| at);
        let start = match before[same..].trim() {
            // Turns without reasoning have the mark too, around nothing.
            "" => {
                let last = tags(before).last()?;
                (before.matches(last).count() == 1).then_some(last)?
            }
            own if own.starts_with(OPEN) => own,
            _ => before[tag_before(before, same)?..].trim(),
        };
        Some(Self { start: start.to_owned(), end })
    }

    /// Whether each message has a header that says what it is for, as in OpenAI's "harmony".
    pub fn are_channels(&self) -> bool {
        self.start.starts_with("<|channel|>") && self.start.ends_with("<|message|>")
    }

    /// The texts whose tokens an answer must show, for reasoning to be told from it.
    pub fn shown(&self) -> Vec<&str> {
        let mut all = vec![self.start.as_str(), &self.end];
        if self.are_channels() {
            all.extend(["<|start|>", "<|constrain|>"]);
        }
        all
    }

    /// What ends reasoning and begins the answer.
    pub fn turning(&self) -> String {
        match self.are_channels() {
            true => format!("{}<|start|>assistant<|channel|>final<|message|>", self.end),
            false => format!("\n{}\n\n", self.end),
        }
    }

    /// Whether `token` is part of a mark.
    pub(super) fn names(&self, token: &str) -> bool {
        self.start.contains(token) || self.end.contains(token)
    }
}

/// Where the tag begins that `at` lies in, or that ends before it.
fn tag_before(text: &str, at: usize) -> Option<usize> {
    let opened = text[..at].rfind(OPEN);
    let whole = tags(&text[..at]).last().and_then(|tag| text[..at].rfind(tag));
    opened.max(whole)
}

/// What looks like a tag: `<…>`, `[…]` or `◁…▷` without white space.
fn tags(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().filter_map(|(at, c)| {
        let close = match c {
            '<' => '>',
            '[' => ']',
            '◁' => '▷',
            _ => return None,
        };
        let end = text[at..].find(|c: char| c == close || c.is_whitespace())? + at;
        text[end..].starts_with(close).then(|| &text[at..end + close.len_utf8()])
    })
}

/// Whether the template `source` looks for `token` in what it is given: such as
/// `'</think>' in content` or `content.split('</think>')`.
pub(super) fn is_looked_for(token: &str, source: &str) -> bool {
    const CALLS: [&str; 6] =
        ["split(", "startswith(", "endswith(", "strip(", "partition(", "find("];
    ['\'', '"'].into_iter().any(|quote| {
        let literal = format!("{quote}{token}{quote}");
        source.match_indices(&literal).any(|(at, _)| {
            let after = source[at + literal.len()..].trim_start();
            let before = source[..at].trim_end();
            after.starts_with("in ")
                || after.starts_with("not in ")
                || CALLS.iter().any(|it| before.ends_with(it))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &str, after: &str, turn: &str, expected: (&str, &str)) {
        let marks = ReasoningMarks::around(before, after, turn).unwrap();
        assert_eq!((marks.start.as_str(), marks.end.as_str()), expected);
    }

    #[test]
    fn marks_are_what_turns_without_reasoning_lack() {
        let turn = "<|im_end|>\n<|im_start|>assistant\n";
        check(&format!("{turn}<think>\n"), "\n</think>\n\n", turn, ("<think>", "</think>"));
        let always = format!("{turn}<think>\n\n</think>\n\n");
        check(&format!("{turn}<think>\n"), "\n</think>\n\n", &always, ("<think>", "</think>"));
        let harmony = "<|end|><|start|>assistant<|channel|>";
        check(
            &format!("{harmony}analysis<|message|>"),
            "<|end|><|start|>assistant<|channel|>final<|message|>",
            &format!("{harmony}final<|message|>"),
            ("<|channel|>analysis<|message|>", "<|end|>"),
        );
        check("<|a|><think>", "</think>", "<|a|></think>", ("<think>", "</think>"));
        check("[/INST][THINK]", "[/THINK]", "[/INST]", ("[THINK]", "[/THINK]"));
    }

    #[test]
    fn literals_in_conditions_are_looked_for() {
        let source = "{% if '</a>' in x %}{{ x.split(\"<b>\")[0] ~ '<c>' }}{% endif %}";
        assert!(is_looked_for("</a>", source) && is_looked_for("<b>", source));
        assert!(!is_looked_for("<c>", source));
    }
}
