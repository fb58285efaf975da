//! Principal components on top of the embedding: a part of an exported model, so that a new photo can be queried.

use tch::{Kind, Tensor};

use crate::network::NetworkError;

/// `embedding ↦ weight · embedding / ‖embedding‖ + bias`, `[N, D]` → `[N, P]`.
#[derive(Debug)]
pub(crate) struct Projection {
    /// `[P, D]`.
    pub weight: Tensor,
    /// `[P]`.
    pub bias: Tensor,
}

impl Projection {
    /// Of `P` rows of `D` weights and `P` biases.
    pub fn new((weight, bias): (&[f32], &[f32]), deep: u32) -> Result<Self, NetworkError> {
        let (p, d) = (bias.len() as i64, i64::from(deep));
        if p == 0 || weight.len() as i64 != p * d {
            let (given, deep) = (weight.len(), deep);
            let why =
                format!("a projection to {p} numbers has {given} weights, embeddings have {deep} numbers");
            return Err(NetworkError::Architecture(why));
        }
        Ok(Self { weight: Tensor::f_from_slice(weight)?.f_view([p, d])?, bias: Tensor::f_from_slice(bias)? })
    }

    pub fn forward(&self, embedding: &Tensor) -> Tensor {
        let norm = embedding.norm_scalaropt_dim(2.0, [1i64].as_slice(), true).clamp_min(1e-12);
        (embedding / norm).linear(&self.weight, Some(&self.bias))
    }

    /// The same, as TorchScript has it: lines of a method whose module holds the tensors under these names.
    pub fn script(&self) -> ([(&'static str, Tensor); 2], &'static str) {
        let tensors = [("projection_weight", &self.weight), ("projection_bias", &self.bias)];
        let lines = "    norm = torch.sqrt(torch.sum(embedding * embedding, [1], True)).clamp(1e-12)
    embedding = torch.linear(embedding / norm, self.projection_weight, self.projection_bias)\n";
        (tensors.map(|(name, t)| (name, t.to_kind(Kind::Float))), lines)
    }
}
