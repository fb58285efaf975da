//! The server from outside, over HTTP: real model, real catalogue, real socket. Every answer is held to `openapi.yaml`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

#[path = "../support/mod.rs"]
mod support;

mod access;
mod ask;
mod backups;
mod bases;
mod buckets;
mod connections;
mod damaged;
mod docs;
mod elsewhere;
mod feed;
mod fetched;
mod filters;
mod items;
mod large;
mod life;
mod limits;
mod living;
mod models;
mod names;
mod openapi;
mod others;
mod refusals;
mod similar;
mod speed;
mod thumbnails;
mod upkeep;
mod writes;
