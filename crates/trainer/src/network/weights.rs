//! Weights in and out of safetensors, under torchvision's (and timm's) names.

use std::{collections::HashMap, io, path::Path};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor, nn::VarStore};

use lookalike_common::write_atomically_with;

use crate::network::{NetworkError, is_backbone};

/// How weights are stored. They are f32 in memory either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// Four bytes a number.
    #[default]
    F32,
    /// Two bytes a number.
    F16,
}

/// Writes all variables, atomically: under a temporary name, synced, then renamed.
pub fn save_weights(vs: &VarStore, path: &Path, precision: Storage) -> Result<(), NetworkError> {
    let kind = match precision {
        Storage::F32 => Kind::Float,
        Storage::F16 => Kind::Half,
    };
    let mut tensors: Vec<(String, Tensor)> = (vs.variables().into_iter())
        .map(|(name, v)| {
            (name, tch::no_grad(|| v.detach().to_device(tch::Device::Cpu).to_kind(kind).contiguous()))
        })
        .collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let write = |beside: &Path| Tensor::write_safetensors(&tensors, beside).map_err(io::Error::other);
    let failed = |e: io::Error| NetworkError::File { path: path.to_owned(), reason: e.to_string() };
    write_atomically_with(path, write).map_err(failed)
}

/// Reads weights that [`save_weights`] wrote: every variable must be there in its shape, and nothing else.
pub fn load_weights(vs: &VarStore, path: &Path) -> Result<(), NetworkError> {
    let tensors = read(path)?;
    let mismatch = |reason: String| NetworkError::Mismatch { path: path.to_owned(), reason };
    let variables = vs.variables();
    if let Some(name) = tensors.keys().find(|name| !variables.contains_key(*name)) {
        return Err(mismatch(format!("it has '{name}', the network does not")));
    }
    for (name, variable) in variables {
        let tensor = tensors.get(&name).ok_or_else(|| mismatch(format!("'{name}' is missing")))?;
        put(&name, variable, tensor, path)?;
    }
    Ok(())
}

/// Reads a backbone of torchvision's or timm's names (`fc.*` and `num_batches_tracked` are passed over) and returns how
/// many variables it set. Every variable of the backbone must be there in its shape; the fully connected layers of one of
/// our own runs are taken over where they are there in theirs.
pub fn load_start(vs: &VarStore, path: &Path) -> Result<usize, NetworkError> {
    let tensors = read(path)?;
    let mismatch = |reason: String| NetworkError::Mismatch { path: path.to_owned(), reason };
    let mut set = 0;
    for (name, variable) in vs.variables() {
        let tensor = match tensors.get(&name) {
            Some(tensor) if is_backbone(&name) || tensor.size() == variable.size() => tensor,
            None if is_backbone(&name) => return Err(mismatch(format!("'{name}' is missing"))),
            _ => continue,
        };
        put(&name, variable, tensor, path)?;
        set += 1;
    }
    Ok(set)
}

/// sha256 over names, shapes and f32 values of all variables, in name order: what a model is, whatever its precision.
pub fn weights_digest(vs: &VarStore) -> Result<[u8; 32], NetworkError> {
    let mut variables: Vec<(String, Tensor)> = vs.variables().into_iter().collect();
    variables.sort_by(|a, b| a.0.cmp(&b.0));
    let mut hash = Sha256::new();
    for (name, variable) in variables {
        hash.update(name.as_bytes());
        hash.update(format!("{:?}", variable.size()).as_bytes());
        let flat = variable.f_detach()?.f_to_device(tch::Device::Cpu)?.f_to_kind(Kind::Float)?;
        for number in Vec::<f32>::try_from(flat.f_contiguous()?.f_flatten(0, -1)?)? {
            hash.update(number.to_le_bytes());
        }
    }
    Ok(hash.finalize().into())
}

fn read(path: &Path) -> Result<HashMap<String, Tensor>, NetworkError> {
    let failed = |reason: String| NetworkError::File { path: path.to_owned(), reason };
    let tensors = Tensor::read_safetensors(path).map_err(|e| failed(e.to_string()))?;
    Ok(tensors.into_iter().collect())
}

fn put(name: &str, mut variable: Tensor, tensor: &Tensor, path: &Path) -> Result<(), NetworkError> {
    let mismatch = |reason: String| NetworkError::Mismatch { path: path.to_owned(), reason };
    if tensor.size() != variable.size() {
        let (found, wanted) = (tensor.size(), variable.size());
        return Err(mismatch(format!("'{name}' is {found:?}, the network's is {wanted:?}")));
    }
    let tensor = tensor.f_to_kind(Kind::Float)?;
    if !bool::try_from(tensor.f_isfinite()?.f_all()?)? {
        return Err(mismatch(format!("'{name}' holds a number that is not finite")));
    }
    tch::no_grad(|| variable.f_copy_(&tensor))?;
    Ok(())
}
