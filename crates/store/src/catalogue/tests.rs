//! The files are sound, every model that Ingle promises is there, and the user's own file is
//! stronger.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

use super::*;

/// What has to be there, by the names that people use.
const PROMISED: &str = "
    llama2 llama2:13b llama2:70b llama3 llama3:70b llama3.1 llama3.1:70b llama3.1:405b llama3.2:1b
    llama3.2:3b llama3.3:70b llama4:scout llama4:maverick
    mistral:v0.1 mistral:7b mistral-nemo mistral-large ministral:8b ministral-3:3b ministral-3:8b
    ministral-3:14b mistral-small mistral-small3.1 mistral-small3.2 mixtral:8x7b mixtral:8x22b
    gemma:2b gemma:7b gemma2:2b gemma2:9b gemma2:27b gemma3:270m gemma3:1b gemma3:4b gemma3:12b
    gemma3:27b gemma3n:e2b gemma3n:e4b gemma4:e2b gemma4:e4b gemma4:12b gemma4:26b gemma4:31b
    phi3:mini phi3:medium phi3.5 phi3.5-moe phi4 phi4-mini
    qwen2:0.5b qwen2:1.5b qwen2:7b qwen2:72b qwen2:57b-a14b qwen2.5:0.5b qwen2.5:1.5b qwen2.5:3b
    qwen2.5:7b qwen2.5:14b qwen2.5:32b qwen2.5:72b qwen2.5-coder:7b qwen3:0.6b qwen3:1.7b qwen3:4b
    qwen3:8b qwen3:14b qwen3:32b qwen3:30b qwen3:235b
    deepseek-v2:16b deepseek-v2:236b deepseek-v3:671b deepseek-r1:671b deepseek-r1:1.5b
    deepseek-r1:7b deepseek-r1:8b deepseek-r1:14b deepseek-r1:32b deepseek-r1:70b
    command-r command-r-plus command-r7b command-a
    falcon:7b falcon:40b falcon2:11b falcon3:1b falcon3:3b falcon3:7b falcon3:10b falcon-h1:7b
    gpt-oss:20b gpt-oss:120b smollm2:135m smollm3 granite3.3 granite4:tiny-h olmo2 olmo-3
    stablelm2 tinyllama
";

#[test]
fn every_family_file_is_compiled_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let files = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let files = files.filter(|it| it.extension().is_some_and(|it| it == "toml"));
    let found: BTreeSet<String> =
        files.map(|it| it.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let known: BTreeSet<String> = FAMILIES.iter().map(|it| it.0.to_owned()).collect();
    assert_eq!(found, known);
}

#[test]
fn every_file_can_be_read() {
    for (name, text) in FAMILIES {
        match file::of_family(text) {
            Ok(listed) => assert!(!listed.is_empty(), "{name} lists nothing"),
            Err(file::Bad { at, flaw }) => {
                panic!("models/{name}.toml, line {}: {flaw}", 1 + text[..at].matches('\n').count())
            }
        }
    }
}

#[test]
fn what_is_promised_is_there() {
    for name in PROMISED.split_whitespace() {
        assert!(Catalogue::built_in().listed(name).is_some(), "`{name}` is not listed");
    }
}

#[test]
fn nothing_is_there_twice() {
    let (mut names, mut repositories) = (HashMap::new(), HashMap::new());
    for model in Catalogue::built_in().all() {
        for name in model.names() {
            let other = names.insert(name.to_ascii_lowercase(), &model.name);
            assert_eq!(other, None, "`{name}` of `{}` is taken", model.name);
        }
        for repository in model.repositories() {
            let other = repositories.insert(repository.to_string().to_lowercase(), &model.name);
            assert_eq!(other, None, "`{repository}` of `{}` is taken", model.name);
        }
    }
}

#[test]
fn every_model_can_be_got_and_run() {
    let supported: BTreeSet<_> = engine::arch::supported().collect();
    for model in Catalogue::built_in().all() {
        let Listed { name, architecture, lineage, .. } = model;
        assert!(supported.contains(&**architecture), "{name}: `{architecture}` is not supported");
        assert!(model.repositories().next().is_some(), "{name} is nowhere");
        for repository in model.repositories().map(RepoId::to_string) {
            assert!(!lineage.contains(&repository), "{name} is made from itself");
        }
    }
}

