//! The programs in `firmware/programs`, each with `NAME.expected` beside it, or `NAME.TARGET.expected` where a target
//! prints something else.

use super::targets::Target;

/// Where a program comes from.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    /// A C file in `firmware/programs`, linked with the archive of the C ABI.
    C(&'static str),
    /// The first sample of a document, linked in the same way.
    Sample(&'static str),
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
    /// With a trap, which the start-up code reports.
    Crashed,
}

/// One program.
#[derive(Clone, Copy)]
pub(crate) struct Program {
    /// Also the name of its `.expected` file.
    pub(crate) name: &'static str,
    /// Where that file is.
    pub(crate) folder: &'static str,
    pub(crate) source: Source,
    /// For the C compiler.
    pub(crate) defines: &'static [&'static str],
    pub(crate) ending: Ending,
    /// Targets by name; empty: all.
    pub(crate) only: &'static [&'static str],
    /// Cores that it needs.
    pub(crate) cores: usize,
    /// Whether the moment of an interrupt is the point: see `Target::stepped`.
    pub(crate) stepped: bool,
    /// Whether it prints where interrupts came, which must be everywhere: see `points.rs`.
    pub(crate) everywhere: bool,
    /// Whether its cores must advance evenly: the emulator writes down every instruction, nowhere, one core at a time, which
    /// takes much longer than any instruction does.
    pub(crate) even: bool,
    /// Symbols that the linker is told, as `NAME=VALUE`.
    pub(crate) symbols: &'static [&'static str],
}

const PROGRAM: Program = Program {
    name: "",
    folder: "firmware/programs",
    source: Source::C(""),
    defines: &[],
    ending: Ending::AsExpected,
    only: &[],
    cores: 1,
    stepped: false,
    everywhere: false,
    even: false,
    symbols: &[],
};

/// An interrupt before every instruction of each operation.
const EVERYPOINT: Program = Program {
    name: "everypoint",
    source: Source::C("everypoint.c"),
    only: &["riscv32imc", "riscv32imac", "xtensa-lx106", "xtensa-windowed"],
    stepped: true,
    everywhere: true,
    symbols: &["everypoint_quiet=0"],
    ..PROGRAM
};

/// Resets of the machine, where the emulator has one that leaves memory as it is.
const RESETS: Program = Program {
    name: "resets",
    source: Source::C("resets.c"),
    only: &["riscv32imc", "riscv32imac", "thumbv6m", "thumbv7m"],
    ..PROGRAM
};

/// Resets while blocks are taken and returned.
const RESETS_TRAFFIC: Program =
    Program { name: "resets-traffic", source: Source::C("resets_traffic.c"), stepped: true, ..RESETS };

/// What `cargo xtask budgets` counts: the C functions, and the Rust ones.
pub(crate) const BUDGETS: [Program; 2] = [
    Program { name: "budgets", source: Source::C("budgets.c"), ..PROGRAM },
    Program { name: "rust-budgets", source: Source::Rust("program_budgets"), ..PROGRAM },
];

const APPLICATION: Program = Program {
    name: "application",
    folder: "firmware/freertos",
    source: Source::C("application.c"),
    stepped: true,
    ..PROGRAM
};

/// Drivers of the system layer, thousands of them.
const DRIVERS: Program =
    Program { name: "drivers", source: Source::C("drivers.c"), stepped: false, ..APPLICATION };

/// What runs on FreeRTOS: the programs, and each with a part of it or of the port removed.
pub(crate) const ON_FREERTOS: &[Program] = &[
    APPLICATION,
    Program { name: "application-open", defines: OPEN, ending: Ending::Broken, ..APPLICATION },
    // Interrupts are not told from tasks. On RISC-V that is not found out in an orderly way.
    Program {
        name: "application-blind",
        defines: &["-DMICROUSC_FREERTOS_IN_ISR()=pdFALSE"],
        ending: Ending::Broken,
        only: &["freertos-posix"],
        ..APPLICATION
    },
    // Interrupts do not ask for a switch to the task that they woke. On the POSIX port none could.
    Program {
        name: "application-late",
        defines: &["-DMICROUSC_FREERTOS_YIELD_FROM_ISR(woken)=((void)(woken))"],
        ending: Ending::Broken,
        only: &["freertos-riscv32imc"],
        ..APPLICATION
    },
    DRIVERS,
    Program {
        name: "specification_api",
        source: Source::C("specification_api.c"),
        stepped: false,
        ..APPLICATION
    },
    Program { name: "drivers-kept", defines: &["-DKEEPS"], ending: Ending::Broken, ..DRIVERS },
];

/// The functions without the lock, in `owner_table.h`.
const OPEN: &[&str] = &["-DOPEN"];

/// With records of who took each block.
const RECORDED: &[&str] = &["-DRECORDED"];

/// Where the functions that mask interrupts are the runtime's, they then do nothing.
const UNMASKED: &[&str] = &["-DUNMASKED"];

/// Targets whose runtime masks interrupts by functions and has memory that takes words only.
const XTENSA: &[&str] = &["xtensa-lx106", "xtensa-windowed", "xtensa-windowed-nocas"];

