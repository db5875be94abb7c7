//! Bounds on a template's values, beyond what minijinja's fuel pays for.
//!
//! minijinja prints, compares and frees nested values by recursion and does not bound their depth:
//! a loop of `{% set ns.x = [ns.x] %}`, or a namespace that holds itself, would overflow the stack.
//! And it charges for what such work produces when it is done, so that a huge value which costs
//! little to describe, `['x'] * 99999999` or a list of lists of one list, takes seconds to print.
//!
//! So every value that a template keeps passes here (`rewrite.rs`), is small, shallow and without
//! circles, and lists cannot be multiplied. What one expression makes of such values is bounded by
//! its length; nesting that recursion of macros and loops adds is at most some 40,000 levels of
//! about 440 bytes of stack, for which `stack.rs` has room.

use minijinja::{
    Environment, Error, ErrorKind, State, Value, filters, functions,
    value::{ValueKind, ValueOrKwargs},
};

use super::{python, rewrite};

/// The deepest value; JSON is read to 128 levels.
const MAX_DEPTH: usize = 150;

/// The longest range.
const MAX_RANGE: isize = 10_000;

/// Nodes that are visited for one step of fuel.
const NODES_PER_STEP: usize = 2;

/// Lets `env` keep values of at most `max_nodes` items.
pub(super) fn install(env: &mut Environment<'static>, max_nodes: usize) {
    env.add_filter(rewrite::EACH, |state: &State, it: Value| {
        visit(state, &it, Rules { max_nodes: usize::MAX, namespaces: true })?;
        python::not_none(it)
    });
    let kept = Rules { max_nodes, namespaces: true };
    let in_namespace = Rules { max_nodes, namespaces: false };
    env.add_filter(rewrite::KEPT, move |state: &State, it: Value| {
        visit(state, &it, kept).map(|()| it)
    });
    env.add_filter(rewrite::KEPT_IN_NAMESPACE, move |state: &State, it: Value| {
        visit(state, &it, in_namespace).map(|()| it)
    });
    env.add_function("namespace", move |state: &State, defaults: Option<ValueOrKwargs>| {
        if let Some(defaults) = &defaults {
            visit(state, defaults, in_namespace)?;
        }
        functions::namespace(defaults)
    });
    env.add_filter("batch", move |state: &State, it: Value, n: usize, fill: Option<Value>| {
        let made = filters::batch(state, it, n, fill)?;
        visit(state, &made, kept).map(|()| made)
    });
    env.add_filter("slice", move |state: &State, it: Value, n: usize, fill: Option<Value>| {
        let made = filters::slice(state, it, n, fill)?;
        visit(state, &made, kept).map(|()| made)
    });
    env.add_filter(rewrite::FACTOR, factor);
    env.add_function("range", range);
}

fn factor(it: Value) -> Result<Value, Error> {
    match it.kind() {
        ValueKind::Seq | ValueKind::Iterable => Err(refused("a list cannot be multiplied")),
        _ => Ok(it),
    }
}

fn range(start: isize, stop: Option<isize>, step: Option<isize>) -> Result<Value, Error> {
    let (start, stop) = stop.map_or((0, start), |stop| (start, stop));
    let steps = stop.abs_diff(start) / step.map_or(1, isize::unsigned_abs).max(1);
    if steps > MAX_RANGE.unsigned_abs() {
        return Err(refused(format!("a range of more than {MAX_RANGE} numbers")));
    }
    functions::range(start, Some(stop), step)
}

/// What a value may be.
#[derive(Clone, Copy)]
struct Rules {
    max_nodes: usize,
    /// A namespace in a namespace could close a circle.
    namespaces: bool,
}

fn visit(state: &State, it: &Value, rules: Rules) -> Result<(), Error> {
    Walk { state, nodes: 0, rules }.visit(it, 0)
}

struct Walk<'a, 'b, 'c> {
    state: &'a State<'b, 'c>,
    nodes: usize,
    rules: Rules,
}

impl Walk<'_, '_, '_> {
    fn visit(&mut self, it: &Value, depth: usize) -> Result<(), Error> {
        if !matches!(it.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable) {
            return Ok(());
        }
        if depth > MAX_DEPTH {
            return Err(refused(format!("a value is nested more than {MAX_DEPTH} levels deep")));
        }
        if !self.rules.namespaces && is_namespace(it) {
            return Err(refused("a namespace cannot be kept in a namespace"));
        }
        for item in it.try_iter()?.checked() {
            self.count()?;
            let item = item?;
            if it.kind() == ValueKind::Map {
                self.visit(&it.get_item(&item)?, depth + 1)?;
            }
            self.visit(&item, depth + 1)?;
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Error> {
        self.nodes += 1;
        if self.nodes > self.rules.max_nodes {
            return Err(refused(format!("a value has more than {} items", self.rules.max_nodes)));
        }
        match self.nodes.is_multiple_of(NODES_PER_STEP) {
            true => self.state.consume_fuel(1),
            false => Ok(()),
        }
    }
}

/// The type is minijinja's own.
fn is_namespace(it: &Value) -> bool {
    it.as_object().is_some_and(|it| it.type_name().ends_with("::Namespace"))
}

fn refused(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, what.into())
}
