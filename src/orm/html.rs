//! Rich text as Odoo keeps it: freed of what could run, and written the way its library writes it (lxml, which reads
//! with libxml2).

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Write;

use html5ever::interface::TokenizerResult;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

/// What an html field lets through; the default is a field's that says nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "these are the attributes of an html field")]
pub struct Sanitize {
    /// Whether elements like `<iframe>` and `<style>` vanish with all that is in them.
    pub tags: bool,
    /// Whether only attributes known as harmless stay.
    pub attributes: bool,
    /// Whether only properties known as harmless stay in `style` attributes.
    pub style: bool,
    /// Whether forms vanish.
    pub form: bool,
    /// Whether `style` attributes and elements vanish.
    pub strip_style: bool,
    /// Whether `class` attributes vanish.
    pub strip_classes: bool,
    /// What text without an element becomes.
    pub wrapper: Wrapper,
}

/// What stands around text that came without an element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wrapper {
    /// Text at the very beginning becomes a paragraph of its own. That is how Odoo 17.0 does it, whose libxml2 supplies
    /// the paragraph.
    Paragraph,
    /// Several pieces without a block among them get one `<span>`: 18.0 and 19.0, whose libxml2 supplies nothing.
    #[default]
    Span,
}

impl Default for Sanitize {
    fn default() -> Self {
        Self {
            tags: true,
            attributes: true,
            style: false,
            form: true,
            strip_style: false,
            strip_classes: false,
            wrapper: Wrapper::default(),
        }
    }
}

/// Elements that are known; the contents of others stay without them if `tags` is set.
const KNOWN: &str = "\
    a abbr acronym address applet area article aside audio b base basefont bdi bdo big blink blockquote body br button \
    canvas caption center cite code col colgroup command datalist dd del details dfn dir div dl dt em embed fieldset \
    figcaption figure font footer form frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins \
    isindex kbd keygen label legend li link main map mark marquee math menu meta meter nav noscript object ol optgroup \
    option output p param pre progress q rp rt ruby s samp script section select small source span strike strong style \
    sub summary sup svg table tbody td textarea tfoot th thead time title tr track tt u ul var video wbr";

/// Elements that vanish with their contents if `tags` is set.
const KILLED: &str = "base embed frame head iframe link meta noscript object script style title";

/// Those that vanish in any case: they run, or belong to no page that is shown inside of another.
const ALWAYS_KILLED: &str = "applet base frame frameset link meta noframes script";

/// Those that vanish with forms, from which the `form` element's contents stay.
const FORM_CONTROLS: &str = "button input select textarea";

/// Elements whose contents stay without them.
const UNWRAPPED: &str = "blink body embed head html iframe layer marquee object param";

/// Elements without contents.
const VOID: &str = "\
    area base basefont br col embed frame hr img input isindex link meta param source track wbr";

/// What makes contents blocks rather than words, for [`Wrapper`].
const BLOCKS: &str = "\
    address blockquote caption center col colgroup dd del dir div dl dt fieldset form h1 h2 h3 h4 h5 h6 hr ins \
    isindex legend li menu noscript ol optgroup option p pre table tbody td tfoot th thead tr ul";

/// Elements that end when certain others begin, as libxml2 has it.
const ENDED_BY: [(&str, &str); 25] = [
    ("a", "a fieldset table td th"),
    ("address", "dd dl dt form li ul"),
    ("b i", "center p td th"),
    ("big s small strike tt", "p"),
    ("caption", "col colgroup tbody tfoot thead tr"),
    ("colgroup", "colgroup tbody tfoot thead tr"),
    ("dd", "dt"),
    ("dir menu", "dd dl dt form ul"),
    ("dl", "form li"),
    ("dt", "dd dl"),
    ("font", "center td th"),
    ("form ol", "form"),
    ("h1 h2 h3 h4 h5 h6", "fieldset form li p table"),
    ("legend", "fieldset"),
    ("li", "li"),
    ("option", "optgroup option"),
    (
        "p",
        "address blockquote caption center col colgroup dd dir div dl dt fieldset form h1 h2 h3 h4 h5 h6 hr li menu \
         ol p pre table tbody td tfoot th tr ul",
    ),
    ("pre", "dd dl dt fieldset form li table ul"),
    ("span", "td th"),
    ("tbody thead", "tbody tfoot"),
    ("td th", "tbody td tfoot th tr"),
    ("tfoot", "tbody"),
    ("tr", "tbody tfoot tr"),
    ("u", "p td th"),
    ("ul", "address form menu pre"),
];

