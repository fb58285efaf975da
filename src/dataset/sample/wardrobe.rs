//! The twenty categories: what makes each of them what it is, and what varies from product to product.

use super::{
    CATEGORIES,
    cut::{Body, Closure, Collar, Cuff, Cut, Flow, Hem, Neck, Pocket, Sleeve, Texture},
    dice::Dice,
};

/// A cut of the category, its free measures drawn.
pub(super) fn cut(category: usize, dice: &mut Dice) -> Cut {
    let name = CATEGORIES[category % CATEGORIES.len()];
    let cut = match name {
        "Anorak" | "Bomber" | "Jacket" | "Parka" => outdoor(name, dice),
        "Blazer" | "Peacoat" => tailored(name, dice),
        "Button-Down" | "Flannel" | "Blouse" => shirt(name, dice),
        "Cardigan" | "Sweater" | "Turtleneck" | "Hoodie" | "Poncho" => knitted(name, dice),
        _ => light(name, dice),
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

fn knitted(name: &str, dice: &mut Dice) -> Cut {
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

fn light(name: &str, dice: &mut Dice) -> Cut {
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
