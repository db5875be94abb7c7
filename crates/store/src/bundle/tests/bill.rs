//! The bill of materials: what it names a model by, and whose claims it repeats.

use serde_json::{Value, json};

use super::*;

/// The component of a model that `change` made another.
fn component(files: Files<'_>, change: impl FnOnce(&mut Packed)) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let mut packed = Packed::of(&put(&library(dir.path()), "a", files));
    change(&mut packed);
    let bill: Value = serde_json::from_slice(&bom(&packed)).unwrap();
    bill["metadata"]["component"].clone()
}

#[test]
fn a_country_is_whose_claim_it_is() {
    let told = |claim: Option<&str>| {
        let found = component(FILES, |it| it.facts.country_claim = claim.map(str::to_owned));
        assert_eq!(found["manufacturer"]["address"]["country"], "AQ");
        let all = found["properties"].as_array().unwrap().clone();
        all.into_iter().find(|it| it["name"] == "ingle:country").unwrap()["value"].clone()
    };
    let claim = "Example, in its terms, https://example.org/terms";
    assert_eq!(told(Some(claim)), format!("as claimed by {claim}"));
    assert_eq!(told(None), "as claimed, by whom is not known");
}

#[test]
fn what_a_mirror_says_is_its_claim() {
    let source = |address: &str| {
        let found = component(FILES, |it| {
            let Origin::Hub { endpoint, .. } = &mut it.origin else { panic!("it is of a hub") };
            address.clone_into(endpoint);
        });
        found["externalReferences"].clone()
    };
    let commit = "commit 0123456789abcdef0123456789abcdef01234567";
    for (address, url, comment) in [
        ("https://huggingface.co/", "https://huggingface.co", commit.to_owned()),
        (
            "http://127.0.0.1:8080",
            "http://127.0.0.1:8080",
            format!("{commit}, as this mirror claims"),
        ),
    ] {
        let url = format!("{url}/org/model");
        let expected = json!([{"type": "distribution", "url": url, "comment": comment}]);
        assert_eq!(source(address), expected);
    }
}

/// As `sha256sum` prints it where the weights are one file.
#[test]
fn a_model_has_the_digest_of_its_weights() {
    let hashes = |files: Files<'_>| component(files, |_| {})["hashes"].clone();
    let of = |digest: Sha256Hex| json!([{"alg": "SHA-256", "content": digest}]);
    assert_eq!(hashes(FILES), of(Sha256Hex::of(FILES[1].1)));
    let mut shards = [&b"first"[..], b"second"].map(Sha256Hex::of);
    shards.sort_unstable();
    let both: Vec<u8> = shards.iter().flat_map(|it| *it.bytes()).collect();
    let split: Files<'_> = &[("a-1.gguf", b"first"), ("a-2.gguf", b"second"), ("README.md", b"x")];
    assert_eq!(hashes(split), of(Sha256Hex::of(&both)));
    assert_eq!(hashes(&[("README.md", b"x")]), Value::Null);
}
