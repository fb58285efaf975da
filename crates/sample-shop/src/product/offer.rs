//! What a shop asks for a product: its title, its price, how many are left.
//!
//! Drawn from a stream of its own, so that whatever changes here changes no photo.

use std::collections::BTreeMap;

use crate::{
    CATEGORIES,
    dice::Dice,
    product::{Product, cut::Texture, pattern::Pattern},
};

/// Names the stream among those of a product: 0 is what it looks like, a view's number and 1 more its photo.
const STREAM: u32 = u32::MAX - 1;
/// How many of a hundred products are sold out.
const SOLD_OUT: f32 = 0.08;
/// The most that are left of one.
const MOST: f32 = 60.0;

/// What a plain one in cotton costs, in the order of [`CATEGORIES`].
const USUAL: [f32; CATEGORIES.len()] = [
    89.0, 119.0, 44.0, 79.0, 46.0, 54.0, 42.0, 24.0, 29.0, 49.0, 95.0, 39.0, 149.0, 169.0, 69.0, 56.0, 18.0,
    22.0, 26.0, 48.0,
];

/// `price`, as shops end theirs, and `stock`; the same for all views of the product of that number.
pub fn numbers(product: &Product, seed: u64, number: u32) -> BTreeMap<String, f64> {
    let dice = &mut Dice::new(seed, [number, STREAM]);
    let usual = USUAL[product.category] * worth(product.cut.texture);
    let whole = (usual * dice.between(0.75, 1.45)).max(5.0) as u32;
    let cents = whole * 100 + dice.pick([90, 90, 90, 95]);
    // Few of most things, many of some.
    let left = if dice.chance(SOLD_OUT) { 0 } else { 1 + (dice.unit().powi(2) * MOST) as u32 };
    [("price", f64::from(cents) / 100.0), ("stock", f64::from(left))]
        .map(|(key, n)| (key.to_owned(), n))
        .into()
}

/// As `Striped sweater in wool, navy and cream`.
pub fn title(product: &Product) -> String {
    let words = format!("{}{}", looks(product.pattern), CATEGORIES[product.category].to_lowercase());
    let colours: Vec<&str> = product.dyes[..product.pattern.colours()].iter().map(|dye| dye.name).collect();
    let colours = match colours.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        some => some.concat(),
    };
    let (first, rest) = words.split_at(1);
    format!("{}{rest} in {}, {colours}", first.to_uppercase(), fabric(product.cut.texture))
}

/// A word before the category, with the blank behind it.
fn looks(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::Plain => "",
        Pattern::Stripe { .. } => "striped ",
        Pattern::Check { .. } => "checked ",
        Pattern::Dots { .. } => "dotted ",
        Pattern::Print { .. } => "printed ",
        Pattern::Chevron { .. } => "chevron ",
        Pattern::Argyle { .. } => "argyle ",
        Pattern::Bands { .. } => "fair isle ",
        Pattern::Block { .. } => "colour-block ",
        Pattern::Camouflage => "camouflage ",
        Pattern::Ombre => "ombre ",
    }
}

fn fabric(texture: Texture) -> &'static str {
    match texture {
        Texture::Knit => "fine knit",
        Texture::Rib => "rib knit",
        Texture::Quilt => "quilted nylon",
        other => other.name(),
    }
}

/// How much dearer than cotton.
fn worth(texture: Texture) -> f32 {
    match texture {
        Texture::Cotton | Texture::Rib => 1.0,
        Texture::Knit => 1.05,
        Texture::Cable => 1.25,
        Texture::Twill => 1.1,
        Texture::Wool => 1.4,
        Texture::Nylon => 0.95,
        Texture::Quilt => 1.2,
        Texture::Mesh => 0.9,
        Texture::Satin => 1.15,
    }
}
