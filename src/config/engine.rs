//! Where the items are, if not in the bundle: an engine elsewhere, and who asks it.

use std::{fmt, path::PathBuf, sync::Arc};

use clap::Args;
use lookalike_catalogue::OpenShared;

/// An engine elsewhere that holds the items.
#[derive(Clone, Args)]
pub struct EngineConfig {
    /// Where the items are, if not in the bundle: a Milvus collection or an alias, milvus://HOST:PORT/NAME, or milvus+tls://… where the
    /// way there is encrypted. Several servers may share it.
    #[arg(long, env = "LOOKALIKE_CATALOGUE", value_name = "ADDRESS")]
    pub catalogue: Option<CatalogueAddress>,
    /// The user that asks it; the password is in LOOKALIKE_CATALOGUE_PASSWORD, or in a file.
    #[arg(long, env = "LOOKALIKE_CATALOGUE_USER", value_name = "NAME")]
    pub catalogue_user: Option<String>,
    /// The file of that user's password.
    #[arg(long, env = "LOOKALIKE_CATALOGUE_PASSWORD_FILE", value_name = "FILE")]
    pub catalogue_password_file: Option<PathBuf>,
    /// The file of a token in the place of user and password; the token may be in LOOKALIKE_CATALOGUE_TOKEN.
    #[arg(long, env = "LOOKALIKE_CATALOGUE_TOKEN_FILE", value_name = "FILE")]
    pub catalogue_token_file: Option<PathBuf>,
    /// What the files and the environment hold.
    #[arg(skip)]
    credentials: Credentials,
}

impl fmt::Debug for EngineConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineConfig").field("catalogue", &self.catalogue).finish_non_exhaustive()
    }
}

impl EngineConfig {
    /// Reads password and token, of files or of variables.
    pub(crate) fn read_secrets(&mut self, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
        let files = (self.catalogue_password_file.as_deref(), self.catalogue_token_file.as_deref());
        self.credentials = client::credentials((self.catalogue_user.as_deref(), files), variable)?;
        if self.catalogue.is_none() && self.credentials != Credentials::default() {
            return Err(
                "there is a user or a token of a catalogue, and no catalogue: --catalogue ADDRESS names it"
                    .into(),
            );
        }
        Ok(())
    }

    /// What opens the engine, where one is named.
    pub fn opener(&self) -> Option<Arc<dyn OpenShared>> {
        self.catalogue.as_ref().map(|address| client::opener(address, &self.credentials))
    }
}

pub use client::{CatalogueAddress, Credentials};

#[cfg(feature = "milvus")]
mod client {
    use std::{path::Path, sync::Arc};

    use lookalike_catalogue::OpenShared;
    use lookalike_milvus::{MilvusEngine, Options, Told};

    pub use lookalike_milvus::{Credentials, MilvusAddress as CatalogueAddress};

    /// This user by the password in the first file, or the token in the second.
    pub(super) fn credentials(
        (user, (password_file, token_file)): (Option<&str>, (Option<&Path>, Option<&Path>)),
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Credentials, String> {
        Credentials::told(Told { user, password_file, token_file }, variable)
    }

    pub(super) fn opener(address: &CatalogueAddress, credentials: &Credentials) -> Arc<dyn OpenShared> {
        let (address, credentials) = (address.clone(), credentials.clone());
        Arc::new(MilvusEngine { address, credentials, options: Options::default() })
    }
}

#[cfg(not(feature = "milvus"))]
mod client {
    use std::{str::FromStr, sync::Arc};

    use lookalike_catalogue::OpenShared;

    /// No address: this program knows no engine but its own.
    #[derive(Clone, Debug)]
    pub enum CatalogueAddress {}

    /// Nobody asks.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Credentials;

    impl FromStr for CatalogueAddress {
        type Err = &'static str;

        fn from_str(_: &str) -> Result<Self, Self::Err> {
            Err("this program was built without Milvus: build it with the cargo feature 'milvus'")
        }
    }

    pub(super) fn credentials<W>(_: W, _: &dyn Fn(&str) -> Option<String>) -> Result<Credentials, String> {
        Ok(Credentials)
    }

    pub(super) fn opener(address: &CatalogueAddress, _: &Credentials) -> Arc<dyn OpenShared> {
        match *address {}
    }
}
