use super::*;

const TEXT: &str = "# Title of `it`\n\ntext\n\n```c\nint a;\n```\n\n## One\n\n### Two `x()`\n\n```c\n  b();\n```\n\
                    \n<!-- sample: skip, no such chip -->\n```c\nc();\n```\n\n```\ndrawing\n```\n\n## Three\n\n\
                    <!-- sample: run, expect:\n1\n2\n-->\n\n```cpp\nd();\n```\n\n<!-- something -->\n\n```c++\ne();\n```\n";

#[test]
fn samples_are_found_with_headings_numbers_and_lines() {
    let document = Document::parse(TEXT);
    assert_eq!(document.title, "Title of it");
    let found: Vec<_> =
        document.samples.iter().map(|s| (s.name(), s.text.as_str(), s.language, s.line)).collect();
    let name = str::to_owned;
    assert_eq!(
        found,
        [
            (name(""), "int a;\n", Language::C, 5),
            (name("One > Two x()"), "  b();\n", Language::C, 13),
            (name("One > Two x() #2"), "c();\n", Language::C, 18),
            (name("Three"), "d();\n", Language::Cpp, 33),
            (name("Three #2"), "e();\n", Language::Cpp, 39),
        ]
    );
}

#[test]
fn a_comment_before_a_sample_is_its_directive() {
    let directives: Vec<_> =
        Document::parse(TEXT).samples.into_iter().map(|sample| sample.directive).collect();
    let skip = Directive::Skip("no such chip".to_owned());
    assert_eq!(directives, [None, None, Some(skip), Some(Directive::Run("1\n2".to_owned())), None]);
}

#[test]
fn a_comment_is_not_the_directive_of_a_later_sample() {
    let text = "# T\n\n<!-- sample: skip, why -->\n\nwords\n\n```c\nint a;\n```\n";
    assert_eq!(Document::parse(text).samples[0].directive, None);
}
