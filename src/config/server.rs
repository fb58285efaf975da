//! What the server is told.

use std::{
    ffi::{OsStr, OsString},
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use clap::{
    Arg, ArgMatches, Command, CommandFactory, FromArgMatches, Parser, builder::TypedValueParser,
    error::ErrorKind,
};

use crate::config::{
    ApiKeys, BadKeys, CallersConfig, EngineConfig, MemoryConfig, OptionalShare, OptionalSize, RateLimit,
    Role, file, origin, seconds, share_or_off, size_or_off, yes_or_no,
};
use crate::ingest::{AwsSettings, ImageHost, PhotosAddress};
use lookalike_model::{DeviceChoice, PrecisionChoice};
use lookalike_telemetry::LogFormat;

/// What `--help` says in the end.
const AFTER: &str = "\
Every setting can be given in three ways: as a flag, as the variable of the environment named beside it, and in the file \
that --config names, in TOML, under the flag's name: max-body = \"20MB\". A flag goes before the environment, that before \
the file, that before the default.

API keys have 16 to 256 visible characters. They are read from the files named, one a line, or from the variables \
LOOKALIKE_READ_KEYS and LOOKALIKE_ADMIN_KEYS, separated by commas; never from flags, which other users of the machine see.";

/// Who may search where there are API keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Reads {
    /// Whoever has one.
    #[default]
    Keyed,
    /// Everybody; keys are for writes and for `/metrics`.
    Open,
}

