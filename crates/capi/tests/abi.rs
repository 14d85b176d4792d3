//! The types and numbers of `memory_pool.h`, as a C compiler sees them, are those of the Rust code.
//!
//! Each list below is read twice: by Rust, and, as text, by the C compiler of this machine.

use std::collections::BTreeSet;
use std::mem::{align_of, offset_of, size_of};
use std::path::{Path, PathBuf};
use std::process::Command;

use microusc_drivers::Settings;
use microusc_memory::*;

/// What a name means in C, and the number that it means in Rust.
type Fact = (String, i128);

/// Size, alignment and every field of structs.
macro_rules! structs {
    ($($name:ident { $($field:ident),* })*) => {
        vec![$(
            (concat!("sizeof(", stringify!($name), ")").to_owned(), size_of::<$name>() as i128),
            (concat!("_Alignof(", stringify!($name), ")").to_owned(), align_of::<$name>() as i128),
            $((
                concat!("offsetof(", stringify!($name), ", ", stringify!($field), ")").to_owned(),
                offset_of!($name, $field) as i128,
            ),
            (
                concat!("sizeof(((", stringify!($name), " *)0)->", stringify!($field), ")").to_owned(),
                size_of_field(|it: &$name| size_of_val(&it.$field)) as i128,
            ),)*
        )*]
    };
}

/// Numbers with one name in both languages.
macro_rules! numbers {
    ($($name:ident),* $(,)?) => { vec![$((stringify!($name).to_owned(), $name as i128)),*] };
}

/// What `size` says of a field. Of plain data any bytes are a value, so zeros are.
fn size_of_field<T>(size: impl Fn(&T) -> usize) -> usize {
    let zeros = std::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: the structs of the ABI consist of integers and raw pointers.
    size(unsafe { zeros.assume_init_ref() })
}

fn struct_facts() -> Vec<Fact> {
    structs! {
        memory_block_t { next }
        memory_pool_t { memory_free, memory, block_size, num_blocks, free_blocks, control }
        memory_pool_config_t { block_size, num_blocks, placement, flags, name }
        memory_pool_info_t {
            name, placement, flags, block_size, requested_size, num_blocks, free_blocks, used_blocks, lowest_free,
            storage_bytes, overhead_bytes, alloc_failures, refused_frees, corruptions, waiting_tasks
        }
        memory_pool_event_t { time_us, pool, block, size, operation }
        memory_pool_site_t { block, file, caller, task, time_us, age_us, line, core, in_interrupt, recorded }
        memory_pool_report_t { reason, function, pool, address, count }
        memory_pool_set_class_t { block_size, num_blocks }
        memory_pool_set_t { classes, num_classes, too_large, refused_frees, spilled_in, spill }
        memory_pool_set_info_t { pool, spilled_in }
        memory_pool_retained_config_t { block_size, num_blocks, tag }
        memory_pool_retained_info_t {
            block_size, num_blocks, used_blocks, lowest_free, alloc_failures, refused_frees, corruptions
        }
        memory_pool_metrics_t {
            pools, blocks, blocks_in_use, bytes_reserved, bytes_in_use, overhead_bytes, alloc_failures, refused_frees,
            corruptions
        }
        microusc_system_config_t { max_drivers, buffer_size, data_size, stack_size }
        microusc_driver_t { id, name, argument, buffer, buffer_size, semaphore }
        microusc_driver_config_t { name, entry, argument, priority, core }
        microusc_driver_info_t { id, name, state }
    }
}

