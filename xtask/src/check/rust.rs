//! A Rust file as a flat list of tokens: comments and the insides of strings are out of the way.

use std::str::FromStr;

use anyhow::Result;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// One token.
pub struct Token {
    /// An identifier, a punctuation character, a bracket, or "" for a literal.
    pub text: String,
    /// Line, from 1.
    pub line: usize,
    /// Line on which the innermost open parenthesis stands.
    pub open_line: usize,
    /// Part of a `use` declaration.
    pub in_use: bool,
    /// Compiled only for tests.
    pub in_test: bool,
}

/// A file's tokens.
pub struct Source {
    /// In their order.
    pub tokens: Vec<Token>,
}

#[derive(Clone, Copy)]
struct Place {
    open_line: usize,
    in_use: bool,
    in_test: bool,
}

impl Source {
    /// Takes a file apart.
    pub fn parse(text: &str, test_file: bool) -> Result<Self> {
        let stream = TokenStream::from_str(text).map_err(|e| anyhow::anyhow!("{e}"))?;
        let mut source = Self { tokens: Vec::new() };
        let place = Place { open_line: usize::MAX, in_use: false, in_test: test_file };
        source.add(stream, place);
        Ok(source)
    }

    /// The text of token `i`, "" past either end.
    pub fn text(&self, i: usize) -> &str {
        self.tokens.get(i).map_or("", |t| &t.text)
    }

    /// Whether `::` stands right before token `i`, and if so the text before that.
    pub fn qualifier(&self, i: usize) -> Option<&str> {
        let colons = i >= 3 && self.text(i - 1) == ":" && self.text(i - 2) == ":";
        colons.then(|| self.text(i - 3))
    }

    /// Whether `::` follows token `i`.
    pub fn leads(&self, i: usize) -> bool {
        self.text(i + 1) == ":" && self.text(i + 2) == ":"
    }

    fn add(&mut self, stream: TokenStream, outer: Place) {
        let mut place = outer;
        let mut hash = false;
        for tree in stream {
            let line = tree.span().start().line;
            match tree {
                TokenTree::Group(group) => {
                    if hash && is_cfg_test(&group) {
                        place.in_test = true;
                    }
                    self.add_group(&group, place);
                    // An item's body ends what `#[cfg(test)]` stands before.
                    if group.delimiter() == Delimiter::Brace && !place.in_use {
                        place.in_test = outer.in_test;
                    }
                    hash = false;
                }
                TokenTree::Ident(ident) => {
                    let text = ident.to_string();
                    place.in_use |= text == "use";
                    self.push(text, line, place);
                    hash = false;
                }
                TokenTree::Punct(punct) => {
                    hash = punct.as_char() == '#' || (hash && punct.as_char() == '!');
                    self.push(punct.as_char().to_string(), line, place);
                    if punct.as_char() == ';' {
                        place = outer;
                    }
                }
                TokenTree::Literal(_) => {
                    self.push(String::new(), line, place);
                    hash = false;
                }
            }
        }
    }

    fn add_group(&mut self, group: &Group, place: Place) {
        let line = group.span_open().start().line;
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => ("", ""),
        };
        self.push(open.to_owned(), line, place);
        let open_line = match group.delimiter() {
            Delimiter::Parenthesis => line,
            _ => usize::MAX,
        };
        let inner = Place { open_line, ..place };
        self.add(group.stream(), inner);
        self.push(close.to_owned(), group.span_close().start().line, place);
    }

    fn push(&mut self, text: String, line: usize, place: Place) {
        self.tokens.push(Token {
            text,
            line,
            open_line: place.open_line.min(line),
            in_use: place.in_use,
            in_test: place.in_test,
        });
    }
}

/// `[cfg(test)]`, `[cfg(all(test, ...))]`, but not `[cfg(not(test))]`.
fn is_cfg_test(group: &Group) -> bool {
    let mut trees = group.stream().into_iter();
    let cfg = matches!(trees.next(), Some(TokenTree::Ident(i)) if i == "cfg");
    let Some(TokenTree::Group(condition)) = trees.next() else {
        return false;
    };
    cfg && names_test(condition.stream())
}

fn names_test(stream: TokenStream) -> bool {
    let mut negated = false;
    for tree in stream {
        match tree {
            TokenTree::Ident(i) if i == "test" => return true,
            TokenTree::Ident(i) => negated = i == "not",
            TokenTree::Group(g) if !negated && names_test(g.stream()) => return true,
            _ => negated = false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'a>(source: &'a Source, text: &str) -> Vec<&'a Token> {
        source.tokens.iter().filter(|t| t.text == text).collect()
    }

    #[test]
    fn comments_and_strings_are_no_tokens() {
        let source = Source::parse("// word\n/// word\nconst X: &str = \"word\"; /* word */", false).unwrap();
        assert!(find(&source, "word").is_empty());
    }

    #[test]
    fn test_items_are_marked_and_end() {
        let text = "fn a() { word }\n\
                    #[cfg(test)]\n#[allow(dead_code)]\nmod tests { fn b() { word } }\n\
                    fn c() { word }\n\
                    #[cfg(all(test, loom))]\nuse word;\n\
                    #[cfg(not(test))] fn d() { word }\n";
        let source = Source::parse(text, false).unwrap();
        let marks: Vec<_> = find(&source, "word").iter().map(|t| t.in_test).collect();
        assert_eq!(marks, [false, true, false, true, false]);
    }

    #[test]
    fn use_declarations_are_marked_and_end() {
        let source = Source::parse("use a::{word, b}; fn f() { word }", false).unwrap();
        let marks: Vec<_> = find(&source, "word").iter().map(|t| t.in_use).collect();
        assert_eq!(marks, [true, false]);
    }

    #[test]
    fn a_call_over_several_lines_knows_where_it_opens() {
        let source = Source::parse("f(\n a,\n word,\n);\nword", false).unwrap();
        let lines: Vec<_> = find(&source, "word").iter().map(|t| (t.line, t.open_line)).collect();
        assert_eq!(lines, [(3, 1), (5, 5)]);
    }
}