/// Answers "which of our items look like this photo?" over HTTP.
#[derive(Clone, Debug, Parser)]
#[command(name = "lookalike-server", version, about, max_term_width = 100, after_help = AFTER)]
pub struct ServerConfig {
    /// A file of settings, in TOML: the flags' names without dashes in front.
    #[arg(long, env = "LOOKALIKE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The folder made by `lookalike-trainer`: a model and its catalogue.
    #[arg(long, env = "LOOKALIKE_BUNDLE", value_name = "DIR")]
    pub bundle: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one and says which.
    #[arg(long, env = "LOOKALIKE_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The folder the items' photos are under; without it only photos with an https URL are shown.
    #[arg(long, env = "LOOKALIKE_IMAGES", value_name = "DIR")]
    pub images: Option<PathBuf>,
    /// Where the model runs: auto, cpu, cuda:0 …
    #[arg(long, env = "LOOKALIKE_DEVICE", value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
    /// What the model computes in: auto (the fastest that the bundle holds and the device has instructions for), f32,
    /// bf16, f16, int7 or int8.
    #[arg(long, env = "LOOKALIKE_PRECISION", value_name = "PRECISION", default_value = "auto")]
    pub precision: PrecisionChoice,
    /// Cores the model may use on a CPU; 0 is all.
    #[arg(long, env = "LOOKALIKE_THREADS", value_name = "N", default_value = "0")]
    pub threads: usize,
    /// Memory for the embeddings of photos seen lately, e.g. 64MiB; off keeps none.
    #[arg(long, env = "LOOKALIKE_EMBEDDING_CACHE", value_name = "SIZE", default_value = "64MiB", value_parser = size_or_off)]
    pub embedding_cache: OptionalSize,
    /// What photos and bodies may cost.
    #[command(flatten)]
    pub memory: MemoryConfig,
    /// Photos that may wait for the model; one more is answered 429.
    #[arg(long, env = "LOOKALIKE_QUEUE", value_name = "N", default_value = "64")]
    pub queue: NonZeroUsize,
    /// Photos in one pass of the model at most; 0 is what suits the device: 4 on a CPU, 32 on a GPU.
    #[arg(long, env = "LOOKALIKE_MAX_BATCH", value_name = "N", default_value = "0")]
    pub max_batch: usize,
    /// Seconds an answer may take once the request is here (504 past that).
    #[arg(long, env = "LOOKALIKE_REQUEST_TIMEOUT", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub request_timeout: Duration,
    /// Seconds a request body may take to come in (408 past that).
    #[arg(long, env = "LOOKALIKE_UPLOAD_TIMEOUT", value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub upload_timeout: Duration,
    /// Connections open at once; one more is answered 503 and closed.
    #[arg(long, env = "LOOKALIKE_MAX_CONNECTIONS", value_name = "N", default_value = "10000")]
    pub max_connections: NonZeroUsize,
    /// Connections open at once from one address (of IPv6 from a /64), except from --trusted-proxy and from this machine; one more is
    /// answered 503 and closed. 0 is as many as there are.
    #[arg(long, env = "LOOKALIKE_MAX_CONNECTIONS_PER_ADDRESS", value_name = "N", default_value = "1000")]
    pub max_connections_per_address: usize,
    /// Seconds a request's header may take from its first byte; the connection is closed past that.
    #[arg(long, env = "LOOKALIKE_HEADER_TIMEOUT", value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub header_timeout: Duration,
    /// Seconds a connection may stay open between two requests: more than the proxy before it keeps one.
    #[arg(long, env = "LOOKALIKE_IDLE_TIMEOUT", value_name = "SECONDS", default_value = "75", value_parser = seconds)]
    pub idle_timeout: Duration,
    /// Seconds that a client may take nothing of its answer; the connection is closed past that.
    #[arg(long, env = "LOOKALIKE_WRITE_TIMEOUT", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub write_timeout: Duration,
    /// Seconds to go on serving after SIGTERM with /readyz at 503, so that a load balancer notices.
    #[arg(long, env = "LOOKALIKE_SHUTDOWN_DELAY", value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    pub shutdown_delay: Duration,
    /// Seconds that requests under way may then take to end.
    #[arg(long, env = "LOOKALIKE_DRAIN_TIMEOUT", value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub drain_timeout: Duration,
    /// Web pages of these origins may call the API, e.g. https://shop.example; * is every origin. None may where none is named, but
    /// load scripts and photos.
    #[arg(long = "cors-origin", env = "LOOKALIKE_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',', value_parser = origin)]
    pub cors_origins: Vec<String>,
    /// Who is answered, and below which path.
    #[command(flatten)]
    pub callers: CallersConfig,
    /// A file of API keys that open all that a shop's pages ask for; without any key, the API is open to everybody.
    #[arg(long, env = "LOOKALIKE_READ_KEYS_FILE", value_name = "FILE")]
    pub read_keys_file: Option<PathBuf>,
    /// A file of API keys that open /metrics too.
    #[arg(long, env = "LOOKALIKE_ADMIN_KEYS_FILE", value_name = "FILE")]
    pub admin_keys_file: Option<PathBuf>,
    /// The folder of what comes in online: with it items can be put, patched and deleted, by admin keys.
    #[arg(long, env = "LOOKALIKE_STATE", value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// An engine elsewhere that holds the items.
    #[command(flatten)]
    pub engine: EngineConfig,
    /// Where photos of what comes in are kept, instead of below --state: s3://BUCKET/PREFIX (keys and endpoint by AWS_ACCESS_KEY_ID,
    /// AWS_ENDPOINT_URL and so on), or a folder of a volume that several servers have. One catalogue a prefix or folder.
    #[arg(long, env = "LOOKALIKE_PHOTOS", value_name = "ADDRESS", value_parser = PhotosParser)]
    pub photos: Option<PhotosAddress>,
    /// Hosts that photos of items are fetched from by their addresses, over https: cdn.shop.example, *.shop.example,
    /// images.local:8443. None are where none is named.
    #[arg(long, env = "LOOKALIKE_IMAGE_HOSTS", value_name = "HOST", value_delimiter = ',')]
    pub image_hosts: Vec<ImageHost>,
    /// Whether these hosts may have addresses of a private network, or of this machine: true or false.
    #[arg(long, env = "LOOKALIKE_IMAGE_PRIVATE_ADDRESSES", value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set, value_parser = yes_or_no)]
    pub image_private_addresses: bool,
    /// A file of certificate authorities, in PEM, that these hosts' certificates may be from besides the public ones.
    #[arg(long, env = "LOOKALIKE_IMAGE_CA", value_name = "FILE")]
    pub image_ca: Option<PathBuf>,
    /// Seconds that fetching a photo may take.
    #[arg(long, env = "LOOKALIKE_IMAGE_TIMEOUT", value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub image_timeout: Duration,
    /// Where the state is of another model than the bundle, whether to drop what came in as an embedding alone, which cannot be embedded
    /// again: true or false.
    #[arg(long, env = "LOOKALIKE_DROP_UNEMBEDDABLE", value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set, value_parser = yes_or_no)]
    pub drop_unembeddable: bool,
    /// Who may search where there are keys: keyed, or open to everybody.
    #[arg(long, env = "LOOKALIKE_READS", value_enum, default_value_t)]
    pub reads: Reads,
    /// Requests that one key, or one address where there are no keys, may send: 20/s, 600/min, 5000/h (429 past that).
    #[arg(long, env = "LOOKALIKE_RATE_LIMIT", value_name = "RATE")]
    pub rate_limit: Option<RateLimit>,
    /// Requests it may send at once before the rate holds; the number in the rate where it is not given.
    #[arg(long, env = "LOOKALIKE_RATE_BURST", value_name = "N")]
    pub rate_burst: Option<NonZeroU32>,
    /// The share of the catalogue whose change begins a compaction by itself, e.g. 20%; off: only POST /admin/compact does.
    #[arg(long, env = "LOOKALIKE_COMPACT_AT", value_name = "SHARE", default_value = "20%", value_parser = share_or_off)]
    pub compact_at: OptionalShare,
    /// One search in so many is made again by comparing everything, while no core has anything else to do: the metric
    /// lookalike_ann_recall; 0 makes none.
    #[arg(long, env = "LOOKALIKE_RECALL_CHECK", value_name = "N", default_value = "1000")]
    pub recall_check: u64,
    /// How log lines are written.
    #[arg(long, env = "LOOKALIKE_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// What is logged, e.g. info, or lookalike=debug,warn.
    #[arg(long = "log", env = "LOOKALIKE_LOG", value_name = "FILTER", default_value = "info")]
    pub log_filter: String,
    /// Send traces to this OpenTelemetry collector, by OTLP over HTTP, e.g. http://127.0.0.1:4318.
    #[arg(long, env = "LOOKALIKE_OTLP_ENDPOINT", value_name = "URL", value_parser = crate::config::collector)]
    pub otlp_endpoint: Option<String>,
    /// Check the settings and the bundle, run a photo through it, and exit with 0 or 1.
    #[arg(long)]
    pub check: bool,
    /// Ask the server at --listen whether it is ready, and exit with 0 or 1.
    #[arg(long)]
    pub healthcheck: bool,
    /// Make a state, in the empty folder that --state names, of a snapshot that GET /admin/snapshot sent, and exit with 0 or 1.
    #[arg(long, value_name = "FILE")]
    pub restore: Option<PathBuf>,
    /// The keys of the files and of the environment.
    #[arg(skip)]
    pub keys: ApiKeys,
    /// What the environment says of the store of photos.
    #[arg(skip)]
    pub aws: AwsSettings,
}