fn number_facts() -> Vec<Fact> {
    numbers![
        ESP_OK,
        ESP_ERR_NO_MEM,
        ESP_ERR_INVALID_ARG,
        ESP_ERR_INVALID_STATE,
        ESP_ERR_INVALID_SIZE,
        ESP_ERR_NOT_SUPPORTED,
        ESP_ERR_TIMEOUT,
        MEMORY_POOL_ERR_BASE,
        MEMORY_POOL_ERR_NOT_A_BLOCK,
        MEMORY_POOL_ERR_DOUBLE_FREE,
        MEMORY_POOL_ERR_CORRUPT,
        MEMORY_POOL_ERR_IN_USE,
        MEMORY_POOL_ERR_NO_PSRAM,
        MEMORY_POOL_ERR_NO_IRAM,
        MEMORY_POOL_ERR_ISR_IN_PSRAM,
        MEMORY_POOL_ERR_DMA_IN_PSRAM,
        MEMORY_POOL_ERR_DMA_IN_IRAM,
        MEMORY_POOL_ERR_BYTES_IN_IRAM,
        MEMORY_POOL_ERR_WRONG_MEMORY,
        MEMORY_POOL_ERR_WRITTEN,
        MEMORY_POOL_CHECKS_BASIC,
        MEMORY_POOL_CHECKS_POISON,
        MEMORY_POOL_TRACE_ALLOC,
        MEMORY_POOL_TRACE_FREE,
        MEMORY_POOL_TRACE_REFUSED,
        DRAM,
        PSRAM,
        IRAM,
        MEMORY_POOL_FLAG_DMA,
        MEMORY_POOL_FLAG_ISR,
        MEMORY_POOL_FLAG_BYTES,
        MEMORY_POOL_WAIT_PRIORITY,
        MEMORY_POOL_WAIT_FIFO,
        MEMORY_POOL_WAIT_FOREVER,
        MEMORY_POOL_NAME_SIZE,
        MEMORY_POOL_SET_MAX_CLASSES,
        ESP_FAIL,
        ESP_ERR_NOT_FOUND,
        ESP_ERR_NOT_FINISHED,
        MEMORY_POOL_ERR_RETAINED_NONE,
        MEMORY_POOL_ERR_RETAINED_CHECKSUM,
        MEMORY_POOL_ERR_RETAINED_VERSION,
        MEMORY_POOL_ERR_RETAINED_BLOCK_SIZE,
        MEMORY_POOL_ERR_RETAINED_NUM_BLOCKS,
        MEMORY_POOL_ERR_RETAINED_TAG,
        MEMORY_POOL_ERR_RETAINED_MAP,
        MEMORY_POOL_RETAINED_MAX_BLOCKS,
        MEMORY_POOL_RETAINED_MAX_OPEN,
        MEMORY_POOL_RETAINED_STATE_WORDS,
        MICROUSC_DRIVER_NAME_SIZE,
        MICROUSC_DRIVER_ANY_CORE,
        MICROUSC_WAIT_FOREVER,
        MICROUSC_DRIVER_RUNNING,
        MICROUSC_DRIVER_PAUSED,
        MICROUSC_DRIVER_STOPPING,
    ]
}

fn default_config(field: &str) -> String {
    format!("((microusc_system_config_t)MICROUSC_SYSTEM_CONFIG_DEFAULT).{field}")
}

/// Facts whose two sides have different names.
fn other_facts() -> Vec<Fact> {
    let version = |part: &str| part.parse().expect("a number");
    vec![
        ("sizeof(esp_err_t)".to_owned(), size_of::<esp_err_t>() as i128),
        ("(esp_err_t)-1 < 0".to_owned(), 1),
        ("sizeof(memory_placement_t)".to_owned(), size_of::<memory_placement_t>() as i128),
        ("sizeof(memory_pool_wait_order_t)".to_owned(), size_of::<memory_pool_wait_order_t>() as i128),
        ("sizeof(memory_block_handle_t)".to_owned(), size_of::<*mut memory_pool_t>() as i128),
        ("sizeof(serial_data_t)".to_owned(), 15),
        ("sizeof(stack_size_t)".to_owned(), size_of::<stack_size_t>() as i128),
        ("(stack_size_t)-1 > 0".to_owned(), 1),
        (default_config("max_drivers"), Settings::DEFAULT.max_drivers as i128),
        (default_config("buffer_size"), Settings::DEFAULT.buffer_size as i128),
        (default_config("data_size"), Settings::DEFAULT.data_size as i128),
        (default_config("stack_size"), Settings::DEFAULT.stack_size as i128),
        ("MEMORY_POOL_VERSION_MAJOR".to_owned(), version(env!("CARGO_PKG_VERSION_MAJOR"))),
        ("MEMORY_POOL_VERSION_MINOR".to_owned(), version(env!("CARGO_PKG_VERSION_MINOR"))),
        ("MEMORY_POOL_VERSION_PATCH".to_owned(), version(env!("CARGO_PKG_VERSION_PATCH"))),
    ]
}