/// Elements that stand at the head of a page; where one comes first, what is written counts as a page.
const OF_HEAD: &str = "base head link meta script style title";

/// Attributes that stay if `attributes` is set, apart from `aria-*` and those of [`KEPT_PREFIXES`].
const KEPT: &str = "\
    abbr accept accept-charset accesskey action align alt axis border cellpadding cellspacing char charoff charset \
    checked cite class clear color cols colspan compact coords data-class data-file-name data-gl-filter data-id \
    data-interval data-last-history-steps data-member_id data-mimetype data-original-id data-original-mimetype \
    data-original-src data-publish data-quality data-res_id data-resize-width data-scroll-background-ratio \
    data-shape data-shape-colors data-view-id datetime dir disabled enctype for frame headers height href hreflang \
    hspace id ismap label lang longdesc maxlength media method multiple name nohref noshade nowrap prompt readonly \
    rel rev role rows rowspan rules scope selected shape size span src start style summary tabindex target title \
    type usemap valign value vspace width";
const KEPT_PREFIXES: [&str; 3] = ["aria-", "data-o-", "data-oe-"];

/// Attributes that hold addresses.
const LINKS: &str = "\
    action archive background cite classid codebase data dynsrc formaction href longdesc lowsrc profile src usemap \
    xlink:href";

/// What makes an address run something, wherever in it that stands.
const RUNNING: [&str; 7] = ["about:", "data:", "javascript:", "jscript:", "livescript:", "mocha:", "vbscript:"];

/// Attributes that are written as a name only.
const FLAGS: &str = "\
    autoplay checked compact controls declare defer disabled ismap loop multiple muted nohref noresize noshade \
    nowrap readonly selected";

/// Properties that stay in `style` attributes if `style` is set; those of borders, margins and paddings come on top.
const PROPERTIES: &str = "\
    background-color color display float font-family font-size font-style font-weight height letter-spacing \
    line-height max-height max-width min-height min-width opacity overflow page-break-after page-break-before \
    page-break-inside text-align text-decoration text-indent text-transform vertical-align white-space width \
    word-break word-wrap border-collapse";
const PROPERTY_PREFIXES: [&str; 3] = ["border", "margin", "padding"];

/// Deeper elements lose their tags: libxml2 goes no deeper either, and finding what an end tag ends takes as long as
/// the nesting is deep.
const DEEPEST: usize = 255;

/// Rich text as an html field keeps it when `html` is written to it.
#[must_use]
pub fn sanitize(html: &str, options: Sanitize) -> String {
    let cleaner = Cleaner { options, state: RefCell::default() };
    let state = tokenize(html, cleaner).state.into_inner();
    state.finish()
}

/// Whether nobody would see anything of a rich text.
#[must_use]
pub fn is_empty(html: &str) -> bool {
    let looker = tokenize(html, Looker::default());
    !looker.visible.into_inner()
}

fn tokenize<S: TokenSink>(html: &str, sink: S) -> S {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(html));
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    while !matches!(tokenizer.feed(&input), TokenizerResult::Done) {}
    tokenizer.end();
    tokenizer.sink
}

/// How the tokenizer has to read what follows a start tag.
fn reading_after<H>(tag: &Tag) -> TokenSinkResult<H> {
    if tag.kind == TagKind::EndTag {
        return TokenSinkResult::Continue;
    }
    match &*tag.name {
        "script" => TokenSinkResult::RawData(RawKind::ScriptData),
        "style" | "xmp" | "iframe" | "noembed" | "noframes" => TokenSinkResult::RawData(RawKind::Rawtext),
        "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
        "plaintext" => TokenSinkResult::Plaintext,
        _ => TokenSinkResult::Continue,
    }
}

/// What becomes of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Kept,
    Unwrapped,
    Killed,
}

#[derive(Debug)]
struct Open {
    name: String,
    fate: Fate,
    /// Where its contents begin.
    start: usize,
}

