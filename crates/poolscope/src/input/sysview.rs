//! The JSON of SystemView recordings, as ESP-IDF's `sysviewtrace_proc.py -j` writes it.
//!
//! One object: `events`, an array with one object per event; `streams`, which names the event numbers
//! (`streams.heap.alloc` and `.free`) and comes last; `version`. A heap event has `addr` and `size` beside
//! what every event has: `ts` (seconds), `core_id`, `ctx_name`, `in_irq`. Two cores are recorded separately
//! and merged, so events are sorted by time here once more. All heap events are kept in memory until then,
//! 40 bytes each; all others are skipped while parsing.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::blocks::{Blocks, Request, address};
use super::external::is_external;
use super::source::Decoder;
use super::unpack::Peek;
use crate::error::{Error, Result};
use crate::text::{plural, was};
use crate::trace::{Context, Contexts, Event, Findings, Meta};

/// Most heap events kept in memory.
const MAX_EVENTS: usize = 1 << 22;

/// The event numbers if the recording does not name them: the first module that registers gets 512.
const DEFAULT_IDS: HeapIds = HeapIds { alloc: 512, free: 513 };

/// The event by which SystemView says that its buffer was full.
const OVERFLOW: u32 = 1;

/// A core's events may be written this much out of order; a step back that is larger is a wrap of its clock.
const DISORDER_NS: u64 = 1_000_000_000;

/// Ticks are nanoseconds: ESP32 time stamps are multiples of 25 ns or so.
const TICK_HZ: u64 = 1_000_000_000;

/// Reads a SystemView recording.
pub(super) struct Sysview {
    meta: Meta,
    contexts: Contexts,
    events: std::vec::IntoIter<HeapEvent>,
    ids: HeapIds,
    blocks: Blocks<u64>,
    current: Option<u32>,
    skipped: u64,
    unsized_allocs: u64,
    overflows: u64,
    wraps: u64,
}

/// A heap event, as compact as it gets.
struct HeapEvent {
    ns: u64,
    addr: Option<u64>,
    size: Option<u64>,
    id: u32,
    context: u32,
}

#[derive(Deserialize, Clone, Copy)]
struct HeapIds {
    alloc: u32,
    free: u32,
}

/// The whole document.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    events: Option<Events>,
    #[serde(default)]
    streams: Streams,
    #[serde(default)]
    version: Option<String>,
}

#[derive(Deserialize, Default)]
struct Streams {
    #[serde(default)]
    heap: Option<HeapIds>,
}

/// What is kept of `events`.
#[derive(Default)]
struct Events {
    heap: Vec<HeapEvent>,
    contexts: Contexts,
    clocks: HashMap<u8, CoreClock>,
    /// What is to be added to the times since each wrap, and the latest time of all.
    added: Vec<u64>,
    latest: u64,
    /// Events by which SystemView says that it has lost others.
    overflows: u64,
    /// A limit was reached; nothing is kept from there on.
    too_much: Option<Error>,
}

/// The clock of one core, nanoseconds.
#[derive(Default)]
struct CoreClock {
    /// The latest time since the last wrap, as recorded.
    last: u64,
    wraps: usize,
    /// The latest time, as if there were no wraps, and the one at the last wrap.
    now: u64,
    least: u64,
}

/// One event; all fields but `id` and `ts` are missing in some.
#[derive(Deserialize)]
struct RawEvent {
    id: u32,
    ts: f64,
    #[serde(default)]
    core_id: u8,
    #[serde(default)]
    ctx_name: String,
    #[serde(default)]
    in_irq: bool,
    #[serde(default)]
    addr: Address,
    #[serde(default)]
    size: Option<u64>,
}

/// The address of an event, as a text or a number.
#[derive(Default)]
enum Address {
    #[default]
    Missing,
    Null,
    At(u64),
}

