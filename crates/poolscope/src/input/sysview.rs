//! The JSON of SystemView recordings, as ESP-IDF's `sysviewtrace_proc.py -j` writes it.
//!
//! One object: `events`, an array with one object per event; `streams`, which names the event numbers
//! (`streams.heap.alloc` and `.free`) and comes last; `version`. A heap event has `addr` and `size` beside
//! what every event has: `ts` (seconds), `core_id`, `ctx_name`, `in_irq`. Two cores are recorded separately
//! and merged, so events are sorted by time here once more. All heap events are kept in memory until then,
//! 40 bytes each; all others are skipped while parsing.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::Decoder;
use super::clock::Clock;
use super::json_guard::JsonGuard;
use super::peek::{Peek, skip_bom};
use crate::error::{Error, Result};
use crate::trace::{Context, Event, Meta, SlotMap};

/// Most heap events kept in memory.
const MAX_EVENTS: usize = 1 << 22;

/// Most contexts: as many as a native trace can hold.
const MAX_CONTEXTS: usize = 1 << 16;

/// The event numbers if the recording does not name them: the first module that registers gets 512.
const DEFAULT_IDS: HeapIds = HeapIds { alloc: 512, free: 513 };

/// Ticks are nanoseconds: ESP32 time stamps are multiples of 25 ns or so.
const TICK_HZ: u64 = 1_000_000_000;

/// Events decoded per call.
const BATCH: usize = 4096;

/// Reads a SystemView recording.
pub(super) struct Sysview {
    meta: Meta,
    contexts: Vec<Context>,
    events: std::vec::IntoIter<HeapEvent>,
    ids: HeapIds,
    slots: SlotMap<u64>,
    clock: Clock,
    current: Option<u32>,
    replaced: u64,
    skipped: u64,
}

/// A heap event, as compact as it gets.
struct HeapEvent {
    ns: u64,
    addr: u64,
    size: u64,
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
    contexts: Vec<Context>,
    numbers: HashMap<Context, u32>,
    /// A limit was reached; nothing is kept from there on.
    too_much: Option<Error>,
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
    addr: Option<String>,
    #[serde(default)]
    size: Option<u64>,
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

impl Events {
    /// Keeps `event` if it is about the heap.
    fn push(&mut self, event: RawEvent) -> Result<(), String> {
        let (Some(addr), Some(size), None) = (event.addr, event.size, &self.too_much) else { return Ok(()) };
        let digits = addr.strip_prefix("0x").unwrap_or(&addr);
        let addr = u64::from_str_radix(digits, 16).map_err(|_| format!("{addr:.40?} is no address"))?;
        let ns = event.ts * TICK_HZ as f64;
        if !(0.0..=u64::MAX as f64 / 2.0).contains(&ns) {
            return Err(format!("{} s is no time stamp", event.ts));
        }
        let context = Context { name: event.ctx_name, core: event.core_id, in_isr: event.in_irq };
        match self.number(context) {
            _ if self.heap.len() == MAX_EVENTS => {
                self.too_much = Some(Error::TooMuch { what: "heap events", limit: MAX_EVENTS });
            }
            None => self.too_much = Some(Error::TooManyContexts { limit: MAX_CONTEXTS }),
            Some(context) => {
                self.heap.push(HeapEvent { ns: ns.round() as u64, addr, size, id: event.id, context });
            }
        }
        Ok(())
    }

    /// The number of a context, `None` if there are too many.
    fn number(&mut self, context: Context) -> Option<u32> {
        if let Some(&number) = self.numbers.get(&context) {
            return Some(number);
        }
        if self.contexts.len() == MAX_CONTEXTS {
            return None;
        }
        let number = self.contexts.len() as u32;
        self.contexts.push(context.clone());
        self.numbers.insert(context, number);
        Some(number)
    }
}

impl Sysview {
    pub(super) fn new(input: Peek<'_>) -> Result<Self> {
        let mut input = input.buffered();
        skip_bom(&mut input)?;
        let guarded = std::io::BufReader::new(JsonGuard::new(input));
        let mut json = serde_json::Deserializer::from_reader(guarded);
        let document = Document::deserialize(&mut json).and_then(|document| json.end().map(|()| document));
        let document = document.map_err(explain)?;

        let major = document.version.as_deref().map(|version| version.split('.').next().unwrap_or_default());
        if let Some(major) = major.filter(|major| *major != "1") {
            let found = major.parse().unwrap_or(0);
            return Err(Error::Version { what: "SystemView JSON", found, supported: 1 });
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
            slots: SlotMap::new(),
            clock: Clock::default(),
            current: None,
            replaced: 0,
            skipped: 0,
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
        let mut dt = self.clock.dt(event.ns);
        if event.id == self.ids.free {
            batch.push(self.slots.free(event.addr).event(dt));
            return;
        }
        let admission = self.slots.alloc(event.addr);
        if let Some(slot) = admission.replaced {
            self.replaced += 1;
            batch.push(Event::Free { slot, dt: std::mem::take(&mut dt) });
        }
        batch.push(Event::Alloc { slot: admission.slot, size: event.size, dt });
    }
}

impl Decoder for Sysview {
    const NAME: &'static str = "SystemView";

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn contexts(&self) -> &[Context] {
        &self.contexts
    }

    fn decode(&mut self, batch: &mut Vec<Event>) -> Result<bool> {
        for _ in 0..BATCH {
            let Some(event) = self.events.next() else { return Ok(false) };
            self.event(&event, batch);
        }
        Ok(true)
    }

    fn remarks(&self) -> Vec<String> {
        let skipped = format!("{} events with an address are of unknown kind and skipped", self.skipped);
        [super::replaced_remark(self.replaced), (self.skipped > 0).then_some(skipped)]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// The parser's error, or the error of what it reads from.
fn explain(error: serde_json::Error) -> Error {
    if error.is_io() { Error::from_read(error.into()) } else { Error::Json(error.to_string()) }
}
