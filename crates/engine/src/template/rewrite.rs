//! Brings templates from what transformers accepts to what minijinja means by the same text.
//!
//! `{% generation %}` marks what to train on and prints nothing; transformers gives its body a
//! scope of its own, so the tags become `{% with %}` and `{% endwith %}`.
//!
//! A loop over none is an error in Python and an empty loop in minijinja, so the list of every
//! loop passes a filter that refuses it: `{% for x in (y)|python_each if z %}`.
//!
//! Values that a template keeps pass a filter that refuses what is too large, nested too deeply or
//! in a circle, and factors pass one that refuses lists: `{% set x = (y)|python_kept %}` and
//! `x|python_factor * y|python_factor`; `bounds.rs` says why.
//!
//! Line numbers and white-space control stay; comments, strings and raw blocks are left alone.

use std::borrow::Cow;

use super::{
    Error,
    scan::{Place, Scan},
};

/// The filter behind the list of a loop.
pub(super) const EACH: &str = "python_each";

/// The filter behind the value of a variable.
pub(super) const KEPT: &str = "python_kept";

/// The filter behind both factors of a product.
pub(super) const FACTOR: &str = "python_factor";

/// The filter behind the value of a namespace's attribute.
pub(super) const KEPT_IN_NAMESPACE: &str = "python_kept_in_namespace";

/// The most that the squares of the tags' lengths, strings in them not counted, may add up to; the
/// longest real templates have 510,000. minijinja folds constants in quadratic time, and compiles
/// chains of operators, such as `1+1+1`, by recursion.
const MAX_SQUARES: usize = 4_000_000;

/// `source` in minijinja's words.
pub(super) fn rewritten(source: &str) -> Result<String, Error> {
    let mut out = String::with_capacity(source.len());
    let mut done = 0;
    let mut from = 0;
    let mut squares = 0_usize;
    while let Some(at) = source[from..].find('{').map(|it| from + it) {
        let rest = &source[at..];
        let end = match rest.as_bytes().get(1) {
            Some(b'#') => rest.find("#}").map(|end| end + 2),
            Some(b'{' | b'%') => tag_end(rest),
            _ => {
                from = at + 1;
                continue;
            }
        };
        let end = at + end.unwrap_or(rest.len());
        let tag = &source[at..end];
        if !tag.starts_with("{#") {
            squares = Scan::new(tag, 0).count().saturating_pow(2).saturating_add(squares);
        }
        if squares > MAX_SQUARES {
            let line = source[..at].matches('\n').count() + 1;
            return Err(Error::TooComplex { line, limit: MAX_SQUARES });
        }
        out.push_str(&source[done..at]);
        out.push_str(&replaced(tag));
        done = end;
        from = match words(tag) {
            Some("raw") => end + raw_end(&source[end..]),
            _ => end,
        };
    }
    Ok(out + &source[done..])
}

fn replaced(tag: &str) -> Cow<'_, str> {
    if tag.starts_with("{#") {
        return tag.into();
    }
    let checked = checked_products(tag);
    let tag = &*checked;
    let Some(words) = words(tag) else { return checked };
    let changed = match words.split_whitespace().next() {
        Some("generation") if words == "generation" => Some(tag.replacen(words, "with", 1)),
        Some("endgeneration") if words == "endgeneration" => {
            Some(tag.replacen(words, "endwith", 1))
        }
        Some("for") => checked_loop(tag),
        Some("set") => checked_values(tag, false),
        Some("with") => checked_values(tag, true),
        _ => None,
    };
    changed.map_or(checked, Cow::Owned)
}

/// What a block tag says.
fn words(tag: &str) -> Option<&str> {
    let inside = tag.strip_prefix("{%")?.strip_suffix("%}")?;
    Some(inside.trim_matches(['-', '+']).trim())
}

/// Where the last `-%}`, `+%}` or `%}` of a block tag begins.
fn close(tag: &str) -> usize {
    tag[..tag.len() - 2].trim_end_matches(['-', '+']).len()
}

/// `for x in y if z` with the list checked.
fn checked_loop(tag: &str) -> Option<String> {
    let mut bare = Scan::new(tag, 2).filter(|it| it.depth == 0);
    let start = bare.find(|it| it.is_word(tag, "in"))?.at + "in".len();
    let stops = |it: &Place| it.is_word(tag, "if") || it.is_word(tag, "recursive");
    let end = bare.find(stops).map_or(close(tag), |it| it.at);
    let list = tag.get(start..end)?.trim();
    Some(format!("{} ({list})|{EACH} {}", &tag[..start], &tag[end..]))
}

