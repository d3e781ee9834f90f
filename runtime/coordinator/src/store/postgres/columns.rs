//! Rows as one array for each column, and the numbers of these arrays as parameters of a statement.

use std::fmt::Write as _;

/// A query that returns gids, with the parameters bound so far.
pub(super) type GidQuery<'q> = sqlx::query::QueryScalar<'q, sqlx::Postgres, String, sqlx::postgres::PgArguments>;

/// A column's name, and the SQL type of its values.
pub(super) type Column = (&'static str, &'static str);

/// Declares rows by column: a struct with one `Vec` for each column, its `COLUMNS` for the statement's text, and `bind`,
/// which binds the arrays in that order.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident<$a:lifetime> { $($column:ident: $type:ty = $sql:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Default)]
        struct $name<$a> {
            $($column: Vec<$type>,)+
        }

        impl<$a> $name<$a> {
            const COLUMNS: &'static [$crate::store::postgres::columns::Column] = &[$((stringify!($column), $sql)),+];

            fn bind(
                self,
                query: $crate::store::postgres::columns::GidQuery<$a>,
            ) -> $crate::store::postgres::columns::GidQuery<$a> {
                query$(.bind(self.$column))+
            }
        }
    };
}

pub(super) use columns;

/// Gives parameters their numbers, in the order in which they are bound.
#[derive(Default)]
pub(super) struct Parameters {
    count: usize,
}

impl Parameters {
    /// Numbers the arrays of these columns.
    pub(super) fn arrays(&mut self, columns: &'static [Column]) -> Arrays {
        let before = self.count;
        self.count += columns.len();
        Arrays { before, columns }
    }

    /// Numbers a single value.
    pub(super) fn single(&mut self) -> String {
        self.count += 1;
        format!("${}", self.count)
    }
}

/// The arrays of some columns, as parameters.
pub(super) struct Arrays {
    before: usize,
    columns: &'static [Column],
}

impl Arrays {
    /// One column's parameter, as in `$7::text[]`.
    ///
    /// # Panics
    /// If there is no such column: the statement is fixed text, and every test of a store builds it.
    pub(super) fn array(&self, name: &str) -> String {
        let place = self.columns.iter().position(|(column, _)| *column == name);
        let place = place.unwrap_or_else(|| panic!("no column {name}"));
        format!("${}::{}[]", self.before + place + 1, self.columns[place].1)
    }

    /// Rows of some columns, as in `unnest($7::text[], $8::int[]) AS c (gid, wait)`.
    pub(super) fn rows(&self, alias: &str, names: &[&str]) -> String {
        format!("{} AS {alias} ({})", self.unnest(names), names.join(", "))
    }

    /// Rows of all columns, and a last column `n` with the row's place in the arrays.
    pub(super) fn numbered_rows(&self, alias: &str) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        format!("{} WITH ORDINALITY AS {alias} ({}, n)", self.unnest(&names), names.join(", "))
    }

    fn unnest(&self, names: &[&str]) -> String {
        let mut text = String::from("unnest(");
        for (number, name) in names.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            // Writing to a String does not fail.
            let _ = write!(text, "{comma}{}", self.array(name));
        }
        text + ")"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    columns! {
        /// Two columns.
        Pairs<'a> { name: &'a str = "text", size: i32 = "int", }
    }

    #[test]
    fn parameters_have_the_numbers_in_which_they_are_bound() {
        let mut parameters = Parameters::default();
        let (first, second) = (parameters.arrays(Pairs::COLUMNS), parameters.arrays(Pairs::COLUMNS));
        assert_eq!(first.rows("p", &["size", "name"]), "unnest($2::int[], $1::text[]) AS p (size, name)");
        assert_eq!(second.numbered_rows("p"), "unnest($3::text[], $4::int[]) WITH ORDINALITY AS p (name, size, n)");
        assert_eq!(parameters.single(), "$5");
        let pairs = Pairs { name: vec!["a"], size: vec![1] };
        drop(pairs.bind(sqlx::query_scalar("SELECT 1")));
    }
}
