//! What comes out on the other side is what went in.

use std::process::Command;

use expect_test::expect;

use super::*;

#[test]
fn a_file_is_carried_into_another_library() {
    let place = place();
    check(&place.run(&["export", "parrot.gguf", "-o", "parrot.ingle"]), expect![[""]]);
    check(&run_there(&place, &["import", "parrot.ingle"]), expect![[""]]);
    assert!(holds(Path::new(&there(&place)), "parrot"));
    check(&run_there(&place, &["import", "parrot.ingle"]), expect![[""]]);
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
        expect![[""]],
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

/// The least that is a Hugging Face folder.
fn safetensors() -> [(&'static str, Vec<u8>); 2] {
    let header = br#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let mut weights = (header.len() as u64).to_le_bytes().to_vec();
    weights.extend(header);
    weights.extend([0; 4]);
    let config = br#"{"model_type":"llama","architectures":["LlamaForCausalLM"]}"#;
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
    let told = place.run(&["export", "parrot.gguf", "-o", "p.ingle", "--with-binary"]);
    assert!(told.contains("`tar -xf p.ingle ingle` takes the program out"), "{told}");
    let mut tar = Command::new("tar");
    let Ok(done) = tar.args(["-xf", "p.ingle", "ingle"]).current_dir(place.path()).status() else {
        #[expect(clippy::print_stdout, reason = "this is how a test says that it was skipped")]
        {
            println!("skipped: no tar");
        }
        return;
    };
    assert!(done.success(), "tar cannot read a bundle");
    let taken = place.path().join("ingle");
    let built = ingle_tests::binary::ingle();
    assert!(fs::read(&taken).expect("it is there") == fs::read(built).expect("it is there"));
    let told = run_there(&place, &["import", "p.ingle"]);
    assert!(told.contains("also has the program"), "{told}");
}

#[test]
fn the_bill_of_materials_is_written_alone() {
    let place = place();
    let told = place.run(&["export", "parrot.gguf", "-o", "bom.json", "--bom"]);
    assert!(told.starts_with("exit 0"), "{told}");
    let text = fs::read_to_string(place.path().join("bom.json")).expect("it is there");
    check(&text, expect![[""]]);
}
