//! `libmicrousc_memory.a` for each instruction set and lock: one object, in which only our own names are global.
//!
//! Those of Xtensa chips are made by Debian's rustc and LLVM, as for the emulator (`qemu/xtensa.rs`): the same code runs there.
//! Where Espressif's toolchain is, it makes them, and those with the lock that needs its inline assembly, and they are taken.
//!
//! Two Rust archives in one program would define panic handlers and helpers twice, and one that brings `memcpy` along
//! would replace the chip's. So of what rustc makes only our object is taken, and every other name in it is made local.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection};
use xshell::{Shell, cmd};

use crate::header;
use crate::hotpath;
use crate::qemu::{self, TARGETS, Target, WINDOWED};
use crate::report::Done;

use super::{archive_path, work_dir, xtensa};

/// An instruction set of chips.
pub(super) struct Set {
    /// As the folder is called.
    pub(super) name: &'static str,
    rust: &'static str,
    /// Whether chips have two cores.
    cores: bool,
}

pub(super) const RISCV: [Set; 3] = [
    Set { name: "riscv32imc", rust: "riscv32imc-unknown-none-elf", cores: false },
    Set { name: "riscv32imac", rust: "riscv32imac-unknown-none-elf", cores: false },
    Set { name: "riscv32imafc", rust: "riscv32imafc-unknown-none-elf", cores: true },
];

/// Named after the chip, and by Espressif's compiler.
const XTENSA: [Set; 3] = [
    Set { name: "esp32", rust: "xtensa-esp32-none-elf", cores: true },
    Set { name: "esp32s2", rust: "xtensa-esp32s2-none-elf", cores: false },
    Set { name: "esp32s3", rust: "xtensa-esp32s3-none-elf", cores: true },
];

/// `CONFIG_MICROUSC_LOCK_*` and `CONFIG_MICROUSC_DIAGNOSTICS`, as folders.
pub(super) const LOCKS: [&str; 4] = ["inline", "portmux", "inline-diagnostics", "portmux-diagnostics"];
/// Those with the lock that needs no inline assembly.
const PORTMUX: [(&str, &str); 2] = [
    ("portmux", "esp_idf,portmux,mask-functions"),
    ("portmux-diagnostics", "esp_idf,portmux,mask-functions,diagnostics"),
];

/// What an archive may ask the program for, besides the C file: every C library has them, and on chips the ROM; the last one
/// is libgcc's.
const ELSEWHERE: [&str; 6] = ["memcmp", "memcpy", "memmove", "memset", "strlen", "__muldi3"];
const FROM_SHIM: &str = "microusc_esp_idf_";
/// What alloc and free may call of the C file, where these are in instruction RAM as well.
pub(super) const HOT_IN_SHIM: [&str; 4] = [
    "microusc_esp_idf_give",
    "microusc_esp_idf_lock",
    "microusc_esp_idf_may_report",
    "microusc_esp_idf_unlock",
];

impl Set {
    /// What the archive of a RISC-V chip is built for.
    fn target(&self, lock: &str) -> Target {
        Target {
            name: self.name,
            work: "component",
            rust: self.rust,
            features: self.features(lock),
            ..TARGETS[0]
        }
    }

    fn features(&self, lock: &str) -> &'static str {
        match (lock, self.cores) {
            ("portmux", _) => "esp_idf,portmux",
            ("portmux-diagnostics", _) => "esp_idf,portmux,diagnostics",
            ("inline-diagnostics", true) => "esp_idf,multicore,diagnostics",
            ("inline-diagnostics", false) => "esp_idf,diagnostics",
            (_, true) => "esp_idf,multicore",
            (_, false) => "esp_idf",
        }
    }
}

/// Where archives are built before the folder is put together.
pub(super) fn built(sh: &Shell, set: &str, lock: &str) -> Result<PathBuf> {
    Ok(archive_path(&work_dir(sh)?.join("archives"), set, lock))
}

/// Those by Espressif's toolchain.
fn built_by_espressif(sh: &Shell, set: &str, lock: &str) -> Result<PathBuf> {
    Ok(archive_path(&work_dir(sh)?.join("espressif"), set, lock))
}

/// What goes into the package: Espressif's, or ours, if there is any.
pub(super) fn packed(sh: &Shell, set: &str, lock: &str) -> Result<Option<PathBuf>> {
    let both = [built_by_espressif(sh, set, lock)?, built(sh, set, lock)?];
    Ok(both.into_iter().find(|archive| archive.exists()))
}

