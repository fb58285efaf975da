//! One run: feed → comparison → changes.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use encoding_rs::Encoding;
use jiff::Timestamp;

use crate::{
    SyncError,
    entries::Feed,
    feed::{
        self, Reading,
        source::{Opened, Source},
    },
    http::{Tries, agent},
    map::MapFile,
    options::Options,
    photos::Albums,
    plan::{Plan, guard},
    progress::Bar,
    send::{Sender, Sent},
    server::Server,
    summary::Summary,
};

/// Brings the server's catalogue in step with the feed, or says why not.
///
/// It blocks: within an async program it belongs on a thread of its own.
///
/// # Errors
/// Where nothing came of it: options that cannot be followed, a feed that cannot be read to its end, a server that was not reached
/// or refuses. What a guard stopped, or the server took in part, is a [`Summary`].
pub fn run(options: &Options) -> Result<Summary, SyncError> {
    let tries = tries(options)?;
    let key = key(options)?;
    let map = options.map.as_deref().map_or_else(|| Ok(MapFile::default()), MapFile::open)?;
    let web = agent(options.ca.as_deref(), true)?;
    let server = options
        .server
        .as_deref()
        .map(|address| Server::new(agent(options.ca.as_deref(), false)?, address, key, tries));
    let server = server.transpose()?;
    if server.is_none() && !options.dry_run {
        return Err(SyncError::Usage("say the server with --server, or --dry-run".into()));
    }
    let source = Source::of(&options.feed);
    let mut feed = read(options, &map, &source, &web, tries)?;
    let folder = options.photo_folder.as_deref().or(source.folder()).map(Path::to_owned);
    let albums = Albums { folder, agent: web, tries };
    let parallel = usize::from(options.parallel.max(1));
    let bar = Bar::new("reading photos", 0);
    albums.hash_files(&mut feed, parallel, &|done| bar.at(done as u64));
    drop(bar);
    let held = server.as_ref().map(|server| {
        let bar = Bar::new("asking the server", 0);
        server.held(options.name.as_str(), &|done, _| bar.at(done))
    });
    let held = held.transpose()?.unwrap_or_else(BTreeMap::new);
    let plan = Plan::new(&feed, &held, options.adopt);
    drop(held);
    let stopped = guard(&feed, &plan, options.max_delete, options.max_refused);
    let mut summary = Summary {
        feed: source.to_string(),
        server: options.server.clone(),
        name: options.name.as_str().to_owned(),
        dry_run: options.dry_run,
        stopped,
        ..Summary::of(&mut feed, &plan)
    };
    if let (Some(server), None, false, false) = (&server, &summary.stopped, options.dry_run, plan.is_empty())
    {
        let sender = Sender {
            server,
            limits: server.limits()?,
            albums: &albums,
            photos: options.photos,
            name: options.name.as_str(),
            parallel,
        };
        send(&sender, &feed, &plan, &mut summary)?;
    } else if summary.stopped.is_some() && !options.dry_run {
        summary.take(Sent::default());
    }
    let summary = summary.settled();
    options.report.as_deref().map_or(Ok(()), |path| report(path, &summary))?;
    Ok(summary)
}

/// Sends, and puts into the summary how far that came; a server that takes none of it refuses the run.
fn send(sender: &Sender<'_>, feed: &Feed, plan: &Plan, summary: &mut Summary) -> Result<(), SyncError> {
    let bar = Bar::new("sending", summary.put + summary.patched + summary.deleted);
    let mut sent = Sent::default();
    let ended = sender.send(feed, plan, &mut sent, &|done| bar.at(done));
    let nothing = sent.put + sent.patched + sent.deleted == 0;
    summary.take(sent);
    match ended {
        Err(e) if nothing && e.exit_code() == 2 => return Err(e),
        ended => summary.broken_off = ended.err().map(|e| e.to_string()),
    }
    Ok(())
}

fn tries(options: &Options) -> Result<Tries, SyncError> {
    let wait = Duration::try_from_secs_f64(options.retry_wait)
        .map_err(|_| SyncError::Usage("--retry-wait is a number of seconds".into()))?;
    Ok(Tries { more: options.retries.min(100), wait })
}

/// The key that was given, else what the key's file holds.
fn key(options: &Options) -> Result<Option<String>, SyncError> {
    let (key, from) = match (&options.key_file, &options.key) {
        (Some(path), _) => {
            let failed = |e: std::io::Error| SyncError::File { path: path.clone(), why: e.to_string() };
            let text = fs::read_to_string(path).map_err(failed)?;
            // The server's file of keys does too: the first is taken.
            let first = text.lines().map(str::trim).find(|line| !line.is_empty());
            (first.unwrap_or_default().to_owned(), path.display().to_string())
        }
        (None, Some(key)) => (key.trim().to_owned(), "LOOKALIKE_ADMIN_KEY".to_owned()),
        (None, None) => return Ok(None),
    };
    if (16..=256).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic() && b != b',') {
        Ok(Some(key))
    } else {
        Err(SyncError::Usage(format!("{from} holds no key: 16 to 256 visible ASCII characters are one")))
    }
}

fn read(
    options: &Options,
    map: &MapFile,
    source: &Source,
    web: &ureq::Agent,
    tries: Tries,
) -> Result<Feed, SyncError> {
    let unknown =
        |label: &String| SyncError::Usage(format!("--encoding {label} is no encoding: windows-1252 is one"));
    let encoding =
        options.encoding.as_ref().map(|label| Encoding::for_label(label.as_bytes()).ok_or(unknown(label)));
    let how = Reading {
        format: options.format,
        map,
        encoding: encoding.transpose()?,
        currency: options.currency,
        now: Timestamp::now(),
        most: options.max_entries,
    };
    let bar = Bar::new("reading the feed", 0);
    let Opened { bytes, broke } = source.open(web, options.max_feed, tries)?;
    feed::read(bytes, &how, &|count| bar.at(count)).map_err(|why| source.failed(why, &broke))
}

fn report(path: &Path, summary: &Summary) -> Result<(), SyncError> {
    let failed = |why: String| SyncError::Report { path: path.to_owned(), why };
    let mut json = serde_json::to_vec_pretty(summary).map_err(|e| failed(e.to_string()))?;
    json.push(b'\n');
    lookalike_common::write_atomically(path, &json).map_err(|e| failed(e.to_string()))
}
