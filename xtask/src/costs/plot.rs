//! `docs/costs.svg`: a bar for each pair, alloc and free.

use anyhow::{Context, Result};
use svg::node::element::{Line, Rectangle, Style, TSpan, Text};
use svg::{Document, Node};

use super::COMPARED;
use super::cores::{Core, Cost};
use super::peers::{PEERS, Peer};

/// Measures of the picture; a README is about as wide.
const WIDTH: u64 = 840;
const MARGIN: u64 = 20;
const BARS: u64 = 210;
/// A hundred instructions.
const HUNDRED: u64 = 200;
const ROW: u64 = 22;
const BAR: u64 = 14;
/// Bars that would be longer are left out.
const LONGEST: u64 = 140;

/// It has a background of its own, so that it can be read on any page; which of the two, the reader's system says.
const STYLE: &str = "
text { font: 13px -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328; }
.title { font-size: 16px; font-weight: 600; }
.group { font-weight: 600; }
.note { fill: #59636e; font-size: 12px; }
.page { fill: #ffffff; stroke: #d1d9e0; }
.line { stroke: #d1d9e0; }
.range { stroke: #1f2328; }
.ours.alloc { fill: #0969da; } .ours.free { fill: #80bfff; }
.field.alloc { fill: #6e7781; } .field.free { fill: #b8c0c8; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .note { fill: #9198a1; }
  .page { fill: #0d1117; stroke: #3d444d; }
  .line { stroke: #3d444d; }
  .range { stroke: #e6edf3; }
  .ours.alloc { fill: #388bfd; } .ours.free { fill: #a5d0ff; }
  .field.alloc { fill: #768390; } .field.free { fill: #c3cbd3; }
}
";

/// One bar.
struct Bar {
    name: String,
    alloc: u64,
    free: u64,
    /// Most of a pair, where pairs differ.
    most: Option<u64>,
    note: String,
}

impl Bar {
    fn ours(name: String, cost: &Cost, note: &str) -> Self {
        let (least, most) = cost.pair();
        let range = (most > least).then_some(most);
        Self { name, alloc: cost.alloc.0, free: cost.free.0, most: range, note: note.to_owned() }
    }

    fn of_peer(peer: &Peer) -> Self {
        let (alloc, free) = peer.fast;
        let worst = if peer.worst.0 + peer.worst.1 > 3 * (alloc + free) {
            format!("; for size at worst {} + {}", peer.worst.0, peer.worst.1)
        } else {
            String::new()
        };
        Self { name: peer.label.clone(), alloc, free, most: None, note: format!("{}{worst}", peer.short) }
    }

    fn length(&self) -> u64 {
        self.alloc + self.free
    }
}

/// Bars of one kind under a heading.
struct Group {
    title: String,
    class: &'static str,
    bars: Vec<Bar>,
}

/// The picture.
pub(super) fn draw(cores: &[Core<'_>]) -> Result<String> {
    let groups = groups(cores)?;
    let rows: u64 = groups.iter().map(|group| group.bars.len() as u64).sum();
    let height = 84 + rows * ROW + groups.len() as u64 * 38;
    let mut picture = Picture::new(height);
    picture.text("title", MARGIN, 32, "start", "Instructions of an alloc and a free, on emulated cores");
    picture.legend(54);
    let mut y = 68;
    for group in &groups {
        y = picture.group(group, y);
    }
    Ok(picture.0.to_string() + "\n")
}

fn groups(cores: &[Core<'_>]) -> Result<[Group; 3]> {
    let compared = cores.iter().find(|core| core.target.name == COMPARED).context("the core is not there")?;
    let checked = cores.iter().map(|core| Ok(Bar::ours(core.name(), &core.cost("C functions")?, "")));
    let others = [
        ("Pool", "Pool, masked", "mask; address, owner, free list"),
        ("C, no lock", "C functions, unsynchronised", "no lock; NULL, address, owner, free list"),
        ("AtomicPool", "AtomicPool", "lock-free; address, owner. Line: up to"),
        ("FreeList, unchecked", "FreeList, unchecked", "no lock; nothing; counts"),
    ];
    let others = others.into_iter().map(|(name, row, note)| {
        let mut bar = Bar::ours(name.to_owned(), &compared.cost(row)?, note);
        if let Some(most) = bar.most {
            bar.note += &format!(" {most}");
        }
        Ok(bar)
    });
    let peers = PEERS.iter().map(Bar::of_peer).filter(|bar| bar.length() <= LONGEST);
    Ok([
        Group {
            title: "Our C functions, with the lock. Checked: NULL, address, owner (double free), free list"
                .to_owned(),
            class: "ours",
            bars: checked.collect::<Result<_>>()?,
        },
        Group {
            title: format!("Our other pools on {COMPARED}: lock; checked"),
            class: "ours",
            bars: others.collect::<Result<_>>()?,
        },
        Group {
            title: format!("Others on {COMPARED}, compiled for speed (ours: for size): lock; checked"),
            class: "field",
            bars: peers.collect(),
        },
    ])
}

struct Picture(Document);

impl Picture {
    fn new(height: u64) -> Self {
        let page = Rectangle::new()
            .set("class", "page")
            .set("x", 0.5)
            .set("y", 0.5)
            .set("width", WIDTH - 1)
            .set("height", height - 1)
            .set("rx", 6);
        let document = Document::new().set("width", WIDTH).set("height", height);
        Self(document.set("viewBox", (0, 0, WIDTH, height)).add(Style::new(STYLE)).add(page))
    }

    fn add(&mut self, node: impl Node) {
        self.0.append(node);
    }

    fn text(&mut self, class: &str, x: u64, y: u64, anchor: &str, text: &str) {
        self.add(Text::new(text).set("class", class).set("x", x).set("y", y).set("text-anchor", anchor));
    }

    fn bar(&mut self, class: &str, x: u64, y: u64, width: u64) {
        let bar = Rectangle::new().set("class", class).set("x", x).set("y", y).set("width", width);
        self.add(bar.set("height", BAR));
    }

    fn line(&mut self, class: &str, (x1, y1): (u64, u64), (x2, y2): (u64, u64)) {
        let line = Line::new().set("class", class).set("x1", x1).set("y1", y1).set("x2", x2).set("y2", y2);
        self.add(line);
    }

    fn legend(&mut self, y: u64) {
        for (class, x, text) in [("ours", MARGIN, "ours: alloc, free"), ("field", 190, "others: alloc, free")]
        {
            self.bar(&format!("{class} alloc"), x, y - 11, BAR);
            self.bar(&format!("{class} free"), x + BAR, y - 11, BAR);
            self.text("", x + 2 * BAR + 6, y, "start", text);
        }
        self.text(
            "note",
            380,
            y,
            "start",
            "call excluded, return included; blocks of 32 bytes; shorter is better",
        );
    }

    /// Draws a group below `y`, and says where it ends.
    fn group(&mut self, group: &Group, y: u64) -> u64 {
        self.text("group", MARGIN, y + 24, "start", &group.title);
        let top = y + 34;
        let end = top + group.bars.len() as u64 * ROW;
        self.line("line", (BARS, top - 2), (BARS, end));
        for (bar, y) in group.bars.iter().zip((top..).step_by(ROW as usize)) {
            self.row(group.class, bar, y);
        }
        end + 4
    }

    fn row(&mut self, class: &str, bar: &Bar, y: u64) {
        let (start, middle, end) = (scaled(0), scaled(bar.alloc), scaled(bar.length()));
        self.text("", BARS - 8, y + 12, "end", &bar.name);
        self.bar(&format!("{class} alloc"), start, y, middle - start);
        self.bar(&format!("{class} free"), middle, y, end - middle);
        let most = bar.most.map_or(end, scaled);
        if most > end {
            self.line("range", (end, y + BAR / 2), (most, y + BAR / 2));
        }
        let figure = format!("{} + {} = {}", bar.alloc, bar.free, bar.length());
        // The note follows the figure, however wide the reader's font is.
        let note = TSpan::new(bar.note.as_str()).set("class", "note").set("dx", 8);
        self.add(Text::new(figure).set("x", most + 8).set("y", y + 12).add(note));
    }
}

/// Where so many instructions end.
fn scaled(instructions: u64) -> u64 {
    BARS + instructions * HUNDRED / 100
}

#[cfg(test)]
mod tests {
    use super::{Bar, Group, Picture};

    #[test]
    fn a_bar_is_as_long_as_its_figures_and_says_them() {
        let bar = Bar { name: "a < b".to_owned(), alloc: 50, free: 100, most: None, note: String::new() };
        let group = Group { title: String::new(), class: "ours", bars: vec![bar] };
        let mut picture = Picture::new(100);
        picture.group(&group, 0);
        let drawn = picture.0.to_string();
        let width = |class: &str| {
            let line = drawn.lines().find(|line| line.contains(class)).expect("it is drawn");
            line.split("width=\"").nth(1).and_then(|rest| rest.split('"').next()?.parse::<u64>().ok())
        };
        assert!(width("\"ours alloc\"").is_some());
        assert_eq!(width("\"ours free\""), width("\"ours alloc\"").map(|width| 2 * width));
        assert!(drawn.contains("50 + 100 = 150") && drawn.contains("a &lt; b"), "{drawn}");
    }
}