/// Reads an address of photos, and does not repeat one that is wrong: somebody may have written a password into it.
#[derive(Clone)]
struct PhotosParser;

impl TypedValueParser for PhotosParser {
    type Value = PhotosAddress;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<PhotosAddress, clap::Error> {
        let name = arg.map_or(String::new(), ToString::to_string);
        let refuse = |why: String| {
            command.clone().error(ErrorKind::ValueValidation, format!("invalid value for '{name}': {why}"))
        };
        value.to_str().ok_or_else(|| refuse("it is no text".into()))?.parse().map_err(refuse)
    }
}

impl ServerConfig {
    /// From this program's arguments, its environment and the file they name. What is wrong ends the program, with a word.
    pub fn of_program() -> Self {
        let keys = |name: &str| std::env::var(name).ok();
        let parsed = Self::read(std::env::args_os().collect());
        let parsed = parsed.and_then(|config| config.with_keys(&keys));
        let aws = std::env::vars_os()
            .filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok()));
        let parsed = parsed.map(|config| Self { aws: AwsSettings::of(aws), ..config });
        parsed.unwrap_or_else(|e| e.exit())
    }

    /// The same from arguments given (the program's name first), without keys of the environment.
    pub fn from_arguments<I: IntoIterator<Item: Into<OsString>>>(arguments: I) -> Result<Self, clap::Error> {
        Self::read(arguments.into_iter().map(Into::into).collect())?.with_keys(&|_| None)
    }

    fn read(arguments: Vec<OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let first = command.clone().ignore_errors(true).try_get_matches_from(&arguments);
        let named = first.as_ref().ok().and_then(|found: &ArgMatches| found.get_one::<PathBuf>("config"));
        if let Some(path) = named {
            command = file::merged(command, path)?;
        }
        let config = Self::from_arg_matches(&command.clone().try_get_matches_from(arguments)?)?;
        if config.restore.is_some() && config.state.is_none() {
            let why = "--restore FILE makes a state of a snapshot: --state DIR names the empty folder to make it in";
            return Err(command.error(ErrorKind::MissingRequiredArgument, why));
        }
        if config.photos.is_some() && config.state.is_none() && config.engine.catalogue.is_none() {
            let why = "--photos ADDRESS is where photos of what comes in are kept: --state DIR lets items come in, or \
                       --catalogue ADDRESS";
            return Err(command.error(ErrorKind::MissingRequiredArgument, why));
        }
        if config.bundle.is_none() && !config.healthcheck && config.restore.is_none() {
            let why = "no bundle is named: --bundle DIR does, or LOOKALIKE_BUNDLE, or bundle in the file of --config";
            return Err(command.error(ErrorKind::MissingRequiredArgument, why));
        }
        Ok(config)
    }

    /// Whether there are files of keys, which may be others by now.
    pub fn has_key_files(&self) -> bool {
        self.read_keys_file.is_some() || self.admin_keys_file.is_some()
    }

    /// The keys that the files hold now, and those of this program's environment.
    ///
    /// # Errors
    /// Where a file cannot be read, or holds no key, or what is none.
    pub fn keys_again(&self) -> Result<ApiKeys, BadKeys> {
        self.read_keys(&|name| std::env::var(name).ok())
    }

    fn read_keys(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<ApiKeys, BadKeys> {
        let mut keys = ApiKeys::default();
        let places = [
            (Role::Read, &self.read_keys_file, "LOOKALIKE_READ_KEYS"),
            (Role::Admin, &self.admin_keys_file, "LOOKALIKE_ADMIN_KEYS"),
        ];
        for (role, path, name) in places {
            if let Some(path) = path {
                keys.add_file(role, path)?;
            }
            if let Some(text) = variable(name) {
                keys.add(role, &text, name)?;
            }
        }
        Ok(keys)
    }

    fn with_keys(mut self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, clap::Error> {
        let keys = self.read_keys(variable);
        let keys = keys.map_err(|e| Self::command().error(ErrorKind::ValueValidation, e))?;
        let secrets = self.engine.read_secrets(variable);
        secrets.map_err(|e| Self::command().error(ErrorKind::ValueValidation, e))?;
        if self.state.is_some() && self.engine.catalogue.is_some() {
            let why = "--state DIR keeps what comes in on this server, and --catalogue ADDRESS elsewhere: give one of them";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, why));
        }
        if self.state.is_some() && self.restore.is_none() && !keys.has(Role::Admin) {
            let why = "--state DIR lets items be written, and there is no admin key that may: name a file of them with \
                       --admin-keys-file, or set LOOKALIKE_ADMIN_KEYS";
            return Err(Self::command().error(ErrorKind::MissingRequiredArgument, why));
        }
        self.keys = keys;
        Ok(self)
    }
}
