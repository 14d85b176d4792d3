//! `libmicrousc_memory.a` for each instruction set and lock: one object, in which only our own names are global.
//!
//! Those of Xtensa chips are made by Debian's rustc and LLVM, as for the emulator (`qemu/xtensa`): the same code runs there.
//! Where Espressif's toolchain is installed, it makes them, and those with the lock that needs its inline assembly.
//!
//! Two Rust archives in one program would define panic handlers and helpers twice, and one that brings `memcpy` along
//! would replace the chip's. So of what rustc makes only our object is taken, and every other name in it is made local.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection};

use super::data::{DATA, Lock, Set};
use super::{archive_path, work_dir, xtensa};
use crate::process::{Run, cmd, sh};
use crate::qemu::{self, Target};
use crate::report::{Done, Skip};
use crate::{code, header};

const FROM_C_FILE: &str = "microusc_esp_idf_";

/// What the archive of a RISC-V chip is built for.
fn target(set: &Set, lock: &Lock) -> Target {
    Target {
        name: set.name.clone(),
        work: "component".to_owned(),
        rust: set.rust.clone(),
        features: lock.features(set).to_owned(),
        ..Target::named("riscv32imc").clone()
    }
}

/// Where archives are built before the folder is put together.
pub(super) fn built(set: &str, lock: &str) -> Result<PathBuf> {
    Ok(archive_path(&work_dir()?.join("archives"), set, lock))
}

/// Those by Espressif's toolchain.
fn built_by_espressif(set: &str, lock: &str) -> Result<PathBuf> {
    Ok(archive_path(&work_dir()?.join("espressif"), set, lock))
}

/// What goes into the package: Espressif's, or ours, if there is any.
pub(super) fn packed(set: &str, lock: &str) -> Result<Option<PathBuf>> {
    let both = [built_by_espressif(set, lock)?, built(set, lock)?];
    Ok(both.into_iter().find(|archive| archive.exists()))
}

/// Makes one archive for RISC-V; its size in KiB.
fn for_riscv(target: &Target, archive: &Path) -> Result<u64> {
    qemu::need(target)?;
    localise(&ours(&qemu::memory(target)?)?, archive, "riscv64-unknown-elf-objcopy")?;
    check(archive)?;
    Ok(std::fs::metadata(archive)?.len() / 1024)
}

pub(super) fn riscv() -> Result<Done> {
    let mut sizes = Vec::new();
    for set in &DATA.riscv {
        for lock in &DATA.locks {
            sizes.push(for_riscv(&target(set, lock), &built(&set.name, &lock.name)?)?);
        }
    }
    let (least, most) = (sizes.iter().min().unwrap_or(&0), sizes.iter().max().unwrap_or(&0));
    Ok(Done::Passed(format!("{} archives of {least} to {most} KiB", sizes.len())))
}

/// As users of rustup make them, where another compiler makes those of the package: they must be as good.
pub(super) fn riscv_by_rustup() -> Result<Done> {
    let mut sizes = Vec::new();
    for set in &DATA.riscv {
        let Some(target) = qemu::by_rustup(&target(set, &DATA.locks[0]), "component-rustup") else {
            return Ok(Done::Passed("those of the package are by rustup's".to_owned()));
        };
        let archive = archive_path(&work_dir()?.join("rustup"), &set.name, &DATA.locks[0].name);
        sizes.push(for_riscv(&target, &archive)?.to_string());
    }
    Ok(Done::Passed(format!("{} KiB", sizes.join(", "))))
}

/// By LLVM and Debian's rustc, with the locks that need no inline assembly.
pub(super) fn xtensa() -> Result<Done> {
    let (mut archives, mut instructions) = (0, 0);
    for set in &DATA.xtensa {
        for lock in DATA.locks.iter().filter(|lock| lock.without_assembly) {
            let target = Target {
                name: set.name.clone(),
                work: "component".to_owned(),
                rust: set.description.clone(),
                // `mask-functions` only so that the compiler meets no inline assembly: with `portmux` nothing masks.
                features: format!("{},mask-functions", lock.features(set)),
                ..Target::named("xtensa-windowed").clone()
            };
            qemu::need(&target)?;
            let archive = built(&set.name, &lock.name)?;
            localise(&std::fs::read(qemu::memory(&target)?)?, &archive, "xtensa-lx106-elf-objcopy")?;
            check(&archive)?;
            instructions += xtensa::check(&set.name, &archive)?;
            archives += 1;
        }
    }
    Ok(Done::Passed(format!("{archives} archives, {instructions} instructions that the chips have")))
}

/// With Espressif's toolchain (`espup install`), where it is installed.
pub(super) fn xtensa_by_espressif() -> Result<Done> {
    if Command::new("rustc").args(["+esp", "--version"]).captured().is_err() {
        return Err(Skip::because("needs Espressif's Rust toolchain: espup install"));
    }
    let dir = work_dir()?.join("espressif/target");
    for set in &DATA.xtensa {
        for lock in &DATA.locks {
            let (target, features) = (&set.rust, lock.features(set));
            cmd!("cargo +esp rustc --quiet --lib --crate-type staticlib --profile firmware -Zbuild-std=core --package microusc-memory --target {target} --no-default-features --features {features} --target-dir {dir}")
                .env_remove("RUSTFLAGS")
                .run()?;
            let whole = dir.join(target).join("firmware/libmicrousc_memory.a");
            let archive = built_by_espressif(&set.name, &lock.name)?;
            localise(&ours(&whole)?, &archive, "xtensa-esp-elf-objcopy")?;
            check(&archive)?;
        }
    }
    Ok(Done::Passed(format!("{} archives", DATA.xtensa.len() * DATA.locks.len())))
}

