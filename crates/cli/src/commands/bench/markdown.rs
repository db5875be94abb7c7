//! Results as the table that people read, which is llama-bench's.
//!
//! Where a terminal is narrow, columns are left out that say what stands elsewhere, too: in the
//! model's name, or under the table.

use unicode_width::UnicodeWidthStr;

use super::table::{Row, Subject};
use crate::numbers::{count, size};

/// Left out in this order, as many as have to be; threads only where all rows have as many.
const SPARE: [&str; 5] = ["size", "params", "backend", "threads", EACH];

/// The speed of one of several sequences.
const EACH: &str = "t/s each";

/// A column of the table.
struct Column {
    name: &'static str,
    cells: Vec<String>,
    alignment: Alignment,
}

enum Alignment {
    Left,
    Right,
}

/// The table, in lines of at most `width` columns where that can be.
pub(super) fn text(rows: &[Row], width: Option<usize>) -> String {
    let mut columns = columns(rows);
    let is_wide = |all: &[Column]| {
        let wide = 1 + all.iter().map(|it| it.width() + 3).sum::<usize>();
        width.is_some_and(|width| wide > width)
    };
    for spare in SPARE {
        if is_wide(&columns) && (spare != "threads" || threads(rows).is_some()) {
            columns.retain(|it| it.name != spare);
        }
    }
    let line = |of: &dyn Fn(&Column) -> String| {
        let cells = columns.iter().map(|it| format!(" {} |", of(it)));
        format!("|{}\n", cells.collect::<String>())
    };
    let mut text = line(&|it| it.padded(it.name)) + &line(&Column::rule);
    for i in 0..rows.len() {
        text += &line(&|it| it.padded(&it.cells[i]));
    }
    text
}

/// How many threads all rows have.
pub(super) fn threads(rows: &[Row]) -> Option<usize> {
    let first = rows.first()?.subject.n_threads;
    rows.iter().all(|it| it.subject.n_threads == first).then_some(first)
}

fn columns(rows: &[Row]) -> Vec<Column> {
    let column = |name, alignment, cell: &dyn Fn(&Row) -> String| Column {
        name,
        cells: rows.iter().map(cell).collect(),
        alignment,
    };
    let mut all = vec![
        column("model", Alignment::Left, &|it| it.subject.model()),
        column("size", Alignment::Right, &|it| known(it.subject.model_size, size)),
        column("params", Alignment::Right, &|it| known(it.subject.model_n_params, count)),
        column("backend", Alignment::Left, &|it| backend(&it.subject)),
        column("threads", Alignment::Right, &|it| {
            known(it.subject.n_threads as u64, |it| it.to_string())
        }),
        column("test", Alignment::Right, &|it| it.label.clone()),
        column("t/s", Alignment::Right, &|it| format!("{:.2} ± {:.2}", it.avg_ts, it.stddev_ts)),
    ];
    if rows.iter().any(|it| it.n_parallel > 1) {
        all.push(column(EACH, Alignment::Right, &|it| {
            it.avg_ts_each.map(|each| format!("{each:.2}")).unwrap_or_default()
        }));
    }
    all
}

/// As llama-bench has it: its kernels and threads stand elsewhere.
fn backend(subject: &Subject) -> String {
    match subject.backends.starts_with("cpu ") {
        true => "CPU".to_owned(),
        false => subject.backends.clone(),
    }
}

/// Nothing where nothing is known.
fn known(n: u64, written: fn(u64) -> String) -> String {
    if n == 0 { String::new() } else { written(n) }
}

impl Column {
    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|it| it.width());
        cells.chain([self.name.width()]).max().unwrap_or(0)
    }

    /// `text` as wide as the column.
    fn padded(&self, text: &str) -> String {
        let room = " ".repeat(self.width().saturating_sub(text.width()));
        match self.alignment {
            Alignment::Left => format!("{text}{room}"),
            Alignment::Right => format!("{room}{text}"),
        }
    }

    /// What is between the head and the rows.
    fn rule(&self) -> String {
        match self.alignment {
            Alignment::Left => "-".repeat(self.width()),
            Alignment::Right => format!("{}:", "-".repeat(self.width().saturating_sub(1))),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::{
        super::{fixture::row, measure::Test},
        *,
    };

    #[track_caller]
    fn check(rows: &[Row], width: Option<usize>, expected: Expect) {
        let text = text(rows, width);
        assert!(text.lines().all(|it| width.is_none_or(|most| it.width() <= most)), "{text}");
        expected.assert_eq(&text);
    }

    #[test]
    fn where_sequences_go_on_at_once_the_speed_of_one_has_a_column() {
        let of = |sequences| row(Test::Generate { n: 128, depth: 0, sequences }, 2);
        let rows = [row(Test::Prompt { n: 512, depth: 0 }, 2), of(1), of(2)];
        check(
            &rows,
            Some(80),
            expect![[r#"
                | model                 | threads |      test |           t/s | t/s each |
                | --------------------- | ------: | --------: | ------------: | -------: |
                | qwen2 630.17 M Q4_K_M |       2 |     pp512 | 400.50 ± 0.71 |          |
                | qwen2 630.17 M Q4_K_M |       2 |     tg128 | 400.50 ± 0.71 |   400.50 |
                | qwen2 630.17 M Q4_K_M |       2 | tg128 x 2 | 400.50 ± 0.71 |   200.25 |
            "#]],
        );
        check(
            &rows[2..],
            Some(60),
            expect![[r#"
                | model                 |      test |           t/s |
                | --------------------- | --------: | ------------: |
                | qwen2 630.17 M Q4_K_M | tg128 x 2 | 400.50 ± 0.71 |
            "#]],
        );
    }

    #[test]
    fn a_narrow_terminal_has_fewer_columns() {
        let prompt = Test::Prompt { n: 512, depth: 0 };
        let deep = Test::Generate { n: 128, depth: 4096, sequences: 1 };
        let one = [row(prompt, 2), row(deep, 2)];
        check(
            &one,
            None,
            expect![[r#"
                | model                 |      size |   params | backend | threads |          test |           t/s |
                | --------------------- | --------: | -------: | ------- | ------: | ------------: | ------------: |
                | qwen2 630.17 M Q4_K_M | 463.0 MiB | 630.17 M | CPU     |       2 |         pp512 | 400.50 ± 0.71 |
                | qwen2 630.17 M Q4_K_M | 463.0 MiB | 630.17 M | CPU     |       2 | tg128 @ d4096 | 400.50 ± 0.71 |
            "#]],
        );
        check(
            &one[..1],
            Some(80),
            expect![[r#"
                | model                 |   params | backend | threads |  test |           t/s |
                | --------------------- | -------: | ------- | ------: | ----: | ------------: |
                | qwen2 630.17 M Q4_K_M | 630.17 M | CPU     |       2 | pp512 | 400.50 ± 0.71 |
            "#]],
        );
        check(
            &one[1..],
            Some(64),
            expect![[r#"
                | model                 |          test |           t/s |
                | --------------------- | ------------: | ------------: |
                | qwen2 630.17 M Q4_K_M | tg128 @ d4096 | 400.50 ± 0.71 |
            "#]],
        );
        check(
            &[row(prompt, 1), row(prompt, 2)],
            Some(64),
            expect![[r#"
                | model                 | threads |  test |           t/s |
                | --------------------- | ------: | ----: | ------------: |
                | qwen2 630.17 M Q4_K_M |       1 | pp512 | 400.50 ± 0.71 |
                | qwen2 630.17 M Q4_K_M |       2 | pp512 | 400.50 ± 0.71 |
            "#]],
        );
    }
}
