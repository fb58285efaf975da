//! Weights by name: a local file, or one that the Hugging Face hub keeps.

use std::{fmt, path::PathBuf, str::FromStr};

use hf_hub::{Repo, RepoType, api::sync::ApiBuilder};
use serde::{Deserialize, Serialize};

use crate::network::NetworkError;

/// Where weights are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WeightsSource {
    /// A safetensors file.
    File(PathBuf),
    /// `hf:OWNER/NAME`, with `/FILE` (`model.safetensors` where it is not said) and `@REVISION` (`main`) if need be.
    Hub {
        /// `OWNER/NAME`.
        repo: String,
        /// The file in it.
        file: String,
        /// A branch, a tag or a commit.
        revision: String,
    },
}

const FILE: &str = "model.safetensors";
const REVISION: &str = "main";

impl FromStr for WeightsSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(name) = text.strip_prefix("hf:") else { return Ok(Self::File(text.into())) };
        let (name, revision) = name.split_once('@').unwrap_or((name, REVISION));
        let mut parts = name.splitn(3, '/');
        let usable = |part: Option<&str>| part.is_some_and(|p| !p.is_empty() && p != "..");
        let (owner, repo, file) = (parts.next(), parts.next(), parts.next().unwrap_or(FILE));
        let safe = usable(owner) && usable(repo) && !revision.is_empty();
        match (owner, repo) {
            (Some(owner), Some(repo)) if safe && file.split('/').all(|part| usable(Some(part))) => {
                let (file, revision) = (file.to_owned(), revision.to_owned());
                Ok(Self::Hub { repo: format!("{owner}/{repo}"), file, revision })
            }
            _ => Err(format!("'{text}' names no weights: hf:OWNER/NAME, as in hf:timm/resnet50.tv_in1k")),
        }
    }
}

impl TryFrom<String> for WeightsSource {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<WeightsSource> for String {
    fn from(source: WeightsSource) -> Self {
        source.to_string()
    }
}

impl fmt::Display for WeightsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Hub { repo, file, revision } => {
                write!(f, "hf:{repo}")?;
                if file != FILE {
                    write!(f, "/{file}")?;
                }
                if revision != REVISION {
                    write!(f, "@{revision}")?;
                }
                Ok(())
            }
        }
    }
}

/// The file itself: fetched where it is the hub's and not in its cache yet. `HF_ENDPOINT` and `HF_HOME` say where the hub
/// and the cache are, as everywhere.
pub fn locate(source: &WeightsSource) -> Result<PathBuf, NetworkError> {
    let (repo, file, revision) = match source {
        WeightsSource::File(path) => return Ok(path.clone()),
        WeightsSource::Hub { repo, file, revision } => (repo, file, revision),
    };
    let failed = |reason: String| NetworkError::Hub { name: source.to_string(), reason };
    let advice =
        "is the name right, and is there a network? A file that is here already can be named instead";
    let api = ApiBuilder::from_env().with_progress(false).build().map_err(|e| failed(e.to_string()))?;
    let repo = Repo::with_revision(repo.clone(), RepoType::Model, revision.clone());
    api.repo(repo).get(file).map_err(|e| failed(format!("cannot be fetched from the hub ({e}); {advice}")))
}