/// What is left out is counted where people look for it.
#[test]
fn what_is_not_known_is_told_in_the_readme() {
    let all = Catalogue::built_in().all();
    let count = |lacks: fn(&Listed) -> bool| all.iter().filter(|it| lacks(it)).count();
    let told = format!(
        "Of {} models, {} have no note on how they are talked to, {} no lineage, {} no context, {} no",
        all.len(),
        count(|it| it.template.is_none()),
        count(|it| it.lineage.is_empty()),
        count(|it| it.context.is_none()),
        count(|it| it.parameters.is_none()),
    );
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/README.md");
    let readme = fs::read_to_string(readme).unwrap();
    assert!(readme.split_whitespace().collect::<Vec<_>>().join(" ").contains(&told), "{told}");
}

#[test]
fn every_model_says_whose_it_is_and_where_that_is_written_down() {
    let mut licences = BTreeMap::new();
    for model in Catalogue::built_in().all() {
        let Listed { name, country_claim, licence, licence_url, terms, .. } = model;
        assert!(country_claim.as_ref().is_some_and(|it| it.contains(", https://")), "{name}");
        assert!(licence_url.starts_with("https://"), "{name}: {licence_url}");
        let sentence = |it: &String| it.len() > 20 && !it.ends_with('.');
        assert!(terms.iter().all(sentence), "{name}: {terms:?}");
        let told = (licence_url, terms);
        let before = licences.insert(licence, told).unwrap_or(told);
        assert_eq!(before, told, "{name}: `{licence}` is told otherwise elsewhere");
    }
}

/// A name with a size in it is of about that size.
#[test]
fn sizes_are_those_of_the_names() {
    for Listed { name, parameters, .. } in Catalogue::built_in().all() {
        let tag = name.split(':').next_back().unwrap_or_default();
        let tag = tag.split('-').next().unwrap_or_default();
        let size = match (tag.strip_suffix('b'), tag.strip_suffix('m')) {
            (Some(number), _) => number.parse::<f64>().map(|it| it * 1e9),
            (_, Some(number)) => number.parse::<f64>().map(|it| it * 1e6),
            _ => continue,
        };
        let (Ok(size), Some(parameters)) = (size, parameters) else { continue };
        let ratio = *parameters as f64 / size;
        assert!((0.8..1.7).contains(&ratio), "{name} has {parameters} weights");
    }
}

#[test]
fn a_model_is_found_by_its_names_and_by_its_repositories() {
    let check = |found: Option<Listed>, expected: Option<&str>| {
        assert_eq!(found.as_ref().map(|it| &*it.name), expected);
    };
    for name in ["llama3.2:3b", "llama3.2", "llama3.2:latest", "Llama3.2:3B"] {
        check(listed(name), Some("llama3.2:3b"));
    }
    for name in ["", ":", "llama", "llama3.2:", "llama3.2:3b:latest:latest", "meta/llama3.2"] {
        check(listed(name), None);
    }
    for (repository, expected) in [
        ("bartowski/Llama-3.2-3B-Instruct-GGUF", Some("llama3.2:3b")),
        ("BARTOWSKI/llama-3.2-3b-instruct-gguf", Some("llama3.2:3b")),
        ("meta-llama/Llama-3.2-3B-Instruct", Some("llama3.2:3b")),
        ("meta-llama/Llama-3.2-3B", None),
    ] {
        check(by_repository(&repository.parse().unwrap()), expected);
    }
    assert!(all().len() > PROMISED.split_whitespace().count());
}

#[test]
fn a_distilled_model_says_what_it_was_made_from() {
    let model = listed("deepseek-r1:7b").unwrap();
    assert_eq!(model.lineage, ["Qwen/Qwen2.5-Math-7B", "deepseek-ai/DeepSeek-R1"]);
    let facts = model.facts();
    assert_eq!(facts.catalogue.as_deref(), Some("deepseek-r1:7b"));
    assert_eq!(facts.lineage, model.lineage);
    let of = [facts.creator, facts.country, facts.licence, facts.architecture];
    assert_eq!(of.map(Option::unwrap), ["DeepSeek", "CN", "MIT", "qwen2"]);
}

#[test]
fn a_licence_of_two_tells_the_terms_of_both() {
    let model = listed("deepseek-r1:70b").unwrap();
    assert_eq!(model.licence, "MIT AND LicenseRef-Llama-3.3");
    let llama = listed("llama3.3").unwrap();
    assert_eq!((model.licence_url, model.terms), (llama.licence_url, llama.terms));
}

/// One model of the user's own, without the last line.
const OWN: &str = "
family = 'Ours'
[creator]
name = 'We'
[[listed]]
name = 'ours:1b'
licence = 'MIT'
openness = 'unknown'
";

