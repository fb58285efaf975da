//! What is woven into or printed over the cloth.

use crate::{cloth::motif::Motif, dice::Dice};

/// How a check is built.
#[derive(Clone, Copy, PartialEq)]
pub enum Weave {
    Gingham,
    Plaid,
    Windowpane,
}

/// The pattern all over the cloth; lengths in garment units.
#[derive(Clone, Copy, PartialEq)]
pub enum Pattern {
    Plain,
    /// Stripes this far apart, their share of it, and how they run: 0 across, 90 along, else askew.
    Stripe {
        period: f32,
        share: f32,
        degrees: f32,
        third: bool,
    },
    Check {
        weave: Weave,
        period: f32,
    },
    Dots {
        period: f32,
        radius: f32,
    },
    Print {
        motif: Motif,
        period: f32,
        size: f32,
    },
    Chevron {
        period: f32,
    },
    Argyle {
        period: f32,
    },
    /// Rows of small figures, as on a Nordic jumper, down to `until`.
    Bands {
        motif: Motif,
        period: f32,
        until: f32,
    },
    /// Another colour below this height.
    Block {
        at: f32,
        third: bool,
    },
    Camouflage,
    /// From one colour to the other downwards.
    Ombre,
}

impl Pattern {
    /// How a shop calls it.
    pub fn name(self) -> &'static str {
        match self {
            Pattern::Plain => "plain",
            Pattern::Stripe { .. } => "stripe",
            Pattern::Check { .. } => "check",
            Pattern::Dots { .. } => "dots",
            Pattern::Print { .. } => "print",
            Pattern::Chevron { .. } => "chevron",
            Pattern::Argyle { .. } => "argyle",
            Pattern::Bands { .. } => "fair isle",
            Pattern::Block { .. } => "colour block",
            Pattern::Camouflage => "camouflage",
            Pattern::Ombre => "ombre",
        }
    }

    pub fn motif(self) -> Option<Motif> {
        match self {
            Pattern::Print { motif, .. } | Pattern::Bands { motif, .. } => Some(motif),
            _ => None,
        }
    }

    /// Whether the third colour shows.
    pub fn colours(self) -> usize {
        match self {
            Pattern::Plain => 1,
            Pattern::Stripe { third: true, .. } | Pattern::Block { third: true, .. } => 3,
            Pattern::Check { weave: Weave::Plaid, .. } | Pattern::Camouflage | Pattern::Bands { .. } => 3,
            Pattern::Argyle { .. } => 3,
            _ => 2,
        }
    }
}

/// A pattern such as the category wears.
pub fn draw(category: &str, dice: &mut Dice) -> Pattern {
    let kinds: &[fn(&mut Dice) -> Pattern] = match category {
        "Flannel" => &[plaid],
        "Jersey" => &[plain, plain, hoops, columns, block, sash],
        "Blazer" => &[plain, plain, plain, pinstripe, windowpane, plaid],
        "Peacoat" => &[plain, plain, plain, plain, windowpane],
        "Parka" => &[plain, plain, plain, camouflage, block],
        "Anorak" => &[block, block, plain, camouflage, plain, chevron],
        "Bomber" => &[plain, plain, plain, camouflage, print],
        "Jacket" => &[plain, plain, plain, plain, block, ombre],
        "Button-Down" => &[pinstripe, gingham, plain, dots, columns, windowpane, print],
        "Blouse" => &[dots, print, print, plain, columns, dots],
        "Cardigan" => &[plain, plain, plain, hoops, argyle, bands, block],
        "Sweater" => &[bands, hoops, plain, argyle, chevron, plain, block, bands],
        "Turtleneck" => &[plain, plain, hoops, plain, block],
        "Poncho" => &[bands, chevron, hoops, plaid, bands, block],
        "Hoodie" => &[plain, plain, plain, block, hoops, ombre, camouflage],
        "Henley" => &[plain, plain, hoops, plain, block],
        "Tee" => &[plain, plain, plain, hoops, print, dots, ombre, block],
        "Tank" => &[plain, plain, hoops, print, ombre, columns],
        _ => &[print, dots, plain, plain, gingham, columns, hoops, ombre],
    };
    kinds[dice.below(kinds.len())](dice)
}

fn plain(_: &mut Dice) -> Pattern {
    Pattern::Plain
}

fn hoops(dice: &mut Dice) -> Pattern {
    let period = dice.between(8.0, 24.0);
    Pattern::Stripe { period, share: dice.between(0.22, 0.6), degrees: 0.0, third: dice.chance(0.35) }
}

fn columns(dice: &mut Dice) -> Pattern {
    let period = dice.between(7.0, 16.0);
    Pattern::Stripe { period, share: dice.between(0.3, 0.55), degrees: 90.0, third: dice.chance(0.3) }
}

fn pinstripe(dice: &mut Dice) -> Pattern {
    let period = dice.between(5.0, 9.5);
    Pattern::Stripe { period, share: 1.1 / period, degrees: 90.0, third: false }
}

fn sash(dice: &mut Dice) -> Pattern {
    let degrees = dice.pick([45.0, -45.0, 60.0]);
    Pattern::Stripe { period: dice.between(30.0, 60.0), share: 0.45, degrees, third: true }
}

fn plaid(dice: &mut Dice) -> Pattern {
    Pattern::Check { weave: Weave::Plaid, period: dice.between(18.0, 38.0) }
}

fn gingham(dice: &mut Dice) -> Pattern {
    Pattern::Check { weave: Weave::Gingham, period: dice.between(6.0, 14.0) }
}

fn windowpane(dice: &mut Dice) -> Pattern {
    Pattern::Check { weave: Weave::Windowpane, period: dice.between(12.0, 24.0) }
}

fn dots(dice: &mut Dice) -> Pattern {
    let period = dice.between(7.0, 18.0);
    Pattern::Dots { period, radius: period * dice.between(0.16, 0.3) }
}

fn print(dice: &mut Dice) -> Pattern {
    let period = dice.between(13.0, 26.0);
    Pattern::Print { motif: Motif::any(dice), period, size: period * dice.between(0.28, 0.4) }
}

fn chevron(dice: &mut Dice) -> Pattern {
    Pattern::Chevron { period: dice.between(11.0, 24.0) }
}

fn argyle(dice: &mut Dice) -> Pattern {
    Pattern::Argyle { period: dice.between(17.0, 28.0) }
}

fn bands(dice: &mut Dice) -> Pattern {
    let motif =
        dice.pick([Motif::Star, Motif::Diamond, Motif::Tree, Motif::Heart, Motif::Cross, Motif::Daisy]);
    Pattern::Bands { motif, period: dice.between(20.0, 34.0), until: dice.pick([62.0, 90.0, 300.0]) }
}

fn block(dice: &mut Dice) -> Pattern {
    Pattern::Block { at: dice.between(40.0, 88.0), third: dice.chance(0.5) }
}

fn camouflage(_: &mut Dice) -> Pattern {
    Pattern::Camouflage
}

fn ombre(_: &mut Dice) -> Pattern {
    Pattern::Ombre
}