impl<'de> Deserialize<'de> for Events {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Events;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of events")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Events, A::Error> {
                let mut events = Events::default();
                while let Some(event) = seq.next_element::<RawEvent>()? {
                    events.push(event).map_err(serde::de::Error::custom)?;
                }
                Ok(events)
            }
        }
        deserializer.deserialize_seq(Collect)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Address;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address")
            }

            fn visit_unit<E>(self) -> Result<Address, E> {
                Ok(Address::Null)
            }

            fn visit_u64<E>(self, address: u64) -> Result<Address, E> {
                Ok(if address == 0 { Address::Null } else { Address::At(address) })
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Address, E> {
                match address(text) {
                    Ok(address) => Ok(address.map_or(Address::Null, Address::At)),
                    Err(()) => Err(E::custom(format!("{text:.40?} is no address"))),
                }
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl Events {
    /// Keeps `event` if it is about the heap.
    fn push(&mut self, event: RawEvent) -> Result<(), String> {
        self.overflows += u64::from(event.id == OVERFLOW);
        let addr = match event.addr {
            _ if self.too_much.is_some() => return Ok(()),
            Address::Missing => return Ok(()),
            Address::Null => None,
            Address::At(addr) => Some(addr),
        };
        let ns = event.ts * TICK_HZ as f64;
        if !(0.0..=u64::MAX as f64 / 2.0).contains(&ns) {
            return Err(format!("{} s is no time stamp", event.ts));
        }
        let ns = self.unwrap(event.core_id, ns.round() as u64);
        let context = Context { name: event.ctx_name, core: event.core_id, in_isr: event.in_irq };
        match self.contexts.number(context) {
            _ if self.heap.len() == MAX_EVENTS => {
                self.too_much = Some(Error::TooMuch { what: "heap events", limit: MAX_EVENTS });
            }
            Err(error) => self.too_much = Some(error),
            Ok(context) => {
                self.heap.push(HeapEvent { ns, addr, size: event.size, id: event.id, context });
            }
        }
        Ok(())
    }

    /// A core's time as if its clock had not wrapped. Events that are written a little out of order are no wrap. What is
    /// to be added since the n-th wrap is the same for all cores, which are recorded by one clock.
    fn unwrap(&mut self, core: u8, ns: u64) -> u64 {
        let clock = self.clocks.entry(core).or_default();
        if clock.last.saturating_sub(ns) > DISORDER_NS {
            clock.wraps += 1;
            clock.least = clock.now;
            if clock.wraps > self.added.len() {
                self.added.push(self.latest.saturating_sub(ns));
            }
            clock.last = ns;
        }
        clock.last = clock.last.max(ns);
        let added = clock.wraps.checked_sub(1).and_then(|wrap| self.added.get(wrap)).copied().unwrap_or(0);
        let now = ns.saturating_add(added).max(clock.least);
        clock.now = clock.now.max(now);
        self.latest = self.latest.max(now);
        now
    }
}

impl Sysview {
    pub(super) fn new(input: Peek<'_>) -> Result<Self> {
        let guarded = std::io::BufReader::new(JsonGuard::new(input.buffered()));
        let mut json = serde_json::Deserializer::from_reader(guarded);
        let document = Document::deserialize(&mut json).and_then(|document| json.end().map(|()| document));
        let document = document.map_err(explain)?;

        let major = document.version.as_deref().map(|version| version.split('.').next().unwrap_or_default());
        if let Some(major) = major.filter(|major| *major != "1") {
            let found = major.parse().unwrap_or(0);
            let help = "write it again with the `sysviewtrace_proc.py -j` of ESP-IDF 5".to_owned();
            return Err(Error::Version { what: "SystemView JSON", found, oldest: 1, supported: 1, help });
        }
        let mut events =
            document.events.ok_or_else(|| Error::Json("there is no array \"events\"".to_owned()))?;
        if let Some(error) = events.too_much {
            return Err(error);
        }
        events.heap.sort_by_key(|event| event.ns);

        let mut meta = Meta::new("sysview", TICK_HZ);
        if document.streams.heap.is_none() {
            meta.notes.push("the recording does not name its heap events: 512 and 513 are assumed".into());
        }
        Ok(Sysview {
            meta,
            contexts: events.contexts,
            events: events.heap.into_iter(),
            ids: document.streams.heap.unwrap_or(DEFAULT_IDS),
            blocks: Blocks::new(),
            current: None,
            skipped: 0,
            unsized_allocs: 0,
            overflows: events.overflows,
            wraps: events.added.len() as u64,
        })
    }

    fn event(&mut self, event: &HeapEvent, batch: &mut Vec<Event>) {
        if event.id != self.ids.alloc && event.id != self.ids.free {
            self.skipped += 1;
            return;
        }
        if self.current.replace(event.context) != Some(event.context) {
            batch.push(Event::Switch { context: event.context });
        }
        if event.id == self.ids.free {
            return self.blocks.free(event.addr, event.ns, batch);
        }
        let Some(size) = event.size else {
            self.unsized_allocs += 1;
            return;
        };
        let request = Request { size, external: event.addr.is_some_and(is_external), largest_free: None };
        self.blocks.alloc(event.addr, request, event.ns, batch);
    }
}

impl Decoder for Sysview {
    const NAME: &'static str = "SystemView";

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn contexts(&self) -> &[Context] {
        self.contexts.list()
    }

    fn decode(&mut self, batch: &mut Vec<Event>) -> Result<bool> {
        let Some(event) = self.events.next() else { return Ok(false) };
        self.event(&event, batch);
        Ok(true)
    }

    fn findings(&self) -> Findings {
        self.blocks.findings.clone()
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = self.blocks.remarks();
        let mut say = |number: u64, noun: &str, what: &str| {
            if number > 0 {
                remarks.push(format!("{} {} {what}", plural(number, noun), was(number)));
            }
        };
        say(self.skipped, "event", "skipped: with an address, but of unknown kind");
        say(self.unsized_allocs, "allocation", "left out: the event has no size");
        say(
            self.wraps,
            "backward clock step",
            "taken as 0: a counter that wraps or a device that starts anew",
        );
        if self.overflows > 0 {
            let times = plural(self.overflows, "time");
            remarks.push(format!(
                "SystemView lost events {times}: blocks may seem to leak or to be freed twice; give it a larger buffer \
                 (CONFIG_APPTRACE_BUF_SIZE or its successor) and record again"
            ));
        }
        remarks
    }
}

/// The parser's error, or the error of what it reads from.
fn explain(error: serde_json::Error) -> Error {
    if error.is_io() { Error::from_read(error.into()) } else { Error::Json(error.to_string()) }
}

/// Longest string accepted, bytes.
const MAX_STRING: usize = 64 << 10;

/// Deepest nesting accepted.
const MAX_DEPTH: usize = 64;

/// Passes JSON through, up to a string or a nesting that no recording has.
pub(super) struct JsonGuard<R> {
    inner: R,
    /// Bytes of the string being read, if any, and whether the next one is escaped.
    string: Option<usize>,
    escaped: bool,
    depth: usize,
}

impl<R> JsonGuard<R> {
    pub(super) fn new(inner: R) -> Self {
        JsonGuard { inner, string: None, escaped: false, depth: 0 }
    }

    fn watch(&mut self, byte: u8) -> Result<(), String> {
        match (&mut self.string, byte) {
            (Some(_), b'"') if !self.escaped => self.string = None,
            (Some(len), _) => {
                self.escaped = byte == b'\\' && !self.escaped;
                *len += 1;
                if *len > MAX_STRING {
                    return Err(format!("a string longer than {MAX_STRING} bytes"));
                }
            }
            (None, b'"') => self.string = Some(0),
            (None, b'{' | b'[') => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(format!("nested deeper than {MAX_DEPTH} levels"));
                }
            }
            (None, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
            (None, _) => {}
        }
        Ok(())
    }
}

impl<R: Read> Read for JsonGuard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        for &byte in &buffer[..n] {
            self.watch(byte).map_err(|what| io::Error::other(Error::Json(what)))?;
        }
        Ok(n)
    }
}