/// Every header of C.
const HEADERS: &str = "#include \"MicroUSC/internal/driverList.h\"\n\
    #include \"MicroUSC/internal/system/init.h\"\n\
    #include \"MicroUSC/system/memory_pool_leaks.h\"\n\
    #include \"MicroUSC/system/memory_pool_metrics.h\"\n\
    #include \"MicroUSC/system/memory_pool_retained.h\"\n\
    #include \"MicroUSC/system/memory_pool_set.h\"\n\
    #include \"MicroUSC/system/memory_pool_trace.h\"\n";

/// The C compiler (`CC`, or `cc`), with the headers.
fn compiler() -> Command {
    let mut command = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    command.arg("-std=c11").arg("-I").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("include"));
    command
}

/// A file of this test in Cargo's folder for such files.
fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// What C makes of the expressions.
fn in_c(facts: &[Fact]) -> Vec<i128> {
    let mut text = format!("#include <stdio.h>\n{HEADERS}int main(void) {{\n");
    for (expression, _) in facts {
        text.push_str(&format!("    printf(\"%lld\\n\", (long long)({expression}));\n"));
    }
    text.push_str("    return 0;\n}\n");
    let (source, program) = (scratch("abi.c"), scratch("abi"));
    std::fs::write(&source, text).expect("the source can be written");
    let compiled = compiler().arg(&source).arg("-o").arg(&program).output().expect("there is a C compiler");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let printed = Command::new(&program).output().expect("the program runs").stdout;
    let printed = String::from_utf8(printed).expect("numbers");
    printed.lines().map(|line| line.parse().expect("a number")).collect()
}

#[test]
fn header_and_rust_code_agree() {
    let facts: Vec<Fact> = [struct_facts(), number_facts(), other_facts()].concat();
    let in_c = in_c(&facts);
    assert_eq!(in_c.len(), facts.len());
    for ((expression, in_rust), in_c) in facts.iter().zip(in_c) {
        assert_eq!(in_c, *in_rust, "{expression} (left: C, right: Rust)");
    }
}

#[test]
fn every_number_of_the_header_is_compared() {
    let source = scratch("macros.c");
    std::fs::write(&source, HEADERS).expect("the source can be written");
    let output = compiler().args(["-E", "-dM"]).arg(&source).output().expect("there is a C compiler");
    let text = String::from_utf8(output.stdout).expect("text");
    let defined: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("#define "))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("MEMORY_POOL_") || name.starts_with("MICROUSC_"))
        .filter(|name| !name.contains('(') && !name.ends_with("_H"))
        .collect();
    let facts: Vec<Fact> = [number_facts(), other_facts()].concat();
    let compared: BTreeSet<&str> = facts.iter().map(|(name, _)| name.as_str()).collect();
    // Defined from the layout of a struct that is private to the Rust code, which asserts that it is large enough.
    // And the default configuration, which the settings of the system layer are compared with below; and a text.
    let elsewhere = BTreeSet::from([
        "MEMORY_POOL_CONTROL_SIZE",
        "MEMORY_POOL_METRICS_CONTENT_TYPE",
        "MICROUSC_SYSTEM_CONFIG_DEFAULT",
    ]);
    let missed: Vec<_> = defined.difference(&compared).filter(|name| !elsewhere.contains(*name)).collect();
    assert!(missed.is_empty(), "in the header, and not compared: {missed:?}");
    assert!(defined.len() > 15, "only {} found", defined.len());
}

#[test]
fn every_error_code_is_compared() {
    let numbers = number_facts();
    for (number, name) in REASONS {
        let name = name.to_str().expect("ASCII");
        let fact = numbers.iter().find(|(compared, _)| compared == name);
        assert_eq!(fact.map(|(_, value)| *value), Some(i128::from(number)), "{name}");
    }
}

#[test]
fn c_tests_know_every_chip() {
    let table = include_str!("c/chips.h");
    for chip in microusc_chips::Chip::ALL {
        assert!(table.contains(&format!("{{\"{chip}\", ")), "tests/c/chips.h has no row for {chip}");
    }
}
