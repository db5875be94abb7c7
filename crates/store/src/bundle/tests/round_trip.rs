//! What is packed comes back, byte for byte, and the same models give the same bundle.

use super::*;

#[test]
fn a_model_comes_back_and_gives_the_same_bundle_again() {
    let dir = tempfile::tempdir().unwrap();
    let (here, there) = (library(&dir.path().join("here")), library(&dir.path().join("there")));
    let entry = put(&here, "org/model:Q4_K_M", FILES);
    let first = dir.path().join("first.ingle");
    let written = pack(&first, vec![Packed::of(&entry)]);
    let imported = unpack(&first, &there, &how()).unwrap();
    holds(&there, "org/model:Q4_K_M", FILES);
    let [Imported::New { entry: copy, signer: None }] = &imported[..] else {
        panic!("{imported:?}")
    };
    let before = Box::new(entry.manifest.origin.clone());
    assert_eq!(copy.manifest.origin, Origin::Bundle { index: written.index, before });
    assert_eq!(copy.manifest.facts, entry.manifest.facts);
    let second = dir.path().join("second.ingle");
    pack(&second, vec![Packed::of(copy)]);
    assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap());
    let again = unpack(&first, &there, &how()).unwrap();
    assert!(matches!(again[..], [Imported::There { .. }]), "{again:?}");
}

#[test]
fn order_and_splitting_do_not_change_the_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    let shared: &[u8] = &[7; 100_000];
    let a = Packed::of(&put(&library, "a", &[("a.gguf", b"a"), ("shared.gguf", shared)]));
    let b = Packed::of(&put(&library, "b", &[("other.gguf", shared)]));
    let whole = dir.path().join("whole.ingle");
    let size = pack(&whole, vec![a.clone(), b.clone(), a.clone()]).size;
    let bytes = fs::read(&whole).unwrap();
    assert_eq!(bytes.len() as u64, size);
    assert!(size < 150_000, "what two models share is there twice: {size} bytes");
    let parts = dir.path().join("parts.ingle");
    let split = Export { split: Some(40_000), ..packing(vec![b, a]) };
    let written = export(&Disk::default(), &parts, split, &mut on).unwrap();
    let read: Vec<Vec<u8>> = written.parts.iter().map(|it| fs::read(it).unwrap()).collect();
    assert!(read.len() > 2 && read.iter().all(|it| it.len() <= 40_000));
    assert!(read.concat() == bytes);
    for named in [&parts, &written.parts[0], &written.parts[1]] {
        assert_eq!(Bundle::open(named).unwrap().models().len(), 2, "{}", named.display());
    }
    let there = super::library(&dir.path().join("there"));
    unpack(&parts, &there, &how()).unwrap();
    holds(&there, "b", &[("other.gguf", shared)]);
}

#[cfg(unix)]
#[test]
fn what_the_library_has_is_not_stored_twice() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let (here, there) = (library(&dir.path().join("here")), library(&dir.path().join("there")));
    let shared: &[u8] = &[7; 100_000];
    let a = Packed::of(&put(&here, "a", &[("a.gguf", b"a"), ("shared.gguf", shared)]));
    let b = Packed::of(&put(&here, "b", &[("other.gguf", shared)]));
    let bundle = dir.path().join("b.ingle");
    pack(&bundle, vec![a, b]);
    unpack(&bundle, &there, &how()).unwrap();
    let file = |path: &str| there.root().join("local").join(path);
    let one = |path: &str| fs::metadata(file(path)).unwrap().ino();
    assert_eq!(one("a/default/shared.gguf"), one("b/default/other.gguf"));
    // What is damaged there is not taken, though it is as long.
    fs::write(file("a/default/shared.gguf"), [8; 100_000]).unwrap();
    there.remove(&"b".parse().unwrap()).unwrap();
    unpack(&bundle, &there, &how()).unwrap();
    holds(&there, "b", &[("other.gguf", shared)]);
    // Of a model that is replaced, what stays the same is taken, too.
    let before = one("b/default/other.gguf");
    let b = put(&here, "b", &[("other.gguf", shared), ("LICENSE", b"free")]);
    let newer = dir.path().join("newer.ingle");
    pack(&newer, vec![Packed::of(&b)]);
    let replacing = How { existing: Existing::Replace, ..how() };
    unpack(&newer, &there, &replacing).unwrap();
    assert_eq!(one("b/default/other.gguf"), before);
}

