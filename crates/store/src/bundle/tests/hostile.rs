//! T19: bundles that somebody made who means harm. Each gives its own error and writes nothing.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::{
    layout::{Descriptor, Index, Known},
    tar::{BLOCK, EntryName},
    *,
};

/// Bundles that were refused, by all tests here together.
static REFUSED: AtomicUsize = AtomicUsize::new(0);

/// Counts one that was refused.
fn refused() {
    say(&format!("hostile bundles refused: {}", 1 + REFUSED.fetch_add(1, SeqCst)));
}

/// A good bundle, without its end.
fn good(dir: &Path) -> Vec<u8> {
    let entry = put(&library(dir), "a", FILES);
    let path = dir.join("good.ingle");
    pack(&path, vec![Packed::of(&entry)]);
    let mut bytes = fs::read(path).unwrap();
    bytes.truncate(bytes.len() - tar::END.len());
    bytes
}

/// Opens a good bundle with `more` at its end.
fn with(more: &[u8]) -> Error {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.ingle");
    fs::write(&path, [&good(dir.path()), more, &tar::END].concat()).unwrap();
    Bundle::open(&path).unwrap_err()
}

#[track_caller]
fn check(more: &[u8], expected: impl FnOnce(&Flaw) -> bool) {
    match with(more) {
        Error::Damaged { why, .. } if expected(&why) => refused(),
        other => panic!("{other}"),
    }
}

/// A header with fields that `change` makes of a blob's, and the right checksum.
fn header(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut header = tar::header(EntryName::Blob(Sha256Hex::of(b"")), 0);
    change(&mut header);
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|it| u32::from(*it)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    header
}

fn named(name: &str) -> Vec<u8> {
    header(|it| {
        it[..100].fill(0);
        it[..name.len()].copy_from_slice(name.as_bytes());
    })
}

#[test]
fn t19_only_plain_files_are_taken() {
    let kinds = [
        (b'1', "a hard link"),
        (b'2', "a symbolic link"),
        (b'3', "a device"),
        (b'4', "a device"),
        (b'5', "a folder"),
        (b'6', "a pipe"),
        (b'S', "a sparse file"),
        (b'L', "a long name of GNU tar"),
        (b'g', "a header of pax"),
        (b'x', "a header of pax"),
        (b'7', "of an unknown kind"),
        (0, "of an unknown kind"),
    ];
    for (kind, expected) in kinds {
        let header = header(|it| it[156] = kind);
        check(&header, |why| matches!(why, Flaw::Kind { found, .. } if *found == expected));
    }
}

#[test]
fn t19_only_names_of_a_bundle_are_taken() {
    for name in [
        "../../x",
        "/etc/passwd",
        "blobs/sha256/../../../x",
        "blobs/sha256/",
        "./index.json",
        "C:x",
        "blobs\\sha256\\x",
        "ingle.exe",
        "",
    ] {
        check(&named(name), |why| matches!(why, Flaw::Name { .. }));
    }
}

#[test]
fn t19_rights_owners_times_and_link_targets_are_refused() {
    let setuid = header(|it| it[100..107].copy_from_slice(b"0004755"));
    let owner = header(|it| it[108..115].copy_from_slice(b"0001750"));
    let time = header(|it| it[136..147].copy_from_slice(b"14000000000"));
    let target = header(|it| it[157] = b'x');
    let prefix = header(|it| it[345] = b'x');
    let base_256 = header(|it| it[124] = 0x80);
    for bad in [setuid, owner, time, target, prefix, base_256] {
        check(&bad, |why| *why == Flaw::Header);
    }
    let mut unsummed = header(|_| {});
    unsummed[0] ^= 1;
    check(&unsummed, |why| *why == Flaw::Checksum);
}

#[test]
fn t19_a_second_file_of_a_name_is_refused() {
    let first = header(|_| {});
    check(&[&first[..], &first].concat(), |why| matches!(why, Flaw::Twice { .. }));
    check(&tar::header(EntryName::Index, 0), |why| matches!(why, Flaw::Twice { .. }));
}

#[test]
fn t19_sizes_of_pax_that_two_readers_would_read_differently_are_refused() {
    let large = tar::header(EntryName::Blob(Sha256Hex::of(b"")), 1 << 33);
    let (pax, rest) = large.split_at(BLOCK);
    let (record, file) = rest.split_at(BLOCK);
    let size = header(|it| it[124..135].copy_from_slice(b"00000001000"));
    check(&[pax, record, &size].concat(), |why| *why == Flaw::LargeSize);
    check(&[pax, record, pax].concat(), |why| *why == Flaw::LargeSize);
    for other in ["19 size=0000000512\n", "19 path=8589934592\n", "18 size=8589934592\n"] {
        let mut record = record.to_vec();
        record[..other.len()].copy_from_slice(other.as_bytes());
        check(&[pax, &record, file].concat(), |why| *why == Flaw::LargeSize);
    }
    let mut more = record.to_vec();
    more[500] = 1;
    check(&[pax, &more, file].concat(), |why| *why == Flaw::Padding);
    check(&large, |why| matches!(why, Flaw::Truncated { .. }));
}

