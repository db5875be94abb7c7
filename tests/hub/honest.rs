//! The hub of these tests says what the real one says, also to programs that follow its links as they
//! stand: `huggingface_hub` does.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::{
    fake::{COMMIT, Fake, trouble::Trouble},
    scene::{NAME, Scene, model},
};

/// What the hub answers at `path`, as it comes.
fn asked(fake: &Fake, path: &str) -> String {
    let mut stream = TcpStream::connect(fake.authority()).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn its_links_lead_on_through_all_files() {
    let fake = Fake::new();
    fake.add(NAME, model());
    let (mut path, mut pages) = (format!("/api/models/{NAME}/tree/main?recursive=true"), 0);
    let mut files = Vec::new();
    loop {
        let answer = asked(&fake, &path);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let nodes: Vec<serde_json::Value> = serde_json::from_str(body).unwrap();
        files.extend(nodes.iter().map(|it| it["path"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(link) = head.lines().find_map(|it| it.strip_prefix("link: ")) else { break };
        let to = link.strip_prefix('<').unwrap().split_once(">; rel=\"next\"").unwrap().0;
        to.strip_prefix(&fake.hub).unwrap().clone_into(&mut path);
    }
    assert_eq!(pages, 3);
    assert_eq!(files, ["onnx", "LICENSE", "README.md", "m-Q4_K_M.gguf", "m-Q8_0.gguf"]);
}

#[test]
fn what_is_not_there_is_named() {
    let fake = Fake::new();
    fake.add(NAME, model());
    for (path, code) in [
        ("/api/models/org/none", "RepoNotFound"),
        ("/org/none/resolve/main/LICENSE", "RepoNotFound"),
        ("/api/models/org/model/revision/v9", "RevisionNotFound"),
        ("/api/models/org/model/tree/v9", "RevisionNotFound"),
        ("/org/model/resolve/v9/LICENSE", "RevisionNotFound"),
        ("/org/model/resolve/main/none", "EntryNotFound"),
    ] {
        let answer = asked(&fake, path);
        let told = format!("\r\nx-error-code: {code}\r\n");
        assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains(&told), "{path}: {answer}");
    }
}

/// A mirror may hand on the links of the hub that it has its files from. No token goes there.
#[test]
fn a_link_to_another_server_is_not_followed() {
    let scene = Scene::new();
    let link = format!(
        "<https://hub.example/api/models/{NAME}/tree/{COMMIT}?recursive=true&cursor=2>; rel=\"next\""
    );
    scene.fake.trouble("/tree/", 1, Trouble::Header("link", link));
    let entry = scene.pull(None).unwrap();
    scene.assert_whole(&entry, &model());
    let seen = scene.fake.seen();
    let pages: Vec<_> = seen.iter().filter(|it| it.path.contains("/tree/")).collect();
    assert_eq!(pages.len(), 3, "{pages:?}");
    assert!(pages[1].path.ends_with("cursor=2"), "{pages:?}");
}
