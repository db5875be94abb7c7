//! Policies to begin from. They are examples: none is in force unless a site writes it down.

/// Names, what each is about, and its text.
pub const ALL: &[(&str, &str, &str)] = &[
    (
        "origin",
        "an Australian agency that bars models by where they come from",
        include_str!("examples/origin.toml"),
    ),
    (
        "licence",
        "a company that bars licences without commercial use",
        include_str!("examples/licence.toml"),
    ),
];

/// The text of the example of this name.
pub fn named(name: &str) -> Option<&'static str> {
    ALL.iter().find(|it| it.0 == name).map(|it| it.2)
}
