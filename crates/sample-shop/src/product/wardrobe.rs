//! The twenty categories: what makes each of them what it is, and what varies from product to product.

use crate::product::{
    cut::{Closure, Collar, Cuff, Cut, Flow, Hem, Neck, Pocket, Sleeve, Texture},
    tops,
};
use crate::{CATEGORIES, dice::Dice};

/// A cut of the category, its free measures drawn.
pub fn cut(category: usize, dice: &mut Dice) -> Cut {
    let name = CATEGORIES[category % CATEGORIES.len()];
    let cut = match name {
        "Anorak" | "Bomber" | "Jacket" | "Parka" => outdoor(name, dice),
        "Blazer" | "Peacoat" => tailored(name, dice),
        "Button-Down" | "Flannel" | "Blouse" => shirt(name, dice),
        "Cardigan" | "Sweater" | "Turtleneck" | "Hoodie" | "Poncho" => tops::knitted(name, dice),
        _ => tops::light(name, dice),
    };
    let (wide, long) = (dice.between(0.95, 1.07), dice.between(0.95, 1.06));
    Cut {
        chest: cut.chest * wide,
        waist: cut.waist * wide,
        hem_width: cut.hem_width * wide,
        length: cut.length * long,
        ..cut
    }
}

fn outdoor(name: &str, dice: &mut Dice) -> Cut {
    let long =
        Cut { shoulder: 45.0, chest: 43.0, waist: 43.0, hem_width: 44.0, sleeve_width: 1.2, ..Cut::basic() };
    match name {
        "Anorak" => Cut {
            length: 138.0,
            collar: Collar::Hood,
            closure: Closure::HalfZip,
            cuff: Cuff::Rib,
            hem: Hem::Cord,
            pockets: vec![Pocket::Kangaroo],
            texture: Texture::Nylon,
            yoke: true,
            ..long
        },
        "Bomber" => Cut {
            length: dice.between(112.0, 122.0),
            waist: 45.0,
            hem_width: 42.0,
            neck_width: 17.0,
            neck_depth: 10.0,
            collar: Collar::Stand,
            closure: Closure::Zip,
            sleeve_width: 1.3,
            cuff: Cuff::Rib,
            hem: Hem::Rib,
            raglan: dice.chance(0.3),
            pockets: vec![Pocket::Slanted],
            texture: dice.pick([Texture::Nylon, Texture::Satin, Texture::Twill]),
            ..long
        },
        "Parka" => Cut {
            length: 172.0,
            hem_width: 49.0,
            collar: Collar::FurHood,
            closure: Closure::Zip,
            cuff: dice.pick([Cuff::Plain, Cuff::Rib]),
            pockets: if dice.chance(0.5) {
                vec![Pocket::Flap, Pocket::Chest { flap: true, pair: true }]
            } else {
                vec![Pocket::Flap]
            },
            texture: dice.pick([Texture::Twill, Texture::Nylon, Texture::Quilt]),
            waist_cord: true,
            ..long
        },
        _ => jacket(long, dice),
    }
}

/// A trucker, a biker or a padded one.
fn jacket(long: Cut, dice: &mut Dice) -> Cut {
    let short = Cut { length: 118.0, hem: Hem::Band, hem_width: 40.0, neck_depth: 9.0, ..long };
    match dice.below(3) {
        0 => Cut {
            collar: Collar::Shirt,
            closure: Closure::Buttons(6),
            cuff: Cuff::Button,
            pockets: vec![Pocket::Chest { flap: true, pair: true }],
            texture: Texture::Twill,
            sleeve_width: 1.08,
            yoke: true,
            ..short
        },
        1 => Cut {
            collar: Collar::Lapel(1.1),
            closure: Closure::BikerZip,
            neck: Neck::V,
            neck_depth: 40.0,
            pockets: vec![Pocket::Slanted],
            texture: Texture::Satin,
            sleeve_width: 1.05,
            ..short
        },
        _ => Cut {
            collar: Collar::Stand,
            closure: Closure::Zip,
            pockets: vec![Pocket::Slanted],
            texture: Texture::Quilt,
            sleeve_width: 1.3,
            length: 126.0,
            hem: Hem::Straight,
            ..short
        },
    }
}

fn tailored(name: &str, dice: &mut Dice) -> Cut {
    let tailored = Cut {
        shoulder: 46.0,
        chest: 41.0,
        waist: 36.0,
        hem_width: 43.0,
        neck: Neck::V,
        cuff: Cuff::Button,
        sleeve_width: 1.02,
        ..Cut::basic()
    };
    if name == "Blazer" {
        let buttons = dice.pick([1, 2, 2, 3]);
        return Cut {
            length: 142.0,
            neck_depth: [82.0, 70.0, 58.0][buttons as usize - 1],
            collar: Collar::Lapel(dice.between(0.85, 1.1)),
            closure: Closure::Buttons(buttons),
            pockets: vec![dice.pick([Pocket::Flap, Pocket::Flap, Pocket::Patch]), Pocket::Breast],
            texture: dice.pick([Texture::Wool, Texture::Twill, Texture::Cotton]),
            ..tailored
        };
    }
    Cut {
        length: dice.between(152.0, 166.0),
        waist: 41.0,
        hem_width: 46.0,
        chest: 43.0,
        neck_depth: 44.0,
        collar: Collar::Lapel(1.45),
        closure: Closure::DoubleBreasted(dice.pick([3, 3, 4])),
        pockets: vec![dice.pick([Pocket::Slanted, Pocket::Slanted, Pocket::Flap])],
        texture: Texture::Wool,
        sleeve_width: 1.15,
        ..tailored
    }
}

fn shirt(name: &str, dice: &mut Dice) -> Cut {
    let shirt = Cut {
        length: 138.0,
        neck_width: 15.0,
        neck_depth: 9.0,
        collar: Collar::Shirt,
        closure: Closure::Buttons(7),
        cuff: Cuff::Button,
        hem: Hem::Tail,
        ..Cut::basic()
    };
    match name {
        "Button-Down" => Cut {
            sleeve: dice.pick([Sleeve::Long, Sleeve::Long, Sleeve::Long, Sleeve::Short]),
            pockets: if dice.chance(0.6) { vec![Pocket::Chest { flap: false, pair: false }] } else { vec![] },
            ..shirt
        },
        "Flannel" => Cut {
            sleeve: dice.pick([Sleeve::Long, Sleeve::Long, Sleeve::ThreeQuarter]),
            cuff: dice.pick([Cuff::Button, Cuff::Rolled]),
            pockets: vec![Pocket::Chest { flap: dice.chance(0.7), pair: true }],
            sleeve_width: 1.12,
            texture: Texture::Wool,
            waist: 41.0,
            ..shirt
        },
        _ => Cut {
            length: 124.0,
            shoulder: 39.0,
            waist: 37.0,
            hem_width: 46.0,
            neck_depth: dice.pick([9.0, 12.0]),
            collar: dice.pick([Collar::Bow, Collar::PeterPan, Collar::Bow, Collar::Rib]),
            neck: Neck::Crew,
            closure: dice.pick([Closure::Buttons(6), Closure::Pullover, Closure::Placket(4)]),
            sleeve: dice.pick([Sleeve::Long, Sleeve::ThreeQuarter, Sleeve::Elbow]),
            flow: dice.pick([Flow::Puff, Flow::Puff, Flow::Bell]),
            sleeve_width: 1.15,
            hem: dice.pick([Hem::Straight, Hem::Flounce, Hem::Tail]),
            texture: Texture::Satin,
            ..shirt
        },
    }
}
