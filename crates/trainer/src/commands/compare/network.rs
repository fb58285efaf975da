//! A network as the command line names it: `resnet50`, `simple:24`, `resnext50:32=weights.safetensors`.

use std::{fmt, str::FromStr};

use clap::ValueEnum;
use lookalike_trainer::network::Backbone;

/// A row to be trained.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Network {
    pub backbone: String,
    pub width: Option<u32>,
    pub weights: Option<String>,
}

impl Network {
    /// At its full width, from random weights.
    pub fn whole(backbone: &Backbone) -> Self {
        let name = backbone.to_possible_value().map(|v| v.get_name().to_owned());
        Self { backbone: name.unwrap_or_default(), width: None, weights: None }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (shape, weights) = match text.split_once('=') {
            Some((shape, weights)) => (shape, Some(weights.to_owned())),
            None => (text, None),
        };
        let (backbone, width) = match shape.split_once(':') {
            Some((backbone, width)) => (backbone, Some(width)),
            None => (shape, None),
        };
        Backbone::from_str(backbone, false).map_err(|e| format!("'{backbone}' is no backbone ({e})"))?;
        let width = width.map(|w| w.parse().map_err(|_| format!("'{w}' is no width"))).transpose()?;
        Ok(Self { backbone: backbone.to_owned(), width, weights })
    }
}

impl fmt::Display for Network {
    /// The name of its run's folder.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.backbone)?;
        self.width.map_or(Ok(()), |width| write!(f, "-{width}"))?;
        let Some(from) = &self.weights else { return Ok(()) };
        // All runs call their best weights the same: the folder tells them apart.
        let from = from.strip_suffix(".safetensors").unwrap_or(from);
        let parts: Vec<&str> = from.split(['/', ':', '@']).filter(|part| !part.is_empty()).collect();
        write!(f, "-from-{}", parts[parts.len().saturating_sub(2)..].join("-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_they_are_said() {
        let read = |text: &str| text.parse::<Network>();
        let name = |text: &str| read(text).unwrap().to_string();
        assert_eq!(name("resnet50:24=runs/w/best.safetensors"), "resnet50-24-from-w-best");
        assert_eq!(name("resnet50=hf:timm/resnet50.a1_in1k"), "resnet50-from-timm-resnet50.a1_in1k");
        assert_eq!(read("simple").unwrap().to_string(), "simple");
        for bad in ["", "resnet", "simple:", "simple:x", ":24"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
