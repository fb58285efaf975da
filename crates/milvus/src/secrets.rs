//! Who asks, as programs are told it: a user's name in the open, a password or a token in a file or in a variable.

use std::path::Path;

use crate::Credentials;

/// The most bytes of a file that holds a password or a token.
const MOST: u64 = 64 << 10;

/// Where a program is told who asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told<'a> {
    /// The user's name.
    pub user: Option<&'a str>,
    /// The file of the user's password; without one the variable `LOOKALIKE_CATALOGUE_PASSWORD` holds it.
    pub password_file: Option<&'a Path>,
    /// The file of a token; without one the variable `LOOKALIKE_CATALOGUE_TOKEN` may hold it.
    pub token_file: Option<&'a Path>,
}

impl Credentials {
    /// Who asks, as a program was told. `variable` gives a variable of the environment.
    ///
    /// # Errors
    /// Where a file cannot be read, where a password has no user or a user no password, where a user and a token are both told: in words.
    pub fn told(told: Told<'_>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let read = |file: Option<&Path>, name: &str| match file {
            Some(path) => secret(path).map(Some),
            None => Ok(variable(name).filter(|text| !text.is_empty())),
        };
        let password = read(told.password_file, "LOOKALIKE_CATALOGUE_PASSWORD")?;
        let token = read(told.token_file, "LOOKALIKE_CATALOGUE_TOKEN")?;
        match (told.user, password, token) {
            (None, None, None) => Ok(Self::None),
            (None, None, Some(token)) => Ok(Self::Token(token)),
            (Some(user), Some(password), None) => Ok(Self::Password { user: user.to_owned(), password }),
            (Some(_), None, None) => {
                Err("--catalogue-user NAME needs a password: set LOOKALIKE_CATALOGUE_PASSWORD, or name a \
                                          file with --catalogue-password-file"
                    .into())
            }
            (None, Some(_), _) => {
                Err("there is a password of the catalogue, and no user: --catalogue-user NAME names it"
                    .into())
            }
            (Some(_), _, Some(_)) => {
                Err("--catalogue-user NAME and a token are two ways to ask a catalogue: give one of them"
                    .into())
            }
        }
    }
}

/// The text of a file, without the end of its line.
fn secret(path: &Path) -> Result<String, String> {
    let refuse = |why: String| format!("{}: {why}", path.display());
    let size = std::fs::metadata(path).map_err(|e| refuse(e.to_string()))?.len();
    if size > MOST {
        return Err(refuse(format!("it has {size} bytes, and a password or a token has {MOST} at most")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() { Err(refuse("it is empty".into())) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_needs_a_password_and_a_token_needs_no_user() {
        let folder = tempfile::tempdir().expect("a folder");
        let (word, empty) = (folder.path().join("word"), folder.path().join("empty"));
        std::fs::write(&word, "from a file\n").expect("writes");
        std::fs::write(&empty, "\n").expect("writes");
        let none = |_: &str| None;
        let set = |wanted: &'static str| move |name: &str| (name == wanted).then(|| "secret".to_owned());
        let user = Told { user: Some("shop"), ..Told::default() };
        let password = |word: &str| Credentials::Password { user: "shop".into(), password: word.into() };
        assert_eq!(Credentials::told(Told::default(), &none), Ok(Credentials::None));
        assert_eq!(Credentials::told(user, &set("LOOKALIKE_CATALOGUE_PASSWORD")), Ok(password("secret")));
        let filed = Told { password_file: Some(&word), ..user };
        assert_eq!(Credentials::told(filed, &none), Ok(password("from a file")));
        let token = Told { token_file: Some(&word), ..Told::default() };
        assert_eq!(Credentials::told(token, &none), Ok(Credentials::Token("from a file".into())));
        let set_token = set("LOOKALIKE_CATALOGUE_TOKEN");
        assert_eq!(Credentials::told(Told::default(), &set_token), Ok(Credentials::Token("secret".into())));
        assert!(Credentials::told(user, &none).is_err_and(|why| why.contains("needs a password")));
        assert!(Credentials::told(filed, &set_token).is_err_and(|why| why.contains("two ways")));
        let password = set("LOOKALIKE_CATALOGUE_PASSWORD");
        assert!(Credentials::told(Told::default(), &password).is_err_and(|why| why.contains("no user")));
        for path in [&empty, &folder.path().join("none")] {
            let told = Told { token_file: Some(path), ..Told::default() };
            assert!(
                Credentials::told(told, &none).is_err_and(|why| why.contains(path.to_str().unwrap_or("?")))
            );
        }
    }
}
