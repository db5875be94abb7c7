//! Where minijinja's values are not Python's: none is no list, and filters that select are lazy.
//!
//! Methods are in `methods.rs`.

use std::{borrow::Cow, fmt, sync::Arc};

use minijinja::{
    Environment, Error, ErrorKind, State, Value, filters,
    value::{Enumerator, Object, ObjectRepr, Rest, ValueKind, ValueOrKwargs},
};

/// Filters that minijinja has and Jinja has not, and one that prints values for debugging.
const NOT_JINJA: [&str; 6] = ["bool", "chain", "lines", "pprint", "split", "zip"];

/// Replaces filters and tests by those that answer as Jinja's do.
pub(super) fn install(env: &mut Environment<'static>) {
    env.add_filter("map", |state: &mut State, it: Value, args: Rest<ValueOrKwargs>| {
        filters::map(state, not_none(it)?, args).map(Generator::value)
    });
    env.add_filter("select", select);
    env.add_filter("reject", reject);
    env.add_filter("selectattr", selectattr);
    env.add_filter("rejectattr", rejectattr);
    for name in NOT_JINJA {
        env.remove_filter(name);
    }
    env.add_test("iterable", |it: &Value| is_iterable(it));
    env.add_test("sequence", is_sequence);
    env.add_test("number", |it: &Value| matches!(it.kind(), ValueKind::Number | ValueKind::Bool));
}

/// `it`, if Python could iterate over it as far as none is concerned.
pub(super) fn not_none(it: Value) -> Result<Value, Error> {
    match it.kind() {
        ValueKind::None => Err(Error::new(ErrorKind::InvalidOperation, "none is not iterable")),
        _ => Ok(it),
    }
}

fn is_iterable(it: &Value) -> bool {
    !it.is_none() && it.try_iter().is_ok()
}

/// What has a length and takes an index: to Python, texts and dicts too.
fn is_sequence(it: &Value) -> bool {
    let kinds = [ValueKind::Undefined, ValueKind::String, ValueKind::Seq, ValueKind::Map];
    kinds.contains(&it.kind()) || (it.kind() == ValueKind::Iterable && !is_generator(it))
}

type Test<'a> = Option<Cow<'a, str>>;

fn select(
    state: &mut State,
    it: Value,
    test: Test,
    args: Rest<ValueOrKwargs>,
) -> Result<Value, Error> {
    filters::select(state, not_none(it)?, test, args).map(Generator::value)
}

fn reject(
    state: &mut State,
    it: Value,
    test: Test,
    args: Rest<ValueOrKwargs>,
) -> Result<Value, Error> {
    filters::reject(state, not_none(it)?, test, args).map(Generator::value)
}

fn selectattr(
    state: &mut State,
    it: Value,
    attribute: Cow<'_, str>,
    test: Test,
    args: Rest<ValueOrKwargs>,
) -> Result<Value, Error> {
    filters::selectattr(state, not_none(it)?, attribute, test, args).map(Generator::value)
}

fn rejectattr(
    state: &mut State,
    it: Value,
    attribute: Cow<'_, str>,
    test: Test,
    args: Rest<ValueOrKwargs>,
) -> Result<Value, Error> {
    filters::rejectattr(state, not_none(it)?, attribute, test, args).map(Generator::value)
}

/// Whether this is what a lazy filter gave.
pub(super) fn is_generator(it: &Value) -> bool {
    it.downcast_object_ref::<Generator>().is_some()
}

/// What Python's lazy filters give: true even if it yields nothing, without length, no JSON.
struct Generator(Vec<Value>);

impl Generator {
    fn value(items: Vec<Value>) -> Value {
        Value::from_object(Self(items))
    }
}

impl fmt::Debug for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<generator object>")
    }
}

impl Object for Generator {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let this = self.clone();
        Enumerator::Iter(Box::new((0..self.0.len()).map(move |at| this.0[at].clone())))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        None
    }
}
