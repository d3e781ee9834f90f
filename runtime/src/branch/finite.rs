//! Finds floats that JSON cannot represent.

use std::fmt;

use serde::ser::{self, Serialize, Serializer};

/// Whether a value contains a NaN or an infinity. `serde_json` writes `null` for these, which is another value or none.
pub(super) fn holds_other_than_finite<T: Serialize + ?Sized>(value: &T) -> bool {
    matches!(value.serialize(Walk), Err(Stop::NotFinite))
}

/// Walks through a value and writes nothing.
#[derive(Clone, Copy)]
struct Walk;

/// Why a walk ended early.
#[derive(Debug)]
enum Stop {
    NotFinite,
    /// The value's own `Serialize` failed; writing the value reports that.
    Failed,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the walk ended early")
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Failed
    }
}

macro_rules! nothing_to_find {
    ($($method:ident: $ty:ty,)*) => {
        $(fn $method(self, _: $ty) -> Result<(), Stop> {
            Ok(())
        })*
    };
}

impl Serializer for Walk {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    nothing_to_find! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_char: char,
        serialize_str: &str,
        serialize_bytes: &[u8],
        serialize_unit_struct: &'static str,
    }

    fn serialize_f32(self, float: f32) -> Result<(), Stop> {
        if float.is_finite() { Ok(()) } else { Err(Stop::NotFinite) }
    }

    fn serialize_f64(self, float: f64) -> Result<(), Stop> {
        if float.is_finite() { Ok(()) } else { Err(Stop::NotFinite) }
    }

    fn serialize_none(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, Stop> {
        Ok(self)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<(), Stop> {
        Ok(())
    }
}

macro_rules! each_element {
    ($($of:ident $method:ident,)*) => {
        $(impl ser::$of for Walk {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
                value.serialize(*self)
            }

            fn end(self) -> Result<(), Stop> {
                Ok(())
            }
        })*
    };
}

each_element! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field,
}

macro_rules! each_field {
    ($($of:ident,)*) => {
        $(impl ser::$of for Walk {
            type Ok = ();
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), Stop> {
                value.serialize(*self)
            }

            fn end(self) -> Result<(), Stop> {
                Ok(())
            }
        })*
    };
}

each_field! {
    SerializeStruct,
    SerializeStructVariant,
}

impl ser::SerializeMap for Walk {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        key.serialize(*self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        value.serialize(*self)
    }

    fn end(self) -> Result<(), Stop> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(serde::Serialize)]
    enum Shape {
        Newtype(f32),
        Tuple(i32, f64),
        Struct { side: f64 },
        Unit,
    }

    #[derive(serde::Serialize)]
    struct Wrapped(Option<f64>);

    #[test]
    fn a_float_that_is_not_finite_is_found_wherever_it_is() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(holds_other_than_finite(&bad));
            assert!(holds_other_than_finite(&Some(Some(bad))));
            assert!(holds_other_than_finite(&vec![1.0, bad]));
            assert!(holds_other_than_finite(&(1, "x", bad)));
            assert!(holds_other_than_finite(&BTreeMap::from([("rate", vec![Wrapped(Some(bad))])])));
            assert!(holds_other_than_finite(&Shape::Tuple(1, bad)));
            assert!(holds_other_than_finite(&Shape::Struct { side: bad }));
        }
        assert!(holds_other_than_finite(&Shape::Newtype(f32::NAN)));
        let fine = (Wrapped(None), Shape::Unit, Shape::Newtype(1.5), u128::MAX, 'x', BTreeMap::from([(1, f64::MAX)]));
        assert!(!holds_other_than_finite(&fine));
    }
}
