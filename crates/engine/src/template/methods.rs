//! Methods of Python's strings that minijinja-contrib has not, and limits on those that it has.

use minijinja::{
    Error, ErrorKind, State, Value,
    value::{Tuple, ValueKind, from_args},
};

/// The widest field of `'{:9}'.format(x)`, in digits: minijinja-contrib does not pay for it.
const MAX_WIDTH_DIGITS: usize = 3;

/// Bytes of a text that is split for one step of fuel: each may become a value.
const BYTES_PER_STEP: usize = 4;

/// A method of a value that minijinja itself does not know.
pub(super) fn call(
    state: &mut State,
    it: &Value,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let Some(text) = it.as_str().filter(|_| it.kind() == ValueKind::String) else {
        return minijinja_contrib::pycompat::unknown_method_callback(state, it, name, args);
    };
    match name {
        "format" => check_widths(text)?,
        "split" | "rsplit" | "splitlines" => {
            state.consume_fuel((text.len() / BYTES_PER_STEP) as u64)?;
        }
        _ => {}
    }
    match (name, args.first().and_then(Value::as_str)) {
        ("removeprefix", Some(prefix)) => Ok(text.strip_prefix(prefix).unwrap_or(text).into()),
        ("removesuffix", Some(suffix)) => Ok(text.strip_suffix(suffix).unwrap_or(text).into()),
        ("partition", Some(mark)) => Ok(parts(text.split_once(mark), mark, [text, ""])),
        ("rpartition", Some(mark)) => Ok(parts(text.rsplit_once(mark), mark, ["", text])),
        ("rsplit", _) => rsplit(text, args),
        _ => minijinja_contrib::pycompat::unknown_method_callback(state, it, name, args),
    }
}

fn check_widths(format: &str) -> Result<(), Error> {
    let digits = format.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
    match digits.is_some_and(|it| it > MAX_WIDTH_DIGITS) {
        true => Err(Error::new(ErrorKind::InvalidOperation, "a field of a format is too wide")),
        false => Ok(()),
    }
}

/// What lies around `mark`; `otherwise` is the first and the last part where it does not occur.
fn parts(found: Option<(&str, &str)>, mark: &str, otherwise: [&str; 2]) -> Value {
    let parts = match found {
        Some((before, after)) => [before, mark, after],
        None if otherwise[0].is_empty() => ["", "", otherwise[1]],
        None => [otherwise[0], "", ""],
    };
    Value::from(Tuple::from(parts.map(Value::from)))
}

fn rsplit(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (mark, most): (Option<&str>, Option<i64>) = from_args(args)?;
    let most = most.and_then(|it| usize::try_from(it).ok()).map_or(usize::MAX, |it| it + 1);
    let mut parts: Vec<&str> = match mark {
        Some("") => return Err(Error::new(ErrorKind::InvalidOperation, "empty separator")),
        Some(mark) => text.rsplitn(most, mark).collect(),
        None => last_words(text, most),
    };
    parts.reverse();
    Ok(parts.into_iter().map(Value::from).collect())
}

/// The last words of `text`, the last first, and what is before them: `most` parts in all.
fn last_words(text: &str, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim_end();
    while !rest.is_empty() {
        let word = match parts.len() + 1 < most {
            true => rest.rsplit(char::is_whitespace).next().unwrap_or(rest),
            false => rest,
        };
        parts.push(word);
        rest = rest[..rest.len() - word.len()].trim_end();
    }
    parts
}

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check(expression: &str, expected: &str) {
        let mut env = minijinja::Environment::new();
        env.set_unknown_method_callback(super::call);
        let source = format!("{{{{ {expression} }}}}");
        assert_eq!(env.render_str(&source, ()).unwrap(), expected);
    }

    #[test]
    fn strings_have_pythons_methods() {
        check("'a-b-c'.partition('-')", "('a', '-', 'b-c')");
        check("'a-b-c'.rpartition('-')", "('a-b', '-', 'c')");
        check("'abc'.partition('-')", "('abc', '', '')");
        check("'abc'.rpartition('-')", "('', '', 'abc')");
        check("'a-b-c'.rsplit('-', 1)", "['a-b', 'c']");
        check("' a b  c '.rsplit()", "['a', 'b', 'c']");
        check("' a b  c '.rsplit(none, 1)", "[' a b', 'c']");
        check("' x a  b'.rsplit(none, 2)", "[' x', 'a', 'b']");
        check("' a'.rsplit(none, 9) ~ ' '.rsplit()", "['a'][]");
        check("'a-b'.removeprefix('a-') ~ 'a-b'.removesuffix('-b')", "ba");
        check("'{:>5}|{}'.format('x', 1)", "    x|1");
    }
}