/// `set a = x` or, `several`, `with a = x, b = y` with the values checked.
fn checked_values(tag: &str, several: bool) -> Option<String> {
    let end = close(tag);
    let mut out = String::new();
    let mut done = 0;
    while let Some(equals) = bare(tag, done).find(|it| it.assigns(tag)).map(|it| it.at) {
        let comma = bare(tag, equals).find(|it| several && tag[it.at..].starts_with(','));
        let stop = comma.map_or(end, |it| it.at);
        let filter = if tag[done..equals].contains('.') { KEPT_IN_NAMESPACE } else { KEPT };
        let value = tag.get(equals + 1..stop)?.trim();
        out += &format!("{}= ({value})|{filter} ", &tag[done..equals]);
        done = stop;
        if stop == end || !several {
            break;
        }
    }
    (done > 0).then(|| out + &tag[done..])
}

/// `x * y` with both factors checked.
fn checked_products(tag: &str) -> Cow<'_, str> {
    let mut ends = Vec::new();
    for star in Scan::new(tag, 2).filter(|it| it.multiplies(tag)) {
        ends.push(tag[..star.at].trim_end().len());
        let operand = star.at + 1;
        let sign = |c: char| c.is_whitespace() || c == '-' || c == '+';
        let start = operand + tag[operand..].len() - tag[operand..].trim_start_matches(sign).len();
        let rest = Scan::new(tag, 2).filter(|it| it.at >= start && it.depth <= star.depth);
        let end = { rest }.find(|it| it.ends_factor(tag)).map_or(tag.len(), |it| it.at);
        ends.push(tag[..end].trim_end().len());
    }
    if ends.is_empty() {
        return tag.into();
    }
    ends.sort_unstable();
    let mut out = String::new();
    let mut done = 0;
    for end in ends {
        out += &format!("{}|{FACTOR}", &tag[done..end]);
        done = end;
    }
    (out + &tag[done..]).into()
}

/// The places of `tag` from `start` on that lie in no bracket.
fn bare(tag: &str, start: usize) -> impl Iterator<Item = Place> {
    Scan::new(tag, 2).filter(move |it| it.depth == 0 && it.at >= start)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        assert_eq!(rewritten(source).unwrap(), expected);
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
    fn kept_values_are_checked() {
        check("{%- set x = y == z -%}", "{%- set x = (y == z)|python_kept -%}");
        check("{% set a, b = 1, '=' %}", "{% set a, b = (1, '=')|python_kept %}");
        check("{% set ns.x=[1] %}", "{% set ns.x= ([1])|python_kept_in_namespace %}");
        check("{% set x %}{% set x | f(a=1) %}", "{% set x %}{% set x | f(a=1) %}");
        check(
            "{% with a = f(1, 2), b=3 %}",
            "{% with a = (f(1, 2))|python_kept , b= (3)|python_kept %}",
        );
    }

    #[test]
    fn factors_are_checked() {
        let factor = "|python_factor";
        check("{{ x * -y.z[1] + 2 }}", &format!("{{{{ x{factor} * -y.z[1]{factor} + 2 }}}}"));
        check("{{ f(2*x) }}", &format!("{{{{ f(2{factor}*x{factor}) }}}}"));
        check("{{ [a] * b if c }}", &format!("{{{{ [a]{factor} * b{factor} if c }}}}"));
        check("{{ 'a*b' ** 2 }}{{ f(*x) }}", "{{ 'a*b' ** 2 }}{{ f(*x) }}");
    }

    #[test]
    fn long_expressions_are_refused() {
        let source = format!("\n{{{{ 1{} }}}}", "+1".repeat(1_000));
        let error = rewritten(&source).unwrap_err();
        assert!(matches!(error, Error::TooComplex { line: 2, .. }), "{error:?}");
    }

    #[test]
    fn what_only_looks_like_a_tag_stays() {
        for source in [
            "{# {% generation %} #}",
            "{{ '{% generation %}' }}",
            "{% if x == \"\\\"{% generation %}\" %}",
            "{% raw %}{% generation %}{% endraw %}",
            "{{ {'a': {'b': 1}} }} {% generations %} generation",
            "{% generation",
            "{% for x",
        ] {
            check(source, source);
        }
    }
}
