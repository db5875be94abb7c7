//! Gemma 4's notation: `call:name{city:<|"|>Paris<|"|>,days:2}`, with lists in `[…]`, objects in `{…}`.

use serde_json::{Map, Value as Json};

use super::{
    Read, call,
    cursor::{Cursor, MAX_DEPTH},
};

/// Around text.
pub(super) const QUOTE: &str = "<|\"|>";

/// The one call that `block` is.
pub(super) fn read(block: &str) -> Read {
    let mut at = Cursor { rest: block };
    at.expect("call:")?;
    let name = at.take(|c| c != '{');
    let Json::Object(arguments) = value(&mut at, 0)? else {
        return Err("the arguments are no object");
    };
    at.skip_space();
    match at.rest {
        "" => Ok(vec![call(name, None, arguments)?]),
        _ => Err("there is more than one call"),
    }
}

fn value(at: &mut Cursor<'_>, depth: usize) -> Result<Json, &'static str> {
    if depth > MAX_DEPTH {
        return Err("values lie too deep in each other");
    }
    if at.eat(QUOTE) {
        return Ok(Json::String(at.until(QUOTE)?.to_owned()));
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
            let key =
                if at.eat(QUOTE) { at.until(QUOTE)? } else { at.take(|c| !":{}[],".contains(c)) };
            at.expect(":")?;
            object.insert(key.trim().to_owned(), value(at, depth + 1)?);
        }
        return Ok(Json::Object(object));
    }
    at.scalar()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_every_kind() {
        let text = r#"call:f{a:<|"|>x, "y" {z}<|"|>,b:[1,-2.5,true],c:{d:null},e:{},g:[]}"#;
        let calls = read(text).unwrap();
        let expected = json!({
            "a": "x, \"y\" {z}", "b": [1, -2.5, true], "c": {"d": null}, "e": {}, "g": []
        });
        assert_eq!(
            (calls[0].function.name.as_str(), &calls[0].function.arguments),
            ("f", &expected)
        );
        for broken in ["call:f", "call:f{a:<|\"|>x}", "call:f{a:1", "f{}", "call:f{}call:g{}"] {
            assert!(read(broken).is_err(), "{broken}");
        }
        assert!(read(&format!("call:f{{a:{}", "[".repeat(1000))).is_err());
    }
}
