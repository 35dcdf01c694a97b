//! Whether rows are equal: bit for bit, jsonb by what it says.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};

/// Whether two values of one column are the same bits, NULL being the same as NULL. Floats are
/// told apart by their bits: 0.0 is not -0.0, and a NaN is itself.
pub(crate) fn same(a: &ArrayRef, row_a: usize, b: &ArrayRef, row_b: usize) -> bool {
    if a.is_null(row_a) || b.is_null(row_b) {
        return a.is_null(row_a) && b.is_null(row_b);
    }
    match a.data_type() {
        DataType::Float32 => {
            let bits =
                |array: &ArrayRef, row| array.as_primitive::<Float32Type>().value(row).to_bits();
            bits(a, row_a) == bits(b, row_b)
        }
        DataType::Float64 => {
            let bits =
                |array: &ArrayRef, row| array.as_primitive::<Float64Type>().value(row).to_bits();
            bits(a, row_a) == bits(b, row_b)
        }
        DataType::FixedSizeList(_, _) => {
            same_lists(&a.as_fixed_size_list().value(row_a), &b.as_fixed_size_list().value(row_b))
        }
        DataType::List(_) => {
            same_lists(&a.as_list::<i32>().value(row_a), &b.as_list::<i32>().value(row_b))
        }
        _ => a.slice(row_a, 1).to_data() == b.slice(row_b, 1).to_data(),
    }
}

/// Whether two texts are one jsonb value.
pub(crate) fn same_jsonb(a: &ArrayRef, row_a: usize, b: &ArrayRef, row_b: usize) -> bool {
    let text = |array: &ArrayRef, row: usize| {
        let texts = array.as_string_opt::<i32>()?;
        texts.is_valid(row).then(|| texts.value(row).to_owned())
    };
    match (text(a, row_a), text(b, row_b)) {
        (Some(a), Some(b)) => cvx_types::forms::json::equal(&a, &b),
        _ => false,
    }
}

fn same_lists(a: &ArrayRef, b: &ArrayRef) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match (a.as_primitive_opt::<Float32Type>(), b.as_primitive_opt::<Float32Type>()) {
        (Some(x), Some(y)) if a.null_count() == 0 && b.null_count() == 0 => {
            x.values().iter().zip(y.values()).all(|(x, y)| x.to_bits() == y.to_bits())
        }
        // Halves and bytes have one form for each value.
        _ if matches!(a.data_type(), DataType::Float16 | DataType::UInt8) => {
            a.to_data() == b.to_data()
        }
        _ => (0..a.len()).all(|row| same(a, row, b, row)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float32Array, Float64Array, StringArray};
    use std::sync::Arc;

    #[test]
    fn floats_are_compared_by_bits_and_null_equals_null() {
        let floats: ArrayRef =
            Arc::new(Float64Array::from(vec![Some(0.0), Some(-0.0), Some(f64::NAN), None]));
        for a in 0..4 {
            for b in 0..4 {
                assert_eq!(same(&floats, a, &floats, b), a == b, "{a} {b}");
            }
        }
        let narrow: ArrayRef = Arc::new(Float32Array::from(vec![0.0, -0.0]));
        assert!(!same(&narrow, 0, &narrow, 1));
    }

    /// A retry whose client writes 1.0 where the first attempt wrote 1 is still a retry.
    #[test]
    fn jsonb_is_compared_by_value() {
        let texts = vec![Some("{\"x\": 1.0}"), Some("{\"x\": 1}"), Some("{\"x\": 2}"), None];
        let a: ArrayRef = Arc::new(StringArray::from(texts));
        assert!(same_jsonb(&a, 0, &a, 1));
        assert!(!same_jsonb(&a, 0, &a, 2) && !same_jsonb(&a, 0, &a, 3));
    }

    #[test]
    fn text_is_compared_by_value_wherever_it_lies() {
        let a: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), Some("yy"), None]));
        let b: ArrayRef = Arc::new(StringArray::from(vec![Some("yy"), None]));
        assert!(same(&a, 1, &b, 0) && same(&a, 2, &b, 1));
        assert!(!same(&a, 0, &b, 0) && !same(&a, 0, &b, 1));
    }
}
