//! Attack class T10: chat templates that would hang, exhaust or crash the program. Each ends with a
//! typed error, or harmlessly, having written little, within [`STEPS`] and [`MEMORY`].
//!
//! How long that takes decides nothing here: the machine may be busy. What it may cost is bounded in
//! steps.
#![expect(unsafe_code, reason = "a global allocator that counts")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use engine::template::{Conversation, Error, Message, Role, Template, TokenTexts};

/// Steps of one rendering that ran until it was stopped. Each pays for 64 bytes at most.
const STEPS: u64 = 250_000;
/// Bytes that one attack may have at a time.
const MEMORY: usize = 256 << 20;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// The most that any attack had.
static MOST: AtomicUsize = AtomicUsize::new(0);
/// One attack at a time, so that what is counted is its own.
static TURN: Mutex<()> = Mutex::new(());

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is `System`'s; the counters do not touch memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), SeqCst) + layout.size();
        PEAK.fetch_max(now, SeqCst);
        // SAFETY: the caller keeps `alloc`'s contract, which is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), SeqCst);
        // SAFETY: `at` came from `System` by `alloc` above, with this layout.
        unsafe { System.dealloc(at, layout) }
    }
}

#[track_caller]
fn check(source: &str, expected: &str) {
    let found = match outcome(source) {
        Ok(text) => format!("wrote {} bytes", text.len()),
        Err(error) => format!("{error:?}").split([' ', '(']).take(1).collect(),
    };
    assert_eq!(found, expected, "{}", start(source));
}

fn start(source: &str) -> String {
    source.chars().take(200).collect()
}

/// What comes of it, within the bounds.
#[track_caller]
fn outcome(source: &str) -> Result<String, Error> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let before = NOW.load(SeqCst);
    PEAK.store(before, SeqCst);
    let outcome = render(source);
    let had = PEAK.load(SeqCst).saturating_sub(before);
    assert!(had < MEMORY, "{had} bytes at a time: {}", start(source));
    if MOST.fetch_max(had, SeqCst) < had {
        say(&format!("{} KiB at a time: {}", had >> 10, start(source)));
    }
    if let Err(Error::TooMuchWork { fuel }) = &outcome {
        assert!(*fuel <= STEPS, "{fuel} steps: {}", start(source));
    }
    outcome
}

fn say(what: &str) {
    #[expect(clippy::print_stdout, reason = "figures for the README of the tests")]
    {
        println!("{what}");
    }
}

fn render(source: &str) -> Result<String, Error> {
    let template = Template::from_source(source, TokenTexts::default())?;
    let hello = Conversation::new(vec![Message::new(Role::User, "Hello")]);
    template.render(&hello, &["<|im_end|>".to_owned()]).map(|it| it.text)
}

#[test]
fn t10_loops() {
    let all = "{% for a in range(9999) %}";
    let end = "{% endfor %}";
    check("{% for a in range(999999999) %}{% endfor %}", "Failed");
    check(&format!("{all}{all}{end}{end}"), "TooMuchWork");
    check(&format!("{all}{all}x{end}{end}"), "TooMuchWork");
    check(&format!("{all}{all}{all}{end}{end}{end}"), "TooMuchWork");
    check("{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}", "TooDeep");
}

#[test]
fn t10_doubling() {
    for step in [
        "ns.s ~ ns.s",
        "ns.s + ns.s",
        "ns.s * 2",
        "[ns.s, ns.s]|join",
        "ns.s|replace('x', 'xx')",
        "ns.s.replace('x', 'xx')",
        "'%s%s'|format(ns.s, ns.s)",
        "'{}{}'.format(ns.s, ns.s)",
        "ns.s|tojson|tojson",
    ] {
        check(&in_loop(step, "'x'"), "TooMuchWork");
    }
    check(&in_loop("[ns.s, ns.s]", "[]"), "Failed");
    check(&in_loop("ns.s + ns.s", "['x']"), "Failed");
    check(&in_loop("ns.s * 2", "['x']"), "Failed");
}

fn in_loop(step: &str, start: &str) -> String {
    format!(
        "{{% set ns = namespace(s={start}) %}}\
         {{% for i in range(64) %}}{{% set ns.s = {step} %}}{{% endfor %}}{{{{ ns.s }}}}"
    )
}

#[test]
fn t10_widths() {
    for (expression, expected) in [
        ("'x' * 99999999", "TooMuchWork"),
        ("99999999 * 'x'", "TooMuchWork"),
        ("['x'] * 99999999", "Failed"),
        ("99999999 * ['x']", "Failed"),
        ("1 in ['x'] * 99999999", "Failed"),
        ("('x',) * 99999999", "Failed"),
        ("'x'|indent(999999999, true)", "TooMuchWork"),
        ("('x\n' * 9999)|indent(9999)", "TooMuchWork"),
        ("('x' * 99999)|replace('', 'y' * 99999)", "TooMuchWork"),
        ("('x' * 99999).replace('', 'y' * 99999)", "TooMuchWork"),
        ("('y' * 9999).join('x' * 99999)", "TooMuchWork"),
        ("range(9999)|join('y' * 99999)", "TooMuchWork"),
        ("('a,' * 999999).split(',')", "TooMuchWork"),
        ("'%999999999d'|format(1)", "TooMuchWork"),
        ("'%.999999999f'|format(1.5)", "TooMuchWork"),
        ("'%*d'|format(999999999, 1)", "Failed"),
        ("'{:999999999}'.format(1)", "Failed"),
        ("'{:.999999999f}'.format(1.5)", "Failed"),
        ("messages|tojson(indent=999999999)", "Failed"),
        ("range(9999)|tojson(separators=('y' * 99999, 'y'))", "TooMuchWork"),
        ("range(9999)|batch(1, 'x' * 99999)|list", "Failed"),
        ("[1]|batch(999999999, 'x')|list", "TooMuchWork"),
        ("[1]|slice(999999999, 'x')|list", "TooMuchWork"),
        ("9 ** 9 ** 9 ** 9", "Failed"),
        ("strftime_now('%Y' * 999999)", "TooLong"),
        ("raise_exception('x' * 999999)", "Refused"),
    ] {
        check(&format!("{{{{ {expression} }}}}"), expected);
    }
}

