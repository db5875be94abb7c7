//! `ingle bench --url`, against a server of our own that speaks OpenAI's protocol.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime};

use crate::stage::Stage;

/// A key that opens what is closed.
const KEY: &str = "sk-right";

/// What a server has and takes.
#[derive(Clone, Copy, Default)]
struct Manners {
    /// There is no `/v1/completions`.
    only_chat: bool,
    /// Fields that are not OpenAI's are refused.
    is_strict: bool,
    /// Nobody is answered without [`KEY`].
    is_closed: bool,
    /// It does not count tokens.
    is_silent: bool,
    /// The most tokens that it answers with, whatever is asked for.
    most: Option<usize>,
    /// Tokens that it puts around each prompt.
    template: usize,
    /// It says how much of a prompt it had computed: nothing.
    tells_of_cache: bool,
}

/// A server of one model, for as long as this lives.
struct Served {
    url: String,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

struct Shared {
    manners: Manners,
    /// Paths and bodies of what was asked for.
    seen: Mutex<Vec<(String, Value)>>,
}

impl Served {
    fn new(manners: Manners) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
        let shared = Arc::new(Shared { manners, seen: Mutex::new(Vec::new()) });
        let router: Router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, shared, _runtime: runtime }
    }

    fn seen(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.shared.seen.lock().expect("no server panics"))
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let key = request.headers().get(header::AUTHORIZATION).cloned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.expect("a body");
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    shared.seen.lock().expect("no server panics").push((path.clone(), body.clone()));
    let manners = shared.manners;
    if manners.is_closed && key.is_none_or(|it| it != format!("Bearer {KEY}").as_str()) {
        return refusal(StatusCode::UNAUTHORIZED, "a key is needed");
    }
    let is_chat = match path.as_str() {
        "/v1/models" => return json!({"data": [{"id": "tiny"}]}).to_string().into_response(),
        "/v1/completions" if !manners.only_chat => false,
        "/v1/chat/completions" => true,
        _ => return refusal(StatusCode::NOT_FOUND, "no such path"),
    };
    if manners.is_strict && body.get("ignore_eos").is_some() {
        return refusal(StatusCode::BAD_REQUEST, "unknown field `ignore_eos`");
    }
    streamed(is_chat, &body, manners)
}

fn refusal(status: StatusCode, why: &str) -> Response {
    (status, json!({"error": {"message": why}}).to_string()).into_response()
}

