//! An import that is killed.

use std::{
    os::unix::process::ExitStatusExt,
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::*;

/// Bytes that are not compared and brought to the disk in the time between two looks.
const LARGE: usize = 64 << 20;
/// Times that it may be over before somebody looked, on a machine that is busy.
const ROUNDS: usize = 5;

/// `kill -9` while bytes are taken in; then the same command again.
#[test]
fn a_killed_import_leaves_no_model_and_goes_on() {
    let place = Place::new();
    let mut readme = vec![0; LARGE];
    fastrand::Rng::with_seed(1).fill(&mut readme);
    for (name, bytes) in carried::safetensors() {
        place.file(&format!("folder/{name}"), bytes);
    }
    place.file("folder/README.md", &readme);
    let told = place.run(&["export", "folder", "-o", "f.ingle", "--name", "mine/small:f32"]);
    assert!(told.starts_with("exit 0"), "{told}");
    let models = Path::new(&there(&place)).join("models");
    let was_killed = |_| {
        let _ = fs::remove_dir_all(&models);
        kill_within(&place, &models.join(".partial/mine/small/f32/README.md")).signal() == Some(9)
    };
    assert!((0..ROUNDS).any(was_killed), "it was always over before it could be killed");
    assert!(!models.join("mine/small/f32").exists(), "a model is there that is not whole");
    let listed = run_there(&place, &["list"]);
    assert!(listed.contains("`mine/small:f32` is not complete"), "{listed}");
    assert!(listed.contains("No model is in"), "{listed}");
    let told = run_there(&place, &["import", "f.ingle"]);
    assert!(told.starts_with("exit 0") && told.contains("mine/small:f32: imported"), "{told}");
    assert!(fs::read(models.join("mine/small/f32/README.md")).unwrap() == readme);
    let told = run_there(&place, &["verify", "mine/small:f32"]);
    assert!(told.starts_with("exit 0"), "{told}");
}

/// Begins to import, kills that once `growing` has bytes, and says how it ended.
fn kill_within(place: &Place, growing: &Path) -> ExitStatus {
    let mut import = Command::new(ingle_tests::binary::ingle());
    import.args(["import", "f.ingle"]).current_dir(place.path()).env_clear();
    import.envs(place.environment()).env("INGLE_HOME", there(place));
    let mut import = import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let begin = Instant::now();
    let grows = || fs::metadata(growing).is_ok_and(|it| it.len() > 0);
    while !grows()
        && import.try_wait().expect("it is ours").is_none()
        && begin.elapsed() < Duration::from_secs(60)
    {
        thread::sleep(Duration::from_millis(1));
    }
    import.kill().expect("it is ours");
    import.wait().expect("it is ours")
}
