//! The chip classes, and what stands for each here.

use super::toolchain::{RUST, Toolchain};
use super::xtensa;
use crate::tools::{ARM_GCC, QEMU_ARM, QEMU_RISCV32, RISCV_GCC, Tool};

/// A class of chips, built and run alike.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// The folder of archives, named after the command that makes them: another's, of the same name, may have other features.
    pub(crate) work: &'static str,
    /// Chips of the family that run such code.
    pub(crate) chips: &'static str,
    /// What must be installed beside the Rust toolchain.
    pub(crate) tools: &'static [Tool],
    /// How the Rust archives are made.
    pub(crate) toolchain: &'static Toolchain,
    /// The name of the target for rustc, or the path of its description.
    pub(crate) rust: &'static str,
    /// The port's features.
    pub(crate) features: &'static str,
    /// Features for the pools that Rust programs use.
    pub(crate) pool_features: &'static str,
    pub(crate) cores: usize,
    /// The C compiler, also the linker, with what it must be told about the target.
    pub(crate) compiler: &'static [&'static str],
    /// Sources of the runtime, and the linker script, in `firmware/runtime`.
    pub(crate) runtime: &'static [&'static str],
    pub(crate) script: &'static str,
    /// The emulator; the image is added at the end.
    pub(crate) emulator: &'static [&'static str],
    /// Added for programs whose point is when an interrupt comes: time advances with each instruction, and an
    /// interrupt may come between any two.
    pub(crate) stepped: &'static [&'static str],
    /// The instruction that masks interrupts, and the one that puts them back: bits of its first word that tell, and
    /// their value.
    pub(crate) masks: (u32, u32),
    pub(crate) unmasks: (u32, u32),
    /// From where to where the code lies that spills and fills register windows: exceptions in the middle of an instruction's work, which
    /// no interrupt comes between.
    pub(crate) windows: (u32, u32),
}

const RISCV: Target = Target {
    name: "",
    work: "qemu",
    chips: "",
    tools: &[RISCV_GCC, QEMU_RISCV32],
    toolchain: &RUST,
    rust: "riscv32imc-unknown-none-elf",
    features: "bare,diagnostics",
    pool_features: "",
    cores: 1,
    compiler: &["riscv64-unknown-elf-gcc", "-march=rv32imc_zicsr", "-mabi=ilp32"],
    runtime: &["riscv/start.S", "riscv/board.c"],
    script: "riscv/link.ld",
    // Without A an atomic instruction that strayed in is an illegal one.
    emulator: &[
        "qemu-system-riscv32",
        "-M",
        "virt",
        "-cpu",
        "rv32,a=false,f=false,d=false",
        "-bios",
        "none",
        "-display",
        "none",
        "-monitor",
        "none",
        "-serial",
        "stdio",
        "-kernel",
    ],
    stepped: &["-icount", "shift=3", "-singlestep"],
    masks: (0xffff_f07f, 0x3004_7073),   // csrrci rd, mstatus, 8
    unmasks: (0xfff0_7fff, 0x3000_2073), // csrs mstatus, rs
    windows: (0, 0),
};

const CORTEX_M: Target = Target {
    name: "",
    work: "qemu",
    chips: "",
    tools: &[ARM_GCC, QEMU_ARM],
    toolchain: &RUST,
    rust: "thumbv7m-none-eabi",
    features: "bare,diagnostics",
    pool_features: "",
    cores: 1,
    compiler: &["arm-none-eabi-gcc", "-mcpu=cortex-m3", "-mthumb"],
    runtime: &["cortex-m/board.c"],
    script: "cortex-m/link.ld",
    emulator: &[],
    stepped: &["-icount", "shift=3", "-singlestep"],
    masks: (0xffff, 0xb672),             // cpsid i
    unmasks: (0xffff_fff0, 0x8810_f380), // msr PRIMASK, rs
    windows: (0, 0),
};

macro_rules! cortex_m_emulator {
    ($machine:literal) => {
        &[
            "qemu-system-arm",
            "-M",
            $machine,
            "-display",
            "none",
            "-monitor",
            "none",
            "-serial",
            "null",
            "-chardev",
            "stdio,id=console",
            "-semihosting-config",
            "enable=on,target=native,chardev=console",
            "-kernel",
        ]
    };
}

macro_rules! xtensa_emulator {
    ($core:literal) => {
        &[
            "qemu-system-xtensa",
            "-M",
            "sim",
            "-cpu",
            $core,
            "-display",
            "none",
            "-monitor",
            "none",
            "-serial",
            "stdio",
            "-semihosting",
            "-kernel",
        ]
    };
}

