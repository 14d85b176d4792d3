//! The programs in `firmware/programs`, each with `NAME.expected` beside it.

use super::targets::Target;

/// Where a program comes from.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    /// A C file in `firmware/programs`, linked with the archive of the C ABI.
    C(&'static str),
    /// A function of the crate in `firmware/rust`.
    Rust(&'static str),
}

/// How a run must end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With success, and exactly the text in the file.
    AsExpected,
    /// With a rule found broken by the program itself: one of its parts was removed to show that it is needed.
    Broken,
}

/// One program.
#[derive(Clone, Copy)]
pub(crate) struct Program {
    /// Also the name of its `.expected` file.
    pub(crate) name: &'static str,
    pub(crate) source: Source,
    /// For the C compiler.
    pub(crate) defines: &'static [&'static str],
    pub(crate) ending: Ending,
    /// Cores that it needs.
    pub(crate) cores: usize,
    /// Whether the moment of an interrupt is the point: see `Target::stepped`.
    pub(crate) stepped: bool,
}

const PROGRAM: Program = Program {
    name: "",
    source: Source::C(""),
    defines: &[],
    ending: Ending::AsExpected,
    cores: 1,
    stepped: false,
};

pub(crate) const PROGRAMS: &[Program] = &[
    Program { name: "hello", source: Source::C("hello.c"), ..PROGRAM },
    Program { name: "rust-hello", source: Source::Rust("rust_hello"), ..PROGRAM },
];

impl Program {
    pub(crate) fn runs_on(&self, target: &Target) -> bool {
        self.cores <= target.cores
    }
}
