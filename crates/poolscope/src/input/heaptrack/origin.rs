//! Which blocks are the program's, and which are of the C++ library that heaptrack loads.
//!
//! heaptrack is a C++ library. When it is loaded into a program, so is libstdc++, and that allocates a reserve for
//! exceptions (72 704 bytes, the "emergency pool") before `main`. It is not a block of the program. It is recognised by its call
//! stack: allocated in libstdc++, called by the loader of shared libraries and by nothing else. Only where a file has no
//! call stacks does the size decide, and then only of the very first allocation.

use std::collections::HashMap;

/// Bytes of libstdc++'s reserve, on 64-bit hosts.
const RESERVE: u64 = 72_704;

/// Most strings, frames and call stacks kept. If a file has more, every later block counts as the program's.
const MAX_KEPT: usize = 1 << 16;

/// Frames looked at.
const MAX_DEPTH: usize = 64;

/// The call stacks at the beginning of the file. They are dropped once the program itself has allocated.
#[derive(Default)]
pub(super) struct Origin {
    /// Interpreted: names of modules, by index from 1. Raw: the loaded modules.
    strings: Vec<Module>,
    modules: Vec<(u64, u64, Module)>,
    /// Interpreted: the module of each frame.
    frames: Vec<usize>,
    /// Each call stack: its innermost frame (raw: address), and the call stack of the caller; from 1.
    stacks: Vec<(u64, u64)>,
    /// Whether a call stack is that of the reserve.
    verdicts: HashMap<u64, bool>,
    allocs: u64,
    begun: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Module {
    Cpp,
    Loader,
    Other,
}

impl Module {
    fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name.starts_with("libstdc++.so")
            || name.starts_with("libc++.so")
            || name.starts_with("libc++abi.so")
        {
            Module::Cpp
        } else if name.starts_with("ld-") && name.contains(".so") || name.starts_with("ld.so") {
            Module::Loader
        } else {
            Module::Other
        }
    }
}

impl Origin {
    /// A line about call stacks: a string, module, frame or call stack.
    pub(super) fn line(&mut self, line: &[u8], version: u64) {
        if self.begun {
            return;
        }
        let kept = self.strings.len() + self.modules.len() + self.frames.len() + self.stacks.len();
        if kept >= MAX_KEPT {
            return self.begin();
        }
        let text = String::from_utf8_lossy(line);
        let (letter, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let hex = |word: &str| u64::from_str_radix(word, 16).unwrap_or(0);
        let mut words = rest.split(' ');
        let mut next = || words.next().map_or(0, hex);
        match letter {
            // Since version 3, the length comes before the text.
            "s" => self.strings.push(Module::of(sized(rest, version))),
            "i" => {
                let (_, module) = (next(), next());
                self.frames.push(module as usize);
            }
            "t" => {
                let stack = (next(), next());
                self.stacks.push(stack);
            }
            "m" => self.module(sized(rest, version)),
            _ => {}
        }
    }

    /// `PATH START (OFFSET SIZE)…`, or `-` for a new list.
    fn module(&mut self, rest: &str) {
        if rest.trim() == "-" {
            return self.modules.clear();
        }
        let hex = |word: &str| u64::from_str_radix(word, 16).ok();
        // The path may hold spaces; the numbers after it do not.
        let words: Vec<&str> = rest.split(' ').collect();
        let numbers = words.iter().rev().take_while(|word| hex(word).is_some()).count().min(words.len() - 1);
        // A start and pairs: an odd number. A path such as `x` or `e` is no number if it makes the count even.
        let numbers = if numbers.is_multiple_of(2) { numbers.saturating_sub(1) } else { numbers };
        let (path, numbers) = words.split_at(words.len() - numbers);
        let numbers: Vec<u64> = numbers.iter().filter_map(|word| hex(word)).collect();
        let Some((start, segments)) = numbers.split_first() else { return };
        let module = Module::of(&path.join(" "));
        for segment in segments.chunks_exact(2) {
            let from = start.saturating_add(segment[0]);
            self.modules.push((from, from.saturating_add(segment[1]), module));
        }
    }

    /// Whether a block of `size` bytes, allocated with this call stack, is the reserve. Called in the order of the recording.
    pub(super) fn is_reserve(&mut self, size: u64, stack: u64, raw: bool) -> bool {
        if self.begun {
            return false;
        }
        self.allocs += 1;
        if let Some(&verdict) = self.verdicts.get(&stack).filter(|_| stack != 0) {
            return verdict;
        }
        let modules = self.modules_of(stack, raw);
        let verdict = match &modules[..] {
            // No call stack at all.
            [] => self.allocs == 1 && size == RESERVE,
            [Module::Cpp, callers @ ..] => {
                let loader = callers.iter().skip_while(|module| **module == Module::Cpp);
                loader.clone().next().is_some() && loader.clone().all(|module| *module == Module::Loader)
            }
            _ => false,
        };
        self.verdicts.insert(stack, verdict);
        // Blocks of other libraries that are loaded may come first, but not many.
        if !verdict && self.allocs > 4096 {
            self.begin();
        }
        verdict
    }

    /// From now on, everything is the program's.
    fn begin(&mut self) {
        *self = Origin { begun: true, ..Origin::default() };
    }

    /// The modules of a call stack, the innermost first; empty if nothing is known.
    fn modules_of(&self, stack: u64, raw: bool) -> Vec<Module> {
        let mut modules = Vec::new();
        let mut next = stack;
        while next != 0 && modules.len() < MAX_DEPTH {
            let Some(&(frame, caller)) = usize::try_from(next - 1).ok().and_then(|at| self.stacks.get(at))
            else {
                break;
            };
            let module = if raw {
                let found = self.modules.iter().find(|(from, to, _)| (*from..*to).contains(&frame));
                found.map(|(_, _, module)| *module)
            } else {
                let frame =
                    usize::try_from(frame).ok().and_then(|frame| self.frames.get(frame.checked_sub(1)?));
                frame.and_then(|module| self.strings.get(module.checked_sub(1)?)).copied()
            };
            modules.push(module.unwrap_or(Module::Other));
            next = caller;
        }
        modules
    }
}

/// The text of a field that has its length before it since version 3.
fn sized(rest: &str, version: u64) -> &str {
    if version >= 3 { rest.split_once(' ').map_or("", |(_, text)| text) } else { rest }
}
