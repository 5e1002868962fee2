"""Narrative: which XHTML a `text.div` may hold.

https://hl7.org/fhir/R4/narrative.html (rules txt-1 and txt-2)  A div is shown to people in browsers, so what is not
on these lists is refused, however harmless it looks. The one rule: nothing that runs, and nothing that loads by itself
but images.
"""

import re
from xml.parsers import expat

XHTML = "http://www.w3.org/1999/xhtml"
MAX_PROBLEMS = 10
MAX_DEPTH = 200
SHOWN_NAME_LENGTH = 64


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ELEMENTS = _words(
    "a abbr acronym address area b bdo big blockquote br caption center cite code col colgroup dd dfn dir div dl dt em"
    " font h1 h2 h3 h4 h5 h6 hr i img kbd li map menu ol p pre q s samp small span strike strong sub sup table tbody td"
    " tfoot th thead tr tt u ul var"
)
_ATTRIBUTES = _words(
    "abbr accesskey align axis bgcolor border cellpadding cellspacing char charoff class clear color colspan compact"
    " coords dir face frame headers height id lang name nohref noshade nowrap rowspan rules scope shape size space span"
    " start style summary tabindex title type valign value width xml:lang xml:space"
)
_ATTRIBUTES_OF = {
    "a": frozenset({"charset", "href", "hreflang", "rel", "rev", "target"}),
    "area": frozenset({"alt", "href"}),
    "blockquote": frozenset({"cite"}),
    "img": frozenset({"alt", "hspace", "ismap", "longdesc", "src", "usemap", "vspace"}),
    "q": frozenset({"cite"}),
}
_LINKS = frozenset({"cite", "href", "longdesc", "src", "usemap"})
_SAFE_SCHEMES = frozenset({"http", "https", "mailto", "tel", "ftp", "urn"})
_IMAGE = re.compile(r"data:image/(png|gif|jpe?g|webp|bmp)[;,]", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.\-]*):", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202f\ufeff]+")
_STYLE_IMAGE = re.compile(
    r"url\((data:image/(png|gif|jpe?g|webp|bmp);base64,[A-Za-z0-9+/=]*|[\w.\-]+\.(png|gif|jpe?g))\)", re.IGNORECASE
)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_LOADING_STYLE = re.compile(
    r"url\s*\(|expression\s*\(|image-set\s*\(|@import|behaviou?r\s*:|-moz-binding|\\", re.IGNORECASE
)
_XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace "


def problems(div: str) -> list[str]:
    """What is wrong with the text of a `div`, without its content; at most ten; empty when it may be stored."""
    reading = _Reading()
    try:
        reading.parser.Parse(div.encode("utf-8", "surrogatepass"), True)
    except _Stop:
        pass
    except expat.ExpatError as error:
        reading.found.append(_malformed(error))
    if not reading.found and not reading.has_content:
        reading.found.append("the narrative has no content: txt-2 asks for some text or an image")
    return reading.found[:MAX_PROBLEMS]


def is_well_formed(div: str) -> bool:
    """Whether the text is one XHTML div that can be put into XML as it is."""
    roots: list[str] = []
    parser = expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler = lambda name, _: roots.append(name)
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.XmlDeclHandler = _refuse_doctype
    try:
        parser.Parse(div.encode("utf-8", "surrogatepass"), True)
    except (_Stop, expat.ExpatError):
        return False
    return roots[0] == f"{XHTML} div"


class _Stop(Exception):
    """Nothing more needs to be read."""


class _Reading:
    """One pass over a div: expat calls the methods."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.has_content = False
        self._depth = 0
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.XmlDeclHandler = self._declaration
        self.parser.ProcessingInstructionHandler = self._instruction

    def _start(self, qualified: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._stop(f"the narrative is nested deeper than {MAX_DEPTH} elements")
        namespace, _, name = qualified.rpartition(" ")
        if self._depth == 1 and (namespace, name) != (XHTML, "div"):
            self._stop(f'the narrative is not a div in the namespace "{XHTML}"')
        if namespace != XHTML or name not in _ELEMENTS:
            self._report(f"the element '{_shown(name)}' is not allowed in a narrative (txt-1)")
            return
        self.has_content = self.has_content or name == "img"
        for attribute, value in attributes.items():
            self._check(name, attribute.replace(_XML_NAMESPACE, "xml:"), value)

    def _check(self, element: str, attribute: str, value: str) -> None:
        if attribute not in _ATTRIBUTES and attribute not in _ATTRIBUTES_OF.get(element, ()):
            self._report(f"the attribute '{_shown(attribute)}' of '{element}' is not allowed in a narrative (txt-1)")
        elif attribute in _LINKS and not is_safe_link(value, is_image=attribute == "src"):
            self._report(f"the {attribute} of '{element}' is not a safe link: http, https, mailto, tel or relative")
        elif attribute == "style" and not _is_safe_style(value):
            self._report(f"the style of '{element}' loads or runs something")

    def _end(self, _qualified: str) -> None:
        self._depth -= 1

    def _text(self, text: str) -> None:
        self.has_content = self.has_content or not text.isspace()

    def _doctype(self, *_declared: object) -> None:
        self._stop("a narrative has no document type declaration")

    def _declaration(self, *_declared: object) -> None:
        self._stop("a narrative has no XML declaration")

    def _instruction(self, _target: str, _text: str) -> None:
        self._report("a narrative has no processing instructions")

    def _report(self, problem: str) -> None:
        if problem not in self.found:
            self.found.append(problem)
        if len(self.found) >= MAX_PROBLEMS:
            raise _Stop

    def _stop(self, problem: str) -> None:
        self.found.append(problem)
        raise _Stop


def is_safe_link(link: str, *, is_image: bool = False) -> bool:
    """Whether a browser that follows the link runs nothing: known schemes, relative ones, raster images inline."""
    visible = _INVISIBLE.sub("", link)
    if is_image and _IMAGE.match(visible):
        return True
    scheme = _SCHEME.match(visible)
    return scheme is None or scheme[1].lower() in _SAFE_SCHEMES


def _is_safe_style(style: str) -> bool:
    return _LOADING_STYLE.search(_STYLE_IMAGE.sub("", _COMMENT.sub("", style))) is None


def _refuse_doctype(*_declared: object) -> None:
    raise _Stop


def _malformed(error: expat.ExpatError) -> str:
    hint = " (named HTML entities such as &nbsp; are not defined in XML)" if "entity" in str(error) else ""
    return f"the narrative is not well-formed XML: {expat.ErrorString(error.code)} in line {error.lineno}{hint}"


def _shown(name: str) -> str:
    return name[:SHOWN_NAME_LENGTH].encode("ascii", "backslashreplace").decode()
