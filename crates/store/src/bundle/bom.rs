//! The bill of materials of a model: CycloneDX 1.6, the form for models (ML-BOM).
//!
//! It says what the catalogue and the manifest say, and nothing that they do not know. There is no
//! field for the country of who made a model; it goes to their address, and a property says whose
//! claim it is. The digest of a model is the one that policies and the audit log know it by: of its
//! weights.

use serde_json::{Map, Value, json};

use super::{Packed, content::portable};
use crate::{
    library::{Facts, Origin, StoredFile},
    policy::{HUB, Subject},
};

/// The list of `model`, as JSON that a person can read; the same bytes every time.
pub fn bom(model: &Packed) -> Vec<u8> {
    let files: Vec<_> = model.files().map(file).collect();
    let list = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "ingle"}]},
            "component": component(model),
        },
        "components": files,
    });
    let mut bytes = serde_json::to_vec_pretty(&list).expect("names of keys are texts");
    bytes.push(b'\n');
    bytes
}

fn component(model: &Packed) -> Value {
    let Facts { creator, country, licence, lineage, architecture, .. } = &model.facts;
    let mut all = Map::new();
    let mut put = |key: &str, value: Value| drop(all.insert(key.to_owned(), value));
    put("type", "machine-learning-model".into());
    put("bom-ref", model.name.to_string().into());
    if let Some(creator) = creator {
        let address = country.as_ref().map(|it| json!({"country": it}));
        let named = json!({"name": creator});
        let with = |address| json!({"name": creator, "address": address});
        put("manufacturer", address.map_or(named, with));
    }
    put("group", model.name.publisher().into());
    put("name", model.name.model().into());
    put("version", model.name.variant().into());
    if let Some(licence) = licence {
        put("licenses", json!([licensed(licence)]));
    }
    if !lineage.is_empty() {
        let ancestor = |it: &String| json!({"type": "machine-learning-model", "name": it});
        let ancestors: Vec<_> = lineage.iter().map(ancestor).collect();
        put("pedigree", json!({"ancestors": ancestors}));
    }
    if let Some(digest) = Subject::of_manifest(&model.manifest("")).digest() {
        put("hashes", json!([{"alg": "SHA-256", "content": digest}]));
    }
    if let Some(source) = source(&model.origin) {
        put("externalReferences", json!([source]));
    }
    if let Some(architecture) = architecture {
        put("modelCard", json!({"modelParameters": {"modelArchitecture": architecture}}));
    }
    let properties = properties(&model.facts);
    if !properties.is_empty() {
        put("properties", properties.into());
    }
    all.into()
}

/// Where it was fetched from. What a mirror calls a commit need not be it.
fn source(origin: &Origin) -> Option<Value> {
    let Origin::Hub { endpoint, repository, commit, .. } = portable(origin) else { return None };
    let endpoint = endpoint.trim_end_matches('/');
    let whose = if endpoint == HUB { "" } else { ", as this mirror claims" };
    let (url, comment) = (format!("{endpoint}/{repository}"), format!("commit {commit}{whose}"));
    Some(json!({"type": "distribution", "url": url, "comment": comment}))
}

fn properties(facts: &Facts) -> Vec<Value> {
    let claimed = facts.country.as_ref().map(|_| match &facts.country_claim {
        Some(by) => format!("as claimed by {by}"),
        None => "as claimed, by whom is not known".to_owned(),
    });
    let known = [
        ("ingle:catalogue", facts.catalogue.clone()),
        ("ingle:weight-format", facts.format.clone()),
        ("ingle:country", claimed),
    ];
    let property = |(name, value): (&str, Option<String>)| {
        value.map(|value| json!({"name": name, "value": value}))
    };
    known.into_iter().filter_map(property).collect()
}

/// The choice of a licence. What a file of the model calls its licence need not be an SPDX expression,
/// and other programs refuse a list with one that is none: that is a name.
fn licensed(licence: &str) -> Value {
    let is_spelled = |word: &str| {
        ["AND", "OR", "WITH"].iter().all(|it| word == *it || !word.eq_ignore_ascii_case(it))
    };
    match spdx::Expression::parse(licence) {
        Ok(_) if licence.split_whitespace().all(is_spelled) => json!({"expression": licence}),
        _ => json!({"license": {"name": licence}}),
    }
}

fn file(it: &StoredFile) -> Value {
    json!({
        "type": "file",
        "bom-ref": it.path.0.as_str(),
        "name": it.path.0.as_str(),
        "hashes": [{"alg": "SHA-256", "content": it.sha256}],
        "properties": [{"name": "ingle:size", "value": it.size.to_string()}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_expression_is_called_one() {
        for expression in [
            "MIT",
            "Apache-2.0 OR MIT",
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "LicenseRef-a.b",
        ] {
            assert_eq!(licensed(expression), json!({"expression": expression}));
        }
        for name in
            ["mit", "llama3.2", "Apache 2.0", "MIT or Apache-2.0", "MIT/Apache-2.0", "other", ""]
        {
            assert_eq!(licensed(name), json!({"license": {"name": name}}));
        }
    }
}
