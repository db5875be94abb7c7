//! Calls as Python writes them, in a list, one after the other or one a line:
//! `[get_weather(city="Paris", days=2)]`. Arguments have names and are literals.

use serde_json::{Map, Value as Json};

use super::{
    Read, call,
    cursor::{Cursor, MAX_DEPTH},
};

/// The calls of a block.
pub(super) fn read(block: &str) -> Read {
    let mut at = Cursor { rest: block };
    let listed = at.eat("[");
    let mut calls = vec![];
    loop {
        at.skip_space();
        if at.rest.is_empty() || at.rest.starts_with(']') {
            break;
        }
        let name = at.take(|c| c.is_alphanumeric() || "_.-".contains(c));
        // How Llama calls the tools that are built in.
        let name = name.strip_suffix(".call").unwrap_or(name);
        calls.push(call(name, None, arguments(&mut at)?)?);
        at.eat(",");
    }
    if listed {
        at.expect("]")?;
    }
    at.skip_space();
    if at.rest.is_empty() { Ok(calls) } else { Err("something follows the calls") }
}

fn arguments(at: &mut Cursor<'_>) -> Result<Map<String, Json>, &'static str> {
    at.expect("(")?;
    let mut arguments = Map::new();
    while !at.eat(")") {
        if !arguments.is_empty() {
            at.expect(",")?;
        }
        let key = at.take(|c| c.is_alphanumeric() || c == '_');
        if key.is_empty() || !at.eat("=") {
            return Err("an argument has no name");
        }
        arguments.insert(key.to_owned(), value(at, 0)?);
    }
    Ok(arguments)
}

fn value(at: &mut Cursor<'_>, depth: usize) -> Result<Json, &'static str> {
    if depth > MAX_DEPTH {
        return Err("values lie too deep in each other");
    }
    for quote in ['"', '\''] {
        if at.eat(quote.encode_utf8(&mut [0; 4])) {
            return Ok(Json::String(string(at, quote)?));
        }
    }
    if at.eat("[") {
        let mut list = vec![];
        while !at.eat("]") {
            if !list.is_empty() {
                at.expect(",")?;
            }
            list.push(value(at, depth + 1)?);
        }
        return Ok(Json::Array(list));
    }
    if at.eat("{") {
        let mut object = Map::new();
        while !at.eat("}") {
            if !object.is_empty() {
                at.expect(",")?;
            }
            let Json::String(key) = value(at, depth + 1)? else { return Err("a key is no text") };
            at.expect(":")?;
            object.insert(key, value(at, depth + 1)?);
        }
        return Ok(Json::Object(object));
    }
    at.scalar()
}

/// What is left of a text that `quote` opened.
fn string(at: &mut Cursor<'_>, quote: char) -> Result<String, &'static str> {
    let mut text = String::new();
    let mut chars = at.rest.char_indices();
    while let Some((i, c)) = chars.next() {
        if c == quote {
            at.rest = &at.rest[i + c.len_utf8()..];
            return Ok(text);
        }
        match c {
            '\\' => match chars.next().ok_or("a text does not end")?.1 {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                'u' => {
                    let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                    let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                    text.push(code.ok_or("an escape cannot be read")?);
                }
                other @ ('\\' | '\'' | '"') => text.push(other),
                other => text.extend(['\\', other]),
            },
            c => text.push(c),
        }
    }
    Err("a text does not end")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn literals_of_every_kind() {
        let text =
            r#"[f(a="x\n\"y\"", b=[1, -2.5, True, None], c={'d': 'e'}), g.call(q='é\u00e9')]"#;
        let calls = read(text).unwrap();
        let expected = json!({"a": "x\n\"y\"", "b": [1, -2.5, true, null], "c": {"d": "e"}});
        assert_eq!(calls[0].function.arguments, expected);
        assert_eq!(calls[1].function.name, "g");
        assert_eq!(calls[1].function.arguments, json!({"q": "éé"}));
        assert_eq!(read("f()\ng()").unwrap().len(), 2);
        for broken in ["[f()", "f(1)", "f(a=b)", "f(a=\"x)", "print(x)", "hello", "f(a=1"] {
            assert!(read(broken).is_err(), "{broken}");
        }
        assert!(read(&format!("f(a={}", "[".repeat(1000))).is_err());
    }
}
