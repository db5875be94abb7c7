//! What the catalogue says of a model besides what its manifest keeps: who claims its country, and
//! what its licence asks for.

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

/// A country, and who claims it where.
pub(crate) fn claimed(country: &str, claim: Option<&str>) -> String {
    let claim = claim.map(|it| format!(", as claimed by {it}"));
    country.to_owned() + &claim.unwrap_or_default()
}