pub(super) fn riscv(sh: &Shell) -> Result<Done> {
    let mut sizes = Vec::new();
    for set in &RISCV {
        for lock in LOCKS {
            let target = set.target(lock);
            if let Some(why) = qemu::missing(sh, &target)? {
                return Ok(Done::Skipped(why));
            }
            let whole = qemu::memory_alone(sh, &target)?;
            let archive = built(sh, set.name, lock)?;
            localise(sh, &ours(sh, &whole)?, &archive, "riscv64-unknown-elf-objcopy")?;
            check(sh, &archive)?;
            sizes.push(std::fs::metadata(&archive)?.len() / 1024);
        }
    }
    let (least, most) = (sizes.iter().min().unwrap_or(&0), sizes.iter().max().unwrap_or(&0));
    Ok(Done::Passed(format!("{} archives of {least} to {most} KiB", sizes.len())))
}

/// As users of rustup make them, where something else makes those of the package: they must be as good.
pub(super) fn riscv_by_rustup(sh: &Shell) -> Result<Done> {
    let mut sizes = Vec::new();
    for set in &RISCV {
        let Some(target) = qemu::by_rustup(&set.target("inline"), "component-rustup") else {
            return Ok(Done::Passed("those of the package are".to_owned()));
        };
        if let Some(why) = qemu::missing(sh, &target)? {
            return Ok(Done::Skipped(why));
        }
        let archive = archive_path(&work_dir(sh)?.join("rustup"), set.name, "inline");
        localise(sh, &ours(sh, &qemu::memory_alone(sh, &target)?)?, &archive, "riscv64-unknown-elf-objcopy")?;
        check(sh, &archive)?;
        sizes.push((std::fs::metadata(&archive)?.len() / 1024).to_string());
    }
    Ok(Done::Passed(format!("{} KiB", sizes.join(", "))))
}

/// By LLVM and Debian's rustc, with the lock that needs no inline assembly.
pub(super) fn xtensa(sh: &Shell) -> Result<Done> {
    let mut instructions = 0;
    for set in &XTENSA {
        for (lock, features) in PORTMUX {
            let target = Target {
                name: set.name,
                work: "component",
                rust: xtensa::description(set.name),
                // `mask-functions` only so that no inline assembly is met: with `portmux` nothing masks.
                features,
                ..WINDOWED
            };
            if let Some(why) = qemu::missing(sh, &target)? {
                return Ok(Done::Skipped(why));
            }
            let object = std::fs::read(qemu::memory_alone(sh, &target)?)?;
            let archive = built(sh, set.name, lock)?;
            localise(sh, &object, &archive, "xtensa-lx106-elf-objcopy")?;
            check(sh, &archive)?;
            instructions += xtensa::check(sh, set.name, &archive)?;
        }
    }
    let archives = XTENSA.len() * PORTMUX.len();
    Ok(Done::Passed(format!("{archives} archives, {instructions} instructions that the chips have")))
}

/// With Espressif's toolchain (`espup install`), where it is.
pub(super) fn xtensa_by_espressif(sh: &Shell) -> Result<Done> {
    let esp = Command::new("rustc").args(["+esp", "--version"]).output();
    if !esp.is_ok_and(|output| output.status.success()) {
        return Ok(Done::Skipped("needs Espressif's Rust toolchain: espup install".to_owned()));
    }
    let dir = work_dir(sh)?.join("espressif/target");
    for set in &XTENSA {
        for lock in LOCKS {
            let (target, features) = (set.rust, set.features(lock));
            cmd!(sh, "cargo +esp rustc --quiet --lib --crate-type staticlib --profile firmware -Zbuild-std=core --package microusc-memory --target {target} --no-default-features --features {features} --target-dir {dir}")
                .env_remove("RUSTFLAGS")
                .run()?;
            let whole = dir.join(target).join("firmware/libmicrousc_memory.a");
            let archive = built_by_espressif(sh, set.name, lock)?;
            localise(sh, &ours(sh, &whole)?, &archive, "xtensa-esp-elf-objcopy")?;
            check(sh, &archive)?;
        }
    }
    Ok(Done::Passed(format!("{} archives", XTENSA.len() * LOCKS.len())))
}

/// Our object in an archive as rustc makes it.
fn ours(sh: &Shell, whole: &Path) -> Result<Vec<u8>> {
    let members = cmd!(sh, "ar t {whole}").quiet().read()?;
    let ours: Vec<&str> = members.lines().filter(|member| member.starts_with("microusc_memory")).collect();
    ensure!(ours.len() == 1, "one object of ours was expected, and there are {}", ours.len());
    Ok(cmd!(sh, "ar p {whole}").arg(ours[0]).quiet().output()?.stdout)
}

