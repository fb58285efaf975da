//! Clients for a server that was started elsewhere: closed loops, one number of clients after the other.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use serde_json::json;

use crate::{
    Failed,
    load::{self, Load, closed},
};

#[derive(Args)]
pub struct Options {
    /// Where the server listens.
    address: SocketAddr,
    /// The folder of photos that are sent round and round.
    #[arg(long)]
    photos: PathBuf,
    /// So many of them at the most.
    #[arg(long, default_value_t = 200)]
    most: usize,
    /// Clients at once, one measurement for each number.
    #[arg(long, value_delimiter = ',', default_value = "64")]
    clients: Vec<usize>,
    /// How long each lasts.
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
    /// How long four clients ask before anything is measured.
    #[arg(long, default_value_t = 0.0)]
    warm_up: f64,
}

/// Several threads send, so that it is not the sender that is measured.
pub fn run(options: &Options) -> Result<(), Failed> {
    let photos = load::photos(&options.photos, options.most)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    runtime.block_on(async {
        let load = Load::new(options.address, photos, false);
        if options.warm_up > 0.0 {
            closed(&load, 4, Duration::from_secs_f64(options.warm_up)).await;
        }
        for &clients in &options.clients {
            let outcome = closed(&load, clients, Duration::from_secs_f64(options.seconds)).await;
            eprintln!("{clients:>4} clients  {outcome}");
            println!("{}", json!({"clients": clients, "outcome": outcome.json()}));
        }
        Ok(())
    })
}