#[test]
fn t19_bytes_where_none_belong_are_refused() {
    check(&tar::END, |why| matches!(why, Flaw::After { found } if *found == tar::END.len() as u64));
    check(&[0; BLOCK], |why| matches!(why, Flaw::After { .. }));
    let half = [vec![0; BLOCK], header(|_| {})].concat();
    check(&half, |why| *why == Flaw::Header);
    let mut padded = header(|it| it[134] = b'1');
    padded.extend([b'x'; 2]);
    padded.resize(2 * BLOCK, 0);
    check(&padded, |why| *why == Flaw::Padding);
}

#[test]
fn t19_a_million_entries_end_early() {
    let mut all = Vec::new();
    for n in 0..70_000_u64 {
        all.extend(tar::header(EntryName::Blob(Sha256Hex::of(&n.to_le_bytes())), 0));
    }
    check(&all, |why| matches!(why, Flaw::TooMany { .. }));
}

#[test]
fn t19_what_is_no_tar_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.ingle");
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd][..], &[0xff; 2000]].concat();
    for bytes in [zstd, b"\x1f\x8b\x08".repeat(300), b"GGUF".repeat(200)] {
        fs::write(&path, bytes).unwrap();
        let error = Bundle::open(&path).unwrap_err();
        assert!(matches!(error, Error::Damaged { at: 0, why: Flaw::Checksum, .. }), "{error}");
        refused();
    }
    for bytes in [&b""[..], b"x"] {
        fs::write(&path, bytes).unwrap();
        let error = Bundle::open(&path).unwrap_err();
        assert!(matches!(error, Error::Damaged { why: Flaw::Truncated { .. }, .. }), "{error}");
        refused();
    }
    assert!(matches!(Bundle::open(dir.path()), Err(Error::NotAFile { .. })));
}

/// A bundle of one model with these layers, beside those that every model has.
struct Crafted {
    layers: Vec<Descriptor>,
    known: Known,
    blobs: Vec<Vec<u8>>,
}

impl Crafted {
    fn new() -> Self {
        let manifest = manifest("a", FILES);
        let known = Known {
            version: 1,
            name: manifest.name,
            main: None,
            origin: manifest.origin,
            facts: manifest.facts,
        };
        Self { layers: Vec::new(), known, blobs: Vec::new() }
    }

    /// A file with this path, however bad.
    fn file(mut self, path: &str, bytes: &[u8]) -> Self {
        let mut layer = Descriptor::of("application/vnd.cncf.model.weight.v1.raw", bytes);
        layer.annotations.insert("org.cncf.model.filepath".to_owned(), path.to_owned());
        self.layers.push(layer);
        self.blobs.push(bytes.to_vec());
        self
    }