struct Cleaner {
    options: Sanitize,
    state: RefCell<State>,
}

/// Text that no element is around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum RootText {
    #[default]
    None,
    Blank,
    Words,
}

#[derive(Debug, Default)]
struct State {
    out: String,
    open: Vec<Open>,
    killed: usize,
    // What decides on the wrapper.
    roots: usize,
    root_text: RootText,
    first_root: usize,
    blocks: bool,
    page: bool,
}

impl TokenSink for Cleaner {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut state = self.state.borrow_mut();
        match token {
            Token::CharacterTokens(text) => state.text(&text, self.options),
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => {
                state.start(&tag, self.options);
                return reading_after(&tag);
            }
            Token::TagToken(tag) => state.end(&tag.name),
            Token::DoctypeToken(_) => state.page |= state.nothing_yet(),
            Token::CommentToken(_) | Token::NullCharacterToken | Token::EOFToken | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

impl State {
    fn nothing_yet(&self) -> bool {
        self.roots == 0 && self.root_text == RootText::None
    }

    fn add_root(&mut self) {
        if self.roots == 0 {
            self.first_root = self.out.len();
        }
        self.roots += 1;
    }

    /// Whether no element is open that counts as one of the contents.
    fn at_root(&self) -> bool {
        self.open.iter().all(|open| matches!(open.name.as_str(), "html" | "body"))
    }

    fn text(&mut self, text: &str, options: Sanitize) {
        let mut text = text;
        if self.at_root() {
            if self.nothing_yet() {
                text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']);
            }
            if text.is_empty() {
                return;
            }
            if options.wrapper == Wrapper::Paragraph && self.nothing_yet() && self.open.is_empty() {
                self.add_root();
                self.blocks = true;
                self.out.push_str("<p>");
                self.push("p", Fate::Kept);
            } else {
                let found = if text.trim().is_empty() { RootText::Blank } else { RootText::Words };
                self.root_text = self.root_text.max(found);
            }
        }
        if self.killed > 0 {
            return;
        }
        if self.open.last().is_some_and(|open| open.name == "style" && open.fate == Fate::Kept) {
            self.out.push_str(harmless_style(text).as_deref().unwrap_or("/* deleted */"));
        } else {
            escape(&mut self.out, text, false);
        }
    }

    fn start(&mut self, tag: &Tag, options: Sanitize) {
        let name: &str = if &*tag.name == "image" { "img" } else { &tag.name };
        self.close_implied(name);
        if matches!(name, "html" | "body") {
            self.page |= name == "html" && self.nothing_yet();
        } else if self.at_root() {
            if self.nothing_yet() && among(OF_HEAD, name) {
                self.page = true;
            } else {
                self.add_root();
            }
        }
        self.blocks |= among(BLOCKS, name);
        let mut fate = fate(name, options);
        // The contents of what is killed have to go, whatever the depth.
        if self.open.len() >= DEEPEST && (fate != Fate::Killed || among(VOID, name)) {
            return;
        }
        if fate == Fate::Kept && !is_name(name) {
            fate = Fate::Unwrapped;
        }
        if fate == Fate::Kept && self.killed == 0 {
            self.out.push('<');
            self.out.push_str(name);
            self.attributes(name, tag, options);
            self.out.push('>');
        }
        if among(VOID, name) {
            return;
        }
        if tag.self_closing {
            if fate == Fate::Kept && self.killed == 0 {
                let _ = write!(self.out, "</{name}>");
            }
            // The tokenizer reads on in the element's own way, as if it were open.
            if !matches!(reading_after::<()>(tag), TokenSinkResult::Continue) {
                self.push(name, if fate == Fate::Kept { Fate::Unwrapped } else { fate });
            }
            return;
        }
        self.push(name, fate);
    }

    fn push(&mut self, name: &str, fate: Fate) {
        self.killed += usize::from(fate == Fate::Killed);
        self.open.push(Open { name: name.to_owned(), fate, start: self.out.len() });
    }

    fn end(&mut self, name: &str) {
        // Browsers and libxml2 alike take a lone `</br>` for a line break.
        if name == "br" && self.killed == 0 {
            if self.at_root() {
                self.add_root();
            }
            self.out.push_str("<br>");
        }
        let strength = strength(name);
        for (depth, open) in self.open.iter().enumerate().rev() {
            if open.name == name {
                self.close_down_to(depth);
                return;
            }
            // A `</b>` does not end the cell that it is in.
            if self::strength(&open.name) > strength {
                return;
            }
        }
    }

    /// Ends what cannot go on inside of an element that begins.
    fn close_implied(&mut self, name: &str) {
        loop {
            let Some(last) = self.open.last() else { return };
            let ends = match last.name.as_str() {
                "head" => name == "body" || !among(OF_HEAD, name),
                last => ENDED_BY.iter().any(|(ended, by)| among(ended, last) && among(by, name)),
            };
            if !ends {
                return;
            }
            self.close_down_to(self.open.len() - 1);
        }
    }

    fn close_down_to(&mut self, depth: usize) {
        while self.open.len() > depth {
            let Some(open) = self.open.pop() else { return };
            match open.fate {
                Fate::Killed => self.killed -= 1,
                // Of an empty list item, libxml2 writes no end tag.
                Fate::Kept if open.name == "li" && open.start == self.out.len() => {}
                Fate::Kept if self.killed == 0 => {
                    let _ = write!(self.out, "</{}>", open.name);
                }
                Fate::Kept | Fate::Unwrapped => {}
            }
        }
    }

    fn attributes(&mut self, element: &str, tag: &Tag, options: Sanitize) {
        for attribute in &tag.attrs {
            let name: &str = &attribute.name.local;
            let value = &*attribute.value;
            if !is_name(name) || name.starts_with("on") || name == "srcdoc" {
                continue;
            }
            if options.attributes && !is_kept(name) {
                continue;
            }
            if (name == "class" && options.strip_classes) || (name == "style" && options.strip_style) {
                continue;
            }
            let value = if name == "style" {
                match style(value, options) {
                    Some(value) => Cow::Owned(value),
                    None => continue,
                }
            } else if among(LINKS, name) && runs(value) {
                Cow::Borrowed("")
            } else {
                Cow::Borrowed(value)
            };
            self.out.push(' ');
            self.out.push_str(name);
            if value.is_empty() && among(FLAGS, name) {
                continue;
            }
            self.out.push_str("=\"");
            if matches!(name, "href" | "src" | "action") || (name == "name" && element == "a") {
                escape(&mut self.out, &percent_encoded(value.trim_start()), true);
            } else {
                escape(&mut self.out, &value, true);
            }
            self.out.push('"');
        }
    }

    fn finish(mut self) -> String {
        self.close_down_to(0);
        if self.nothing_yet() {
            return String::new();
        }
        // A single element stays as it is, and blocks stay side by side: the `<div>` that lxml puts around them is one
        // that Odoo takes away.
        let single = self.roots == 1 && self.root_text < RootText::Words;
        if self.page || self.blocks && !single {
            return self.out;
        }
        if single {
            self.out.drain(..self.first_root);
            if self.out.trim().is_empty() {
                return String::new();
            }
            // It takes away one that was written, too.
            let bare = self.out.strip_prefix("<div>").and_then(|rest| rest.strip_suffix("</div>"));
            return bare.map_or_else(|| self.out.clone(), str::to_owned);
        }
        format!("<span>{}</span>", self.out)
    }
}

fn fate(name: &str, options: Sanitize) -> Fate {
    let killed = among(ALWAYS_KILLED, name)
        || (options.tags && among(KILLED, name))
        || (options.strip_style && name == "style")
        || (options.form && among(FORM_CONTROLS, name));
    if killed {
        return Fate::Killed;
    }
    let unwrapped = among(UNWRAPPED, name)
        || matches!(name, "title" | "plaintext" | "xmp" | "noembed")
        || (options.form && name == "form")
        || (options.tags && !among(KNOWN, name))
        // Outlook's own elements, of which Odoo keeps what is in them.
        || name.starts_with("o:");
    if unwrapped { Fate::Unwrapped } else { Fate::Kept }
}

/// How much an end tag may end on its way to the element it belongs to.
fn strength(name: &str) -> u8 {
    match name {
        "div" => 1,
        "td" | "th" => 2,
        "tr" => 3,
        "thead" | "tbody" | "tfoot" => 4,
        "table" => 5,
        "head" | "body" => 6,
        "html" => 7,
        _ => 0,
    }
}

/// Whether a name is one of a list's, which are separated by blanks.
fn among(list: &str, name: &str) -> bool {
    list.split(' ').any(|known| known == name)
}

/// Whether a name can be written without being read as something else.
fn is_name(name: &str) -> bool {
    name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ':' | '.'))
}

