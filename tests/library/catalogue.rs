//! The catalogue is listed beside the library.

use super::*;

/// What the user adds to the catalogue: a name for the model of [`place`].
pub(super) const OWN: &str = "\
family = \"Parrots\"

[creator]
name = \"Polly\"

[[listed]]
name = \"parrots:1b\"
licence = \"MIT\"
openness = \"unknown\"
parameters = 1_000_000_000
context = 2_048
architecture = \"llama\"
gguf = [\"someone/parrots\"]

[[listed]]
name = \"parrots:2b\"
licence = \"MIT\"
openness = \"unknown\"
architecture = \"llama\"
gguf = [\"someone/larger-parrots\"]
";

/// What stands in the columns of a table.
fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|it| !it.is_empty()).collect()
}

#[test]
fn what_can_be_had_by_name_is_listed_with_what_is_here() {
    let place = place();
    place.file("ingle-home/catalogue.toml", OWN);
    let told = place.run(&["list", "--all"]);
    let (library, catalogue) = told.split_once("\n\n").expect("two tables");
    assert!(library.contains("\nsomeone/parrots:F32 "), "{told}");
    let rows: Vec<Vec<&str>> = catalogue.lines().map(cells).collect();
    assert_eq!(rows[0], ["name", "parameters", "context", "here", "licence", "creator"]);
    assert_eq!(rows[1], ["parrots:1b", "1.00 B", "2,048", "F32", "MIT", "Polly"]);
    assert_eq!(rows[2], ["parrots:2b", "unknown", "unknown", "-", "MIT", "Polly"]);
    let built_in = store::catalogue::Catalogue::built_in().all();
    assert_eq!(rows.len(), 3 + built_in.len());
    for listed in built_in {
        let row = rows.iter().find(|it| it[0] == listed.name);
        assert_eq!(row.expect("it is listed").last(), Some(&listed.creator.as_str()));
    }
}

#[test]
fn the_catalogue_is_listed_for_programs() {
    let place = place();
    place.file("ingle-home/catalogue.toml", OWN);
    let json = |args: &[&str]| {
        let told = place.output(args, b"", &[]);
        serde_json::from_slice::<serde_json::Value>(&told.stdout).expect("JSON")
    };
    let told = json(&["list", "--all", "--json"]);
    assert_eq!(told["models"][0]["name"], "someone/parrots:F32");
    let first = &told["catalogue"][0];
    assert_eq!(first["name"], "parrots:1b");
    assert_eq!(first["here"], serde_json::json!(["someone/parrots:F32"]));
    assert_eq!(first["licence_url"], "https://spdx.org/licenses/MIT.html");
    assert_eq!(first["country"], serde_json::Value::Null);
    assert_eq!(told["catalogue"][1]["here"], serde_json::json!([]));
    assert!(json(&["list", "--json"]).get("catalogue").is_none());
}

#[test]
fn the_catalogue_is_listed_where_no_model_is() {
    let told = Place::new().run(&["list", "--all"]);
    assert!(told.starts_with("exit 0\n-- stdout\nname "), "{told}");
    assert!(told.contains("-- stderr\nNo model is in `[DIR]/ingle-home/models` yet.\n"), "{told}");
}