pub(crate) const PROGRAMS: &[Program] = &[
    Program { name: "quickstart", source: Source::Sample("README.md"), ..PROGRAM },
    Program { name: "set", source: Source::C("set.c"), ..PROGRAM },
    Program { name: "misuse", source: Source::C("misuse.c"), ..PROGRAM },
    Program { name: "leaks", source: Source::C("leaks.c"), ..PROGRAM },
    Program { name: "waits", source: Source::C("waits.c"), stepped: true, ..PROGRAM },
    Program { name: "interrupts", source: Source::C("interrupts.c"), stepped: true, ..PROGRAM },
    Program {
        name: "interrupts-open",
        source: Source::C("interrupts.c"),
        defines: OPEN,
        ending: Ending::Broken,
        stepped: true,
        ..PROGRAM
    },
    Program {
        name: "interrupts-unmasked",
        source: Source::C("interrupts.c"),
        defines: UNMASKED,
        ending: Ending::Broken,
        only: XTENSA,
        stepped: true,
        ..PROGRAM
    },
    Program {
        name: "interrupts-recorded",
        source: Source::C("interrupts.c"),
        defines: RECORDED,
        stepped: true,
        ..PROGRAM
    },
    EVERYPOINT,
    Program { name: "everypoint-open", defines: OPEN, ending: Ending::Broken, ..EVERYPOINT },
    Program {
        name: "everypoint-unmasked",
        defines: UNMASKED,
        ending: Ending::Broken,
        only: &["xtensa-lx106", "xtensa-windowed"],
        ..EVERYPOINT
    },
    Program { name: "words", source: Source::C("words.c"), only: XTENSA, ..PROGRAM },
    Program {
        name: "words-by-bytes",
        source: Source::C("words.c"),
        defines: &["-DBYTES"],
        ending: Ending::Crashed,
        only: XTENSA,
        ..PROGRAM
    },
    Program { name: "cores", source: Source::C("cores.c"), cores: 2, ..PROGRAM },
    Program {
        name: "cores-open",
        source: Source::C("cores.c"),
        defines: OPEN,
        ending: Ending::Broken,
        cores: 2,
        ..PROGRAM
    },
    Program { name: "cores-recorded", source: Source::C("cores.c"), defines: RECORDED, cores: 2, ..PROGRAM },
    Program {
        name: "magazines",
        source: Source::C("magazines.c"),
        only: &["riscv32imac-smp2"],
        cores: 2,
        even: true,
        ..PROGRAM
    },
    RESETS,
    Program { name: "resets-cleared", defines: &["-DCLEARED"], ending: Ending::Broken, ..RESETS },
    Program { name: "resets-forged", defines: &["-DFORGED"], ending: Ending::Broken, ..RESETS },
    RESETS_TRAFFIC,
    Program { name: "resets-traffic-late", defines: &["-DLATE"], ending: Ending::Broken, ..RESETS_TRAFFIC },
    Program {
        name: "resets-traffic-cores",
        defines: &["-DTWO_CORES"],
        only: &["riscv32imac-smp2"],
        cores: 2,
        stepped: false,
        ..RESETS_TRAFFIC
    },
    // Also between any two instructions that are masked.
    Program {
        name: "resets-traffic-watchdog",
        defines: &["-DWATCHDOG"],
        only: &["thumbv7m"],
        ..RESETS_TRAFFIC
    },
    Program { name: "model", source: Source::Rust("program_model"), ..PROGRAM },
    Program { name: "waiting", source: Source::Rust("program_waiting"), stepped: true, ..PROGRAM },
    Program { name: "rust-interrupts", source: Source::Rust("program_interrupts"), stepped: true, ..PROGRAM },
    Program {
        name: "rust-interrupts-open",
        source: Source::Rust("program_interrupts_open"),
        ending: Ending::Broken,
        stepped: true,
        ..PROGRAM
    },
    Program {
        name: "lock-free-unmasked",
        source: Source::Rust("program_interrupts_lock_free"),
        defines: UNMASKED,
        only: &["xtensa-windowed"],
        stepped: true,
        ..PROGRAM
    },
    Program {
        name: "lock-free-unmasked",
        source: Source::Rust("program_interrupts_lock_free"),
        defines: UNMASKED,
        ending: Ending::Broken,
        only: &["xtensa-lx106", "xtensa-windowed-nocas"],
        stepped: true,
        ..PROGRAM
    },
    // Without A an atomic instruction is an illegal one: were there any in the other programs, they would end like this.
    Program {
        name: "stray-atomic",
        source: Source::C("stray_atomic.c"),
        ending: Ending::Crashed,
        only: &["riscv32imc"],
        ..PROGRAM
    },
    Program { name: "rust-cores", source: Source::Rust("program_cores"), cores: 2, ..PROGRAM },
    Program {
        name: "rust-cores-open",
        source: Source::Rust("program_cores_open"),
        ending: Ending::Broken,
        cores: 2,
        ..PROGRAM
    },
];

impl Program {
    /// Whether it was written for the target.
    pub(crate) fn is_for(&self, target: &Target) -> bool {
        self.only.is_empty() || self.only.contains(&target.name)
    }

    /// The same program, whose operations are done once each, and not interrupted.
    pub(crate) fn quiet(&self) -> Self {
        Self { symbols: &["everypoint_quiet=1"], ..*self }
    }

    /// Whether the target has the cores, and can bring the interrupt that an unprotected program must meet.
    pub(crate) fn runs_on(&self, target: &Target) -> bool {
        let needs_steps = self.stepped && self.ending == Ending::Broken;
        self.is_for(target) && self.cores <= target.cores && !(needs_steps && target.stepped.is_empty())
    }
}
