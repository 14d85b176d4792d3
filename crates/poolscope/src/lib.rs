//! Library of poolscope.
