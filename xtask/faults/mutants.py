#!/usr/bin/env python3
"""Runs every mutant of `cargo mutants` against the tests that reach it, from one build.

    pip install tree-sitter tree-sitter-rust
    xtask/faults/mutants.py pool /tmp/mutants-pool           # or capi, loom, shuttle; a folder outside of the repository
    xtask/faults/mutants.py pool /tmp/mutants-pool 17 18     # these two again

`cargo mutants` builds the tests anew for each mutant, which takes a day for these crates. Here the sources of HEAD are copied once,
and each mutant is written into the copy behind a number:

    a + b       ->  (if crate::mutants::on(17) { a - b } else { a + b })
    fn f() {    ->  fn f() { if crate::mutants::on(18) { return Default::default(); }
    A => x,     ->  A if !crate::mutants::on(19) => x,

Mutants that the compiler refuses are found by the place of the error and taken out; then the tests are built, once. Each test runs
alone and notes the numbers that it asks for. Each mutant then runs, by its number in `MUTANT`, with the tests that asked for that
number, and no others; tests that found many mutants run first.

Code that computes a constant does not ask at run time. Mutants of constants and of `const fn` that no test found so far are built one
by one, with the number in `MUTANT_CONST`.

Used with cargo-mutants 27.1, tree-sitter 0.26, tree-sitter-rust 0.24 and Rust 1.95, whose unstable `const_eval_select` it turns on.
"""

import json, os, re, resource, shutil, subprocess, sys, time
from collections import Counter, defaultdict
from pathlib import Path

import tree_sitter, tree_sitter_rust

ROOT = Path(__file__).resolve().parents[2]
MOST = 4096  # mutants of a run

# Of each run: the folders of its crates, and how their tests are built.
RUNS = {
    "pool": dict(
        folders={"pool": "microusc-pool"},
        features="allocator-api2,lock_api",
        # Beside the unit tests. The other programs are modules of `together`, so that one is linked.
        programs=["together", "global", "embassy"],
        # Not run here: for a compiler's messages, for the model checkers, and about a table.
        apart={"ui", "loom", "shuttle", "soundness_table", "global", "embassy"},
    ),
    "capi": dict(
        folders={
            "capi": "microusc-memory",
            "port": "microusc-port",
            "drivers": "microusc-drivers",
            "retained": "microusc-retained",
        },
        features="",
        programs=None,
        of_constants=["abi"],
        apart=set(),
    ),
    # What the model checkers run the pools on.
    "loom": dict(
        folders={"pool": "microusc-pool"},
        features="",
        programs=["loom"],
        flags="--cfg loom",
        profile="model",
        only="/sync/loom.rs",
    ),
    "shuttle": dict(
        folders={"pool": "microusc-pool"},
        features="",
        programs=["shuttle"],
        flags="--cfg shuttle",
        profile="model",
        only="/sync/shuttle.rs",
    ),
}
WITHOUT_HARNESS = {"global"}