/// Our object in an archive as rustc makes it.
fn ours(whole: &Path) -> Result<Vec<u8>> {
    let members = cmd!("ar t {whole}").quiet().read()?;
    let ours: Vec<&str> = members.lines().filter(|member| member.starts_with("microusc_memory")).collect();
    ensure!(ours.len() == 1, "one object of ours was expected, and there are {}", ours.len());
    Ok(cmd!("ar p {whole}").arg(ours[0]).quiet().output()?.stdout)
}

/// An archive of the object alone, without debug information, which names paths of this machine, and with our names alone
/// global.
fn localise(content: &[u8], archive: &Path, objcopy: &str) -> Result<()> {
    let dir = sh().create_dir(archive.parent().context("no folder")?)?;
    let (object, names) = (dir.join("microusc_memory.o"), dir.join("names.txt"));
    std::fs::write(&object, content)?;
    let exported: Vec<String> = header::exported(&object)?.into_iter().collect();
    sh().write_file(&names, exported.join("\n") + "\n")?;
    cmd!("{objcopy} --strip-debug --keep-global-symbols={names} {object}").quiet().run()?;
    sh().remove_path(archive)?;
    cmd!("ar rcsD {archive} {object}").quiet().run()?;
    sh().remove_path(&object)?;
    sh().remove_path(&names).map_err(Into::into)
}

/// The functions of the headers, no other names, and no needs that a program might not meet; hot paths in instruction RAM.
fn check(archive: &Path) -> Result<()> {
    header::against_archive(archive, FROM_C_FILE)?;
    let header::Names { defined, needed, .. } = header::names(archive)?;
    let ours = header::exported(archive)?;
    let others: Vec<&String> = defined.difference(&ours).collect();
    ensure!(others.is_empty(), "{} shows names that are not ours: {others:?}", archive.display());
    let is_known = |name: &&String| name.starts_with(FROM_C_FILE) || DATA.package.needs.contains(name);
    let unknown: Vec<&String> = needed.iter().filter(|name| !is_known(name)).collect();
    ensure!(unknown.is_empty(), "{} needs what it may not: {unknown:?}", archive.display());
    only_what_programs_use(archive)?;
    code::check_instruction_ram(&[archive], code::of_the_component()).map(drop)
}

/// No unwind tables, which a compiled `core` brings along: they take flash, and no chip reads them.
fn only_what_programs_use(file: &Path) -> Result<()> {
    for object in code::members(&std::fs::read(file)?)? {
        for section in object::File::parse(&*object)?.sections() {
            let name = section.name()?;
            let is_table = qemu::UNWIND_TABLES.iter().any(|table| name.starts_with(table));
            ensure!(!is_table, "{}: {} bytes in {name}, which nothing reads", file.display(), section.size());
        }
    }
    Ok(())
}

/// Linked with another archive of Rust code, every object of both. As rustc makes it, ours could not be.
pub(super) fn beside_other_rust() -> Result<Done> {
    let (set, lock) = (&DATA.riscv[0], &DATA.locks[0]);
    let other = Target { work: "component".to_owned(), ..Target::named("riscv32imc").clone() };
    let other = qemu::build(&other)?.programs;
    let whole = qemu::memory(&target(set, lock))?;
    let ours = built(&set.name, &lock.name)?;
    let link = |archive: &Path| {
        let image = work_dir()?.join("two-archives.elf");
        cmd!("riscv64-unknown-elf-ld -m elf32lriscv --unresolved-symbols=ignore-all --entry=0 -o {image} --whole-archive {archive} {other}")
            .quiet()
            .ignore_stderr()
            .run()
            .map_err(anyhow::Error::from)
    };
    link(&ours).context("it does not link beside another archive of Rust code")?;
    ensure!(link(&whole).is_err(), "the archive as rustc makes it should clash, so nothing was tested");
    Ok(Done::Passed("and as rustc makes it, it could not be".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::only_what_programs_use;
    use crate::code::tests::assembled;

    #[test]
    fn unwind_tables_in_an_archive_are_found() {
        const CODE: &str = ".section .iram1.f,\"ax\",@progbits\nnop\n";
        let Some(without) = assembled(CODE) else { return };
        assert!(only_what_programs_use(without.path()).is_ok());
        for section in [".eh_frame", ".ARM.exidx.text.f"] {
            let table = format!("{CODE}.section {section},\"a\",@progbits\n.byte 1\n");
            let Some(with) = assembled(&table) else { return };
            let error = only_what_programs_use(with.path()).unwrap_err().to_string();
            assert!(error.contains(section), "{error}");
        }
    }
}