#[test]
fn the_program_goes_along_and_is_compared() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("program");
    fs::write(&program, "#!").unwrap();
    let target = dir.path().join("b.ingle");
    let export_ = Export { program: Some((&program, "plan9 mips")), ..packing(Vec::new()) };
    export(&Disk::default(), &target, export_, &mut on).unwrap();
    let bundle = Bundle::open(&target).unwrap();
    assert_eq!(bundle.program().unwrap().unwrap().platform, "plan9 mips");
    let mut bytes = fs::read(&target).unwrap();
    let at = bytes.windows(2).rposition(|it| it == b"#!").unwrap();
    bytes[at] = b'?';
    fs::write(&target, bytes).unwrap();
    let error = Bundle::open(&target).unwrap().program().unwrap_err();
    assert!(matches!(error, Error::Content { why: BadContent::Digest { .. }, .. }), "{error}");
}

#[test]
fn what_is_there_stays_unless_it_is_to_be_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    let model = Packed::of(&put(&library, "a", FILES));
    let target = dir.path().join("b.ingle");
    let split = Export { split: Some(2000), ..packing(vec![model.clone()]) };
    export(&Disk::default(), &target, split, &mut on).unwrap();
    let error = export(&Disk::default(), &target, packing(vec![model.clone()]), &mut on);
    assert!(matches!(error, Err(Error::There { .. })), "{error:?}");
    let replacing = Export { existing: Existing::Replace, ..packing(vec![model]) };
    let written = export(&Disk::default(), &target, replacing, &mut on).unwrap();
    assert_eq!(written.parts, std::slice::from_ref(&target));
    let left: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "parts of the old bundle are left: {left:?}");

    put(&library, "a", &[("a.gguf", b"another")]);
    let error = unpack(&target, &library, &how()).unwrap_err();
    assert!(matches!(error, Error::Taken { .. }), "{error}");
    let replacing = How { existing: Existing::Replace, ..how() };
    unpack(&target, &library, &replacing).unwrap();
    holds(&library, "a", FILES);
}

/// Whichever comes first stays, and the other hears of it, even if it looked before.
#[test]
fn of_two_imports_of_one_name_at_once_one_is_refused() {
    const OTHER: Files<'static> = &[("model.gguf", b"GGUF and others")];
    let dir = tempfile::tempdir().unwrap();
    let here = library(&dir.path().join("here"));
    let bundles = [("one.ingle", FILES), ("two.ingle", OTHER)].map(|(name, files)| {
        let path = dir.path().join(name);
        pack(&path, vec![Packed::of(&put(&here, "a", files))]);
        path
    });
    let there = &library(&dir.path().join("there"));
    for _ in 0..30 {
        let told = std::thread::scope(|scope| {
            let run = |path| scope.spawn(move || unpack(path, there, &how()));
            let [one, two] = &bundles;
            [run(one), run(two)].map(|it| it.join().unwrap())
        });
        let refused: Vec<_> = told.iter().filter_map(|it| it.as_ref().err()).collect();
        let [Error::Taken { .. } | Error::Library(_)] = refused[..] else { panic!("{told:?}") };
        assert!(there.remove(&"a".parse().unwrap()).unwrap());
    }
}

