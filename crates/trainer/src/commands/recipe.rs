//! Recipe files: a training's flags in TOML, `lr = 0.1` for `--lr 0.1`. What is said on the command line goes before the
//! file.

use std::{ffi::OsString, fs, path::PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Command};
use lookalike_trainer::training::TrainOptions;
use toml::{Table, Value};

/// Flags that belong to the machine and the moment, not to a recipe.
const NOT_HERE: [&str; 2] = ["resume", "recipe"];

/// The arguments with those of `train --recipe FILE` put in, so that later ones override them.
pub fn expand(arguments: Vec<OsString>) -> Result<Vec<OsString>> {
    let trains = arguments.get(1).is_some_and(|command| command == "train");
    let Some(path) = trains.then(|| named(&arguments)).flatten() else { return Ok(arguments) };
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let flags = flags(&text).with_context(|| path.display().to_string())?;
    let (head, tail) = arguments.split_at(2);
    Ok(head
        .iter()
        .cloned()
        .chain(flags.into_iter().map(OsString::from))
        .chain(tail.iter().cloned())
        .collect())
}

/// What `--recipe FILE` or `--recipe=FILE` names.
fn named(arguments: &[OsString]) -> Option<PathBuf> {
    let joined = |a: &OsString| a.to_str()?.strip_prefix("--recipe=").map(PathBuf::from);
    let place = arguments.iter().position(|a| a == "--recipe");
    place.and_then(|i| arguments.get(i + 1)).map(PathBuf::from).or_else(|| arguments.iter().find_map(joined))
}

/// The flags of a recipe's text.
fn flags(text: &str) -> Result<Vec<String>> {
    let table: Table = text.parse().context("not TOML")?;
    let known = TrainOptions::augment_args(Command::new("train"));
    let known: Vec<&str> = known.get_arguments().filter_map(|a| a.get_long()).collect();
    let mut flags = Vec::new();
    for (key, value) in &table {
        let flag = key.replace('_', "-");
        if NOT_HERE.contains(&flag.as_str()) || !known.contains(&flag.as_str()) {
            bail!("'{key}' is no flag of train that a recipe can set; `train --help` lists them");
        }
        flags.push(format!("--{flag}={}", written(key, value)?));
    }
    Ok(flags)
}

/// A value as the command line has it.
fn written(key: &str, value: &Value) -> Result<String> {
    Ok(match value {
        Value::String(text) => text.clone(),
        Value::Integer(n) => n.to_string(),
        Value::Float(x) => x.to_string(),
        Value::Boolean(b) => b.to_string(),
        Value::Array(list) => {
            let all: Result<Vec<String>> = list.iter().map(|v| written(key, v)).collect();
            all?.join(",")
        }
        Value::Datetime(_) | Value::Table(_) => {
            bail!("'{key}' must be a number, a text, true, false or a list")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_becomes_flags() {
        let text =
            "lr = 0.1\nstage_lr = [0, 0, 0.5, 1, 1]\nmetric-loss = \"proxy-anchor\"\nbf16 = true\nepochs = 3";
        let mut flags = flags(text).unwrap();
        flags.sort();
        assert_eq!(
            flags,
            ["--bf16=true", "--epochs=3", "--lr=0.1", "--metric-loss=proxy-anchor", "--stage-lr=0,0,0.5,1,1"]
        );
    }

    #[test]
    fn what_is_no_flag_is_refused_by_name() {
        for text in ["learning_rate = 1", "resume = true", "[lr]\na = 1", "data = \"x\""] {
            assert!(flags(text).is_err(), "{text}");
        }
    }
}
