//! Brings templates from what transformers accepts to what minijinja means by the same text.
//!
//! `{% generation %}` marks what to train on and prints nothing; transformers gives its body a
//! scope of its own, so the tags become `{% with %}` and `{% endwith %}`.
//!
//! A loop over none is an error in Python and an empty loop in minijinja, so the list of every
//! loop passes the filter [`EACH`], which refuses it: `{% for x in (y)|python_each if z %}`.
//!
//! Line numbers and white-space control stay; comments, strings and raw blocks are left alone.

use std::borrow::Cow;

/// The filter that stands behind the list of a loop.
pub(super) const EACH: &str = "python_each";

/// `source` in minijinja's words.
pub(super) fn rewritten(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = ["{{", "{%", "{#"].iter().filter_map(|it| rest.find(it)).min() {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end =
            if rest.starts_with("{#") { rest.find("#}").map(|end| end + 2) } else { tag_end(rest) };
        let (tag, after) = rest.split_at(end.unwrap_or(rest.len()));
        out.push_str(&replaced(tag));
        rest = after;
        if words(tag) == Some("raw") {
            let end = raw_end(rest);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    out + rest
}

fn replaced(tag: &str) -> Cow<'_, str> {
    match words(tag) {
        Some("generation") => tag.replacen("generation", "with", 1).into(),
        Some("endgeneration") => tag.replacen("endgeneration", "endwith", 1).into(),
        Some(words) if words.starts_with("for ") => checked_loop(tag).unwrap_or(tag.into()),
        _ => tag.into(),
    }
}

/// What a block tag says.
fn words(tag: &str) -> Option<&str> {
    let inside = tag.strip_prefix("{%")?.strip_suffix("%}")?;
    Some(inside.trim_matches(['-', '+']).trim())
}

/// `for x in y if z` with the list checked.
fn checked_loop(tag: &str) -> Option<Cow<'_, str>> {
    let mut bare = Scan::new(tag, 2).filter(|it| it.depth == 0);
    let start = bare.find(|it| it.is_word(tag, "in"))?.at + "in".len();
    let stops = |it: &Place| it.is_word(tag, "if") || it.is_word(tag, "recursive");
    let close = tag[..tag.len() - 2].trim_end_matches(['-', '+']).len();
    let end = bare.find(stops).map_or(close, |it| it.at);
    let list = tag.get(start..end)?.trim();
    Some(format!("{} ({list})|{EACH} {}", &tag[..start], &tag[end..]).into())
}

/// Where a tag ends.
fn tag_end(tag: &str) -> Option<usize> {
    let close = if tag.starts_with("{%") { "%}" } else { "}}" };
    let mut bare = Scan::new(tag, 2).filter(|it| it.depth == 0);
    bare.find(|it| tag[it.at..].starts_with(close)).map(|it| it.at + 2)
}

/// Where the tag that ends a raw block begins.
fn raw_end(text: &str) -> usize {
    let is_end = |&(at, _): &(usize, &str)| {
        let end = text[at..].find("%}").map_or(text.len(), |it| at + it + 2);
        words(&text[at..end]) == Some("endraw")
    };
    text.match_indices("{%").find(is_end).map_or(text.len(), |it| it.0)
}

/// Walks over the characters of an expression that are in no string.
struct Scan<'a> {
    chars: std::iter::Skip<std::str::CharIndices<'a>>,
    depth: usize,
}

struct Place {
    at: usize,
    /// How many brackets are open before it.
    depth: usize,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str, skip: usize) -> Self {
        Self { chars: text.char_indices().skip(skip), depth: 0 }
    }

    fn skip_string(&mut self, quote: char) {
        while let Some((_, c)) = self.chars.next() {
            match c {
                '\\' if self.chars.next().is_none() => return,
                c if c == quote => return,
                _ => {}
            }
        }
    }
}

impl Iterator for Scan<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let (at, c) = self.chars.next()?;
        let place = Place { at, depth: self.depth };
        match c {
            '"' | '\'' => self.skip_string(c),
            '(' | '[' | '{' => self.depth += 1,
            ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        Some(place)
    }
}

impl Place {
    fn is_word(&self, text: &str, word: &str) -> bool {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        let (before, after) = text.split_at(self.at);
        after.strip_prefix(word).is_some_and(|rest| !rest.starts_with(part))
            && !before.ends_with(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        assert_eq!(rewritten(source), expected);
    }

    #[test]
    fn generation_tags_become_scopes() {
        check("a{%- generation -%}b{% endgeneration %}", "a{%- with -%}b{% endwith %}");
        check("{%generation%}{%endgeneration%}", "{%with%}{%endwith%}");
    }

    #[test]
    fn lists_of_loops_are_checked() {
        check("{%- for x in y -%}", "{%- for x in (y)|python_each -%}");
        check("{% for a, b in c.items() %}", "{% for a, b in (c.items())|python_each %}");
        check("{% for x in y if x in z %}", "{% for x in (y)|python_each if x in z %}");
        check(
            "{% for x in (y if z else [' if ']) recursive %}",
            "{% for x in ((y if z else [' if ']))|python_each recursive %}",
        );
    }

    #[test]
    fn what_only_looks_like_a_tag_stays() {
        for source in [
            "{# {% generation %} #}",
            "{{ '{% generation %}' }}",
            "{% set x = \"\\\"{% generation %}\" %}",
            "{% raw %}{% generation %}{% endraw %}",
            "{{ {'a': {'b': 1}} }} {% generations %} generation",
            "{% generation",
            "{% for x",
        ] {
            check(source, source);
        }
    }
}