/// Who asks whether it is there hears of its bytes, and what rotted is brought anew.
#[test]
fn what_is_there_is_read_before_it_is_said_to_be_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    let entry = put(&library, "a", FILES);
    let target = dir.path().join("b.ingle");
    pack(&target, vec![Packed::of(&entry)]);
    let there = unpack(&target, &library, &how()).unwrap();
    assert!(matches!(there[..], [Imported::There { .. }]), "{there:?}");
    fs::write(entry.folder.join("model.gguf"), b"GGUF and many more bytez").unwrap();
    let anew = unpack(&target, &library, &how()).unwrap();
    assert!(matches!(anew[..], [Imported::New { .. }]), "{anew:?}");
    holds(&library, "a", FILES);
}

#[test]
fn a_model_whose_manifest_cannot_be_read_is_replaced_when_that_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    let entry = put(&library, "a", FILES);
    let target = dir.path().join("b.ingle");
    pack(&target, vec![Packed::of(&entry)]);
    fs::write(entry.folder.join("manifest.json"), "{").unwrap();
    let error = unpack(&target, &library, &how()).unwrap_err();
    assert!(error.hint().unwrap().contains("with `-y`"), "{error}");
    unpack(&target, &library, &How { existing: Existing::Replace, ..how() }).unwrap();
    holds(&library, "a", FILES);
}

/// It is not said that its files are others: they may be the same.
#[test]
fn an_adopted_model_is_told_to_be_one() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    let entry = put(&library, "a", FILES);
    let target = dir.path().join("b.ingle");
    pack(&target, vec![Packed::of(&entry)]);
    let kept = dir.path().join("kept");
    fs::rename(&entry.folder, &kept).unwrap();
    let origin = Origin::Adopted { program: "ollama".to_owned(), called: "a".to_owned() };
    let adopted = Manifest { root: Some(kept), origin, ..entry.manifest.clone() };
    library.stage(entry.name()).unwrap().publish(&adopted).unwrap();
    let error = unpack(&target, &library, &how()).unwrap_err();
    assert!(matches!(error, Error::Kept { .. }), "{error}");
}

/// A blob that was adopted is called by its digest.
#[test]
fn a_container_is_told_by_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    for (bytes, format) in [(&b"GGUF and more"[..], "gguf"), (b"no more", "safetensors")] {
        let mut packed = Packed::of(&put(&library(dir.path()), format, &[("sha256-ab", bytes)]));
        packed.main = Some(FileName("sha256-ab".parse().unwrap()));
        let target = dir.path().join(format);
        pack(&target, vec![packed]);
        let text = String::from_utf8_lossy(&fs::read(target).unwrap()).into_owned();
        assert!(text.contains(&format!(r#""config":{{"format":"{format}""#)), "{format}");
    }
}

#[test]
fn an_export_that_is_stopped_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let model = Packed::of(&put(&library(dir.path()), "a", FILES));
    let target = dir.path().join("b.ingle");
    let mut stop = |_: u64| ControlFlow::Break(());
    let packing = packing(vec![model]);
    let error = export(&Disk::default(), &target, packing, &mut stop).unwrap_err();
    assert_eq!(error.to_string(), "stopped before it was done");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "something was left");
}

#[test]
fn a_file_that_rotted_is_not_packed() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    let entry = put(&library, "a", FILES);
    let target = dir.path().join("b.ingle");
    for (bytes, changed) in [(&b"GGUF and many more bytez"[..], true), (b"GGUF", false)] {
        fs::write(entry.folder.join("model.gguf"), bytes).unwrap();
        let packing = packing(vec![Packed::of(&entry)]);
        let error = export(&Disk::default(), &target, packing, &mut on).unwrap_err();
        assert_eq!(matches!(error, Error::Changed { .. }), changed, "{error}");
        assert!(changed || matches!(error, Error::Size { .. }), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "something was left");
    }
}

#[test]
fn too_many_parts_are_refused_before_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let packing = Export { split: Some(1), ..packing(Vec::new()) };
    let error = export(&Disk::default(), &dir.path().join("b.ingle"), packing, &mut on);
    assert!(matches!(error, Err(Error::Parts { .. })), "{error:?}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
