//! A call as literal text around a name and JSON arguments, such as `name[ARGS]{…}`.

use super::{Read, call, json};

/// A part of a pattern; what is no literal reaches to the next one, or to the end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece {
    /// Exactly this.
    Text(&'static str),
    /// The tool's name.
    Name,
    /// The call's identity.
    Id,
    /// A JSON object.
    Arguments,
    /// Of no meaning.
    Skip,
}

impl Piece {
    pub(super) fn literal(&self) -> Option<&'static str> {
        match self {
            Self::Text(text) => Some(*text),
            Self::Name | Self::Id | Self::Arguments | Self::Skip => None,
        }
    }
}

/// The one call that `block` is.
pub(super) fn read(block: &str, pieces: &[Piece]) -> Read {
    let (mut name, mut id, mut arguments) = ("", None, "");
    let mut rest = block.trim();
    for (i, piece) in pieces.iter().enumerate() {
        if let Piece::Text(text) = piece {
            rest = rest.strip_prefix(text).ok_or("a mark is missing")?;
            continue;
        }
        let next = pieces.get(i + 1).and_then(Piece::literal);
        let end = match (next, piece) {
            (None, _) => Some(rest.len()),
            // Arguments may hold the text that follows them.
            (Some(next), Piece::Arguments) => rest.rfind(next),
            (Some(next), _) => rest.find(next),
        };
        let found;
        (found, rest) = rest.split_at(end.ok_or("a mark is missing")?);
        match piece {
            Piece::Name => name = found,
            Piece::Id => id = Some(found.trim().to_owned()),
            Piece::Arguments => arguments = found,
            Piece::Skip | Piece::Text(_) => {}
        }
    }
    let value = serde_json::from_str(arguments).map_err(|_| "the arguments are no JSON object")?;
    Ok(vec![call(name, id, json::arguments(value)?)?])
}