/// An archive of the object alone, without debug information, which names paths of this machine, and with our names alone
/// global.
fn localise(sh: &Shell, content: &[u8], archive: &Path, objcopy: &str) -> Result<()> {
    let dir = archive.parent().context("no folder")?.to_path_buf();
    sh.create_dir(&dir)?;
    let object = dir.join("microusc_memory.o");
    std::fs::write(&object, content)?;
    let names = dir.join("names.txt");
    let exported: Vec<String> = header::exported(sh, &object)?.into_iter().collect();
    sh.write_file(&names, exported.join("\n") + "\n")?;
    cmd!(sh, "{objcopy} --strip-debug --keep-global-symbols={names} {object}").quiet().run()?;
    sh.remove_path(archive)?;
    cmd!(sh, "ar rcsD {archive} {object}").quiet().run()?;
    sh.remove_path(&object)?;
    sh.remove_path(&names).map_err(Into::into)
}

/// The functions of the headers, nothing else, and nothing asked for that a program might not have; hot paths in instruction
/// RAM.
fn check(sh: &Shell, archive: &Path) -> Result<()> {
    header::against_archive(sh, archive, "microusc_esp_idf_")?;
    let (defined, wanted) = global_names(sh, archive)?;
    let ours = header::exported(sh, archive)?;
    let others: Vec<&String> = defined.difference(&ours).collect();
    ensure!(others.is_empty(), "{} shows names that are not ours: {others:?}", archive.display());
    let unknown: Vec<&String> = wanted
        .iter()
        .filter(|name| !name.starts_with(FROM_SHIM) && !ELSEWHERE.contains(&name.as_str()))
        .collect();
    ensure!(unknown.is_empty(), "{} needs what it may not: {unknown:?}", archive.display());
    let objects = hotpath::members(&std::fs::read(archive)?)?;
    only_what_programs_use(&objects).with_context(|| format!("{}", archive.display()))?;
    hotpath::check_instruction_ram_but_for(&objects, &HOT_IN_SHIM)
        .with_context(|| format!("{}", archive.display()))
}

/// Nothing that takes flash and that no chip reads: unwind tables, which a compiled `core` brings along.
fn only_what_programs_use(objects: &[Vec<u8>]) -> Result<()> {
    for object in objects {
        for section in object::File::parse(&**object)?.sections() {
            let name = section.name()?;
            let is_table = qemu::UNWIND_TABLES.iter().any(|table| name.starts_with(table));
            ensure!(!is_table, "{} bytes in {name}, which nothing reads", section.size());
        }
    }
    Ok(())
}

/// Names that an archive defines for all, and those it wants.
fn global_names(sh: &Shell, archive: &Path) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let symbols = cmd!(sh, "readelf --wide --symbols {archive}").ignore_stderr().quiet().read()?;
    let (mut defined, mut wanted) = (BTreeSet::new(), BTreeSet::new());
    for line in symbols.lines() {
        // `84: 0000 235 FUNC GLOBAL DEFAULT 15 memory_pool_free`
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [_, _, _, _, "GLOBAL" | "WEAK", _, section, name] = words[..] {
            let names = if section == "UND" { &mut wanted } else { &mut defined };
            names.insert(name.to_owned());
        }
    }
    ensure!(!defined.is_empty(), "{} has no names at all", archive.display());
    Ok((defined, wanted))
}

/// Linked with another archive of Rust code, every object of both. As rustc makes it, ours could not be.
pub(super) fn beside_other_rust(sh: &Shell) -> Result<Done> {
    let set = &RISCV[0];
    let target = set.target("inline");
    let other = (target.toolchain.build)(sh, &Target { work: "component", ..TARGETS[0] })?.programs;
    let whole = qemu::memory_alone(sh, &target)?;
    let ours = built(sh, set.name, "inline")?;
    let link = |archive: &Path| {
        let image = work_dir(sh)?.join("two-archives.elf");
        cmd!(sh, "riscv64-unknown-elf-ld -m elf32lriscv --unresolved-symbols=ignore-all --entry=0 -o {image} --whole-archive {archive} {other}")
            .quiet()
            .ignore_stderr()
            .run()
            .map_err(anyhow::Error::from)
    };
    link(&ours).context("it does not link beside another archive of Rust code")?;
    ensure!(
        link(&whole).is_err(),
        "the archive as rustc makes it should clash, and does not: this proves nothing"
    );
    Ok(Done::Passed("and as rustc makes it, it could not be".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::only_what_programs_use;
    use crate::hotpath::assembled;

    #[test]
    fn unwind_tables_in_an_archive_are_found() {
        const CODE: &str = ".section .iram1.f,\"ax\",@progbits\nnop\n";
        let Some(without) = assembled("tables-none", CODE) else { return };
        assert!(only_what_programs_use(&[without]).is_ok());
        for section in [".eh_frame", ".ARM.exidx.text.f"] {
            let table = format!("{CODE}.section {section},\"a\",@progbits\n.byte 1\n");
            let Some(with) = assembled("tables-some", &table) else { return };
            let error = only_what_programs_use(&[with]).unwrap_err().to_string();
            assert!(error.contains(section), "{error}");
        }
    }
}