fn is_kept(name: &str) -> bool {
    among(KEPT, name) || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether following an address would run something.
fn runs(address: &str) -> bool {
    let decoded = percent_decoded(address);
    let kept = decoded.chars().filter(|c| !c.is_whitespace() && !c.is_control());
    let address = kept.collect::<String>().to_ascii_lowercase();
    if let Some((kind, _)) = address.strip_prefix("data:image/").and_then(|image| image.split_once(";base64")) {
        return kind.contains("xml") || kind.contains("svg");
    }
    RUNNING.iter().any(|scheme| address.contains(scheme))
}

/// A `style` attribute's value, if anything of it stays.
fn style(value: &str, options: Sanitize) -> Option<String> {
    let harmless = harmless_style(value)?;
    if !options.style {
        return Some(harmless);
    }
    let kept: Vec<_> = declarations(&harmless)
        .into_iter()
        .filter_map(|declaration| declaration.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
        .filter(|(name, value)| {
            let known = among(PROPERTIES, name)
                || PROPERTY_PREFIXES.iter().any(|prefix| {
                    name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
                });
            known && !value.is_empty()
        })
        .map(|(name, value)| format!("{name}:{value}"))
        .collect();
    if kept.is_empty() { None } else { Some(kept.join("; ")) }
}

/// Cuts a style at the semicolons that no quotes are around.
fn declarations(style: &str) -> Vec<&str> {
    let mut quote = None;
    style
        .split(|c| {
            match (quote, c) {
                (None, '"' | '\'') => quote = Some(c),
                (Some(open), _) if open == c => quote = None,
                _ => {}
            }
            c == ';' && quote.is_none()
        })
        .collect()
}

/// A style without addresses that run; nothing, if it runs something by other means.
fn harmless_style(css: &str) -> Option<String> {
    let kept = css.chars().filter(|c| !c.is_whitespace() && !c.is_control() && *c != '\\');
    let squeezed = kept.collect::<String>().to_ascii_lowercase();
    if ["expression(", "@import", "-moz-binding", "<"].iter().any(|sneaky| squeezed.contains(sneaky)) {
        return None;
    }
    let lower = css.to_ascii_lowercase();
    let mut harmless = String::with_capacity(css.len());
    let mut at = 0;
    while let Some(found) = lower[at..].find("url(") {
        let start = at + found + "url(".len();
        let end = lower[start..].find(')').map_or(css.len(), |length| start + length);
        harmless.push_str(&css[at..start]);
        if !runs(css[start..end].trim_matches(|c: char| c.is_whitespace() || c == '\'' || c == '"')) {
            harmless.push_str(&css[start..end]);
        }
        at = end;
    }
    harmless.push_str(&css[at..]);
    if harmless.to_ascii_lowercase().contains("javascript:") { None } else { Some(harmless) }
}

/// Writes text between tags, or within the quotes of an attribute.
fn escape(out: &mut String, text: &str, quoted: bool) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if quoted => out.push_str("&quot;"),
            '\u{a0}' => out.push_str("&nbsp;"),
            _ => out.push(c),
        }
    }
}

