//! Whatever operators ask for is found, whole and once, in pages that cost no more than they may.

mod filters;
mod large;
mod pages;
mod population;
mod real;