#[test]
fn t10_recursion() {
    check("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "TooDeep");
    check("{% macro m(x) %}{{ m([x]) }}{% endmacro %}{{ m(1) }}", "TooDeep");
    check("{% macro m(x) %}{{ m(x ~ x) }}{% endmacro %}{{ m('xx') }}", "TooMuchWork");
    check("{% block a %}{{ self.a() }}{% endblock %}", "TooDeep");
}

#[test]
fn t10_other_templates_and_the_insides_of_values() {
    check("{% include 'default' %}", "TooDeep");
    check("{% include '/etc/passwd' %}", "Failed");
    check("{% include messages[0].content %}", "Failed");
    check("{% extends 'default' %}", "Failed");
    check("{% import 'default' as x %}{{ x }}", "TooDeep");
    check("{% from '/etc/passwd' import x %}", "Failed");
    check("{{ ''.__class__.__mro__ }}", "Failed");
    check("{{ messages.__init__.__globals__ }}", "Failed");
    check("{{ messages.__class__ }}{{ raise_exception.__globals__ }}", "wrote 0 bytes");
    check("{{ messages|attr('__class__') }}", "wrote 0 bytes");
    check("{{ debug() }}", "Failed");
}

#[test]
fn t10_deep_values() {
    check(&in_loop("[ns.s]", "[]").replace("64", "9999"), "Failed");
    check("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}", "Failed");
    check("{% set ns = namespace() %}{% set ns.me = [{1: ns}] %}{{ ns.me }}", "Failed");
    check("{% set a = namespace() %}{% set b = namespace(a=a) %}{{ a }}", "Failed");
    check(&format!("{{% set x=[] %}}{}{{{{ x }}}}", "{% set x=[x] %}".repeat(999)), "Failed");
    let nested = format!("{}x{}", "[".repeat(50), "]".repeat(50));
    let with = format!("{{% with x={nested} %}}").repeat(20);
    check(&format!("{{% set x=[] %}}{with}{{{{ x }}}}{}", "{% endwith %}".repeat(20)), "Failed");
    let printing = format!("{{{{ x|string|length }}}}{{{{ m({nested}) }}}}");
    check(&format!("{{% macro m(x) %}}{printing}{{% endmacro %}}{{{{ m(1) }}}}"), "TooDeep");
    let looping = format!("{{{{ x|string|length }}}}{{{{ loop([{nested}]) }}}}");
    check(&format!("{{% for x in [1] recursive %}}{looping}{{% endfor %}}"), "TooMuchWork");
}

#[test]
fn t10_sources() {
    for (start, link, end) in [
        ("{{ 1", "+1", " }}"),
        ("{{ 1", "~1", " }}"),
        ("{{ x", "|trim", " }}"),
        ("{{ x", "[0]", " }}"),
        ("{{ x", ".a", " }}"),
        ("{{ x", "()", " }}"),
        ("{{ ", "not ", "1 }}"),
        ("{{ ", "-", "1 }}"),
        ("{{ 1", " if 1 else 2", " }}"),
        ("{{ x", " is defined", " }}"),
        ("{{ ", "[", ""),
        ("{{ ", "{1:", ""),
        ("{{ x", "|f(x", ""),
    ] {
        let chain = |n: usize| format!("{start}{}{end}", link.repeat(n));
        check(&chain(50_000 / link.len()), "TooComplex");
        // Whether it renders or not, it must not overflow the stack.
        drop(outcome(&chain(1_900 / link.len())));
    }
    check(&"{% if 1 %}".repeat(5_000), "Syntax");
    check(&format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(4_900)), "wrote 0 bytes");
    check(&"x".repeat(300_000), "SourceTooLong");
    check(&"{".repeat(50_000), "TooComplex");
    check(&"{% ".repeat(19_000), "TooComplex");
    check(&"{# ".repeat(19_000), "Syntax");
    check(&"{% set x = 1 %}".repeat(4_000), "SourceTooLong");
}

/// What a template can do is found out with one of its endless renderings, not with dozens.
#[test]
fn t10_probing() {
    static RENDERED: AtomicUsize = AtomicUsize::new(0);
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let all = "{% for a in range(9999) %}";
    let source = format!("{{{{ strftime_now('%Y') }}}}{all}{all}{{% endfor %}}{{% endfor %}}");
    let template = Template::from_source(&source, TokenTexts::default()).unwrap();
    let template = template.with_clock(|| {
        RENDERED.fetch_add(1, SeqCst);
        chrono::NaiveDateTime::default()
    });
    assert!(!template.supports_system());
    assert!(template.thinking().is_none() && template.reasoning().is_none());
    assert_eq!(RENDERED.load(SeqCst), 1);
}