    fn open(self, change: impl FnOnce(&mut Descriptor)) -> Result<(), BadContent> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b.ingle");
        fs::write(&path, self.bytes(change)).unwrap();
        match Bundle::open(&path) {
            Ok(_) => Ok(()),
            Err(Error::Content { why, .. }) => {
                refused();
                Err(why)
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// The bundle.
    fn bytes(mut self, change: impl FnOnce(&mut Descriptor)) -> Vec<u8> {
        let known = layout::bytes(&self.known);
        self.layers.push(Descriptor::of(layout::KNOWN, &known));
        self.layers.push(Descriptor::of(layout::BOM, b"{}"));
        let manifest = layout::Manifest::new(Descriptor::of(layout::CONFIG, b"[]"), self.layers);
        let manifest = layout::bytes(&manifest);
        let mut model = Descriptor::of_model(&self.known.name, &manifest);
        change(&mut model);
        let index = layout::bytes(&Index::new(vec![model], None));
        let mut blobs =
            [vec![manifest, known, b"{}".to_vec(), b"[]".to_vec()], self.blobs].concat();
        blobs.sort();
        blobs.dedup();
        let mut tar = Vec::new();
        let mut add = |name, bytes: &[u8]| {
            tar.extend(tar::header(name, bytes.len() as u64));
            tar.extend(bytes);
            tar.resize(tar.len().next_multiple_of(BLOCK), 0);
        };
        add(EntryName::Layout, layout::OCI_LAYOUT);
        add(EntryName::Index, &index);
        blobs.iter().for_each(|it| add(EntryName::Blob(Sha256Hex::of(it)), it));
        tar.extend(tar::END);
        tar
    }
}

#[test]
fn t19_paths_of_a_model_stay_below_its_folder() {
    Crafted::new().file("a/b.gguf", b"x").open(|_| {}).unwrap();
    for path in ["../x", "/x", "a/../../x", "a\\x", "C:x", "con", "x.", "x\0", "é", "a//b", ""] {
        let error = Crafted::new().file(path, b"x").open(|_| {}).unwrap_err();
        assert!(matches!(error, BadContent::Path(_)), "{path}: {error}");
    }
    for path in ["manifest.json", "MANIFEST.json", "verified.json", "signatures.json"] {
        let error = Crafted::new().file(path, b"x").open(|_| {}).unwrap_err();
        assert!(matches!(error, BadContent::Reserved(_)), "{path}: {error}");
    }
    let error = Crafted::new().file("a", b"x").file("A", b"y").open(|_| {}).unwrap_err();
    assert!(matches!(error, BadContent::TwoFiles(_)), "{error}");
}

#[test]
fn t19_what_the_json_says_is_held_against_what_is_there() {
    let crafted = || Crafted::new().file("a", b"x");
    let mut absent = crafted();
    absent.blobs.clear();
    assert!(matches!(absent.open(|_| {}), Err(BadContent::Missing)));
    let mut extra = crafted();
    extra.blobs.push(b"nobody names this".to_vec());
    assert!(matches!(extra.open(|_| {}), Err(BadContent::Unnamed)));
    let mut longer = crafted();
    longer.layers[0].size = 2;
    assert!(matches!(longer.open(|_| {}), Err(BadContent::Size { found: 1, expected: 2 })));
    let mut newer = crafted();
    newer.known.version = 2;
    assert!(matches!(newer.open(|_| {}), Err(BadContent::Newer { .. })));
    let mut elsewhere = crafted();
    elsewhere.known.main = Some(FileName("b".parse().unwrap()));
    assert!(matches!(elsewhere.open(|_| {}), Err(BadContent::Main(_))));
    let mut nowhere = crafted();
    nowhere.layers[0].annotations.clear();
    assert!(matches!(nowhere.open(|_| {}), Err(BadContent::NoPath)));
    let mut twice = crafted();
    twice.layers.push(Descriptor::of(layout::BOM, b"{}"));
    assert!(matches!(twice.open(|_| {}), Err(BadContent::Described { found: 2, .. })));
    let other = |it: &mut Descriptor| it.media_type = "application/x-pickle".to_owned();
    assert!(matches!(crafted().open(other), Err(BadContent::MediaType { .. })));
    let other = |it: &mut Descriptor| it.annotations.clear();
    assert!(matches!(crafted().open(other), Err(BadContent::Contradicted)));
}

/// What no loader here reads may be read by another program's, and run.
#[test]
fn t20_code_in_a_bundle_is_refused() {
    for path in ["pytorch_model.bin", "a/m.PT", "m.pth", "m.ckpt", "data.pkl", "modeling_m.py"] {
        let crafted = || Crafted::new().file("m.gguf", b"x").file(path, b"y");
        let error = crafted().open(|_| {}).unwrap_err();
        assert!(matches!(error, BadContent::Code(_)), "{path}: {error}");
        // Some call a GGUF file so: what is opened is looked at.
        let mut opened = crafted();
        opened.known.main = Some(FileName(path.parse().unwrap()));
        opened.open(|_| {}).unwrap();
    }
}

/// A manifest that says more than can be read would take the place of a good one.
#[test]
fn a_bundle_of_a_bundle_of_a_bundle_is_as_one() {
    // As the program has it: tests get less.
    let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(import_nested);
    thread.unwrap().join().unwrap();
}

fn import_nested() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    let path = dir.path().join("b.ingle");
    let index = Sha256Hex::of(b"");
    let mut deepest = None;
    for depth in 0..200 {
        let mut crafted = Crafted::new().file("a.gguf", b"x");
        for _ in 0..depth {
            let before = Box::new(crafted.known.origin);
            crafted.known.origin = Origin::Bundle { index, before };
        }
        let origin = manifest("a", FILES).origin;
        fs::write(&path, crafted.bytes(|_| {})).unwrap();
        match unpack(&path, &library, &how()).as_deref() {
            Ok([Imported::New { entry, .. }]) => {
                assert_eq!(library.find(entry.name()).unwrap().as_ref(), Some(entry), "{depth}");
                let Origin::Bundle { before, .. } = &entry.manifest.origin else {
                    panic!("{entry:?}")
                };
                assert_eq!(**before, origin, "{depth}");
                library.remove(entry.name()).unwrap();
                deepest = Some(depth);
            }
            Err(Error::Content { why: BadContent::Json(_), .. }) => {}
            other => panic!("{depth}: {other:?}"),
        }
    }
    assert!(deepest > Some(50) && deepest < Some(199), "{deepest:?}");
}