const ESP8266: Target = Target {
    name: "xtensa-lx106",
    work: "qemu",
    chips: "ESP8266",
    tools: &[],
    toolchain: &xtensa::CALL0,
    rust: "firmware/runtime/xtensa/targets/xtensa-esp8266-qemu.json",
    features: "bare,mask-functions,diagnostics",
    pool_features: "microusc-pool/mask-functions",
    cores: 1,
    // No call may be out of reach of an instruction, and no loop become a call to the function it is in.
    compiler: &[
        "xtensa-lx106-elf-gcc",
        "-mlongcalls",
        "-fno-builtin",
        "-fno-tree-loop-distribute-patterns",
        "-DBOARD_MHZ=40",
    ],
    runtime: &[
        "xtensa/call0/start.s",
        "xtensa/call0/mask.s",
        "xtensa/board.c",
        "xtensa/words.c",
        "xtensa/routines.c",
    ],
    script: "xtensa/call0.ld",
    emulator: xtensa_emulator!("lx106"),
    stepped: &["-icount", "shift=3", "-singlestep"],
    // rsil aX, 15 and wsr.ps aX
    masks: (0xff_ff0f, 0x00_6f00),
    unmasks: (0xff_ff0f, 0x13_e600),
    windows: (0, 0),
};

/// With the assembler that the windowed ABI has: see `relaxed.rs`.
pub(super) const ESP8266_BY_LLVM: Target =
    Target { name: "xtensa-lx106-llvm", toolchain: &xtensa::CALL0_BY_LLVM, ..ESP8266 };

/// The core that stands for those of ESP32, S2 and S3.
pub(crate) const WINDOWED: Target = Target {
    name: "xtensa-windowed",
    chips: "ESP32, S3",
    toolchain: &xtensa::WINDOWED,
    rust: "firmware/runtime/xtensa/targets/xtensa-esp32-qemu.json",
    compiler: &["clang-22", "-fno-builtin", "-fomit-frame-pointer", "-DBOARD_MHZ=10"],
    runtime: &[
        "xtensa/windowed/start.s",
        "xtensa/windowed/mask.s",
        "xtensa/board.c",
        "xtensa/words.c",
        "xtensa/routines.c",
    ],
    script: "xtensa/windowed.ld",
    emulator: xtensa_emulator!("dc233c"),
    stepped: &["-icount", "shift=3", "-singlestep"],
    windows: (0x2000, 0x2180),
    ..ESP8266
};

pub(crate) const TARGETS: &[Target] = &[
    Target { name: "riscv32imc", chips: "ESP32-C2, C3", ..RISCV },
    Target {
        name: "riscv32imac",
        chips: "ESP32-C5, C6, C61, H2",
        rust: "riscv32imac-unknown-none-elf",
        compiler: &["riscv64-unknown-elf-gcc", "-march=rv32imac_zicsr", "-mabi=ilp32"],
        emulator: &[
            "qemu-system-riscv32",
            "-M",
            "virt",
            "-cpu",
            "rv32,f=false,d=false",
            "-bios",
            "none",
            "-display",
            "none",
            "-monitor",
            "none",
            "-serial",
            "stdio",
            "-kernel",
        ],
        ..RISCV
    },
    Target {
        name: "riscv32imac-smp2",
        chips: "ESP32-P4",
        rust: "riscv32imac-unknown-none-elf",
        features: "bare,multicore,diagnostics",
        cores: 2,
        compiler: &["riscv64-unknown-elf-gcc", "-march=rv32imac_zicsr", "-mabi=ilp32"],
        emulator: &[
            "qemu-system-riscv32",
            "-M",
            "virt",
            "-cpu",
            "rv32,f=false,d=false",
            "-smp",
            "2",
            "-accel",
            "tcg,thread=multi",
            "-bios",
            "none",
            "-display",
            "none",
            "-monitor",
            "none",
            "-serial",
            "stdio",
            "-kernel",
        ],
        stepped: &[],
        ..RISCV
    },
    Target {
        name: "thumbv6m",
        chips: "Cortex-M0",
        rust: "thumbv6m-none-eabi",
        compiler: &["arm-none-eabi-gcc", "-mcpu=cortex-m0", "-mthumb", "-Wl,--defsym=FIRMWARE_RAM=16K"],
        emulator: cortex_m_emulator!("microbit"),
        ..CORTEX_M
    },
    Target {
        name: "thumbv7m",
        chips: "Cortex-M3",
        compiler: &["arm-none-eabi-gcc", "-mcpu=cortex-m3", "-mthumb", "-Wl,--defsym=FIRMWARE_RAM=64K"],
        emulator: cortex_m_emulator!("lm3s6965evb"),
        ..CORTEX_M
    },
    ESP8266,
    WINDOWED,
    Target {
        name: "xtensa-windowed-nocas",
        chips: "ESP32-S2",
        rust: "firmware/runtime/xtensa/targets/xtensa-esp32s2-qemu.json",
        ..WINDOWED
    },
];

/// This machine, for rustc.
const HOST: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };

/// Where an application runs on FreeRTOS.
pub(crate) const FREERTOS: [Target; 2] = [
    Target {
        name: "freertos-posix",
        work: "freertos",
        chips: "this machine",
        tools: &[],
        rust: HOST,
        features: "freertos,diagnostics",
        compiler: &["gcc", "-pthread"],
        runtime: &["../freertos/posix/board.c"],
        script: "",
        emulator: &["env"],
        stepped: &[],
        ..RISCV
    },
    Target {
        name: "freertos-riscv32imc",
        work: "freertos",
        chips: "ESP32-C2, C3",
        features: "freertos,diagnostics",
        runtime: &["../freertos/riscv/start.S", "../freertos/riscv/interrupt.c", "riscv/board.c", "common.c"],
        ..RISCV
    },
];
