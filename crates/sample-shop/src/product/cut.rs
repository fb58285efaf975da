//! What a tailor would note of a garment: the names of its parts and their measures, in garment units.

/// Where it ends on the arm.
#[derive(Clone, Copy, PartialEq)]
pub enum Sleeve {
    None,
    Cap,
    Short,
    Elbow,
    ThreeQuarter,
    Long,
}

impl Sleeve {
    pub fn name(self) -> &'static str {
        match self {
            Sleeve::None => "sleeveless",
            Sleeve::Cap => "cap",
            Sleeve::Short => "short",
            Sleeve::Elbow => "elbow",
            Sleeve::ThreeQuarter => "three-quarter",
            Sleeve::Long => "long",
        }
    }

    /// How far from the shoulder it reaches.
    pub fn reach(self) -> f32 {
        match self {
            Sleeve::None => 0.0,
            Sleeve::Cap => 22.0,
            Sleeve::Short => 38.0,
            Sleeve::Elbow => 56.0,
            Sleeve::ThreeQuarter => 78.0,
            Sleeve::Long => 104.0,
        }
    }
}

/// How a sleeve widens on its way.
#[derive(Clone, Copy, PartialEq)]
pub enum Flow {
    Straight,
    Puff,
    Bell,
}

/// How a sleeve ends.
#[derive(Clone, Copy, PartialEq)]
pub enum Cuff {
    Plain,
    Rib,
    Button,
    Rolled,
}

/// The opening for the head.
#[derive(Clone, Copy, PartialEq)]
pub enum Neck {
    Crew,
    V,
    Scoop,
    Boat,
    Square,
}

/// What stands around it.
#[derive(Clone, Copy, PartialEq)]
pub enum Collar {
    None,
    /// A ribbed band along the neckline.
    Rib,
    Shirt,
    /// Lapels; the number is how wide.
    Lapel(f32),
    /// A shawl of ribbing down the front, as on a cardigan.
    Band,
    Stand,
    Turtle,
    Hood,
    FurHood,
    PeterPan,
    Bow,
}

/// How it is put on and shut.
#[derive(Clone, Copy, PartialEq)]
pub enum Closure {
    Pullover,
    Buttons(u8),
    /// Two rows of so many buttons.
    DoubleBreasted(u8),
    /// A short row of buttons below the neck.
    Placket(u8),
    Zip,
    HalfZip,
    /// A zip that runs askew, as on a biker jacket.
    BikerZip,
    /// Worn open.
    Open,
    Tie,
}

impl Closure {
    pub fn name(self) -> &'static str {
        match self {
            Closure::Pullover => "pullover",
            Closure::Buttons(_) => "buttons",
            Closure::DoubleBreasted(_) => "double-breasted",
            Closure::Placket(_) => "placket",
            Closure::Zip | Closure::BikerZip => "zip",
            Closure::HalfZip => "half zip",
            Closure::Open => "open",
            Closure::Tie => "tie",
        }
    }
}

/// A pocket; those that come in pairs are drawn on both sides.
#[derive(Clone, Copy, PartialEq)]
pub enum Pocket {
    Kangaroo,
    /// On the chest; with a flap or without; on both sides or one.
    Chest {
        flap: bool,
        pair: bool,
    },
    Patch,
    Flap,
    Slanted,
    Breast,
}

/// How it ends below.
#[derive(Clone, Copy, PartialEq)]
pub enum Hem {
    Straight,
    Rib,
    /// Longer in the middle, as a shirt.
    Tail,
    Band,
    Cord,
    Flounce,
    Fringe,
}

/// The shape of the body.
#[derive(Clone, Copy, PartialEq)]
pub enum Body {
    Torso,
    /// Shoulder straps of this width.
    Straps(f32),
    Halter,
    Cape {
        pointed: bool,
    },
}

/// What the cloth is.
#[derive(Clone, Copy, PartialEq)]
pub enum Texture {
    Cotton,
    Knit,
    /// Knit with twisted columns.
    Cable,
    Rib,
    Twill,
    Wool,
    Nylon,
    Quilt,
    Mesh,
    Satin,
}

impl Texture {
    pub fn name(self) -> &'static str {
        match self {
            Texture::Cotton => "cotton",
            Texture::Knit => "knit",
            Texture::Cable => "cable knit",
            Texture::Rib => "rib",
            Texture::Twill => "twill",
            Texture::Wool => "wool",
            Texture::Nylon => "nylon",
            Texture::Quilt => "quilted",
            Texture::Mesh => "mesh",
            Texture::Satin => "satin",
        }
    }
}

/// A garment before it has a colour.
#[derive(Clone)]
pub struct Cut {
    pub body: Body,
    pub length: f32,
    pub shoulder: f32,
    pub chest: f32,
    pub waist: f32,
    pub hem_width: f32,
    pub hem: Hem,
    pub neck: Neck,
    pub neck_width: f32,
    pub neck_depth: f32,
    pub collar: Collar,
    pub closure: Closure,
    pub sleeve: Sleeve,
    pub sleeve_width: f32,
    pub flow: Flow,
    pub cuff: Cuff,
    pub raglan: bool,
    pub pockets: Vec<Pocket>,
    pub texture: Texture,
    /// Sewn at a cord around the waist.
    pub waist_cord: bool,
    /// A seam, and on some a change of colour, across the chest.
    pub yoke: bool,
}

impl Cut {
    /// A long-sleeved pullover of middling size: each category says where it differs.
    pub fn basic() -> Self {
        Self {
            body: Body::Torso,
            length: 132.0,
            shoulder: 42.0,
            chest: 39.0,
            waist: 38.0,
            hem_width: 40.0,
            hem: Hem::Straight,
            neck: Neck::Crew,
            neck_width: 16.0,
            neck_depth: 13.0,
            collar: Collar::None,
            closure: Closure::Pullover,
            sleeve: Sleeve::Long,
            sleeve_width: 1.0,
            flow: Flow::Straight,
            cuff: Cuff::Plain,
            raglan: false,
            pockets: Vec::new(),
            texture: Texture::Cotton,
            waist_cord: false,
            yoke: false,
        }
    }

    pub fn hooded(&self) -> bool {
        matches!(self.collar, Collar::Hood | Collar::FurHood)
    }

    /// How the neckline is called in a shop.
    pub fn neckline(&self) -> &'static str {
        match (self.body, self.collar, self.neck) {
            (Body::Halter, ..) => "halter",
            (_, Collar::Hood | Collar::FurHood, _) => "hood",
            (_, Collar::Shirt, _) => "shirt collar",
            (_, Collar::Lapel(_), _) => "lapel",
            (_, Collar::Turtle, _) => "turtleneck",
            (_, Collar::Stand, _) => "stand collar",
            (_, Collar::PeterPan, _) => "peter pan",
            (_, Collar::Bow, _) => "bow",
            (_, _, Neck::Crew) => "crew",
            (_, _, Neck::V) => "v-neck",
            (_, _, Neck::Scoop) => "scoop",
            (_, _, Neck::Boat) => "boat",
            (_, _, Neck::Square) => "square",
        }
    }
}
