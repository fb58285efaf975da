//! Traces: a request goes on with the trace it came with, and its spans are sent to a collector where one is named (OTLP over
//! HTTP).

use std::{collections::HashMap, sync::OnceLock, time::Duration};

use opentelemetry::{
    KeyValue,
    propagation::TextMapPropagator,
    trace::{Status, TraceContextExt, TracerProvider},
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::{Level, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, filter::Targets};

use lookalike_telemetry::BoxedLayer;

/// Traces cannot be sent.
#[derive(Debug, thiserror::Error)]
#[error("traces cannot be sent to {endpoint}: {reason}")]
pub struct TracesError {
    /// The collector, as it was given.
    endpoint: String,
    /// What is wrong with it.
    reason: String,
}

/// How long a collector may take for one batch of spans.
const PATIENCE: Duration = Duration::from_secs(5);

static SENT: OnceLock<()> = OnceLock::new();

/// Sends spans; those still waiting go when it is closed.
pub struct Tracer(SdkTracerProvider);

impl Tracer {
    /// To the collector at `endpoint`, without the path `/v1/traces`. It need not be there yet.
    pub fn to(endpoint: &str) -> Result<Self, TracesError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .with_timeout(PATIENCE)
            .build()
            .map_err(|e| TracesError { endpoint: endpoint.to_owned(), reason: e.to_string() })?;
        let about = Resource::builder()
            .with_service_name("lookalike-server")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        SENT.get_or_init(|| ());
        Ok(Self(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(about).build()))
    }

    /// Our own spans, whatever is logged.
    pub(crate) fn layer(&self) -> BoxedLayer {
        let own = Targets::new().with_target("lookalike", Level::DEBUG);
        tracing_opentelemetry::layer().with_tracer(self.0.tracer("lookalike")).with_filter(own).boxed()
    }

    /// Sends what still waits; blocks until it is sent or the collector's time is over.
    pub fn close(self) {
        if let Err(e) = self.0.shutdown_with_timeout(PATIENCE) {
            tracing::warn!(error = %e, "the last traces were not sent");
        }
    }
}

/// Where a request comes from, by W3C Trace Context: the header `traceparent`, and `tracestate` beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent {
    header: String,
    state: Option<String>,
}

impl TraceParent {
    /// Reads the headers; `None` where they are not what they should be, as the standard has it.
    pub fn parse(header: &str, state: Option<&str>) -> Option<Self> {
        let hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let [version, trace, parent, flags] =
            header.get(..55)?.split('-').collect::<Vec<_>>().try_into().ok()?;
        let lengths = [version.len(), trace.len(), parent.len(), flags.len()] == [2, 32, 16, 2];
        let zero = |text: &str| text.bytes().all(|b| b == b'0');
        // What a later version adds comes after a dash; version 00 adds nothing.
        let rest = &header[55..];
        let ends = if version == "00" { rest.is_empty() } else { rest.is_empty() || rest.starts_with('-') };
        let fit = lengths && [version, trace, parent, flags].into_iter().all(hex);
        (fit && ends && version != "ff" && !zero(trace) && !zero(parent))
            .then(|| Self { header: header.to_owned(), state: state.map(str::to_owned) })
    }

    /// The trace it belongs to: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        &self.header[3..35]
    }

    /// The span that asked: 16 hexadecimal digits.
    pub fn parent_id(&self) -> &str {
        &self.header[36..52]
    }
}

/// Makes a request's span, not entered yet, part of the trace it came with, or of a new one. The span's fields `trace_id` and
/// `parent_id` say which, `otel.name` names it for the collector.
pub fn adopt(span: &Span, parent: Option<&TraceParent>, name: &str) {
    if let Some(parent) = parent {
        span.record("trace_id", parent.trace_id());
        span.record("parent_id", parent.parent_id());
    }
    if SENT.get().is_none() {
        return;
    }
    span.record("otel.name", name);
    span.record("otel.kind", "server");
    if let Some(parent) = parent {
        let mut headers = HashMap::from([("traceparent".to_owned(), parent.header.clone())]);
        headers.extend(parent.state.clone().map(|state| ("tracestate".to_owned(), state)));
        // Fails only where no layer sends spans, and then there is nothing to be parent of.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&headers));
    } else {
        let context = span.context();
        let id = context.span().span_context().trace_id();
        span.record("trace_id", id.to_string());
    }
}

/// A request's span ends with this status.
pub fn finished(span: &Span, status: u16) {
    span.set_attribute("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.set_status(Status::error(""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_names_a_trace_and_a_span() {
        let parent = TraceParent::parse(GOOD, Some("shop=1")).unwrap();
        assert_eq!(
            (parent.trace_id(), parent.parent_id()),
            ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
        );
        assert!(
            TraceParent::parse(&GOOD.replace("00-4b", "cc-4b").replace("-01", "-01-more"), None).is_some()
        );
        let nothing = "0".repeat(32);
        for bad in [
            "",
            "00",
            &GOOD[..54],
            &GOOD.to_uppercase(),
            &format!("{GOOD}-more"),
            &GOOD.replace("00-4b", "ff-4b"),
            &GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &nothing),
            &GOOD.replace("00f067aa0ba902b7", &nothing[..16]),
            &GOOD.replace('-', "_"),
        ] {
            assert_eq!(TraceParent::parse(bad, None), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in ".{0,80}") {
            let _ = TraceParent::parse(&text, None);
        }
    }
}
