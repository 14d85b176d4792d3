//! Reads layout files.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::{Layout, MAX_NAME, MAX_NUMBER, MAX_POOLS, MIN_BLOCK, Placement, PoolSpec};
use crate::error::LayoutError;

/// The file as it is written. Whole numbers are taken wide, so that what is out of range can be said in our words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    spill: bool,
    #[serde(default)]
    heap_fallback: bool,
    #[serde(default)]
    pool: Vec<Pool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pool {
    name: Spanned<String>,
    block_size: Spanned<i64>,
    blocks: Spanned<i64>,
    #[serde(default)]
    placement: Placement,
}

/// The text, to turn places into line numbers.
#[derive(Clone, Copy)]
struct Text<'a>(&'a str);

impl Text<'_> {
    fn error(self, at: &Range<usize>, what: impl Into<String>, help: impl Into<String>) -> LayoutError {
        let before = self.0.as_bytes().iter().take(at.start);
        let line = 1 + before.filter(|&&byte| byte == b'\n').count();
        LayoutError { line, what: what.into(), help: help.into() }
    }

    fn number(self, name: &str, number: &Spanned<i64>, least: u32) -> Result<u32, LayoutError> {
        let value = *number.get_ref();
        match u32::try_from(value) {
            Ok(value) if (least..=MAX_NUMBER).contains(&value) => Ok(value),
            _ => Err(self.error(
                &number.span(),
                format!("{name} is {value}"),
                format!("give a number from {least} to {MAX_NUMBER}"),
            )),
        }
    }

    fn name(self, name: &Spanned<String>) -> Result<String, LayoutError> {
        let text = name.get_ref();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !text.is_empty() && text.len() <= MAX_NAME && text.chars().all(plain) {
            return Ok(text.clone());
        }
        let what = format!("{text:.40?} cannot be the name of a pool");
        Err(self.error(
            &name.span(),
            what,
            format!("use 1 to {MAX_NAME} letters, digits, underscores and hyphens"),
        ))
    }
}

impl Layout {
    /// Reads a layout file.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and what to do about it.
    pub fn parse(text: &str) -> Result<Self, LayoutError> {
        let place = Text(text);
        let file: File = toml::from_str(text).map_err(|error| {
            let at = error.span().unwrap_or(0..0);
            place.error(
                &at,
                error.message(),
                "a layout has `spill`, `heap_fallback`, and for each `[[pool]]` the keys `name`, `block_size`, \
                 `blocks` and `placement`",
            )
        })?;
        if file.pool.is_empty() {
            return Err(place.error(
                &(text.len()..text.len()),
                "there is no pool in this layout",
                "add a `[[pool]]`",
            ));
        }
        let mut layout = Layout { spill: file.spill, heap_fallback: file.heap_fallback, pools: Vec::new() };
        for pool in file.pool {
            let spec = PoolSpec {
                name: place.name(&pool.name)?,
                block_size: place.number("block_size", &pool.block_size, MIN_BLOCK)?,
                blocks: place.number("blocks", &pool.blocks, 1)?,
                placement: pool.placement,
            };
            layout.admit(&spec).map_err(|(what, help)| place.error(&pool.name.span(), what, help))?;
            layout.pools.push(spec);
        }
        Ok(layout)
    }

    /// Whether `pool` goes together with the pools so far.
    fn admit(&self, pool: &PoolSpec) -> Result<(), (String, &'static str)> {
        if self.pools.len() == MAX_POOLS {
            return Err((format!("there are more than {MAX_POOLS} pools"), "merge classes of similar size"));
        }
        if self.pools.iter().any(|other| other.name == pool.name) {
            return Err((format!("`{}` is there twice", pool.name), "give each pool a name of its own"));
        }
        let twin = self.pools.iter().find(|other| other.block_size == pool.block_size);
        match twin {
            Some(twin) if !self.spill => Err((
                format!("`{}` has blocks of {} bytes like `{}`", pool.name, pool.block_size, twin.name),
                "without `spill = true` it would never be used: merge the two, or let requests spill",
            )),
            _ => Ok(()),
        }
    }
}
