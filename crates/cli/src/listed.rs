//! What the catalogue says of a model besides what its manifest keeps: who claims its country, what its
//! licence asks for, and what is peculiar about how it is talked to.

use store::catalogue::Listed;

/// Names and texts of rows.
pub(crate) fn rows(listed: &Listed) -> Vec<(&'static str, String)> {
    let country = listed.country.as_ref();
    let country = country.map(|it| claimed(it, listed.country_claim.as_deref()));
    let mut rows: Vec<_> = country.map(|it| ("country", it)).into_iter().collect();
    rows.extend(listed.terms.iter().map(|it| ("terms", it.clone())));
    rows.push(("terms at", listed.licence_url.clone()));
    rows.push(("published", listed.openness.to_string()));
    rows
}

/// The same of a model that is shown, and how it is talked to.
pub(crate) fn shown(listed: &Listed) -> Vec<(&'static str, String)> {
    let template = listed.template.iter().map(|it| ("template", it.clone()));
    rows(listed).into_iter().chain(template).collect()
}

/// A country, and who claims it where.
pub(crate) fn claimed(country: &str, claim: Option<&str>) -> String {
    let claim = claim.map(|it| format!(", as claimed by {it}"));
    country.to_owned() + &claim.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use store::catalogue::Catalogue;

    use super::*;

    #[test]
    fn how_a_model_is_talked_to_is_told_where_that_is_known() {
        let template = |name: &str| {
            let rows = shown(Catalogue::built_in().listed(name).expect("it is listed"));
            rows.into_iter().find(|it| it.0 == "template").map(|it| it.1)
        };
        let expected = "`<start_of_turn>`; there is no system role";
        assert_eq!(template("gemma2:2b").as_deref(), Some(expected));
        assert_eq!(template("falcon:7b"), None);
    }
}
