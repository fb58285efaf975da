//! The files of a generation: how they lie on disk, how they are written, and what is checked when they are opened.

pub(crate) mod admitted;
pub(crate) mod column;
pub(crate) mod facets;
pub(crate) mod footprint;
pub(crate) mod generation;
pub(crate) mod graph_file;
pub(crate) mod graph_layout;
pub(crate) mod graph_writer;
pub(crate) mod items_file;
pub(crate) mod labels;
pub(crate) mod mapping;
pub(crate) mod numbers;
pub(crate) mod publish;
