//! Codes tell vectors apart as the vectors themselves do, or near enough.

use proptest::{collection::vec, prelude::*};

use super::*;

/// Rows `[deep | colour]` whose deep part varies less and less from number to number.
fn rows(count: usize, dims: Dims) -> Vec<f32> {
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let width = dims.deep + dims.colour;
    (0..count * width).map(|i| next() / (1.0 + (i % width % dims.deep) as f32)).collect()
}

/// A codebook whose codes are the numbers themselves, in steps of a hundredth from 0.
fn plain(dims: Dims) -> Codebook {
    let shape = CodeShape { dims, head: dims.deep, rotated: false };
    let lows = vec![0.0; dims.deep + dims.colour];
    Codebook::new(shape, [vec![0.01; 4], lows].concat()).expect("a codebook")
}

proptest! {
    #[test]
    fn a_blend_over_codes_is_the_blend_but_for_half_a_step_a_number(
        (a, b) in (vec(0f32..1.27, 50), vec(0f32..1.27, 50)),
        weight in 0f32..2.0,
    ) {
        let book = plain(Dims { deep: 40, colour: 10 });
        let weight = ColourWeight::new(weight).expect("a weight");
        let kernel = Kernel::best();
        let mut row = vec![0; book.shape().stride()];
        book.encode(kernel, &b[..40], &b[40..], &mut row);
        let coded = book.query(kernel, a.split_at(40), weight).to(book.shape().rows(&row), 0);
        let l2 = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f32>().sqrt();
        let exact = l2(&a[..40], &b[..40]) + weight.get() * l2(&a[40..], &b[40..]);
        let blur = 0.0101 * (40f32.sqrt() + weight.get() * 10f32.sqrt());
        prop_assert!((coded - exact).abs() <= blur, "{coded} for {exact}");
    }

    #[test]
    fn whatever_the_numbers_a_code_is_a_code(values in vec(any::<f32>(), 50)) {
        let book = plain(Dims { deep: 40, colour: 10 });
        let mut row = vec![0; book.shape().stride()];
        book.encode(Kernel::best(), &values[..40], &values[40..], &mut row);
        prop_assert!(row.iter().all(|&code| code <= 127));
    }

    #[test]
    fn rows_fill_whole_cache_lines(deep in 1usize..600, colour in 0usize..100, part in 1usize..600, rotated in any::<bool>()) {
        let head = if rotated { part.min(deep) } else { deep };
        let shape = CodeShape { dims: Dims { deep, colour }, head, rotated };
        prop_assert_eq!(shape.stride() % LINE, 0);
        prop_assert!(shape.deep_bytes() >= head && shape.deep_bytes().is_multiple_of(CODE_STEP));
        prop_assert!(shape.colour_bytes() >= colour && shape.deep_bytes() + shape.colour_bytes() == shape.stride());
    }
}

#[test]
fn a_codebook_of_bad_numbers_is_none() {
    let shape = CodeShape { dims: Dims { deep: 4, colour: 0 }, head: 4, rotated: false };
    let good = vec![1.0; shape.numbers()];
    assert!(Codebook::new(shape, good.clone()).is_ok());
    assert!(Codebook::new(shape, good[1..].to_vec()).is_err());
    for (at, bad) in [(0, 0.0), (1, -1.0), (2, f32::NAN), (7, f32::INFINITY)] {
        let mut numbers = good.clone();
        numbers[at] = bad;
        assert!(Codebook::new(shape, numbers).is_err(), "{bad} at {at}");
    }
}

#[test]
fn vectors_that_vary_in_few_directions_get_a_short_head() {
    let dims = Dims { deep: 256, colour: 6 };
    let rows = rows(5_000, dims);
    let book = fit(&rows, dims);
    assert!(book.shape().rotated && book.shape().head < dims.deep, "{:?}", book.shape());
    assert_eq!(book, fit(&rows, dims), "the same rows, another codebook");
    assert_eq!(Codebook::new(book.shape(), book.numbers().to_vec()).as_ref(), Ok(&book));
}

#[test]
fn few_vectors_are_coded_whole() {
    let dims = Dims { deep: 40, colour: 3 };
    let book = fit(&rows(300, dims), dims);
    assert_eq!((book.shape().head, book.shape().rotated), (40, false));
    assert_eq!(fit(&[], Dims { deep: 0, colour: 0 }).shape().stride(), 0);
}
