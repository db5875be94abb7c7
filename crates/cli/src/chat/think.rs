//! What `--think` becomes: variables of the model's template, and a warning about what it has no
//! variable for. How many tokens of reasoning there are is counted in `turn`.

use engine::template::{Template, Thinking};
use serde_json::Value;

use crate::args::Think;

/// The effort that stands for none.
const NONE: &str = "none";

/// What `think` sets in this template.
pub(super) fn variables(think: Think, template: &Template) -> Vec<(String, Value)> {
    let Some(thinking) = template.thinking() else { return Vec::new() };
    let on = think != Think::Off;
    let effort = effort(thinking, on).map(|it| ("reasoning_effort".to_owned(), it.into()));
    let switches = thinking.switches.iter().map(|&it| (it.to_owned(), on.into()));
    switches.chain(effort).collect()
}

/// What `think` asks for and cannot be had from this template, or without any.
pub(super) fn warning(think: Think, template: Option<&Template>) -> Option<String> {
    let flag = format!("`--think {think}`");
    let Some(template) = template else {
        return Some(format!("{flag} changes nothing: there is no chat template"));
    };
    let switch = template.thinking();
    let has_marks = template.reasoning().is_some();
    match think {
        Think::AtMost(_) if !has_marks => Some(format!(
            "{flag} changes nothing: this model's template marks no reasoning that could be counted"
        )),
        Think::AtMost(_) => None,
        _ if switch.is_some_and(|it| has_switch(it, think)) => None,
        Think::On if switch.is_some() => None,
        _ if !has_marks && switch.is_none() => {
            Some(format!("{flag} changes nothing: this model's template knows no reasoning"))
        }
        Think::On => Some(format!(
            "{flag} changes nothing: this model's template has no switch, the model decides"
        )),
        Think::Off => Some(format!(
            "{flag} changes nothing: this model's template has no switch (`--think 1` ends the \
             reasoning at once, `--hide-thinking` hides it)"
        )),
    }
}

fn has_switch(thinking: &Thinking, think: Think) -> bool {
    !thinking.switches.is_empty() || effort(thinking, think == Think::On).is_some()
}

/// The effort to ask for where effort is the only switch: without `none` among its values the
/// model always reasons.
fn effort(thinking: &Thinking, on: bool) -> Option<&'static str> {
    let has = |name: &str| thinking.efforts.contains(&name);
    match on {
        _ if !thinking.switches.is_empty() || !has(NONE) => None,
        false => Some(NONE),
        true if has("medium") => Some("medium"),
        true => thinking.efforts.iter().copied().rfind(|&it| it != NONE),
    }
}

#[cfg(test)]
mod tests {
    use engine::template::TokenTexts;

    use super::*;

    #[track_caller]
    fn check(source: &str, think: Think, expected: &str, warns: Option<&str>) {
        let texts = TokenTexts::default();
        let template = Template::from_source(source, texts).expect("the template compiles");
        let set: Vec<_> =
            variables(think, &template).iter().map(|(name, it)| format!("{name}={it}")).collect();
        assert_eq!(set.join(" "), expected, "{think} in {source}");
        let warning = warning(think, Some(&template)).unwrap_or_default();
        assert_eq!(warning.split(": ").nth(1), warns, "{think} in {source}: {warning}");
    }

    const PLAIN: &str = "{{ messages[-1].content }}";
    const MARKED: &str = "{% for m in messages %}[{{ m.role }}]{% if m.reasoning_content %}<think>\
                          {{ m.reasoning_content }}</think>{% endif %}{{ m.content }}{% endfor %}";

    #[test]
    fn variables_are_those_of_the_template() {
        let switch = format!("{MARKED}{{% if enable_thinking %}}<think>{{% endif %}}");
        check(&switch, Think::On, "enable_thinking=true", None);
        check(&switch, Think::Off, "enable_thinking=false", None);
        check(&switch, Think::AtMost(5), "enable_thinking=true", None);
        let effort = |other: &str| {
            format!(
                "{MARKED}{{% if reasoning_effort in [{other}] %}}{{{{ reasoning_effort }}}}{{% endif %}}"
            )
        };
        check(&effort("'none', 'high'"), Think::Off, "reasoning_effort=\"none\"", None);
        check(&effort("'none', 'high'"), Think::On, "reasoning_effort=\"high\"", None);
        check(&effort("'low', 'high'"), Think::On, "", None);
        let no_switch = "this model's template has no switch (`--think 1` ends the reasoning at \
                         once, `--hide-thinking` hides it)";
        check(&effort("'low', 'high'"), Think::Off, "", Some(no_switch));
    }

    #[test]
    fn what_a_template_has_no_switch_for_is_said() {
        let no_reasoning = "this model's template knows no reasoning";
        check(PLAIN, Think::On, "", Some(no_reasoning));
        check(PLAIN, Think::Off, "", Some(no_reasoning));
        let uncounted = "this model's template marks no reasoning that could be counted";
        check(PLAIN, Think::AtMost(9), "", Some(uncounted));
        check(MARKED, Think::AtMost(9), "", None);
        let decides = "this model's template has no switch, the model decides";
        check(MARKED, Think::On, "", Some(decides));
        let untold = "`--think off` changes nothing: there is no chat template";
        assert_eq!(warning(Think::Off, None).as_deref(), Some(untold));
    }
}
