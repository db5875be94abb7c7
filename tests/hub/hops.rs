//! What goes wrong on the way and passes, or does not: each error names where.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::atomic::Ordering::Relaxed,
    thread,
    time::{Duration, Instant},
};

use hub::{Error, Online};

use crate::{
    fake::{SILENCE, trouble::Trouble},
    scene::{Scene, model, told},
};

/// The model comes although this happens `times` times to what the path names.
#[track_caller]
fn passes(path: &str, times: usize, trouble: Trouble) {
    let scene = Scene::new();
    scene.fake.trouble(path, times, trouble.clone());
    let entry = scene.pull(None).unwrap_or_else(|it| panic!("{trouble:?}: {}", told(&it)));
    scene.assert_whole(&entry, &model());
}

/// It does not; what is said.
#[track_caller]
fn fails(path: &str, trouble: Trouble) -> String {
    let scene = Scene::new();
    scene.fake.trouble(path, usize::MAX, trouble);
    let error = scene.pull(None).expect_err("it cannot be fetched");
    scene.assert_nothing_visible();
    told(&error).replace(&scene.fake.hub[7..], "HUB").replace(&scene.fake.store[7..], "STORE")
}

#[test]
fn what_passes_is_tried_again() {
    for path in ["/revision/", "/tree/", "/resolve/", "signature"] {
        for trouble in [
            Trouble::Status(500),
            Trouble::Status(503),
            Trouble::Wait(429, 0),
            Trouble::Silent(SILENCE),
        ] {
            passes(path, 2, trouble);
        }
    }
}

#[test]
fn an_answer_that_is_cut_or_stalls_goes_on_from_there() {
    // What was sent before a cut may be lost with it, and a third try without a byte is the last.
    passes("signature", 2, Trouble::Cut(1000));
    passes("signature", 2, Trouble::Stall(SILENCE));
    passes("/tree/", 1, Trouble::Cut(10));
}

/// Neither before an answer nor in the middle of one.
#[test]
fn who_wants_to_stop_does_not_wait_for_a_silent_server() {
    const LONG: Duration = Duration::from_secs(60);
    for (path, trouble) in [
        ("/revision/", Trouble::Silent(LONG)),
        ("/tree/", Trouble::Stall(LONG)),
        ("signature", Trouble::Silent(LONG)),
        ("signature", Trouble::Stall(LONG)),
    ] {
        let mut scene = Scene::new();
        scene.silence = LONG;
        scene.fake.trouble(path, usize::MAX, trouble.clone());
        let begin = Instant::now();
        let asked = || scene.fake.seen().iter().any(|it| it.path.contains(path));
        let pulled = thread::scope(|scope| {
            scope.spawn(|| {
                while !asked() && begin.elapsed() < LONG {
                    thread::sleep(Duration::from_millis(5));
                }
                scene.watch.stop_after.store(0, Relaxed);
            });
            scene.pull(None)
        });
        assert!(matches!(pulled, Err(Error::Stopped)), "{path} {trouble:?}");
        assert!(begin.elapsed() < LONG, "{path} {trouble:?}");
        scene.assert_nothing_visible();
    }
}

#[test]
fn a_server_that_asks_to_wait_is_waited_for() {
    let scene = Scene::new();
    scene.fake.trouble("/revision/", 1, Trouble::Wait(429, 1));
    let begin = Instant::now();
    scene.pull(None).unwrap();
    assert!(begin.elapsed().as_millis() >= 1000, "{:?}", begin.elapsed());
    let text = fails("/revision/", Trouble::Wait(429, 3600));
    assert_eq!(text, "`HUB` answered with status 429");
}

#[test]
fn errors_name_the_hop() {
    assert_eq!(fails("/revision/", Trouble::Status(500)), "`HUB` answered with status 500");
    assert_eq!(fails("signature", Trouble::Status(503)), "`STORE` answered with status 503");
    let silent = fails("signature", Trouble::Silent(SILENCE));
    assert!(
        silent.starts_with("cannot read the answer of `STORE`, where `HUB` sent us"),
        "{silent}"
    );
    let nobody = "http://127.0.0.1:1/x".to_owned();
    let refused = fails("/resolve/", Trouble::Redirect(nobody));
    let expected = "cannot connect to `127.0.0.1:1`, where `HUB` sent us: ";
    assert!(refused.starts_with(expected), "{refused}");
}

#[test]
fn a_name_that_is_no_host_and_a_server_without_encryption() {
    let mut scene = Scene::new();
    // A label that is too long is no name, and nobody is asked for it.
    let host = "a".repeat(64) + ".invalid";
    scene.variables.push(("HF_ENDPOINT", format!("http://{host}")));
    let text = told(&scene.pull(None).unwrap_err());
    assert!(text.starts_with(&format!("cannot find the address of `{host}`")), "{text}");
    // The fake speaks no TLS.
    let secure = scene.fake.hub.replace("http:", "https:");
    scene.variables.push(("HF_ENDPOINT", secure));
    let error = scene.pull(None).unwrap_err();
    assert!(told(&error).starts_with("cannot make sure of `127.0.0.1:"), "{}", told(&error));
    assert!(error.hint().unwrap().contains("--ca-file"));
}

#[test]
fn offline_opens_no_connection() {
    for name in ["INGLE_OFFLINE", "HF_HUB_OFFLINE"] {
        let mut scene = Scene::new();
        scene.variables.push((name, "1".to_owned()));
        let error = scene.pull(None).unwrap_err();
        assert_eq!(error.to_string(), format!("`{name}` forbids to open a connection"));
        assert_eq!(scene.fake.seen().len(), 0);
    }
    assert!(matches!(Online::ask(Some("--offline"), &|_| None), Err(Error::Offline { .. })));
}

#[test]
fn a_proxy_is_asked_for_the_way() {
    let (address, asked) = proxy();
    let mut scene = Scene::new();
    scene.variables.push(("HTTP_PROXY", address));
    let entry = scene.pull(None).unwrap();
    scene.assert_whole(&entry, &model());
    let hosts: std::collections::BTreeSet<String> = asked.try_iter().collect();
    let expected = [&scene.fake.hub, &scene.fake.store].map(|it| it[7..].to_owned());
    assert_eq!(hosts, expected.into());
    scene.variables.push(("NO_PROXY", "127.0.0.1".to_owned()));
    scene.pull(Some("Q8_0")).unwrap();
    assert_eq!(asked.try_iter().count(), 0);
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let mut scene = Scene::new();
    scene.variables.push(("HTTP_PROXY", "http://user:secret@127.0.0.1:1".to_owned()));
    let text = told(&scene.pull(None).unwrap_err());
    assert!(text.contains("through the proxy `127.0.0.1:1`"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

/// A proxy that connects whoever asks, and says to whom.
fn proxy() -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("it has one"));
    let (tell, asked) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let tell = tell.clone();
            thread::spawn(move || connect(near, &tell));
        }
    });
    (address, asked)
}

fn connect(near: TcpStream, tell: &std::sync::mpsc::Sender<String>) -> Option<()> {
    let mut lines = BufReader::new(near.try_clone().ok()?);
    let mut first = String::new();
    lines.read_line(&mut first).ok()?;
    let host = first.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
    let mut line = String::new();
    while lines.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    let far = TcpStream::connect(&host).ok()?;
    tell.send(host).ok()?;
    (&near).write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut from, mut to) = (far.try_clone().ok()?, near.try_clone().ok()?);
    thread::spawn(move || std::io::copy(&mut from, &mut to));
    std::io::copy(&mut lines, &mut &far).ok()?;
    Some(())
}
