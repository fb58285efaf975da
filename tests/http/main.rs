//! The server from outside, over HTTP: real model, real catalogue, real socket. Every answer is held to `openapi.yaml`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code)] // shared with other tests
#[path = "../../crates/photo/tests/support/hostile.rs"]
mod hostile;

mod access;
mod ask;
mod backups;
mod bases;
mod buckets;
mod callers;
mod connections;
mod damaged;
mod docs;
mod elsewhere;
mod faults;
mod feed;
mod fetched;
mod filters;
mod items;
mod large;
mod life;
mod limits;
mod living;
mod memory;
mod models;
mod mounted;
mod names;
mod openapi;
mod origins;
mod others;
mod refusals;
mod similar;
mod speed;
mod thumbnails;
mod upkeep;
mod writes;