/// A token a piece, and then how many there were: one a word of the prompt.
fn streamed(is_chat: bool, body: &Value, manners: Manners) -> Response {
    let prompt = match is_chat {
        true => &body["messages"][0]["content"],
        false => &body["prompt"],
    };
    let words = prompt.as_str().unwrap_or_default().split(' ').count();
    let asked = body["max_tokens"].as_u64().unwrap_or(0) as usize;
    let n = asked.min(manners.most.unwrap_or(asked));
    let event = |it: Value| format!("data: {it}\n\n");
    let piece = |_| match is_chat {
        true => event(json!({"choices": [{"delta": {"content": "a"}}], "usage": null})),
        false => event(json!({"choices": [{"text": "a"}], "usage": null})),
    };
    let mut events: Vec<String> = (0..n).map(piece).collect();
    if !manners.is_silent {
        let prompt = words + manners.template;
        let mut usage = json!({"prompt_tokens": prompt, "completion_tokens": n});
        if manners.tells_of_cache {
            usage["prompt_tokens_details"] = json!({"cached_tokens": 0});
        }
        events.push(event(json!({"choices": [], "usage": usage})));
    }
    events.push("data: [DONE]\n\n".to_owned());
    let body = Body::new(crate::fake::trouble::Pieces::several(
        events.into_iter().map(Into::into),
        Duration::from_millis(2),
    ));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

/// Runs `ingle bench` on the server; what it printed as JSON, and all that it said.
fn bench(served: &Served, tests: &[&str], key: &str) -> (Vec<Value>, String) {
    let mut stage = Stage::new();
    stage.variables.push(("INGLE_API_KEY", key.to_owned()));
    let usual = ["bench", "--url", &served.url, "-r", "2", "-o", "jsonl"];
    let told = stage.run(&[&usual[..], tests].concat());
    let rows = told.lines().filter_map(|it| serde_json::from_str::<Value>(it).ok());
    (rows.filter(Value::is_object).collect(), told)
}

const BOTH: [&str; 4] = ["-p", "32", "-n", "8"];
const PROMPTS: [&str; 4] = ["-p", "32", "-n", "0"];
const GENERATION: [&str; 4] = ["-p", "0", "-n", "8"];

#[test]
fn a_server_is_measured_as_a_model_is() {
    let served = Served::new(Manners::default());
    let (rows, told) = bench(&served, &[&BOTH[..], &["-d", "0,16"]].concat(), "");
    assert_eq!(rows.len(), 4, "{told}");
    let of = |name: &str| rows.iter().map(|it| it[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("n_prompt"), [json!(32), json!(0), json!(32), json!(0)]);
    assert_eq!(of("n_depth"), [json!(0), json!(0), json!(16), json!(16)]);
    for row in &rows {
        assert_eq!((&row["backends"], &row["model_type"]), (&json!("url"), &json!("tiny")));
        assert!(row["avg_ts"].as_f64().is_some_and(|it| it > 0.0), "{row}");
        assert_eq!(row["samples_ts"].as_array().map(Vec::len), Some(2));
        // It runs on this machine, which is watched but for other processes.
        assert!(row["warnings"].is_array() && row["others_percent"].is_null(), "{row}");
    }
    let seen = served.seen();
    assert_eq!(seen[0].0, "/v1/models");
    assert!(seen[1..].iter().all(|it| it.0 == "/v1/completions"), "{seen:?}");
    let generated: Vec<_> = seen.iter().filter(|it| it.1["max_tokens"] == json!(9)).collect();
    assert_eq!(generated.len(), 4, "two repetitions at two depths");
    let prompts = seen[1..].iter().map(|it| it.1["prompt"].to_string());
    let long: Vec<String> = prompts.filter(|it| it.matches(' ').count() > 8).collect();
    let distinct: std::collections::BTreeSet<_> = long.iter().collect();
    assert_eq!(distinct.len(), long.len(), "no prompt comes twice");
}

#[test]
fn prompts_are_as_deep_as_they_are_said_to_be() {
    let served = Served::new(Manners { template: 30, ..Manners::default() });
    let (rows, told) = bench(&served, &[&GENERATION[..], &["-d", "16,512"]].concat(), "");
    assert_eq!(rows.len(), 2, "{told}");
    let words = |it: &(String, Value)| it.1["prompt"].as_str().unwrap_or("").split(' ').count();
    let seen = served.seen();
    let timed: Vec<_> =
        seen.iter().filter(|it| it.1["max_tokens"] == json!(9)).map(words).collect();
    assert_eq!(timed.len(), 4, "two repetitions at two depths");
    assert!(timed[..2].iter().all(|&it| it == 17), "{timed:?}");
    // The template is a part of what is counted.
    assert!(timed[2..].iter().all(|it| (470..=513).contains(it)), "{timed:?}");
}

#[test]
fn what_is_not_known_of_a_cache_is_said_once() {
    let warning = "does not say what of a prompt it had computed; the 16 tokens before are taken";
    let said = |told: &str| {
        told.lines().filter(|it| it.starts_with("warning: ") && it.contains(warning)).count()
    };
    let deep = [&PROMPTS[..], &["-d", "16"]].concat();
    let served = Served::new(Manners::default());
    let (rows, told) = bench(&served, &deep, "");
    assert_eq!((rows.len(), said(&told)), (1, 1), "{told}");
    assert!(rows[0]["warnings"].to_string().contains(warning), "{rows:?}");
    let computed = |row: &Value| {
        let samples = ["samples_ts", "samples_ns"].map(|it| row[it][0].as_f64());
        let [per_second, nanoseconds] = samples.map(|it| it.expect("a number"));
        (per_second * nanoseconds / 1e9).round()
    };
    assert_eq!(computed(&rows[0]), 32.0, "{told}");
    let served = Served::new(Manners { tells_of_cache: true, ..Manners::default() });
    let (rows, told) = bench(&served, &deep, "");
    assert_eq!((computed(&rows[0]), said(&told)), (48.0, 0), "{told}");
}

#[test]
fn who_has_only_chats_or_knows_fewer_fields_is_asked_so() {
    for (manners, path, extended) in [
        (Manners { only_chat: true, ..Manners::default() }, "/v1/chat/completions", true),
        (Manners { is_strict: true, ..Manners::default() }, "/v1/completions", false),
    ] {
        let served = Served::new(manners);
        let (rows, told) = bench(&served, &[&BOTH[..], &["--api-model", "mine"]].concat(), "");
        assert_eq!(rows.len(), 2, "{told}");
        let seen = served.seen();
        let (last, body) = seen.last().expect("it was asked");
        assert_eq!((last.as_str(), body.get("ignore_eos").is_some()), (path, extended));
        assert_eq!(body["model"], "mine");
        assert!(seen.iter().all(|it| it.0 != "/v1/models"), "{seen:?}");
    }
}

#[test]
fn a_key_is_sent_and_not_told() {
    let served = Served::new(Manners { is_closed: true, ..Manners::default() });
    let (rows, told) = bench(&served, &BOTH, KEY);
    assert_eq!(rows.len(), 2, "{told}");
    let (rows, told) = bench(&served, &BOTH, "sk-wrong");
    assert!(rows.is_empty() && told.starts_with("exit 1\n"), "{told}");
    assert!(told.contains("answered with status 401: a key is needed"), "{told}");
    assert!(told.contains("INGLE_API_KEY") && !told.contains("sk-wrong"), "{told}");
}

#[test]
fn what_cannot_be_measured_is_said() {
    let served = Served::new(Manners { is_silent: true, ..Manners::default() });
    let (_, told) = bench(&served, &PROMPTS, "");
    assert!(told.contains("the server does not count tokens"), "{told}");
    assert!(told.contains("include_usage") && !told.contains("is the server up"), "{told}");
    let (rows, told) = bench(&served, &GENERATION, "");
    assert_eq!(rows.len(), 1, "pieces are counted: {told}");
    let served = Served::new(Manners { most: Some(4), ..Manners::default() });
    let (rows, told) = bench(&served, &GENERATION, "");
    assert_eq!(rows.len(), 1, "{told}");
    assert!(told.contains("answered with 4 of 9 tokens"), "{told}");
    let served = Served::new(Manners { most: Some(1), ..Manners::default() });
    let (_, told) = bench(&served, &GENERATION, "");
    assert!(told.contains("the answer came in one piece"), "{told}");
    assert!(!told.contains("is the server up"), "{told}");
}

#[test]
fn offline_no_server_is_asked() {
    let served = Served::new(Manners::default());
    let (_, told) = bench(&served, &[&BOTH[..], &["--offline"]].concat(), "");
    assert!(told.starts_with("exit 1\n"), "{told}");
    assert!(told.contains("`--offline` forbids to open a connection"), "{told}");
    let hint = "\nhint: leave it out, or measure a model here: `ingle bench MODEL`\n";
    assert!(told.ends_with(hint), "{told}");
    assert!(served.seen().is_empty());
}

#[test]
fn what_is_no_address_of_a_server_is_refused() {
    let told = Stage::new().run(&["bench", "--url", "foo"]);
    let expected = "error: `--url` is `foo`, expected an address such as `http://127.0.0.1:8080`\n";
    assert!(told.starts_with("exit 2\n") && told.contains(expected), "{told}");
    let told = Stage::new().run(&["bench", "--url", "http://127.0.0.1:9", "--write", "a.gguf"]);
    assert!(told.contains("error: `--write` writes the weights of `--shape`\n"), "{told}");
}