RUNTIME = """
#[doc(hidden)]
#[allow(missing_docs)]
pub mod mutants {
    use core::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};
    static ACTIVE: AtomicU32 = AtomicU32::new(u32::MAX);
    static NOTED: AtomicU8 = AtomicU8::new(0);
    static ASKED: [AtomicU8; %MOST] = [const { AtomicU8::new(0) }; %MOST];
    const CONSTANT: u32 = match option_env!("MUTANT_CONST") {
        Some(text) => number(text.as_bytes()),
        None => u32::MAX,
    };
    unsafe extern "C" {
        fn getenv(name: *const u8) -> *const u8;
        fn open(path: *const u8, flags: i32, mode: u32) -> i32;
        fn write(file: i32, bytes: *const u8, count: usize) -> isize;
        fn close(file: i32) -> i32;
        fn atexit(work: extern "C" fn()) -> i32;
    }
    const fn number(digits: &[u8]) -> u32 {
        let (mut at, mut number) = (0, 0);
        while at < digits.len() {
            number = number * 10 + (digits[at] - b'0') as u32;
            at += 1;
        }
        number
    }
    extern "C" fn at_exit() {
        // SAFETY: the name of a file, to which each crate adds its own array.
        unsafe {
            let file = open(getenv(c"MUTANTS_ASKED".as_ptr().cast()), 0x441, 0o644);
            write(file, (&raw const ASKED).cast(), %MOST);
            close(file);
        }
    }
    extern "C" fn at_start() {
        // SAFETY: C's environment, which is there before constructors run.
        unsafe {
            let active = getenv(c"MUTANT".as_ptr().cast());
            if !active.is_null() { ACTIVE.store(number(core::ffi::CStr::from_ptr(active.cast()).to_bytes()), Relaxed); }
            if !getenv(c"MUTANTS_ASKED".as_ptr().cast()).is_null() { NOTED.store(1, Relaxed); atexit(at_exit); }
        }
    }
    // Before `main`, and without an allocation: the crate under test may be the allocator.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static START: extern "C" fn() = at_start;
    #[inline(always)]
    const fn in_constant(id: u32) -> bool { id == CONSTANT }
    #[inline(always)]
    fn at_run_time(id: u32) -> bool {
        if NOTED.load(Relaxed) != 0 { ASKED[id as usize].store(1, Relaxed); }
        id == CONSTANT || ACTIVE.load(Relaxed) == id
    }
    #[inline(always)]
    pub const fn on(id: u32) -> bool { core::intrinsics::const_eval_select((id,), in_constant, at_run_time) }
}
""".replace("%MOST", str(MOST))


# ---- Sources --------------------------------------------------------------------------------------------------------

def is_iterator(mutant):
    return mutant["genre"] == "FnValue" and "impl Iterator" in mutant["function"]["return_type"]


