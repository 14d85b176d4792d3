//! The samples of a Markdown document.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};

/// The language of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    C,
    Cpp,
}

/// What a comment before a sample demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Directive {
    /// Left out, for this reason.
    Skip(String),
    /// Run; what it prints must be this.
    Run(String),
}

/// A fenced block of C or C++.
#[derive(Debug)]
pub(crate) struct Sample {
    /// The headings above it but the first, joined by ` > `.
    pub(crate) heading: String,
    /// Its number among the samples under the same headings, from 1.
    pub(crate) number: usize,
    pub(crate) language: Language,
    pub(crate) text: String,
    pub(crate) directive: Option<Directive>,
    /// Where it begins.
    pub(crate) line: usize,
}

impl Sample {
    /// Headings and number, for people.
    pub(crate) fn name(&self) -> String {
        match self.number {
            1 => self.heading.clone(),
            number => format!("{} #{number}", self.heading),
        }
    }
}

/// What a document is called, and its samples in order.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) title: String,
    pub(crate) samples: Vec<Sample>,
}

impl Document {
    /// Finds the samples. Blocks of other languages, or of none, are not samples.
    pub(crate) fn parse(text: &str) -> Self {
        let mut reader = Reader::default();
        for (event, range) in Parser::new(text).into_offset_iter() {
            reader.read(event, || 1 + text[..range.start].matches('\n').count());
        }
        let title = reader.title.unwrap_or_else(|| "(no title)".to_owned());
        Self { title, samples: reader.samples }
    }

    /// The sample with that heading and number.
    pub(crate) fn find(&self, heading: &str, number: usize) -> Option<usize> {
        self.samples.iter().position(|sample| sample.heading == heading && sample.number == number)
    }
}

#[derive(Default)]
struct Reader {
    title: Option<String>,
    headings: Vec<(HeadingLevel, String)>,
    in_heading: bool,
    open: Option<Sample>,
    comment: String,
    samples: Vec<Sample>,
}

impl Reader {
    fn read(&mut self, event: Event<'_>, line: impl FnOnce() -> usize) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                self.headings.retain(|(above, _)| *above < level);
                self.headings.push((level, String::new()));
                self.in_heading = true;
            }
            Event::End(TagEnd::Heading(_)) => {
                self.in_heading = false;
                if self.title.is_none() {
                    self.title = self.headings.first().map(|(_, text)| text.clone());
                }
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                self.open = self.begin(&info, line())
            }
            Event::End(TagEnd::CodeBlock) => self.samples.extend(self.open.take()),
            Event::Html(html) => {
                self.comment.push_str(&html);
                return;
            }
            Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => return,
            Event::Text(text) | Event::Code(text) => {
                if let Some(sample) = &mut self.open {
                    sample.text.push_str(&text);
                } else if let (true, Some((_, heading))) = (self.in_heading, self.headings.last_mut()) {
                    heading.push_str(&text);
                }
            }
            _ => {}
        }
        self.comment.clear();
    }

    fn begin(&self, info: &str, line: usize) -> Option<Sample> {
        let language = match info.split([' ', ',']).next()? {
            "c" => Language::C,
            "cpp" | "c++" => Language::Cpp,
            _ => return None,
        };
        let above: Vec<&str> = self.headings.iter().skip(1).map(|(_, text)| text.as_str()).collect();
        let heading = above.join(" > ");
        let number = 1 + self.samples.iter().filter(|sample| sample.heading == heading).count();
        Some(Sample {
            heading,
            number,
            language,
            text: String::new(),
            directive: directive(&self.comment),
            line,
        })
    }
}

/// The directive in a comment, if there is one.
fn directive(comment: &str) -> Option<Directive> {
    let text =
        comment.trim().strip_prefix("<!--")?.strip_suffix("-->")?.trim().strip_prefix("sample:")?.trim();
    if let Some(reason) = text.strip_prefix("skip") {
        return Some(Directive::Skip(reason.trim_start_matches([',', ':']).trim().to_owned()));
    }
    let output = text.strip_prefix("run")?.trim_start_matches(',').trim().strip_prefix("expect:")?;
    Some(Directive::Run(output.trim().to_owned()))
}

#[cfg(test)]
mod tests;
