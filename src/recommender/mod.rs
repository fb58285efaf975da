//! recommender