class Source:
    """A file, and what is to be changed in it."""

    PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))

    def __init__(self, path, mutants):
        self.text = path.read_bytes()
        self.tree = self.PARSER.parse(self.text)
        lines = self.text.decode().split("\n")
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line.encode()) + 1)

        def offset(place):
            line, column = place["line"] - 1, place["column"] - 1
            return starts[line] + len(lines[line][:column].encode())

        self.at, self.apart, self.in_constants = defaultdict(list), [], set()
        for number, mutant in mutants:
            start, end = offset(mutant["span"]["start"]), offset(mutant["span"]["end"])
            node = self.node(mutant["genre"], start, end)
            if node is None or is_iterator(mutant) and "iter::empty()" not in mutant["replacement"]:
                self.apart.append(number)
                continue
            if self.is_constant(node):
                self.in_constants.add(number)
            self.at[node.start_byte, node.end_byte, node.type, mutant["genre"]].append((number, mutant, start, end))

    def is_constant(self, node):
        while node and node.type not in ("function_item", "closure_expression"):
            node = node.parent
        if node is None:
            return True
        modifiers = [child for child in node.children if child.type == "function_modifiers"]
        return any(b"const" in modifier.text for modifier in modifiers)

    def node(self, genre, start, end):
        """The node that a mutant changes; None for one that cannot be put behind a number."""
        if genre in ("BinaryOperator", "UnaryOperator"):
            node = self.tree.root_node.descendant_for_byte_range(start, start + 1).parent
            if node is None or any(child.type.startswith("let_") for child in node.children):
                return None
            return node if node.type in ("binary_expression", "compound_assignment_expr", "unary_expression") else None
        node = self.tree.root_node.descendant_for_byte_range(start, end)
        if genre == "FnValue":
            while node:
                body = node.child_by_field_name("body") if node.type == "function_item" else None
                if body and body.start_byte < start and end <= body.end_byte:
                    return body
                node = node.parent
        if genre == "MatchArmGuard":
            while node and node.parent and node.parent.type != "match_pattern":
                node = node.parent
            return node if node and not node.type.startswith("let_") else None
        if genre == "MatchArm":
            while node and node.type != "match_arm":
                node = node.parent
            return node
        return None

    def slice(self, start, end):
        return self.text[start:end].decode()

    def here(self, node, genre):
        found = self.at.get((node.start_byte, node.end_byte, node.type, genre), [])
        return [entry for entry in found if entry[0] not in self.refused]

    def render(self, node):
        out = self.inside(node)
        changed = []
        for number, mutant, start, end in self.here(node, "BinaryOperator"):
            changed.append((number, self.slice(node.start_byte, start) + mutant["replacement"] + self.slice(end, node.end_byte)))
        for number, _, _, end in self.here(node, "UnaryOperator"):
            changed.append((number, self.slice(end, node.end_byte)))
        for number, mutant, _, _ in self.here(node, "MatchArmGuard"):
            changed.append((number, mutant["replacement"]))
        for number, text in changed:
            out = f"(if crate::mutants::on({number}) {{ /*M{number}<*/{text}/*M{number}>*/ }} else {{ {out} }})"
        return out

    def inside(self, node):
        """The text of a node, its children rendered."""
        bodies = self.here(node, "FnValue") if node.type == "block" else []
        parts, at = [], node.start_byte
        for child in node.children:
            parts.append(self.slice(at, child.start_byte))
            is_pattern = node.type == "match_arm" and child.type == "match_pattern"
            parts.append(self.pattern(node, child) if is_pattern else self.render(child))
            at = child.end_byte
            if child.type == "{":
                for number, mutant, _, _ in bodies:
                    if not is_iterator(mutant):
                        value = mutant["replacement"] or "()"
                        parts.append(f" if crate::mutants::on({number}) {{ return /*M{number}<*/{value}/*M{number}>*/; }}")
        parts.append(self.slice(at, node.end_byte))
        out = "".join(parts)
        for number, mutant, _, _ in bodies:
            if is_iterator(mutant):
                none = f".take(if crate::mutants::on({number}) {{ 0 }} else {{ usize::MAX }})"
                out = f"{{ ({out})/*M{number}<*/{none}/*M{number}>*/ }}"
        return out

    def pattern(self, arm, pattern):
        numbers = [number for number, *_ in self.here(arm, "MatchArm")]
        condition = pattern.child_by_field_name("condition")
        if not numbers or condition and condition.type.startswith("let_"):
            return self.render(pattern)
        kept = " && ".join(f"/*M{number}<*/!crate::mutants::on({number})/*M{number}>*/" for number in numbers)
        if condition is None:
            return f"{self.render(pattern)} if {kept}"
        return f"{self.slice(pattern.start_byte, condition.start_byte)}{kept} && ({self.render(condition)})"

    def write(self, path, refused):
        self.refused = refused
        root = self.tree.root_node
        text = self.slice(0, root.start_byte) + self.inside(root) + self.slice(root.end_byte, len(self.text))
        path.write_text(text)
        return text


def places(text):
    """Where in a written file each mutant is."""
    begun, found = {}, []
    for mark in re.finditer(rb"/\*M(\d+)([<>])\*/", text.encode()):
        if mark[2] == b"<":
            begun[mark[1]] = mark.start()
        else:
            found.append((begun[mark[1]], mark.end(), int(mark[1])))
    return found


# ---- Building -------------------------------------------------------------------------------------------------------

