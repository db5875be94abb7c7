//! What a million tokens cost in electricity, beside what somebody else takes for them.

use serde::Serialize;

/// What is known of costs here.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Costs {
    pub(super) watts: Option<f64>,
    /// What told, and of what, where nobody said it.
    pub(super) source: Option<String>,
    /// Of a kilowatt-hour.
    pub(super) price: Option<f64>,
    /// Of a million tokens elsewhere.
    pub(super) api_price: Option<f64>,
}

/// Of a million tokens that are written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Cost {
    pub(super) watts: f64,
    /// What told, and of what, where nobody said it.
    pub(super) source: Option<String>,
    pub(super) hours: f64,
    pub(super) kilowatt_hours: f64,
    /// In the money of the price that was told.
    pub(super) price: Option<f64>,
    pub(super) api_price: Option<f64>,
}

impl Costs {
    /// At so many tokens a second; nothing where nobody knows what that takes.
    pub(super) fn of(&self, per_second: f64) -> Option<Cost> {
        let watts = self.watts?;
        let hours = 1e6 / per_second / 3600.0;
        let kilowatt_hours = hours * watts / 1000.0;
        Some(Cost {
            watts,
            source: self.source.clone(),
            hours,
            kilowatt_hours,
            price: self.price.map(|it| it * kilowatt_hours),
            api_price: self.api_price,
        })
    }
}

impl Cost {
    /// For people.
    pub(super) fn text(&self) -> String {
        let by = self.source.as_ref().map_or_else(String::new, |it| format!(" ({it})"));
        let spent = format!(
            "{} kWh in {} hours at {} W{by}",
            short(self.kilowatt_hours),
            short(self.hours),
            short(self.watts)
        );
        let Some(price) = self.price else { return spent };
        let beside = match self.api_price {
            Some(api) if api >= price => {
                format!("; the API takes {}, {} times as much", short(api), short(api / price))
            }
            Some(api) => {
                format!("; the API takes {}, {} times less", short(api), short(price / api))
            }
            None => String::new(),
        };
        format!("{} for {spent}{beside}", short(price))
    }
}

/// A number with about three digits.
pub(super) fn short(n: f64) -> String {
    match n {
        100.0.. => format!("{n:.0}"),
        10.0..100.0 => format!("{n:.1}"),
        0.1..10.0 => format!("{n:.2}"),
        _ => format!("{n:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_tokens_take_hours_and_watts() {
        let costs = Costs { watts: Some(36.0), price: Some(0.3), ..Costs::default() };
        // Ten a second are 100,000 seconds.
        let cost = costs.of(10.0).unwrap();
        assert_eq!(cost.text(), "0.30 for 1.00 kWh in 27.8 hours at 36.0 W");
        assert_eq!(Costs::default().of(10.0), None);
    }

    #[test]
    fn it_stands_beside_what_others_take() {
        let costs = |api| {
            let (watts, price) = (Some(36.0), Some(0.3));
            let source = Some("RAPL: package-0".to_owned());
            let costs = Costs { watts, price, api_price: Some(api), source };
            costs.of(10.0).unwrap().text()
        };
        let spent = "0.30 for 1.00 kWh in 27.8 hours at 36.0 W (RAPL: package-0)";
        assert_eq!(costs(0.6), format!("{spent}; the API takes 0.60, 2.00 times as much"));
        assert_eq!(costs(0.15), format!("{spent}; the API takes 0.15, 2.00 times less"));
        let unpriced = Costs { watts: Some(36.0), ..Costs::default() };
        assert_eq!(unpriced.of(10.0).unwrap().text(), "1.00 kWh in 27.8 hours at 36.0 W");
    }

    #[test]
    fn numbers_are_short() {
        let all = [1234.4, 99.94, 9.994, 0.5, 0.01234].map(short);
        assert_eq!(all, ["1234", "99.9", "9.99", "0.50", "0.0123"]);
    }
}
