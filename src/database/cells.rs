//! The cells of many rows in two buffers, without a value of its own for each.

use std::fmt;
use std::ops::Range;

use sea_orm::DbErr;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

/// What is in a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'c> {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(&'c str),
}

/// The cells of the rows that a query answers, one row after the other.
#[derive(Debug)]
pub struct Cells {
    width: usize,
    kept: Vec<Kept>,
    /// All texts, in one.
    texts: String,
}

/// A row of [`Cells`].
#[derive(Clone, Copy, Debug)]
pub struct Row<'c> {
    kept: &'c [Kept],
    texts: &'c str,
}

/// A cell, of whose text only the place is kept.
#[derive(Clone, Debug)]
enum Kept {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(Range<usize>),
}

impl Cell<'_> {
    /// The id that it is, if it is one.
    #[must_use]
    pub fn id(self) -> Option<i32> {
        if let Self::Integer(number) = self { number.try_into().ok() } else { None }
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(truth) => serializer.serialize_bool(truth),
            Self::Integer(number) => serializer.serialize_i64(number),
            Self::Real(number) => serializer.serialize_f64(number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl Cells {
    /// No rows yet, of so many cells each.
    pub(super) fn new(width: usize) -> Self {
        Self { width, kept: Vec::new(), texts: String::new() }
    }

    /// Those of rows that a database wrote as JSON: lists, whose cells may be in further lists.
    ///
    /// # Errors
    /// It is no such JSON.
    pub fn of_json(width: usize, text: &str) -> Result<Self, DbErr> {
        let mut cells = Self::new(width);
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = Filling(&mut cells).deserialize(&mut reader).and_then(|()| reader.end());
        read.map_err(|error| DbErr::Custom(format!("the database wrote no JSON: {error}")))?;
        Ok(cells)
    }

    /// Adds a cell to the last row, or to a further one if that has all of its own.
    pub(super) fn push(&mut self, cell: Cell<'_>) {
        self.kept.push(match cell {
            Cell::Null => Kept::Null,
            Cell::Boolean(truth) => Kept::Boolean(truth),
            Cell::Integer(number) => Kept::Integer(number),
            Cell::Real(number) => Kept::Real(number),
            Cell::Text(text) => {
                let start = self.texts.len();
                self.texts.push_str(text);
                Kept::Text(start..self.texts.len())
            }
        });
    }

    /// The rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.kept.chunks_exact(self.width.max(1)).map(|kept| Row { kept, texts: &self.texts })
    }
}

impl<'c> Row<'c> {
    /// The cell at `index`; null where there is none.
    #[must_use]
    pub fn cell(self, index: usize) -> Cell<'c> {
        self.kept.get(index).map_or(Cell::Null, |kept| kept.cell(self.texts))
    }

    /// The cells.
    pub fn cells(self) -> impl Iterator<Item = Cell<'c>> {
        self.kept.iter().map(move |kept| kept.cell(self.texts))
    }
}

impl Kept {
    fn cell<'c>(&self, texts: &'c str) -> Cell<'c> {
        match self {
            Self::Null => Cell::Null,
            Self::Boolean(truth) => Cell::Boolean(*truth),
            Self::Integer(number) => Cell::Integer(*number),
            Self::Real(number) => Cell::Real(*number),
            Self::Text(place) => Cell::Text(&texts[place.clone()]),
        }
    }
}

/// Reads JSON into cells: what is no list is the next one.
struct Filling<'c>(&'c mut Cells);

impl<'de> DeserializeSeed<'de> for Filling<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Filling<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cells")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.push(Cell::Null);
        Ok(())
    }

    fn visit_bool<E>(self, truth: bool) -> Result<(), E> {
        self.0.push(Cell::Boolean(truth));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.0.push(Cell::Integer(number));
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "what is so large is a float")]
    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.0.push(i64::try_from(number).map_or(Cell::Real(number as f64), Cell::Integer));
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.0.push(Cell::Real(number));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.push(Cell::Text(text));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Filling(self.0))?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_into_cells() {
        let cells = Cells::of_json(4, r#"[[[1,"a\"é"],[null,true]],[[-2,""],[0.5,false]]]"#).unwrap();
        let rows: Vec<Vec<Cell<'_>>> = cells.rows().map(|row| row.cells().collect()).collect();
        let expected = [
            [Cell::Integer(1), Cell::Text("a\"é"), Cell::Null, Cell::Boolean(true)],
            [Cell::Integer(-2), Cell::Text(""), Cell::Real(0.5), Cell::Boolean(false)],
        ];
        assert_eq!(rows, expected);
        assert_eq!(cells.rows().next().unwrap().cell(4), Cell::Null);
        assert_eq!(Cells::of_json(2, "[]").unwrap().rows().len(), 0);
        for wrong in ["", "[", "[[{}]]", "[] []"] {
            assert!(Cells::of_json(1, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ids_are_small_numbers() {
        assert_eq!(Cell::Integer(7).id(), Some(7));
        for none in [Cell::Integer(i64::MAX), Cell::Null, Cell::Text("7"), Cell::Real(7.0), Cell::Boolean(true)] {
            assert_eq!(none.id(), None);
        }
    }
}
