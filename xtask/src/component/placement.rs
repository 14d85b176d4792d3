//! Linker fragments, made into a linker script: what ESP-IDF's `ldgen` does, as far as `linker.lf` needs it. The tool itself
//! is part of ESP-IDF.
//!
//! ```text
//!   [sections:iram]        [scheme:s]                 [mapping:m]
//!   entries:               entries:                   archive: libx.a
//!       .iram1+                iram -> flash_text     entries:
//!                                                         if OPTION = y:
//!                                                             * (default)
//!                                                         else:
//!                                                             * (s)
//! ```
//!
//! Anything else of the grammar, and a name that is not defined, is an error.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

/// The content of fragment files.
#[derive(Default)]
pub(super) struct Fragments {
    /// Names of kinds of sections, and the sections.
    sections: BTreeMap<String, Vec<String>>,
    /// Which kind goes to which place.
    schemes: BTreeMap<String, BTreeMap<String, String>>,
    /// Archives, and their schemes.
    archives: BTreeMap<String, String>,
}

/// The kind of a fragment, with its name.
enum Fragment {
    Sections(String),
    Scheme(String),
    Mapping { archive: Option<String> },
}

impl Fragments {
    /// Adds a file. `option` says whether a configuration's option is set, or that there is none of the name.
    pub(super) fn add(&mut self, text: &str, option: impl Fn(&str) -> Result<bool>) -> Result<()> {
        let mut subject = None;
        // Of an `if`: how far it is to the right, and whether what is further right counts.
        let mut condition = None;
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or("").trim_end();
            let (indent, words) = (line.len() - line.trim_start().len(), line.trim());
            if condition.is_some_and(|(at, _)| indent <= at) && words != "else:" && !words.is_empty() {
                condition = None;
            }
            let counts = condition.is_none_or(|(_, counts)| counts);
            if words.is_empty() || words == "entries:" {
                continue;
            } else if let Some(header) = words.strip_prefix('[') {
                subject = Some(self.begin(header.trim_end_matches(']'))?);
            } else if let Some(asked) = words.strip_prefix("if ") {
                let name = asked
                    .strip_suffix(" = y:")
                    .with_context(|| format!("`{words}` is not `if OPTION = y:`"))?;
                condition = Some((indent, option(name)?));
            } else if words == "else:" {
                let (at, counted) = condition.context("`else` without `if`")?;
                condition = Some((at, !counted));
            } else if counts {
                let subject =
                    subject.as_mut().with_context(|| format!("`{words}` belongs to no fragment"))?;
                self.entry(subject, words)?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, header: &str) -> Result<Fragment> {
        let (kind, name) = header.split_once(':').with_context(|| format!("`[{header}]` has no name"))?;
        let name = name.to_owned();
        Ok(match kind {
            "sections" => Fragment::Sections(name),
            "scheme" => Fragment::Scheme(name),
            "mapping" => Fragment::Mapping { archive: None },
            _ => bail!("`{kind}` is no kind of fragment"),
        })
    }

    fn entry(&mut self, subject: &mut Fragment, words: &str) -> Result<()> {
        match subject {
            Fragment::Sections(name) => self.sections.entry(name.clone()).or_default().push(words.to_owned()),
            Fragment::Scheme(name) => {
                let (kind, place) =
                    words.split_once(" -> ").with_context(|| format!("`{words}` has no place"))?;
                self.schemes.entry(name.clone()).or_default().insert(kind.to_owned(), place.to_owned());
            }
            Fragment::Mapping { archive } => {
                if let Some(name) = words.strip_prefix("archive: ") {
                    *archive = Some(name.to_owned());
                } else {
                    let scheme = words.strip_prefix("* (").and_then(|rest| rest.strip_suffix(')'));
                    let scheme = scheme.with_context(|| format!("`{words}` is not `* (SCHEME)`"))?;
                    let archive = archive.clone().context("a mapping of no archive")?;
                    let twice = self.archives.insert(archive, scheme.to_owned());
                    ensure!(twice.is_none(), "an archive is mapped twice");
                }
            }
        }
        Ok(())
    }

    /// A linker script from one with `mapping[PLACE]` in it.
    pub(super) fn script(&self, template: &str) -> Result<String> {
        let mut rules = BTreeMap::<&str, Vec<String>>::new();
        let default = self.schemes.get("default").context("no default scheme")?;
        for (kind, place) in default {
            let elsewhere: Vec<&String> = self
                .archives
                .iter()
                .filter(|(_, scheme)| self.goes_elsewhere(scheme, kind))
                .map(|(name, _)| name)
                .collect();
            let but_for = elsewhere.iter().map(|archive| format!("*{archive}")).collect::<Vec<_>>().join(" ");
            let but_for =
                if elsewhere.is_empty() { String::new() } else { format!("EXCLUDE_FILE({but_for}) ") };
            let patterns: Vec<String> =
                self.patterns(kind)?.iter().map(|pattern| format!("{but_for}{pattern}")).collect();
            rules.entry(place).or_default().push(format!("*({})", patterns.join(" ")));
        }
        for (archive, scheme) in &self.archives {
            let places =
                self.schemes.get(scheme).with_context(|| format!("there is no scheme `{scheme}`"))?;
            for (kind, place) in places.iter().filter(|(kind, _)| self.goes_elsewhere(scheme, kind)) {
                ensure!(default.contains_key(kind), "nothing says where `{kind}` goes by default");
                let patterns = self.patterns(kind)?.join(" ");
                rules.entry(place).or_default().push(format!("*{archive}:({patterns})"));
            }
        }
        let mut script = template.to_owned();
        for (place, rules) in rules {
            let mark = format!("mapping[{place}]");
            ensure!(script.contains(&mark), "the linker script has no place `{place}`");
            script = script.replace(&mark, &rules.join("\n        "));
        }
        ensure!(!script.contains(" mapping["), "nothing goes to a place of the linker script");
        Ok(script)
    }

    /// Whether a scheme sends sections of a kind elsewhere than the default does.
    fn goes_elsewhere(&self, scheme: &str, kind: &str) -> bool {
        let place = |scheme| self.schemes.get(scheme).and_then(|places| places.get(kind));
        place(scheme).is_some_and(|there| Some(there) != place("default"))
    }

    /// `.s+` is `.s` and whatever begins with `.s.`.
    fn patterns(&self, kind: &str) -> Result<Vec<String>> {
        let sections = self.sections.get(kind).with_context(|| format!("there are no sections `{kind}`"))?;
        Ok(sections
            .iter()
            .flat_map(|section| match section.strip_suffix('+') {
                Some(stem) => vec![stem.to_owned(), format!("{stem}.*")],
                None => vec![section.clone()],
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::Fragments;

    const DEFAULTS: &str =
        "[sections:hot]\nentries:\n    .hot+\n[scheme:default]\nentries:\n    hot -> ram\n";
    const OURS: &str = "[scheme:cold]\nentries:\n    hot -> flash # a comment\n[mapping:m]\narchive: libx.a\nentries:\n    \
        if A = y:\n        * (default)\n    else:\n        * (cold)\n";
    const TEMPLATE: &str = "a { mapping[ram] }\nb { mapping[flash] *(.rest) }\n";

    fn script(ours: &str, set: bool) -> anyhow::Result<String> {
        let mut fragments = Fragments::default();
        let option = |name: &str| if name == "A" { Ok(set) } else { anyhow::bail!("no option `{name}`") };
        fragments.add(DEFAULTS, option)?;
        fragments.add(ours, option)?;
        fragments.script(TEMPLATE)
    }

    #[test]
    fn an_archive_goes_where_its_scheme_says() {
        let elsewhere = script(OURS, false).unwrap();
        assert_eq!(
            elsewhere,
            "a { *(EXCLUDE_FILE(*libx.a) .hot EXCLUDE_FILE(*libx.a) .hot.*) }\nb { *libx.a:(.hot .hot.*) *(.rest) }\n"
        );
        let template = TEMPLATE.replace("mapping[flash] ", "");
        let mut fragments = Fragments::default();
        fragments.add(DEFAULTS, |_| Ok(true)).unwrap();
        fragments.add(OURS, |_| Ok(true)).unwrap();
        assert_eq!(fragments.script(&template).unwrap(), "a { *(.hot .hot.*) }\nb { *(.rest) }\n");
    }

    #[test]
    fn names_that_are_not_defined_are_errors() {
        for (right, wrong, why) in [
            ("if A", "if B", "no option `B`"),
            ("(cold)", "(could)", "no scheme `could`"),
            ("hot -> flash", "hut -> flash", "`hut`"),
            ("-> flash", "-> flush", "no place `flush`"),
            ("* (cold)", "*", "not `* (SCHEME)`"),
            ("archive: libx.a\n", "", "of no archive"),
        ] {
            let error = script(&OURS.replace(right, wrong), false).unwrap_err().to_string();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }
}
