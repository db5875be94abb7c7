//! A pull that is killed while bytes come, and the same command again.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use ingle_tests::binary::ingle;
use store::parts;

use crate::{
    fake::{Repository, trouble::Trouble},
    scene::{NAME, files_below, noise},
    stage::Stage,
};

/// As much may be lost: bytes after which it is noted that they came.
const STEP: u64 = 1 << 20;

/// `kill -9`. What had come does not come again, but for the last step, and what is listed is what the
/// same command goes on from.
#[test]
fn a_killed_pull_goes_on() {
    const NAME_HERE: &str = "org/model:safetensors";
    // A header that can be read, and less than is asked for at once.
    let weights = [&2_u64.to_le_bytes()[..], b"{}", &noise(1, 5 << 20)].concat();
    let (size, half) = (weights.len() as u64, weights.len() as u64 / 2);
    let stage = Stage::new();
    let files = [("config.json", b"{}".to_vec()), ("model.safetensors", weights.clone())];
    stage.fake.add(NAME, Repository::new(files));
    // Of what is asked for twice, for its header and for all of it, half comes.
    stage.fake.trouble("signature", 2, Trouble::Stall(Duration::from_secs(60)));
    let mut pull = Command::new(ingle());
    pull.args(["pull", NAME_HERE, "-y"]).current_dir(stage.place.path());
    pull.env_clear().envs(stage.environment()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut pull = pull.spawn().unwrap();
    let models = stage.place.path().join("ingle-home/models");
    let partial = models.join(".partial");
    let growing = partial.join("org/model/safetensors/model.safetensors");
    let said = || parts::told(&growing).map_or(0, |it| it.1.values().sum::<u64>());
    let begin = Instant::now();
    while said() + STEP < half && begin.elapsed() < Duration::from_secs(30) {
        thread::sleep(Duration::from_millis(5));
    }
    pull.kill().unwrap();
    pull.wait().unwrap();
    let said = said();
    assert!(said + STEP >= half, "of {half} bytes that came, {said} are kept");
    let visible = files_below(&models).into_iter().filter(|it| !it.starts_with(&partial));
    assert_eq!(visible.count(), 0);

    let listed = stage.run(&["list"]);
    let so_far = listed.split_once("is not complete, ").and_then(|it| it.1.split_once(" so far"));
    let (so_far, _) = so_far.unwrap_or_else(|| panic!("{listed}"));
    stage.fake.seen();
    let told = stage.run(&["pull", NAME_HERE, "-y"]);
    assert!(told.starts_with("exit 0\n"), "{told}");
    let here = format!("\n{so_far} of 5.0 MiB are here already\n");
    assert!(told.contains(&here), "{so_far}: {told}");
    // The header to look at, and then what had not come.
    let seen = stage.fake.seen();
    let of_weights = seen.iter().filter(|it| it.at == "store");
    let ranges: Vec<_> = of_weights.map(|it| it.range.as_deref()).collect();
    let rest = format!("bytes={said}-{}", size - 1);
    assert_eq!(ranges, [None, Some(rest.as_str())]);
    let found = fs::read(models.join("org/model/safetensors/model.safetensors")).unwrap();
    assert!(found == weights);
}
