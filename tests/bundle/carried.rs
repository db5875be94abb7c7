//! What comes out on the other side is what went in.

use std::process::Command;

use expect_test::expect;

use super::*;

#[test]
fn a_file_is_carried_into_another_library() {
    let place = place();
    check(
        &place.run(&["export", "parrot.gguf", "-o", "parrot.ingle"]),
        expect![[r#"
            exit 0
            -- stdout
            file           parrot.ingle
            model          parrot, 786.2 KiB
            size           795.5 KiB
            index          sha256:f0816515969948df1ef6fbfa2b6029afc469ef46090fe836bf983d76c883081b
            -- stderr
            warning: no text of a licence goes with `parrot`
            note: `ingle import parrot.ingle` takes it in on the other side
        "#]],
    );
    check(
        &run_there(&place, &["import", "parrot.ingle"]),
        expect![[r#"
        exit 0
        -- stdout
        parrot: imported, 786.2 KiB
        -- stderr
        note: `ingle run parrot` runs it
    "#]],
    );
    assert!(holds(Path::new(&there(&place)), "parrot"));
    check(
        &run_there(&place, &["import", "parrot.ingle"]),
        expect![[r#"
        exit 0
        -- stdout
        parrot: was there already, the same files
        -- stderr
        note: `ingle run parrot` runs it
    "#]],
    );
    // From that library, under its name there, it is the same bundle again.
    let told = run_there(&place, &["export", "parrot", "-o", "again.ingle"]);
    assert!(told.starts_with("exit 0"), "{told}");
    let read = |name| fs::read(place.path().join(name)).expect("a bundle");
    assert!(read("parrot.ingle") == read("again.ingle"));
}

#[test]
fn a_folder_is_carried_with_what_belongs_to_it() {
    let place = Place::new();
    for (name, bytes) in safetensors() {
        place.file(&format!("folder/{name}"), bytes);
    }
    place.file("folder/LICENSE", "do as you like");
    place.file("folder/pytorch_model.bin", "pickle");
    check(
        &place.run(&["export", "folder", "-o", "f.ingle", "--name", "mine/small:f32"]),
        expect![[r#"
            exit 0
            -- stdout
            file           f.ingle
            model          mine/small:f32, 347 B
            size           13.0 KiB
            index          sha256:f7dacf331525980ed8ddb710c094dd18344f68b8500a2a599f985cdf996b77c8
            -- stderr
            warning: left out of `mine/small:f32`: `pytorch_model.bin`
            note: `ingle import f.ingle` takes it in on the other side
        "#]],
    );
    let told = run_there(&place, &["import", "f.ingle"]);
    assert!(told.starts_with("exit 0"), "{told}");
    let folder = Path::new(&there(&place)).join("models/mine/small/f32");
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("the model")
        .map(|it| it.expect("a name").file_name().into_string().expect("ASCII"))
        .collect();
    names.sort();
    assert_eq!(names, ["LICENSE", "config.json", "manifest.json", "model.safetensors"]);
}

/// Whoever filled a folder may have laid links in it: a clone of a repository has those of its makers.
#[cfg(unix)]
#[test]
fn t17_a_link_carries_no_file_from_elsewhere() {
    let place = Place::new();
    for (name, bytes) in safetensors() {
        place.file(&format!("folder/{name}"), bytes);
    }
    place.file("key", "a private key");
    std::os::unix::fs::symlink("../key", place.path().join("folder/LICENSE")).expect("a link");
    let told = place.run(&["export", "folder", "-o", "f.ingle", "--name", "mine/small:f32"]);
    assert!(told.starts_with("exit 0"), "{told}");
    assert!(told.contains("warning: left out of `mine/small:f32`: `LICENSE`\n"), "{told}");
    let bundle = fs::read(place.path().join("f.ingle")).expect("a bundle");
    assert!(!String::from_utf8_lossy(&bundle).contains("a private key"));
}

#[test]
fn who_claims_a_country_is_told_on_the_other_side() {
    let place = place();
    let told = place.run(&["cp", "parrot.gguf", "polly"]);
    assert!(told.starts_with("exit 0"), "{told}");
    let path = place.path().join("ingle-home/models/local/polly/default/manifest.json");
    let manifest = fs::read(&path).expect("it is there");
    let mut manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    manifest["facts"]["country"] = "AQ".into();
    manifest["facts"]["country_claim"] = "Example, https://example.org/terms".into();
    fs::write(path, manifest.to_string()).expect("it can be written");
    let told = place.run(&["export", "polly", "-o", "p.ingle"]);
    assert!(told.starts_with("exit 0"), "{told}");
    let told = run_there(&place, &["import", "p.ingle"]);
    assert!(told.starts_with("exit 0"), "{told}");
    let told = run_there(&place, &["show", "polly"]);
    let claim = "country        AQ, as claimed by Example, https://example.org/terms\n";
    assert!(told.contains(claim), "{told}");
}

/// The least that is a Hugging Face folder.
pub(crate) fn safetensors() -> [(&'static str, Vec<u8>); 2] {
    let header = br#"{"model.norm.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let mut weights = (header.len() as u64).to_le_bytes().to_vec();
    weights.extend(header);
    weights.extend([0; 4]);
    let config = br#"{"model_type":"llama","architectures":["LlamaForCausalLM"],"hidden_size":1,
        "num_hidden_layers":1,"num_attention_heads":1,"intermediate_size":1,"vocab_size":1,
        "tie_word_embeddings":true,"max_position_embeddings":8,"rms_norm_eps":1e-5}"#;
    [("config.json", config.to_vec()), ("model.safetensors", weights)]
}

#[test]
fn parts_are_carried() {
    let place = place();
    let told = place.run(&["export", "parrot.gguf", "-o", "p.ingle", "--split", "300K", "--json"]);
    assert!(told.starts_with("exit 0"), "{told}");
    assert!(!place.path().join("p.ingle").exists());
    assert!(place.path().join("p.ingle.002").exists(), "{told}");
    let parts = ["import", "p.ingle.002", "p.ingle.001", "p.ingle", "--json"];
    let told = run_there(&place, &parts);
    assert!(told.starts_with("exit 0") && told.matches("\"imported\"").count() == 1, "{told}");
    assert!(holds(Path::new(&there(&place)), "parrot"));
}

#[test]
fn any_tar_takes_the_program_out() {
    let place = place();
    let told_at_export = place.run(&["export", "parrot.gguf", "-o", "p.ingle", "--with-binary"]);
    let note = "`tar -xf p.ingle ingle` takes the program out";
    assert!(told_at_export.contains(note), "{told_at_export}");
    let mut tar = Command::new("tar");
    let Ok(done) = tar.args(["-xf", "p.ingle", "ingle"]).current_dir(place.path()).status() else {
        #[expect(clippy::print_stdout, reason = "this is how a test says that it was skipped")]
        {
            println!("skipped: no tar");
        }
        return;
    };
    assert!(done.success(), "tar cannot read a bundle");
    let taken = fs::read(place.path().join("ingle")).expect("it is there");
    let built = ingle_tests::binary::ingle();
    assert!(taken == fs::read(built).expect("it is there"));
    let digest = store::digest::Sha256Hex::of(&taken);
    let printed = told_at_export.contains(&format!("program        sha256:{digest}\n"));
    assert!(printed, "{told_at_export}");
    let told = run_there(&place, &["import", "p.ingle"]);
    assert!(told.contains("also has the program"), "{told}");
}

#[test]
fn the_bill_of_materials_is_printed_where_no_file_is_named() {
    let place = place();
    let file = ["export", "parrot.gguf", "--bom", "-o", "bom.json"];
    let told = place.output(&[&file[..], &["--json"]].concat(), b"", &[]);
    let written = fs::read(place.path().join("bom.json")).expect("it is there");
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("one object");
    let expected = serde_json::json!({
        "bom": "bom.json", "bytes": written.len(), "model": "parrot",
        "warnings": ["no text of a licence goes with `parrot`"],
    });
    assert_eq!(told, expected);
    for args in [file[..3].to_vec(), [&file[..3], &["--json"]].concat()] {
        let printed = place.output(&args, b"", &[]);
        assert!(printed.status.success() && printed.stdout == written, "{printed:?}");
    }
    let told = place.run(&["export", "parrot.gguf"]);
    assert!(told.starts_with("exit 2\n") && told.contains("--output <FILE>"), "{told}");
}

#[test]
fn the_bill_of_materials_is_written_alone() {
    let place = place();
    let told = place.run(&["export", "parrot.gguf", "-o", "bom.json", "--bom"]);
    assert!(told.starts_with("exit 0"), "{told}");
    let text = fs::read_to_string(place.path().join("bom.json")).expect("it is there");
    check(
        &text,
        expect![[r#"
            {
              "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
              "bomFormat": "CycloneDX",
              "specVersion": "1.6",
              "version": 1,
              "metadata": {
                "tools": {
                  "components": [
                    {
                      "type": "application",
                      "name": "ingle"
                    }
                  ]
                },
                "component": {
                  "type": "machine-learning-model",
                  "bom-ref": "parrot",
                  "group": "local",
                  "name": "parrot",
                  "version": "default",
                  "licenses": [
                    {
                      "license": {
                        "name": "mit"
                      }
                    }
                  ],
                  "hashes": [
                    {
                      "alg": "SHA-256",
                      "content": "7dc39af93efc890126c620a6ed53e9d67bf040e1638f164b7262d8b447459059"
                    }
                  ],
                  "modelCard": {
                    "modelParameters": {
                      "modelArchitecture": "llama"
                    }
                  },
                  "properties": [
                    {
                      "name": "ingle:weight-format",
                      "value": "F32"
                    }
                  ]
                }
              },
              "components": [
                {
                  "type": "file",
                  "bom-ref": "parrot.gguf",
                  "name": "parrot.gguf",
                  "hashes": [
                    {
                      "alg": "SHA-256",
                      "content": "7dc39af93efc890126c620a6ed53e9d67bf040e1638f164b7262d8b447459059"
                    }
                  ],
                  "properties": [
                    {
                      "name": "ingle:size",
                      "value": "805024"
                    }
                  ]
                }
              ]
            }
        "#]],
    );
}
