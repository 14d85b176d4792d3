//! RISC-V: every call and every address outside of the function has a relocation, so these tell where it leads.
//!
//! ```text
//!   auipc t1, 0      R_RISCV_CALL_PLT    callee     a call: the pair is one
//!   jalr  t1
//!   lui   a0, 0      R_RISCV_HI20        data       an address: of data in RAM, or of a function, which is walked
//!   auipc a0, 0      R_RISCV_PCREL_HI20  data
//! ```

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection, RelocationFlags, elf};

use super::{Function, Leads, Walk, leads};

impl Walk<'_, '_> {
    pub(super) fn riscv(&mut self, function: &Function) -> Result<()> {
        let section = self.object.section_by_index(function.section)?;
        let (code, end) = (section.data()?, function.start + function.bytes);
        let mut calls = BTreeMap::new();
        for (offset, relocation) in section.relocations() {
            let RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
            if !(function.start..end).contains(&offset) {
                continue;
            }
            let to = leads(self.object, relocation.target(), relocation.addend());
            match r_type {
                elf::R_RISCV_CALL | elf::R_RISCV_CALL_PLT => {
                    calls.insert(offset, to);
                }
                elf::R_RISCV_HI20 | elf::R_RISCV_PCREL_HI20 | elf::R_RISCV_GOT_HI20 => match to {
                    Some(Leads::ToCode(callee)) => self.callees.push(callee),
                    Some(Leads::ToData { writable: true, .. }) => {}
                    Some(Leads::ToData { section, .. }) => {
                        self.wrong.push(format!("refers to a constant in {section}"));
                    }
                    None => self.wrong.push("refers to something that cannot be named".into()),
                },
                // A jump or branch: to another function, or inside of this one.
                elf::R_RISCV_JAL | elf::R_RISCV_RVC_JUMP | elf::R_RISCV_BRANCH | elf::R_RISCV_RVC_BRANCH => {
                    if let Some(Leads::ToCode(callee)) = to {
                        self.callees.push(callee);
                    }
                }
                // The other halves of what is above, and leave to shorten.
                _ => {}
            }
        }
        let mut at = function.start;
        while at < end {
            if let Some(to) = calls.remove(&at) {
                match to {
                    Some(Leads::ToCode(callee)) => self.callees.push(callee),
                    _ => self.wrong.push("calls something that cannot be named".into()),
                }
                at += 8;
                continue;
            }
            at += self.instruction(&code[at as usize..end as usize])?;
        }
        Ok(())
    }

    /// Judges one instruction that is no call with a relocation; its bytes.
    fn instruction(&mut self, code: &[u8]) -> Result<u64> {
        const RET: u16 = 0x8082;
        let low = u16::from_le_bytes(*code.first_chunk().context("it ends inside an instruction")?);
        if low & 3 != 3 {
            // c.jr, c.jalr
            if low != RET && matches!(low & 0xf07f, 0x8002 | 0x9002) && low & 0x0f80 != 0 {
                self.wrong.push("calls through a pointer".into());
            }
            return Ok(2);
        }
        let word = u32::from_le_bytes(*code.first_chunk().context("it ends inside an instruction")?);
        let (opcode, three, seven) = (word & 0x7f, word >> 12 & 7, word >> 25);
        match opcode {
            0x33 if seven == 1 && three >= 4 => self.wrong.push("divides".into()),
            0x67 => self.wrong.push("calls through a pointer".into()),
            0x03 if matches!(three, 0 | 1 | 4 | 5) => self.narrow += 1,
            0x23 if three < 2 => self.narrow += 1,
            _ => {}
        }
        Ok(4)
    }
}

/// Every object of an archive.
pub(crate) fn members(archive: &[u8]) -> Result<Vec<Vec<u8>>> {
    let parsed = object::read::archive::ArchiveFile::parse(archive).context("not an archive")?;
    let mut objects = Vec::new();
    for member in parsed.members() {
        let data = member?.data(archive)?;
        // Members that hold no machine code, such as metadata, are none of ours.
        if object::File::parse(data).is_ok() {
            objects.push(data.to_vec());
        }
    }
    ensure!(!objects.is_empty(), "no object in the archive");
    Ok(objects)
}

#[cfg(test)]
mod tests;
