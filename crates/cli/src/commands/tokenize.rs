//! `ingle tokenize`: the token ids and pieces of a text.

use engine::{
    Prompt,
    tokenizer::{Bos, Tokenizer},
};
use loader::Access;
use serde_json::json;

use crate::{args::Tokenize, model, sandbox, settings::Site, utf8};

/// Prints them.
pub(crate) fn run(args: Tokenize) -> anyhow::Result<()> {
    let site = Site::find()?;
    let (name, words) = model::named(args.model, args.words, site.model.as_deref())?;
    let file = model::open(&name, &site.override_kv(args.override_kv), Access::Map)?;
    sandbox::enter_if_required(&file.path, Vec::new(), Vec::new())?;
    let text = match words.is_empty() {
        true => utf8::read_stdin()?,
        false => words.join(" "),
    };
    let tokenizer = Tokenizer::load(&file)?;
    let prompt = match args.parse_special {
        true => Prompt::trusted(text),
        false => Prompt::foreign(text),
    };
    let bos = if args.no_bos { Bos::Never } else { Bos::AsModel };
    let ids = tokenizer.encode(&prompt, bos)?;
    let piece = |id: u32| String::from_utf8_lossy(tokenizer.piece(id)).into_owned();
    if args.json.on {
        let pieces: Vec<_> = ids.iter().map(|&id| piece(id)).collect();
        return super::print_json(&json!({"ids": ids, "pieces": pieces}));
    }
    let lines = ids.iter().map(|&id| format!("{id:>7}  {}\n", shown(tokenizer.piece(id))));
    super::print(&lines.collect::<String>())
}

/// A piece on one line, with what could not be seen or told apart escaped.
fn shown(piece: &[u8]) -> String {
    match std::str::from_utf8(piece) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("b\"{}\"", piece.escape_ascii()),
    }
}