class Run:
    def __init__(self, name, work):
        self.name, self.work = name, work
        self.settings = RUNS[name]
        self.folders = self.settings["folders"]
        self.tree, self.copy = work / "tree", work / "copy"
        self.crate = self.copy / "crates" / next(iter(self.folders))
        self.packages = [word for package in self.folders.values() for word in ("--package", package)]
        self.env = dict(
            os.environ,
            RUSTC_BOOTSTRAP="1",
            RUSTFLAGS="--cap-lints allow -Clink-arg=-fuse-ld=lld " + self.settings.get("flags", ""),
            CARGO_TARGET_DIR=str(work / "target"),
            CARGO_INCREMENTAL="0",
            CARGO_PROFILE_DEV_DEBUG="0",
        )
        self.folder = {}
        if not self.copy.exists():
            self.make()
        self.mutants = json.loads((work / "mutants.json").read_text())
        self.mutants = [mutant for mutant in self.mutants if self.settings.get("only", "") in mutant["file"]]
        self.refused = self.load("refused")
        assert len(self.mutants) <= MOST
        by_file = defaultdict(list)
        for number, mutant in enumerate(self.mutants):
            by_file[mutant["file"]].append((number, mutant))
        self.sources = {file: Source(self.tree / file, found) for file, found in by_file.items()}
        self.in_constants = set().union(*(source.in_constants for source in self.sources.values()))
        self.apart = {number for source in self.sources.values() for number in source.apart}

    def load(self, name):
        path = self.work / f"{name}.json"
        return {int(key): value for key, value in json.loads(path.read_text()).items()} if path.exists() else {}

    def save(self, name, value):
        (self.work / f"{name}.json").write_text(json.dumps(value))

    def make(self):
        self.tree.mkdir(parents=True, exist_ok=True)
        archive = subprocess.Popen(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE)
        subprocess.run(["tar", "x", "-C", self.tree], stdin=archive.stdout, check=True)
        listed = ["cargo", "mutants", "--list", "--json", *self.packages]
        (self.work / "mutants.json").write_bytes(subprocess.check_output(listed, cwd=self.tree, stderr=subprocess.DEVNULL))
        shutil.copytree(self.tree, self.copy)
        if self.name == "pool":
            tests = self.crate / "tests"
            names = sorted(path.stem for path in tests.glob("*.rs") if path.stem not in self.settings["apart"])
            (tests / "together.rs").write_text("".join(f'#[path = "{name}.rs"]\nmod {name};\n' for name in names))

    def cargo(self, *arguments, **env):
        command = ["nice", "-n", "15", "cargo", *arguments, *self.packages]
        if self.settings["features"]:
            command += ["--features", self.settings["features"]]
        return subprocess.run(command, cwd=self.copy, env={**self.env, **env}, capture_output=True, text=True)

    def write(self):
        """The changed sources; where the mutants are in each file."""
        texts = {file: source.write(self.copy / file, self.refused) for file, source in self.sources.items()}
        for folder in self.folders:
            root = f"crates/{folder}/src/lib.rs"
            text = texts.get(root) or (self.tree / root).read_text()
            features = "#![feature(core_intrinsics, const_eval_select)]\n#![allow(internal_features)]\n"
            texts[root] = features + text + RUNTIME
            (self.copy / root).write_text(texts[root])
        return {os.path.normpath(file): places(text) for file, text in texts.items()}

    def refuse(self):
        """Takes out the mutants that do not compile."""
        while True:
            where, new, lost = self.write(), {}, []
            for what in (["check", "--lib"], ["check", "--lib", "--profile", "test"]):
                answer = self.cargo(*what, "--message-format=json")
                for line in answer.stdout.splitlines():
                    message = json.loads(line).get("message")
                    if not isinstance(message, dict) or message["level"] != "error":
                        continue
                    spans = sorted(message["spans"], key=lambda span: not span["is_primary"])
                    found = [
                        number
                        for span in spans
                        for start, end, number in where.get(os.path.normpath(span["file_name"]), [])
                        if start <= span["byte_start"] <= end
                    ]
                    new |= {found[0]: message["message"]} if found else {}
                    lost += [message["rendered"]] if spans and not found else []
                if answer.returncode != 0:
                    break
            if not new:
                assert not lost, "".join(lost)
                return
            self.refused |= new
            self.save("refused", self.refused)

    def build(self, programs, **env):
        """The programs by name (None: all that there are); None if they do not compile."""
        chosen = [word for name in programs for word in ("--test", name)] if programs else ["--tests"]
        if "profile" not in self.settings and programs == self.settings["programs"]:
            chosen.append("--lib")
        profile = ["--profile", self.settings["profile"]] if "profile" in self.settings else []
        answer = self.cargo("test", "--no-run", *profile, *chosen, "--message-format=json", **env)
        if answer.returncode != 0:
            return None if env else sys.exit(answer.stderr)
        found = {}
        for line in answer.stdout.splitlines():
            built = json.loads(line)
            if built.get("executable"):
                target = built["target"]
                name = target["name"] if "test" in target["kind"] else target["name"] + "-lib"
                if name in found:
                    name += "-of-" + Path(built["manifest_path"]).parent.name
                found[name] = built["executable"]
                self.folder[built["executable"]] = Path(built["manifest_path"]).parent
        if self.name == "capi" and programs is None:
            assert self.cargo("build", "--lib", **env).returncode == 0, "the archive"
            found |= self.c_programs()
        return found

    def c_programs(self):
        out = self.work / "c"
        out.mkdir(exist_ok=True)
        archive, found = self.work / "target/debug/libmicrousc_memory.a", {}
        for source in sorted((self.crate / "tests/c").glob("[a-z]*.c*")):
            flags = re.search(r"flags: ([^*\n]*)", source.read_text()[:2000])
            compiler = ["g++", "-std=c++17"] if source.suffix == ".cpp" else ["gcc", "-std=c99"]
            program = out / source.stem
            subprocess.run(
                [*compiler, "-O0", "-s", "-fuse-ld=lld", *(flags[1].split() if flags else []), "-I", self.crate / "include"]
                + ["-o", program, source, archive, "-lpthread", "-ldl", "-lm", "-lgcc_s"],
                check=True,
            )
            found[f"c/{source.stem}"] = str(program)
        return found

    # ---- Running ----------------------------------------------------------------------------------------------------

    def execute(self, command, env, cpu, wall):
        """How it ended, how long it ran (by the clock, by the processor), what it printed."""

        def limits():
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
            resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 20, 64 << 20))

        start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        printed = self.work / "printed"
        quiet = dict(PROPTEST_DISABLE_FAILURE_PERSISTENCE="1", PROPTEST_MAX_SHRINK_ITERS="0", RUST_BACKTRACE="0")
        with open(printed, "wb") as out:
            program = subprocess.Popen(
                ["nice", "-n", "15", *command],
                env={**os.environ, **quiet, **env},
                stdout=out, stderr=subprocess.STDOUT, preexec_fn=limits,
                cwd=self.folder.get(command[0], self.crate),
            )
            try:
                ended = program.wait(timeout=wall)
            except subprocess.TimeoutExpired:
                os.killpg(program.pid, 9)
                program.wait()
                ended = "time is up"
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return ended, time.monotonic() - start, used, printed.read_text(errors="replace")

    def tests(self, programs):
        """Of each test: its program, and its name there."""
        found = {}
        for name, path in programs.items():
            if name.startswith("c/") or name in WITHOUT_HARNESS:
                found[name] = (path, None)
                continue
            listed = subprocess.check_output([path, "--list", "--format=terse"], text=True)
            for line in listed.splitlines():
                if line.endswith(": test"):
                    found[f"{name}::{line[:-6]}"] = (path, line[:-6])
        return found

    def reach(self, tests):
        """Which mutants each test asks for, and how long it takes."""
        known = {}
        for name, (path, test) in tests.items():
            asked = self.work / "asked"
            asked.unlink(missing_ok=True)
            command = [path] + (["--exact", test, "--include-ignored"] if test else [])
            ended, wall, cpu, printed = self.execute(command, {"MUTANTS_ASKED": str(asked)}, 300, 600)
            if ended != 0:
                print(f"FAILS WITHOUT A MUTANT: {name}: {printed[-300:]}")
                continue
            noted = asked.read_bytes()
            asks = {at % MOST for at, byte in enumerate(noted) if byte}
            known[name] = dict(wall=wall, cpu=cpu, asks=asks)
        return known

    def judge(self, number, known, tests, found_by):
        """Runs what asks for a mutant; how it was found."""
        names = [name for name, test in known.items() if number in test["asks"]]
        names.sort(key=lambda name: known[name]["cpu"] / (1 + 3 * found_by[name]))
        steps, together = [], defaultdict(list)
        for name in names:
            path, test = tests[name]
            if test is None or known[name]["cpu"] > 0.1:
                steps.append([name])
            else:
                together[path].append(name)
        # A few of a program, then the rest of it, then one by one.
        some = [part for group in together.values() for part in (group[:12], group[12:]) if part]
        for step in some + steps:
            path, test = tests[step[0]]
            command = [path]
            if test:
                command += ["--exact", "--include-ignored", "--test-threads=1", *(tests[name][1] for name in step)]
            cpu, wall = (sum(known[name][which] for name in step) for which in ("cpu", "wall"))
            ended, _, _, printed = self.execute(command, {"MUTANT": str(number)}, int(4 + 4 * cpu), 15 + 8 * wall)
            if ended == 0:
                continue
            failed = re.search(r"^test (\S+) \.\.\. FAILED", printed, re.M) or re.search(r"^test (\S+) \.\.\. ?$", printed, re.M)
            names = [name for name in step if failed and tests[name][1] == failed[1]]
            by = (names or step)[0]
            found_by[by] += 1
            return ["found, did not end" if ended in ("time is up", -9, -24) else "found", by]
        return ["missed"] if names else ["not reached"]

    def run(self, chosen):
        self.refuse()
        programs = self.build(self.settings["programs"])
        tests = self.tests(programs)
        known = self.reach(tests)
        print(f"{len(known)} tests, {sum(test['cpu'] for test in known.values()):.1f} s", flush=True)
        results, found_by = self.load("results"), Counter()
        skipped = self.refused.keys() | results.keys() | self.apart
        todo = chosen or [number for number in range(len(self.mutants)) if number not in skipped]
        for done, number in enumerate(todo):
            results[number] = self.judge(number, known, tests, found_by)
            if results[number][0] in ("missed", "not reached"):
                print(number, results[number][0], self.mutants[number]["name"], flush=True)
            if done % 20 == 0 or done + 1 == len(todo):
                self.save("results", results)
        for number in sorted(self.in_constants & results.keys()):
            if results[number] in (["missed"], ["not reached"]) and (not chosen or number in chosen):
                results[number] = self.judge_constant(number)
                print(number, *results[number], self.mutants[number]["name"], flush=True)
                self.save("results", results)
        self.table(results)

    def judge_constant(self, number):
        """Builds with the changed constant: first what compares constants with the headers, then all."""
        quick = [self.settings["of_constants"]] if "of_constants" in self.settings else []
        for programs in [*quick, self.settings["programs"]]:
            built = self.build(programs, MUTANT_CONST=str(number))
            if built is None:
                return ["found", "the compiler"]
            for name, path in built.items():
                if self.execute([path], {}, 60, 240)[0] != 0:
                    return ["found", name]
        return ["missed", "as a constant"]

    def table(self, results):
        rows = defaultdict(Counter)
        for number, mutant in enumerate(self.mutants):
            outcome = "no program" if number in self.refused else results.get(number, ["not run"])[0]
            file = os.path.normpath(mutant["file"]).removeprefix("crates/")
            rows[file][outcome] += 1
            rows["all"][outcome] += 1
        columns = ["no program", "found", "found, did not end", "missed", "not reached", "not run"]
        print("| file | mutants | " + " | ".join(columns) + " |\n|---|" + "---:|" * (len(columns) + 1))
        for file, row in rows.items():
            print(f"| {file} | {sum(row.values())} | " + " | ".join(str(row[column] or "") for column in columns) + " |")
        for number, result in sorted(results.items()):
            if result[0] in ("missed", "not reached"):
                print(f"{result[0]}: {number} {self.mutants[number]['name']}")


if __name__ == "__main__":
    Run(sys.argv[1], Path(sys.argv[2]).resolve()).run([int(number) for number in sys.argv[3:]])
