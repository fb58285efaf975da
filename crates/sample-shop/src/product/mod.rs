//! A product: everything about it that all its photos share, drawn from the seed.

pub mod cut;
pub mod offer;
pub mod palette;
pub mod pattern;
mod tops;
mod wardrobe;

use std::collections::BTreeMap;

use crate::{CATEGORIES, cloth::motif::Motif, dice::Dice};
use cut::{Body, Closure, Cut, Neck, Pocket};
use palette::{DYES, Dye, Rgb, blend, contrasting, luminance, shade};
use pattern::Pattern;

/// What is printed on the chest.
#[derive(Clone, PartialEq)]
pub enum Emblem {
    Picture { motif: Motif, words: Option<&'static str>, badge: bool },
    Words(&'static str),
    Number { number: u32, words: Option<&'static str> },
}

/// A garment with its colours.
pub struct Product {
    pub category: usize,
    pub cut: Cut,
    pub pattern: Pattern,
    pub emblem: Option<Emblem>,
    /// Main, second and third colour.
    pub dyes: [Dye; 3],
    /// Of ribbing and collar.
    pub trim: Dye,
    pub sleeves: Dye,
    pub lining: Rgb,
    pub button: Rgb,
    pub fur: Rgb,
    /// What the pattern's own chance is drawn from.
    pub salt: u32,
}

const WORDS: [&str; 16] = [
    "LOOK", "SURF", "NORD", "PARIS", "MILAN", "CLUB", "WILD", "OSLO", "HELLO", "RUN", "DREAM", "TOKYO",
    "SUNDAY", "CREW", "ALPS", "GOOD",
];

impl Product {
    /// The product of that number in the shop of that seed.
    pub fn of(seed: u64, number: u32) -> Self {
        let category = number as usize % CATEGORIES.len();
        let name = CATEGORIES[category];
        let dice = &mut Dice::new(seed, [number, 0]);
        let cut = wardrobe::cut(category, dice);
        let pattern = pattern::draw(name, dice);
        let dyes = dyes(seed, number, pattern, dice);
        let emblem = emblem(name, pattern, dice);
        let two_tone = matches!(name, "Bomber" | "Jersey" | "Tee" | "Henley" | "Hoodie" | "Sweater");
        let sleeves = if two_tone && (cut.raglan || dice.chance(0.2)) && pattern.colours() < 3 {
            dyes[1]
        } else {
            dyes[0]
        };
        let trim = match name {
            "Jersey" | "Bomber" if dice.chance(0.75) => dyes[1],
            "Blazer" | "Peacoat" | "Flannel" | "Button-Down" | "Parka" | "Jacket" => dyes[0],
            _ if dice.chance(0.22) => dyes[1],
            _ if sleeves != dyes[0] => sleeves,
            _ => dyes[0],
        };
        let dark = luminance(dyes[0].rgb) < 110.0;
        let buttons = [[226.0, 220.0, 205.0], [60.0, 42.0, 32.0], [196.0, 164.0, 84.0], [30.0, 30.0, 34.0]];
        let button = buttons[if dark { dice.pick([0, 2, 2]) } else { dice.pick([0, 1, 3, 2]) }];
        let furs = [[206.0, 178.0, 140.0], [150.0, 118.0, 86.0], [228.0, 224.0, 216.0], [96.0, 84.0, 76.0]];
        Self {
            category,
            cut,
            pattern,
            emblem,
            dyes,
            trim,
            sleeves,
            lining: blend(shade(dyes[0].rgb, 0.68), [70.0, 66.0, 68.0], 0.2),
            button,
            fur: furs[dice.below(4)],
            salt: dice.word(),
        }
    }

    /// What a shop would let its customers filter by.
    pub fn attributes(&self) -> BTreeMap<String, Vec<String>> {
        let cut = &self.cut;
        let mut map = BTreeMap::new();
        let mut put = |key: &str, values: Vec<&str>| {
            map.insert(key.to_owned(), values.into_iter().map(str::to_owned).collect());
        };
        let mut colours: Vec<&str> = self.dyes[..self.pattern.colours()].iter().map(|d| d.name).collect();
        for dye in [self.trim, self.sleeves] {
            if !colours.contains(&dye.name) {
                colours.push(dye.name);
            }
        }
        put("colour", colours);
        put("pattern", vec![self.pattern.name()]);
        put("sleeve", vec![if matches!(cut.body, Body::Cape { .. }) { "cape" } else { cut.sleeve.name() }]);
        put("neckline", vec![cut.neckline()]);
        put("closure", vec![cut.closure.name()]);
        put("fabric", vec![cut.texture.name()]);
        put(
            "length",
            vec![match cut.length {
                l if l < 120.0 => "cropped",
                l if l < 150.0 => "regular",
                _ => "long",
            }],
        );
        let prints: Vec<&str> = self.prints();
        if !prints.is_empty() {
            put("print", prints);
        }
        map
    }

    fn prints(&self) -> Vec<&'static str> {
        let on_chest = match &self.emblem {
            Some(Emblem::Picture { motif, .. }) => Some(motif.name()),
            Some(Emblem::Words(_)) => Some("letters"),
            Some(Emblem::Number { .. }) => Some("number"),
            None => None,
        };
        on_chest.into_iter().chain(self.pattern.motif().map(Motif::name)).collect()
    }
}

/// Main colours go round the palette, each category in an order of its own, so that neighbours in a category differ.
fn dyes(seed: u64, number: u32, pattern: Pattern, dice: &mut Dice) -> [Dye; 3] {
    let (category, rank) = (number % CATEGORIES.len() as u32, number as usize / CATEGORIES.len());
    let order = Dice::new(seed, [category, u32::MAX]).order(DYES.len());
    let mut main = DYES[order[rank % DYES.len()]];
    let second = match pattern {
        // Yarn of one family: a softer contrast looks less like a flag.
        Pattern::Check { .. } if dice.chance(0.4) => {
            if luminance(main.rgb) > 120.0 {
                DYES[4]
            } else {
                DYES[33]
            }
        }
        _ => contrasting(&[main], dice),
    };
    let third = contrasting(&[main, second], dice);
    main.rgb = main.rgb.map(|v| (v + dice.around(9.0)).clamp(18.0, 246.0));
    [main, second, third]
}

fn emblem(category: &str, pattern: Pattern, dice: &mut Dice) -> Option<Emblem> {
    let quiet = matches!(pattern, Pattern::Plain | Pattern::Ombre | Pattern::Block { .. });
    let words = dice.pick(WORDS);
    match category {
        "Jersey" => Some(Emblem::Number {
            number: 1 + dice.below(99) as u32,
            words: dice.chance(0.5).then_some(words),
        }),
        "Tee" | "Hoodie" | "Tank" if quiet && dice.chance(0.85) => Some(match dice.below(5) {
            0 => Emblem::Words(words),
            1 => Emblem::Number { number: 10 + dice.below(90) as u32, words: Some(words) },
            _ => Emblem::Picture {
                motif: Motif::any(dice),
                words: dice.chance(0.45).then_some(words),
                badge: dice.chance(0.4),
            },
        }),
        "Sweater" | "Henley" if pattern == Pattern::Plain && dice.chance(0.25) => {
            Some(Emblem::Picture { motif: Motif::any(dice), words: None, badge: false })
        }
        _ => None,
    }
}

impl Product {
    /// Whether a big print has room: a zip or a pouch leaves less of it.
    pub fn chest_room(&self) -> (f32, f32) {
        let shut = matches!(self.cut.closure, Closure::Zip);
        match self.cut.neck {
            _ if shut => (44.0, 0.0),
            _ if self.cut.pockets.contains(&Pocket::Kangaroo) => (52.0, 17.0),
            _ if matches!(self.cut.body, Body::Straps(_)) => (70.0, 20.0),
            Neck::V => (62.0, 21.0),
            _ => (58.0, 22.0),
        }
    }
}
