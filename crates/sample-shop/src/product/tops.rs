//! Cuts of what is knitted and of what is light.

use crate::dice::Dice;
use crate::product::cut::{Body, Closure, Collar, Cuff, Cut, Flow, Hem, Neck, Pocket, Sleeve, Texture};

/// Cardigans, sweaters and their like.
pub fn knitted(name: &str, dice: &mut Dice) -> Cut {
    let knit = Cut {
        cuff: Cuff::Rib,
        hem: Hem::Rib,
        collar: Collar::Rib,
        sleeve_width: 1.12,
        chest: 41.0,
        waist: 42.0,
        hem_width: 39.0,
        texture: dice.pick([Texture::Knit, Texture::Knit, Texture::Cable]),
        ..Cut::basic()
    };
    match name {
        "Cardigan" => Cut {
            neck: Neck::V,
            neck_depth: dice.between(44.0, 62.0),
            collar: Collar::Band,
            closure: dice.pick([Closure::Open, Closure::Buttons(5), Closure::Buttons(4), Closure::Open]),
            pockets: if dice.chance(0.6) { vec![Pocket::Patch] } else { vec![] },
            length: dice.between(128.0, 152.0),
            ..knit
        },
        "Sweater" => Cut {
            neck: dice.pick([Neck::Crew, Neck::Crew, Neck::V]),
            neck_depth: dice.between(13.0, 17.0),
            raglan: dice.chance(0.3),
            ..knit
        },
        "Turtleneck" => Cut {
            collar: Collar::Turtle,
            neck_width: 14.0,
            neck_depth: 5.0,
            chest: 37.0,
            waist: 34.0,
            hem_width: 37.0,
            sleeve_width: 0.95,
            texture: dice.pick([Texture::Knit, Texture::Rib, Texture::Cable]),
            ..knit
        },
        "Poncho" => Cut {
            body: Body::Cape { pointed: dice.chance(0.65) },
            length: dice.between(132.0, 152.0),
            collar: dice.pick([Collar::Turtle, Collar::Rib, Collar::None]),
            neck: dice.pick([Neck::V, Neck::Crew]),
            neck_depth: 16.0,
            sleeve: Sleeve::None,
            hem: dice.pick([Hem::Fringe, Hem::Fringe, Hem::Straight]),
            texture: Texture::Knit,
            ..knit
        },
        _ => Cut {
            collar: Collar::Hood,
            closure: dice.pick([Closure::Pullover, Closure::Pullover, Closure::Zip]),
            pockets: vec![Pocket::Kangaroo],
            sleeve_width: 1.2,
            chest: 43.0,
            waist: 44.0,
            raglan: dice.chance(0.25),
            texture: Texture::Cotton,
            ..knit
        },
    }
}

/// What is worn in summer.
pub fn light(name: &str, dice: &mut Dice) -> Cut {
    let tee = Cut { sleeve: Sleeve::Short, collar: Collar::Rib, sleeve_width: 1.1, ..Cut::basic() };
    match name {
        "Halter" => Cut {
            body: Body::Halter,
            length: dice.between(108.0, 128.0),
            waist: 33.0,
            hem_width: dice.between(36.0, 44.0),
            neck: dice.pick([Neck::V, Neck::Crew]),
            neck_width: 9.0,
            neck_depth: dice.between(14.0, 34.0),
            collar: Collar::None,
            closure: Closure::Tie,
            sleeve: Sleeve::None,
            texture: dice.pick([Texture::Satin, Texture::Cotton]),
            ..tee
        },
        "Henley" => Cut {
            sleeve: dice.pick([Sleeve::Long, Sleeve::Long, Sleeve::ThreeQuarter, Sleeve::Short]),
            closure: Closure::Placket(dice.pick([3, 3, 4])),
            cuff: dice.pick([Cuff::Plain, Cuff::Rib]),
            sleeve_width: 1.0,
            raglan: dice.chance(0.35),
            ..tee
        },
        "Jersey" => Cut {
            neck: dice.pick([Neck::V, Neck::Crew]),
            neck_depth: 16.0,
            sleeve: dice.pick([Sleeve::Short, Sleeve::Short, Sleeve::Elbow, Sleeve::Long]),
            sleeve_width: 1.2,
            cuff: Cuff::Rib,
            raglan: dice.chance(0.3),
            texture: Texture::Mesh,
            chest: 41.0,
            waist: 41.0,
            hem_width: 42.0,
            ..tee
        },
        "Tank" => Cut {
            body: Body::Straps(dice.between(5.0, 10.0)),
            neck: dice.pick([Neck::Scoop, Neck::Scoop, Neck::V, Neck::Square]),
            neck_width: 19.0,
            neck_depth: dice.between(28.0, 38.0),
            chest: 35.0,
            waist: 33.0,
            hem_width: 37.0,
            sleeve: Sleeve::None,
            texture: dice.pick([Texture::Cotton, Texture::Rib]),
            ..tee
        },
        "Tee" => Cut {
            neck: dice.pick([Neck::Crew, Neck::Crew, Neck::Crew, Neck::V]),
            neck_depth: dice.between(13.0, 19.0),
            raglan: dice.chance(0.2),
            pockets: if dice.chance(0.15) {
                vec![Pocket::Chest { flap: false, pair: false }]
            } else {
                vec![]
            },
            ..tee
        },
        _ => Cut {
            length: dice.between(104.0, 124.0),
            shoulder: 40.0,
            chest: 36.0,
            waist: 32.0,
            hem_width: dice.between(42.0, 52.0),
            neck: dice.pick([Neck::Boat, Neck::Square, Neck::Boat, Neck::V]),
            neck_width: 26.0,
            neck_depth: dice.between(12.0, 24.0),
            collar: Collar::None,
            sleeve: dice.pick([Sleeve::Cap, Sleeve::Elbow, Sleeve::ThreeQuarter, Sleeve::Short]),
            flow: dice.pick([Flow::Bell, Flow::Straight, Flow::Puff]),
            hem: dice.pick([Hem::Flounce, Hem::Flounce, Hem::Straight]),
            waist_cord: dice.chance(0.4),
            texture: dice.pick([Texture::Satin, Texture::Cotton, Texture::Rib]),
            ..tee
        },
    }
}
