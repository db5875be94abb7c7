//! `tojson` as transformers defines it for templates: Python's `json.dumps` with
//! `ensure_ascii=False`, keys in their order, nothing escaped for HTML.
//!
//! Work is charged while the text grows, so that a template cannot have a huge one for free.

use std::fmt::Write;

use minijinja::{
    Error, ErrorKind, State, Value,
    value::{Kwargs, Rest, ValueKind},
};

use super::{python, twins};

/// Python's `json.dumps` gives up at about 1,000 levels.
const MAX_DEPTH: usize = 200;

/// The filter `tojson(ensure_ascii=false, indent=none, separators=none, sort_keys=false)`.
pub(super) fn tojson(
    state: &State,
    value: &Value,
    positional: Rest<Value>,
    named: Kwargs,
) -> Result<Value, Error> {
    let argument = |place: usize, name: &str| -> Result<Value, Error> {
        let named: Option<Value> = named.get(name)?;
        Ok(named.or_else(|| positional.get(place).cloned()).unwrap_or(Value::UNDEFINED))
    };
    let ensure_ascii = argument(0, "ensure_ascii")?.is_true();
    let indent = indent(&argument(1, "indent")?)?;
    let separators = argument(2, "separators")?;
    let sort_keys = argument(3, "sort_keys")?.is_true();
    named.assert_all_used()?;
    let comma = if indent.is_some() { "," } else { ", " };
    let (item, key) = match separators.kind() {
        ValueKind::Undefined | ValueKind::None => (comma.to_owned(), ": ".to_owned()),
        _ => (text_at(&separators, 0)?, text_at(&separators, 1)?),
    };
    let mut writer =
        Writer { out: String::new(), paid: 0, state, ensure_ascii, indent, item, key, sort_keys };
    writer.value(value, 0)?;
    Ok(Value::from(writer.out))
}

struct Writer<'a, 'b, 'c> {
    out: String,
    paid: usize,
    state: &'a State<'b, 'c>,
    ensure_ascii: bool,
    indent: Option<String>,
    item: String,
    key: String,
    sort_keys: bool,
}

impl Writer<'_, '_, '_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.pay()?;
        if depth > MAX_DEPTH {
            return Err(unfit("is nested too deeply to be written as JSON"));
        }
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.out.push_str(&number(value)),
            ValueKind::String => self.string(value.as_str().unwrap_or_default()),
            ValueKind::Seq => self.sequence(value, depth)?,
            // Slices and sums of lists are lazy in minijinja, but lists all the same.
            ValueKind::Iterable if !python::is_generator(value) => self.sequence(value, depth)?,
            ValueKind::Map => self.map(value, depth)?,
            kind => return Err(unfit(format!("of type {kind} is not JSON serializable"))),
        }
        Ok(())
    }

    fn sequence(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.out.push('[');
        let mut empty = true;
        for item in value.try_iter()?.checked() {
            self.separate(empty, depth + 1);
            empty = false;
            self.value(&item?, depth + 1)?;
        }
        self.close(']', empty, depth);
        Ok(())
    }

    fn map(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let mut keys = value.try_iter()?.checked().collect::<Result<Vec<_>, _>>()?;
        if self.sort_keys {
            keys.sort();
        }
        self.out.push('{');
        let mut empty = true;
        for key in keys {
            self.separate(empty, depth + 1);
            empty = false;
            self.name(&key)?;
            self.out.push_str(&self.key);
            self.value(&value.get_item(&key)?, depth + 1)?;
        }
        self.close('}', empty, depth);
        Ok(())
    }

    /// Python writes keys that are no strings as if they were values, in quotes.
    fn name(&mut self, key: &Value) -> Result<(), Error> {
        match key.kind() {
            ValueKind::String => self.string(key.as_str().unwrap_or_default()),
            ValueKind::None | ValueKind::Bool | ValueKind::Number => {
                self.out.push('"');
                self.value(key, 0)?;
                self.out.push('"');
            }
            kind => return Err(unfit(format!("of type {kind} cannot be a key in JSON"))),
        }
        Ok(())
    }

    fn separate(&mut self, first: bool, depth: usize) {
        if !first {
            self.out.push_str(&self.item);
        }
        self.line(depth);
    }

    fn close(&mut self, bracket: char, empty: bool, depth: usize) {
        if !empty {
            self.line(depth);
        }
        self.out.push(bracket);
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = &self.indent {
            self.out.push('\n');
            (0..depth).for_each(|_| self.out.push_str(indent));
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                c if c < ' ' => self.escape(c as u16),
                c if self.ensure_ascii && !c.is_ascii() && !twins::may_be_twin(c) => {
                    c.encode_utf16(&mut [0; 2]).iter().for_each(|&unit| self.escape(unit));
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn escape(&mut self, unit: u16) {
        write!(self.out, "\\u{unit:04x}").expect("a String takes every text");
    }

    /// Charges one step for every 64 bytes written since the last time.
    fn pay(&mut self) -> Result<(), Error> {
        let steps = (self.out.len() - self.paid) / 64 + 1;
        self.paid = self.out.len();
        self.state.consume_fuel(steps as u64)
    }
}

/// A number as Python writes it.
fn number(value: &Value) -> String {
    if value.is_integer() {
        return value.to_string();
    }
    f64::try_from(value.clone()).map_or_else(|_| value.to_string(), float)
}

fn float(x: f64) -> String {
    if x.is_nan() {
        return "NaN".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let text = format!("{x:?}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
    format!("{digits}e{sign}{size:0>2}")
}

fn indent(value: &Value) -> Result<Option<String>, Error> {
    const WIDEST: usize = 64;
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(None),
        ValueKind::String => Ok(value.as_str().map(|it| it.chars().take(WIDEST).collect())),
        _ => {
            let width = i64::try_from(value.clone())?;
            let width = usize::try_from(width).unwrap_or(0);
            if width > WIDEST {
                return Err(unfit(format!("cannot be indented by {width} spaces")));
            }
            Ok(Some(" ".repeat(width)))
        }
    }
}

fn text_at(value: &Value, place: usize) -> Result<String, Error> {
    let item = value.get_item_by_index(place)?;
    let text = item.as_str().ok_or_else(|| unfit("needs two strings as separators"))?;
    Ok(text.to_owned())
}

fn unfit(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::BadSerialization, format!("the value {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: &str) {
        let mut env = minijinja::Environment::new();
        env.add_filter("tojson", tojson);
        let source = format!("{{{{ {expression} }}}}");
        assert_eq!(env.render_str(&source, ()).unwrap(), expected);
    }

    #[test]
    fn writes_what_python_writes() {
        check(
            "{'b': [1, true, none], 'a': 'ż<&\\'\"'}|tojson",
            r#"{"b": [1, true, null], "a": "ż<&'\""}"#,
        );
        check("{'b': 1, 'a': 2}|tojson(sort_keys=true)", r#"{"a": 2, "b": 1}"#);
        check("[1, {'a': []}]|tojson(indent=2)", "[\n  1,\n  {\n    \"a\": []\n  }\n]");
        check("[1, {'a': 2}]|tojson(separators=(',', ':'))", r#"[1,{"a":2}]"#);
        check("'ż😀'|tojson(ensure_ascii=true)", r#""\u017c\ud83d\ude00""#);
        check("[1.0, 0.1, 1e20, 0.00001, -0.0]|tojson", "[1.0, 0.1, 1e+20, 1e-05, -0.0]");
    }
}
