//! `ingle show`: what a model file is, from its header alone; of a model of the library, also where
//! it came from.

mod facts;
mod kept;
mod known;
#[cfg(feature = "hub")]
pub(crate) mod remote;

use loader::{Access, ModelFile, Override};
use store::Correction;

use crate::{
    args::{Json, Show},
    model::{self, Use},
    numbers::{count, grouped, size},
    settings::Site,
    terminal::harmless,
};
use facts::{Facts, Share};
use known::Known;

/// Prints it.
pub(crate) fn run(args: Show) -> anyhow::Result<()> {
    let site = Site::find()?;
    let name = model::alone(args.model, site.model.as_deref())?;
    let overrides = site.override_kv(args.override_kv);
    let both = model::tell_both(&name);
    #[cfg(feature = "hub")]
    if let Some(reference) = remote::meant(&name)? {
        let remote = remote::Remote::open(&reference, &args.hub, &overrides)?;
        let known = remote.known()?;
        return print(&remote.file, &overrides, remote.corrections, both, (known, args.json));
    }
    let model::Read { file, corrections, .. } =
        model::open_corrected(&name, &overrides, Access::Map, Use::Header)?;
    let known = model::kept(&name)?.as_ref().map(kept::known).transpose()?;
    print(&file, &overrides, corrections, both, (known.unwrap_or_default(), args.json))
}

/// Prints what there is to say of it; of its name, `both` has been said.
fn print(
    file: &ModelFile,
    overrides: &[Override],
    corrections: Vec<Correction>,
    both: Option<String>,
    (known, json): (Known, Json),
) -> anyhow::Result<()> {
    let said: Vec<_> = both.into_iter().chain(model::tell_warnings(file)?).collect();
    let facts = Facts::of(file, overrides, corrections)?;
    if json.on {
        let mut told = serde_json::to_value(&facts)?;
        told["warnings"] = said.into();
        for (name, value) in known.json {
            told[name] = value;
        }
        return super::print_json(&told);
    }
    super::print(&harmless(&(page(&facts) + &known.page)))
}

/// For people.
fn page(facts: &Facts) -> String {
    let mut rows: Vec<(&str, String)> = Vec::new();
    let mut row = |name, text: Option<String>| rows.extend(text.map(|text| (name, text)));
    row("name", facts.name.clone());
    row("about", facts.description.clone());
    row("file", Some(facts.path.clone()));
    row("container", Some(facts.container.clone()));
    row("architecture", Some(supported(facts)));
    let (n, bytes) = (facts.parameters, facts.bytes);
    row("parameters", Some(format!("{} ({})", count(n), grouped(n))));
    row("weights", Some(format!("{}, {:.2} bits a weight", size(bytes), bits(bytes, n))));
    row("context", facts.context.map(|it| format!("{} tokens", grouped(it))));
    row("layers", facts.layers.map(|it| it.to_string()));
    row("width", facts.width());
    row("heads", facts.heads.as_ref().map(facts::Heads::text));
    row("rope", facts.rope.as_ref().map(facts::Rope::text));
    row("vocabulary", facts.vocabulary.map(|it| format!("{} tokens", grouped(it))));
    row("tokenizer", facts.tokenizer.clone());
    row("chat template", Some(templates(&facts.chat_templates)));
    row("licence", facts.licence());
    row("sampling", (!facts.sampling.is_empty()).then(|| sampling(facts)));
    row("overridden", (!facts.overrides.is_empty()).then(|| facts.overrides.join(", ")));
    facts.corrections.iter().for_each(|it| row("corrected", Some(it.text())));
    let mut page = String::new();
    for (name, text) in rows {
        page += &format!("{name:<15}{}\n", text.replace('\n', " "));
    }
    page + &table("format", &facts.formats, bytes) + &table("part", &facts.parts, bytes)
}

fn supported(facts: &Facts) -> String {
    match (facts.architecture.as_str(), facts.supported) {
        ("", _) => "none is named".to_owned(),
        (name, true) => name.to_owned(),
        (name, false) => format!("{name} (not supported)"),
    }
}

fn templates(names: &[String]) -> String {
    match names {
        [] => "none: completion only".to_owned(),
        [_] => "yes".to_owned(),
        names => format!("yes ({})", names.join(", ")),
    }
}

fn sampling(facts: &Facts) -> String {
    let parts = facts.sampling.iter().map(|(name, value)| format!("{name} {value}"));
    parts.collect::<Vec<_>>().join(", ")
}

fn table(title: &str, shares: &[Share], all: u64) -> String {
    let mut text = format!("\n{title:<15}{:>8}{:>12}{:>8}\n", "tensors", "size", "share");
    for Share { name, tensors, bytes } in shares {
        let share = *bytes as f64 / all.max(1) as f64 * 100.0;
        text += &format!("{name:<15}{tensors:>8}{:>12}{share:>7.1}%\n", size(*bytes));
    }
    text
}

fn bits(bytes: u64, n: u64) -> f64 {
    bytes as f64 * 8.0 / n.max(1) as f64
}
