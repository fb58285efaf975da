//! `openapi.yaml`, as a judge of answers.

use std::sync::OnceLock;

use serde_json::{Value, json};

/// The file, parsed once.
pub fn spec() -> &'static Value {
    static SPEC: OnceLock<Value> = OnceLock::new();
    SPEC.get_or_init(|| serde_yaml_ng::from_str(include_str!("../../openapi.yaml")).unwrap())
}

/// Method (upper case) and path of every operation.
pub fn operations() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (path, methods) in spec()["paths"].as_object().unwrap() {
        all.extend(methods.as_object().unwrap().keys().map(|m| (m.to_uppercase(), path.clone())));
    }
    all
}

/// Follows a `$ref` within the file.
pub fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => resolved(spec().pointer(reference.strip_prefix('#').unwrap()).unwrap()),
        None => value,
    }
}

/// Holds an answer to the file: its status is documented for the operation, its content type for the status, and its body
/// is of the schema. Addresses and methods that are none are held to the problem schema alone.
pub fn check(method: &str, path: &str, status: u16, content_type: Option<&str>, body: &[u8]) {
    let shown = format!("{method} {path} → {status}");
    let media = content_type.map(|c| c.split(';').next().unwrap().trim());
    if status >= 400 {
        assert_eq!(media, Some("application/problem+json"), "{shown}");
    }
    let Some(operation) = operation(method, path) else {
        assert!(matches!(status, 404 | 405), "{shown}: not an operation of openapi.yaml");
        return conforms(&json!({"$ref": "#/components/schemas/Problem"}), body, &shown);
    };
    let response = &operation["responses"][status.to_string()];
    assert!(!response.is_null(), "{shown}: the status is not documented");
    let Some(media) = media else { return };
    let content = &resolved(response)["content"][media];
    assert!(!content.is_null(), "{shown}: the content type {media} is not documented");
    match media {
        _ if content["schema"].is_null() => {}
        "application/x-ndjson" => {
            body.split(|b| *b == b'\n')
                .filter(|line| !line.is_empty())
                .for_each(|line| conforms(&content["schema"], line, &shown));
        }
        _ => conforms(&content["schema"], body, &shown),
    }
}

fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap();
    let matches = |template: &str| {
        let (mut a, mut b) = (template.split('/'), path.split('/'));
        loop {
            match (a.next(), b.next()) {
                (None, None) => return true,
                (Some(t), Some(p)) if t == p || (t.starts_with('{') && !p.is_empty()) => {}
                _ => return false,
            }
        }
    };
    let paths = spec()["paths"].as_object().unwrap();
    let (_, methods) = paths.iter().find(|(template, _)| matches(template))?;
    let operation = &methods[&method.to_lowercase()];
    (!operation.is_null()).then_some(operation)
}

fn conforms(schema: &Value, body: &[u8], shown: &str) {
    let text = String::from_utf8_lossy(body);
    let instance: Value = serde_json::from_slice(body).unwrap_or_else(|e| panic!("{shown}: {e}: {text}"));
    let mut whole = schema.clone();
    whole["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    whole["components"] = spec()["components"].clone();
    let validator = jsonschema::validator_for(&whole).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&instance).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{shown}: {errors:?} in {text}");
}