fn percent_encoded(address: &str) -> String {
    let mut encoded = String::with_capacity(address.len());
    for byte in address.bytes() {
        if byte.is_ascii_graphic() {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn percent_decoded(address: &str) -> String {
    let bytes = address.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digit = |n: usize| bytes.get(at + n).and_then(|byte| char::from(*byte).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (byte, digit(1), digit(2)) {
            decoded.push(u8::try_from(high * 16 + low).unwrap_or_default());
            at += 3;
        } else {
            decoded.push(*byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Looks for anything visible.
#[derive(Default)]
struct Looker {
    visible: RefCell<bool>,
    hidden: RefCell<bool>,
}

impl TokenSink for Looker {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::CharacterTokens(text) if !*self.hidden.borrow() => {
                let seen = text.chars().any(|c| !c.is_whitespace() && !matches!(c, '\u{feff}' | '\u{200b}'));
                *self.visible.borrow_mut() |= seen;
            }
            Token::TagToken(tag) => {
                if matches!(&*tag.name, "script" | "style" | "title") {
                    *self.hidden.borrow_mut() = tag.kind == TagKind::StartTag;
                }
                if tag.kind == TagKind::StartTag {
                    *self.visible.borrow_mut() |= shows_by_itself(&tag);
                }
                return reading_after(&tag);
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// Whether an element shows something without having contents.
fn shows_by_itself(tag: &Tag) -> bool {
    let media = matches!(
        &*tag.name,
        "img"
            | "image"
            | "picture"
            | "video"
            | "audio"
            | "iframe"
            | "object"
            | "embed"
            | "svg"
            | "canvas"
            | "hr"
            | "input"
            | "button"
            | "select"
            | "textarea"
            | "table"
    );
    // An icon is an element with nothing but a class.
    let icon = tag.attrs.iter().any(|attribute| {
        &*attribute.name.local == "class" && attribute.value.split_whitespace().any(|class| class.starts_with("fa-"))
    });
    media || icon
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(html: &str) -> String {
        sanitize(html, Sanitize::default())
    }

    fn paragraphs(html: &str) -> String {
        sanitize(html, Sanitize { wrapper: Wrapper::Paragraph, ..Sanitize::default() })
    }

    #[test]
    fn as_recorded() {
        let html = "<p onclick='x()'>Hi <b>you</b><script>alert(1)</script></p>";
        assert_eq!(field(html), "<p>Hi <b>you</b></p>");
        assert_eq!(field("plain"), "<span>plain</span>");
        assert_eq!(paragraphs("plain"), "<p>plain</p>");
        assert_eq!(field(""), "");
        assert_eq!(field("<p>a\nb\t &amp; 'd' \"e\"</p>"), "<p>a\nb\t &amp; 'd' \"e\"</p>");
    }

    #[test]
    fn wrapping() {
        for (html, span, paragraph) in [
            ("a <b>x</b>", "<span>a <b>x</b></span>", "<p>a <b>x</b></p>"),
            ("<b>a</b> t", "<span><b>a</b> t</span>", "<span><b>a</b> t</span>"),
            ("text<p>x</p>y", "text<p>x</p>y", "<p>text</p><p>x</p>y"),
            ("<p>a</p><p>b</p>", "<p>a</p><p>b</p>", "<p>a</p><p>b</p>"),
            ("<b>a</b>", "<b>a</b>", "<b>a</b>"),
            ("<div>a</div>", "a", "a"),
            ("<div class=\"x\">a</div>", "<div class=\"x\">a</div>", "<div class=\"x\">a</div>"),
            ("<div>a</div><div>b</div>", "<div>a</div><div>b</div>", "<div>a</div><div>b</div>"),
            ("\n <p>a</p> ", "<p>a</p> ", "<p>a</p> "),
            ("  ", "", ""),
            ("<!-- c -->x", "<span>x</span>", "<p>x</p>"),
            ("x<script>1</script>y", "<span>xy</span>", "<p>xy</p>"),
            ("<br/>a", "<span><br>a</span>", "<span><br>a</span>"),
            ("a < b", "<span>a &lt; b</span>", "<p>a &lt; b</p>"),
            ("<body>x</body>", "<span>x</span>", "<span>x</span>"),
            ("<html><head><title>t</title></head><body><p>a</p></body></html>", "<p>a</p>", "<p>a</p>"),
            ("<!DOCTYPE html>x", "x", "<p>x</p>"),
            ("&nbsp;", "<span>&nbsp;</span>", "<p>&nbsp;</p>"),
            ("&nbsp;<br>", "<br>", "<p>&nbsp;<br></p>"),
            ("</b>", "", ""),
            ("a <c>b</c>", "<span>a b</span>", "<p>a b</p>"),
        ] {
            assert_eq!(field(html), span, "{html}");
            assert_eq!(paragraphs(html), paragraph, "{html}");
        }
    }

    #[test]
    fn what_goes() {
        for (html, kept) in [
            ("<style>p{}</style><p>a</p>", "<p>a</p>"),
            ("<script>1</script>", ""),
            ("<form action=\"/x\"><p>a</p><input name=\"q\"/><button>b</button></form>", "<p>a</p>"),
            ("<p>a</p><iframe>z</iframe>tail", "<p>a</p>tail"),
            ("<object data=\"x\"><p>in</p></object>", ""),
            ("<marquee>m</marquee>", "m"),
            ("<p>a<!--[if IE]>x<![endif]--><!-- c --></p>", "<p>a</p>"),
            ("<p><a href=\"javascript:alert(1)\">x</a></p>", "<p><a href=\"\">x</a></p>"),
            ("<p><a href=\" JaVa\tscript:alert(1)\">x</a></p>", "<p><a href=\"\">x</a></p>"),
            ("<p><a href=\"java&#10;script%3Aalert(1)\">x</a></p>", "<p><a href=\"\">x</a></p>"),
            ("<img src=\"data:text/html,x\">", "<img src=\"\">"),
            ("<img src=\"data:image/png;base64,AAA\">", "<img src=\"data:image/png;base64,AAA\">"),
            ("<img src=\"data:image/svg+xml;base64,AAA\">", "<img src=\"\">"),
            (
                "<p style=\"color:red; background:url(javascript:x)\">x</p>",
                "<p style=\"color:red; background:url()\">x</p>",
            ),
            ("<p style=\"width: expr/**/ession(1)\">x</p>", "<p style=\"width: expr/**/ession(1)\">x</p>"),
            (
                "<p data-o-mail-quote=\"1\" data-oe-id=\"2\" data-x=\"3\" t-if=\"x\">x</p>",
                "<p data-o-mail-quote=\"1\" data-oe-id=\"2\">x</p>",
            ),
            ("<p class=\"a\" style=\"position:fixed\">x</p>", "<p class=\"a\" style=\"position:fixed\">x</p>"),
            ("<p><svg onload=\"x\"><script>1</script><path d=\"M0\"/></svg></p>", "<p><svg></svg></p>"),
            ("<o:p>x</o:p>", "x"),
            ("<select><option>a<option>b</select>x", "x"),
        ] {
            assert_eq!(field(html).as_str(), kept, "{html}");
        }
    }

    #[test]
    fn how_it_is_written() {
        for (html, written) in [
            ("<p>a<br>b<img src=x></p>", "<p>a<br>b<img src=\"x\"></p>"),
            ("<p>&nbsp;&amp;&lt;\"&quot; é &eacute; &foo;</p>", "<p>&nbsp;&amp;&lt;\"\" é é &amp;foo;</p>"),
            ("<p title=\"a&quot;b'c<>\">x</p>", "<p title=\"a&quot;b'c&lt;&gt;\">x</p>"),
            ("<a href=\"a b&c=é\">x</a>", "<a href=\"a%20b&amp;c=%C3%A9\">x</a>"),
            ("<P CLASS=A>x</P>", "<p class=\"A\">x</p>"),
            ("<table><tr><td>a</table>", "<table><tr><td>a</td></tr></table>"),
            ("<ul><li>a<li>b</ul>", "<ul><li>a</li><li>b</li></ul>"),
            ("<p>a<p>b", "<p>a</p><p>b</p>"),
            ("<p><div>a</div></p>", "<p></p><div>a</div>"),
            ("<p/>a", "<p></p>a"),
            ("<ul><li></ul>", "<ul><li></ul>"),
            ("<h1>a<p>b</h1>", "<h1>a</h1><p>b</p>"),
            ("<p><x-y>q</x-y></p>", "<p>q</p>"),
            ("<p>a</b></i>b", "<p>ab</p>"),
        ] {
            assert_eq!(field(html), written, "{html}");
        }
    }

    #[test]
    fn options() {
        let all = Sanitize { tags: false, attributes: false, form: false, ..Sanitize::default() };
        for (html, kept) in [
            (
                "<form><input disabled checked=\"\" data-x=\"1\" onclick=\"x\"></form>",
                "<form><input disabled checked data-x=\"1\"></form>",
            ),
            ("<p>a</p><iframe src=\"x\">f<b></iframe>", "<p>a</p>f&lt;b&gt;"),
            (
                "<p>a</p><style>b > i {background: url(javascript:x)}</style>",
                "<p>a</p><style>b > i {background: url()}</style>",
            ),
            ("<p>a</p><script>x</script><meta name=\"x\">", "<p>a</p>"),
        ] {
            assert_eq!(sanitize(html, all), kept, "{html}");
        }
        let strict = Sanitize { style: true, ..Sanitize::default() };
        assert_eq!(
            sanitize("<p style=\"color: red; position:fixed; border-left:1px; font-family:'a;b'\">x</p>", strict),
            "<p style=\"color:red; border-left:1px; font-family:'a;b'\">x</p>"
        );
        assert_eq!(sanitize("<p style=\"position:fixed\">x</p>", strict), "<p>x</p>");
        let bare = Sanitize { strip_style: true, strip_classes: true, ..Sanitize::default() };
        assert_eq!(sanitize("<p style=\"color:red\" class=\"a\" id=\"b\">x</p>", bare), "<p id=\"b\">x</p>");
    }

    #[test]
    fn depth_is_bounded() {
        let html = "<b>".repeat(20_000) + "x" + &"</i>".repeat(20_000);
        let kept = field(&html);
        assert_eq!(kept.matches("<b>").count(), DEEPEST);
        let html = "<b>".repeat(300) + "<object>y</object>x";
        assert!(!field(&html).contains('y'));
    }

    #[test]
    fn nothing_to_see() {
        for html in ["", "  ", "<p><br></p>", "<p>&nbsp;</p>", "<div><span class=\"a\"></span></div>", "<!-- x -->"] {
            assert!(is_empty(html), "{html}");
        }
        for html in ["x", "<p>x</p>", "<img src=\"x\">", "<p><i class=\"fa fa-home\"></i></p>", "<hr>"] {
            assert!(!is_empty(html), "{html}");
        }
    }

    fn markup() -> impl Strategy<Value = String> {
        let pieces = vec![
            "<p>",
            "</p>",
            "<b>",
            "</b>",
            "<div>",
            "</div>",
            "<table>",
            "<td>",
            "</td>",
            "</table>",
            "<script>",
            "</script>",
            "<style>",
            "</style>",
            "<script/>",
            "<!--",
            "-->",
            "<br>",
            "x",
            " ",
            "<",
            ">",
            "&lt;",
            "\"",
            "'",
            "<a href=\"",
            "javascript:",
            "<img src=x onerror=y>",
            "<svg>",
            "<title>",
            "</title>",
            "<textarea>",
            "</textarea>",
            "<math>",
            "<iframe>",
            "</iframe>",
            "<plaintext>",
            "<html>",
            "<body>",
            "<o:p>",
            "<![CDATA[",
            "style=\"",
            "<noscript>",
            "<form>",
            "\0",
            "é",
            "</br>",
            "<image>",
            "<select>",
        ];
        prop::collection::vec(prop::sample::select(pieces), 0..30).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn nothing_panics(html in "\\PC*") {
            prop_assert!(field(&html).is_empty() || !html.is_empty());
            let _ = is_empty(&html);
        }

        #[test]
        fn nothing_runs(html in markup(), tags: bool, attributes: bool, form: bool, paragraph: bool) {
            let wrapper = if paragraph { Wrapper::Paragraph } else { Wrapper::Span };
            let options = Sanitize { tags, attributes, form, wrapper, ..Sanitize::default() };
            let kept = sanitize(&html, options);
            prop_assert!(!kept.contains("<script"), "{}", kept);
            prop_assert!(!kept.contains("<img src=\"x\" on"), "{}", kept);
        }

        #[test]
        fn what_is_clean_stays(html in markup()) {
            // A wrapper or a bare `<div>` may go the second time.
            let once = field(&html);
            let twice = field(&once);
            let thrice = field(&twice);
            prop_assert!(twice.len() <= once.len() + "<span></span>".len());
            prop_assert!(thrice.len() <= twice.len() + "<span></span>".len());
        }
    }
}
