//! What a million tokens cost in electricity, beside what somebody else takes for them.

use serde::Serialize;

use crate::{machine::Meter, numbers::three_digits};

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

    /// Why there are none, though a price was told.
    pub(super) fn warning(&self) -> Option<String> {
        let why = "nobody knows what this machine takes, so that there is no cost: tell it with \
                   `--watts W`";
        (self.price.is_some() && self.watts.is_none()).then(|| why.to_owned())
    }

    /// What else to tell of costs of so many models, where a price was told.
    pub(super) fn note(&self, models: usize, meter: &Meter) -> Option<String> {
        match (self.price?, self.watts, &self.source) {
            (_, None, _) => meter.remedy().map(str::to_owned),
            // A screen of one model says it.
            (_, Some(watts), Some(source)) if models > 1 => Some(format!(
                "costs are of {} W by {source}; `--watts` takes those of the whole machine",
                three_digits(watts)
            )),
            _ => None,
        }
    }
}

impl Cost {
    /// Whether somebody asked for it, with a price or with what the machine takes.
    pub(super) fn is_asked_for(&self) -> bool {
        self.price.is_some() || self.source.is_none()
    }

    /// What the machine takes, and what told that.
    pub(super) fn power(&self) -> String {
        let by = self.source.as_ref().map_or_else(String::new, |it| format!(" ({it})"));
        format!("{} W{by}", three_digits(self.watts))
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let spent = format!(
            "{} kWh in {} hours at {}",
            three_digits(self.kilowatt_hours),
            three_digits(self.hours),
            self.power()
        );
        let Some(price) = self.price else { return spent };
        let beside = match self.api_price {
            Some(api) if api >= price => {
                format!(
                    "; the API takes {}, {} times as much",
                    three_digits(api),
                    three_digits(api / price)
                )
            }
            Some(api) => {
                format!(
                    "; the API takes {}, {} times less",
                    three_digits(api),
                    three_digits(price / api)
                )
            }
            None => String::new(),
        };
        format!("{} for {spent}{beside}", three_digits(price))
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
        assert_eq!(cost.text(), "0.300 for 1.00 kWh in 27.8 hours at 36.0 W");
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
        let spent = "0.300 for 1.00 kWh in 27.8 hours at 36.0 W (RAPL: package-0)";
        assert_eq!(costs(0.6), format!("{spent}; the API takes 0.600, 2.00 times as much"));
        assert_eq!(costs(0.15), format!("{spent}; the API takes 0.150, 2.00 times less"));
        let unpriced = Costs { watts: Some(36.0), ..Costs::default() };
        assert_eq!(unpriced.of(10.0).unwrap().text(), "1.00 kWh in 27.8 hours at 36.0 W");
    }

    #[test]
    fn a_price_without_a_cost_is_told() {
        let meter = Meter::at(tempfile::tempdir().unwrap().path());
        let (watts, price) = (Some(36.0), Some(0.3));
        let source = Some("RAPL: package-0".to_owned());
        let unknown = Costs { price, ..Costs::default() };
        let warning = unknown.warning().unwrap();
        assert!(warning.ends_with("tell it with `--watts W`"), "{warning}");
        assert_eq!(unknown.note(1, &meter), None);
        let told = Costs { watts, price, ..Costs::default() };
        let measured = Costs { source, ..told.clone() };
        for (costs, models) in [(&Costs::default(), 2), (&told, 2), (&measured, 1)] {
            assert_eq!((costs.warning(), costs.note(models, &meter)), (None, None), "{costs:?}");
        }
        let expected = "costs are of 36.0 W by RAPL: package-0; `--watts` takes those of the whole \
                        machine";
        assert_eq!(measured.note(2, &meter).as_deref(), Some(expected));
    }
}