/// What `text` as the user's own file makes of the catalogue.
fn with(text: &str) -> Result<Catalogue, Error> {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("catalogue.toml"), text).unwrap();
    Catalogue::of(&Home::at(home.path()))
}

#[test]
fn what_the_user_lists_replaces_or_is_added() {
    let all = with(&format!("{OWN}architecture = 'llama'")).unwrap();
    assert_eq!(all.all()[0].name, "ours:1b");
    assert_eq!(all.all()[1..], *Catalogue::built_in().all());
    assert_eq!(all.all()[0].licence_url, "https://spdx.org/licenses/MIT.html");

    let text = format!("{OWN}aliases = ['LLAMA3.2', 'smollm3:3b']\narchitecture = 'llama'");
    let all = with(&text).unwrap();
    for name in ["ours:1b", "llama3.2", "smollm3:3b"] {
        assert_eq!(all.listed(name).unwrap().name, "ours:1b");
    }
    assert_eq!(all.listed("llama3.2:3b").unwrap().aliases, [""; 0]);
    assert_eq!(all.listed("smollm3"), None);
    assert_eq!(all.all().len(), Catalogue::built_in().all().len());
}

#[test]
fn without_a_file_of_the_user_the_catalogue_is_the_built_in_one() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(Catalogue::of(&Home::at(home.path())).unwrap(), *Catalogue::built_in());
    assert_eq!(with("").unwrap(), *Catalogue::built_in());
}

/// `text` is refused in this line for this reason.
#[track_caller]
fn check_refused(text: &str, line: usize, expected: &str) {
    let error = with(text).unwrap_err();
    let Error::Catalogue { line: found, flaw, .. } = &error else { panic!("{error}") };
    let flaw = flaw.to_string();
    assert_eq!((*found, &*flaw), (line, expected), "{text}");
    assert!(error.to_string().ends_with(&format!("catalogue.toml`, line {line}: {flaw}")));
    assert!(error.hint().is_some());
}

#[test]
fn a_bad_file_of_the_user_is_refused_with_its_line() {
    check_refused(OWN, 5, "missing field `architecture`");
    let whole = &format!("{OWN}architecture = 'llama'\n");
    let with_line = |line: &str| format!("{whole}{line}");
    let instead = |from: &str, to: &str| whole.replace(from, to);
    let unknown = "unknown variant `open`, expected one of `weights only`, `weights and data`, \
                   `fully open source`, `unknown`";
    check_refused(&instead("'unknown'", "'open'"), 8, unknown);
    check_refused(&with_line("parameters = -1"), 10, "invalid value: integer `-1`, expected u64");
    let repository = "`one` is no name of a repository: expected `organisation/name`";
    check_refused(&with_line("gguf = ['one']"), 10, repository);
    let name = "`a/b` is no name of a model, expected `model` or `model:size`";
    check_refused(&instead("ours:1b", "a/b"), 6, name);
    check_refused(&with_line("aliases = ['..']"), 10, &name.replace("a/b", ".."));
    let twice = "`OURS:1b` is there twice, or differs in case alone";
    check_refused(&with_line("aliases = ['OURS:1b']"), 10, twice);
    let family = "`ours:1b` has no `family`, and neither has the head of the file";
    check_refused(&instead("family = 'Ours'", ""), 6, family);
    let licence = "`Free` is no SPDX expression (unknown term), expected one such as `Apache-2.0` or \
                   `LicenseRef-Mine`";
    check_refused(&instead("'MIT'", "'Free'"), 7, licence);
    let untold = "`LicenseRef-Mine` is not on SPDX's list, expected its `url` and `terms` in \
                  `[licence.\"LicenseRef-Mine\"]`";
    check_refused(&instead("'MIT'", "'MIT OR LicenseRef-Mine'"), 7, untold);
    let country = "name = 'We'\ncountry = { code = 'Ours', claimed_by = 'us', source = 'here' }";
    let no_country = "`Ours` is no country, expected two of A-Z as in ISO 3166-1";
    check_refused(&instead("name = 'We'", country), 5, no_country);
    let corrections = "found `[[model]]`, expected `[[listed]]` alone: what corrects model files is \
                       built in, and `--override-kv` is stronger";
    check_refused(&with_line("[[model]]\nname = 'x'"), 10, corrections);
}

#[test]
fn a_country_is_never_claimed_by_nobody() {
    let country = "name = 'We'\ncountry = { code = 'AU' }";
    let text = format!("{OWN}architecture = 'llama'").replace("name = 'We'", country);
    check_refused(&text, 5, "missing field `claimed_by`");
}
