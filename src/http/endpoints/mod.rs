//! What each address answers: one file for each resource. Requests are parsed before, answers are written after.

pub(crate) mod admin;
pub(crate) mod batch;
pub(crate) mod docs;
pub(crate) mod health;
pub(crate) mod images;
pub(crate) mod info;
pub(crate) mod items;
pub(crate) mod page;
pub(crate) mod search;
pub(crate) mod similar;
pub(crate) mod snapshot;
pub(crate) mod writes;
