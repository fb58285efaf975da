//! The settings file: TOML whose keys are the flags' names. Its values become the flags' defaults, so that a flag or the
//! environment goes before them and each is read by the parser that the flag has.

use std::{ffi::OsString, path::Path};

use clap::{
    Arg, ArgAction, Command,
    builder::{OsStr, Resettable},
    error::{Error, ErrorKind},
};
use toml::{Table, Value};

/// Flags that only make sense on a command line.
const NOT_HERE: [&str; 6] = ["config", "check", "healthcheck", "restore", "help", "version"];

/// The command with the file's values as its defaults.
pub(crate) fn merged(mut command: Command, path: &Path) -> Result<Command, Error> {
    let refuse =
        |why: String| command.clone().error(ErrorKind::ValueValidation, format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?;
    let table: Table = text.parse().map_err(|e: toml::de::Error| refuse(e.to_string()))?;
    let mut defaults = Vec::new();
    for (key, value) in &table {
        let name = key.replace('_', "-");
        let arg =
            command.get_arguments().find(|arg| arg.get_long() == Some(&name) && !NOT_HERE.contains(&&*name));
        let Some(arg) = arg else {
            let known =
                command.get_arguments().filter_map(Arg::get_long).filter(|long| !NOT_HERE.contains(long));
            let known: Vec<&str> = known.collect();
            return Err(refuse(format!("there is no setting '{key}'; there are {}", known.join(", "))));
        };
        let values = texts(value).ok_or_else(|| {
            refuse(format!("'{key}' must be a text, a number, true, false or a list of texts"))
        })?;
        if values.len() != 1 && !matches!(arg.get_action(), ArgAction::Append) {
            return Err(refuse(format!("'{key}' takes one value")));
        }
        check(arg, &name, &values).map_err(|why| refuse(format!("'{key}': {why}")))?;
        defaults.push((arg.get_id().clone(), values));
    }
    for (id, values) in defaults {
        command = command.mut_arg(id, |arg| arg.default_values(values.into_iter().map(OsStr::from)));
    }
    Ok(command)
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Integer(number) => Some(vec![number.to_string()]),
        Value::Float(number) => Some(vec![number.to_string()]),
        Value::Boolean(yes) => Some(vec![yes.to_string()]),
        Value::Array(list) => list.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// Reads the values as the flag would, so that what is wrong is known to be wrong in the file.
fn check(arg: &Arg, name: &str, values: &[String]) -> Result<(), String> {
    let alone =
        Command::new("").no_binary_name(true).disable_help_flag(true).arg(arg.clone().env(Resettable::Reset));
    let flags = values.iter().map(|value| OsString::from(format!("--{name}={value}")));
    match alone.try_get_matches_from(flags) {
        Ok(_) => Ok(()),
        // Of "error: invalid value 'x' for '--name <N>': why" the why; the rest is usage.
        Err(e) => {
            let text = e.to_string();
            let line = text.lines().next().unwrap_or_default();
            let why = line.split_once(">': ").or_else(|| line.split_once(">]': "));
            Err(why.map_or(line, |(_, why)| why).to_owned())
        }
    }
}
