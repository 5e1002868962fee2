"""Narrative: what may stand in a div."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.narrative import MAX_DEPTH, MAX_PROBLEMS, is_safe_link, is_well_formed, problems


def div(content: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{content}</div>'


@pytest.mark.parametrize(
    "content",
    [
        "text",
        "<p>a <b>b</b> <i class='x' style=\"color: red\">c</i><br/></p>",
        "<table border='1'><thead><tr><th colspan='2'>h</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>",
        '<a href="Patient/1">p</a> <a href="#x">x</a> <a name="x"/> <a href="mailto:a@b.example">m</a>',
        '<img src="#i" alt="i"/>',
        '<img src="data:image/png;base64,iVBORw0KGgo="/>',
        "&lt;script&gt; &#160;",
        "<!-- a comment -->text",
        "<![CDATA[<script>]]>",
        '<p xml:lang="en" lang="en" dir="rtl">x</p>',
        '<p style="background-image: url(data:image/png;base64,AAAA)">x</p>',
        "<p style='background-image: url(row_1.png); background-color: #fff'>x</p>",
        "<ol start='3'><li value='4'>x</li></ol><dl><dt>t</dt><dd>d</dd></dl>",
    ],
)
def test_what_is_allowed(content: str) -> None:
    assert problems(div(content)) == []
    assert is_well_formed(div(content))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<script>alert(1)</script>", "'script'"),
        ("<p onclick='x()'>p</p>", "'onclick' of 'p'"),
        ("<p ONCLICK='x()'>p</p>", "'ONCLICK' of 'p'"),
        ("<a href='javascript:x()'>a</a>", "href of 'a'"),
        ("<a href=' java&#10;script:x()'>a</a>", "href of 'a'"),
        ("<a href='JAVASCRIPT&#58;x()'>a</a>", "href of 'a'"),
        ("<a href='data:text/html,x'>a</a>", "href of 'a'"),
        ("<img src='data:image/svg+xml,x'/>", "src of 'img'"),
        ("<img src='vbscript:x'/>", "src of 'img'"),
        ("<img onerror='x' src='a'/>", "'onerror' of 'img'"),
        ("<iframe src='x'/>", "'iframe'"),
        ("<form action='x'><input/></form>", "'form'"),
        ("<object data='x'/>", "'object'"),
        ("<style>p {}</style>", "'style'"),
        ("<link href='x'/>", "'link'"),
        ("<p style='background: url(http://x.example)'>p</p>", "style of 'p'"),
        ("<p style='background: url(/fhir/Patient)'>p</p>", "style of 'p'"),
        ("<p style='background: url(../a.png)'>p</p>", "style of 'p'"),
        ("<p style='width: expr/* */ession(x)'>p</p>", "style of 'p'"),
        ("<p style='b: \\75rl(x)'>p</p>", "style of 'p'"),
        ("<P>p</P>", "'P'"),
        ("<x:p xmlns:x='urn:x'>p</x:p>", "'p'"),
        ("<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "'svg'"),
        ("<p xlink:href='x' xmlns:xlink='http://www.w3.org/1999/xlink'>p</p>", "xlink"),
        ("<?php x ?>text", "processing instruction"),
        ("<p>p", "not well-formed"),
        ("a & b", "not well-formed"),
        ("a&nbsp;b", "&nbsp;"),
        ("<p a='1' a='2'/>", "not well-formed"),
        ("\x01", "not well-formed"),
        ("\ud800", "not well-formed"),
        ("", "no content"),
        (" \n <p> </p>", "no content"),
        ("<p>" * 100_000, "nested deeper"),
    ],
)
def test_what_is_refused_and_why(content: str, said: str) -> None:
    assert said in " ".join(problems(div(content)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not well-formed"),
        ("text", "not well-formed"),
        ("<div>x</div>", "not a div in the namespace"),
        ('<p xmlns="http://www.w3.org/1999/xhtml">x</p>', "not a div in the namespace"),
        (div("x") * 2, "not well-formed"),
        ("<!DOCTYPE div [<!ENTITY a 'x'>]>" + div("&a;"), "document type"),
        ('<?xml version="1.0"?>' + div("x"), "XML declaration"),
    ],
)
def test_what_is_no_div_at_all(text: str, said: str) -> None:
    assert said in " ".join(problems(text))
    assert not is_well_formed(text)


def test_a_prefix_changes_nothing() -> None:
    assert problems('<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>x</h:p></h:div>') == []


def test_problems_are_told_once_and_limited() -> None:
    assert len(problems(div("<script/>" * 1_000 + "x"))) == 1
    assert len(problems(div("".join(f"<x{i}/>" for i in range(1_000))))) == MAX_PROBLEMS


def test_names_are_cut_and_content_is_not_repeated() -> None:
    assert max(map(len, problems(div(f"<{'x' * 100_000}/>")))) < 200
    assert "secret" not in " ".join(problems(div("<p onclick='secret'>secret</p><a href='javascript:secret'/>")))


def test_nesting_up_to_the_limit_is_allowed() -> None:
    inside = MAX_DEPTH - 1
    assert problems(div("<b>" * inside + "x" + "</b>" * inside)) == []


@pytest.mark.parametrize("link", ["http://a", "HTTPS://a", "tel:+1", "a/b:c", "#a:b", "?x=javascript:", "", "../x"])
def test_safe_links(link: str) -> None:
    assert is_safe_link(link)


@pytest.mark.parametrize(
    "link", ["javascript:x", "\x01javascript:x", "java\tscript:x", "data:,x", "blob:x", "file:///"]
)
def test_unsafe_links(link: str) -> None:
    assert not is_safe_link(link)


@given(st.text(alphabet="<>/&;\"'= divpascrthxmln:!-[]?#\u00a0\ud800", max_size=80))
def test_any_text_has_an_answer(content: str) -> None:
    assert isinstance(problems(div(content)), list)
    is_well_formed(content)
