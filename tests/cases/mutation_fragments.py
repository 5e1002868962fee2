"""Pieces of a resource that mutations put in: narratives, extensions, references, contained resources, meta.

Legal and illegal are mixed, as in mutation_values: the recorded verdict says which is which.
https://hl7.org/fhir/R4/narrative.html  https://hl7.org/fhir/R4/extensibility.html  https://hl7.org/fhir/R4/references.html
"""

from typing import Any

_NAMESPACE = 'xmlns="http://www.w3.org/1999/xhtml"'


def _div(content: str) -> str:
    return f"<div {_NAMESPACE}>{content}</div>"


DIVS: list[str] = [
    _div("plain"),
    _div("<p>a &amp; b &lt; c &#169; &nbsp; &copy;</p>"),
    _div('<table class="grid" border="1"><thead><tr><th>a</th></tr></thead><tr><td colspan="2">b</td></tr></table>'),
    _div('<p style="color: red"><b>a</b><i>b</i><br/><tt>c</tt></p>'),
    _div('<a href="https://example.org/">a</a> <a name="x">b</a> <a href="#x">c</a>'),
    _div('<a href="Patient/1">a</a>'),
    _div('<img src="https://example.org/a.png" alt="a"/>'),
    _div('<img src="data:image/png;base64,AAAA" alt="a"/>'),
    _div(
        "<ul><li>a</li></ul><ol><li>b</li></ol><dl><dt>c</dt><dd>d</dd></dl><hr/><blockquote><p>e</p></blockquote><pre>f</pre>"
    ),
    _div('<span id="a" lang="en" xml:lang="en" title="t">a</span>'),
    _div("<script>alert(1)</script>"),
    _div('<p onclick="alert(1)">a</p>'),
    _div('<a href="javascript:alert(1)">a</a>'),
    _div('<a href=" JaVaScRiPt:alert(1)">a</a>'),
    _div('<a href="vbscript:x">a</a>'),
    _div('<a href="data:text/html,x">a</a>'),
    _div('<p style="background: url(https://example.org/a.png)">a</p>'),
    _div('<p style="width: expression(alert(1))">a</p>'),
    _div('<iframe src="https://example.org/"></iframe>'),
    _div('<object data="https://example.org/"></object>'),
    _div('<form action="https://example.org/"><input type="text"/></form>'),
    _div('<link rel="stylesheet" href="https://example.org/"/>'),
    _div('<base href="https://example.org/"/>'),
    _div("<style>p { color: red }</style>"),
    _div("<head><title>a</title></head><body>b</body>"),
    _div("<svg><circle r='1'/></svg>"),
    _div("<video src='https://example.org/'/>"),
    _div("<p>a<!-- comment --></p>"),
    _div("<p><![CDATA[a]]></p>"),
    _div("<?target instruction?><p>a</p>"),
    _div("<P>a</P>"),
    _div("<p>a"),
    _div("a & b"),
    _div("a &unknown; b"),
    _div("<p a='1' a='2'>b</p>"),
    _div('<p unknown="x">a</p>'),
    _div('<p xmlns="http://example.org/x">a</p>'),
    _div(""),
    _div("   "),
    _div("<p> </p>"),
    _div('<img src="https://example.org/a.png"/>'),
    "<div>no namespace</div>",
    f"<p {_NAMESPACE}>a</p>",
    f"<div {_NAMESPACE}>a</div><div {_NAMESPACE}>b</div>",
    f"text <div {_NAMESPACE}>a</div>",
    f"<!DOCTYPE div [<!ENTITY x 'y'>]><div {_NAMESPACE}>&x;</div>",
    f'<?xml version="1.0"?><div {_NAMESPACE}>a</div>',
    f'<div {_NAMESPACE} onload="alert(1)">a</div>',
    "<h:div xmlns:h='http://www.w3.org/1999/xhtml'>a</h:div>",
    "plain text",
    "",
    " ",
]

ABSENT = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}
MARK = {"url": "http://example.org/fhir/StructureDefinition/mark", "valueString": "x"}

EXTENSIONS: list[Any] = [
    MARK,
    {
        "url": "http://example.org/nested",
        "extension": [{"url": "a", "valueInteger": 1}, {"url": "b", "valueBoolean": False}],
    },
    {"url": "http://example.org/both", "valueString": "x", "extension": [MARK]},
    {"valueString": "x"},
    {"url": "http://example.org/empty"},
    {"url": "", "valueString": "x"},
    {"url": "relative", "valueString": "x"},
    {"url": "http://example.org/ space", "valueString": "x"},
    {"url": 5, "valueString": "x"},
    {"url": ["http://example.org/x"], "valueString": "x"},
    {"url": "http://example.org/two", "valueString": "x", "valueCode": "y"},
    {"url": "http://example.org/type", "valueFoo": "x"},
    {"url": "http://example.org/type", "valueHumanName": {"family": "x"}},
    {"url": "http://example.org/type", "valueRatioRange": {"denominator": {"value": 1}}},
    {"url": "http://example.org/type", "valueNarrative": {"status": "empty", "div": _div("x")}},
    {"url": "http://example.org/wrong", "valueBoolean": "true"},
    {"url": "http://example.org/value", "value": "x"},
    {"url": "http://example.org/absent", "_valueString": ABSENT},
    {"url": "http://example.org/unknown", "valueString": "x", "unknown": 1},
    {"url": "http://example.org/id", "id": "a b", "valueString": "x"},
    {"url": "http://example.org/date", "valueDate": "2021-02-31"},
    {"url": "http://example.org/reference", "valueReference": "Patient/1"},
    {"url": "http://example.org/deep", "extension": [{"url": "a", "extension": [{"url": "b"}]}]},
    {"url": "http://example.org/list", "valueString": ["x"]},
    "http://example.org/string",
    {},
    None,
]

REFERENCES: list[Any] = [
    "Patient/1",
    {},
    {"display": "x"},
    {"reference": "#nowhere"},
    {"reference": "#"},
    {"reference": ""},
    {"reference": "Patient/a_b"},
    {"reference": "Nonsense/1"},
    {"reference": "Patient"},
    {"reference": "Patient/"},
    {"reference": "patient/1"},
    {"reference": "Patient/1/_history/2"},
    {"reference": "http://example.org/fhir/Patient/1"},
    {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},
    {"reference": "urn:uuid:x"},
    {"reference": "Binary/1"},
    {"reference": "ValueSet/1"},
    {"reference": 5},
    {"reference": ["Patient/1"]},
    {"reference": "Patient/1?x=y"},
    {"reference": "Patient?identifier=x"},
    {"type": "Patient", "identifier": {"value": "x"}},
    {"type": "Nonsense", "identifier": {"value": "x"}},
    {"identifier": {"system": "http://example.org", "value": ""}},
    {"resource": {"resourceType": "Patient"}},
]

PRIMITIVE_SIBLINGS: list[Any] = [
    {"id": "a1"},
    {"id": "a b"},
    {"id": ""},
    {"id": 5},
    {"extension": [MARK]},
    ABSENT,
    {"extension": []},
    {"extension": [{"valueString": "x"}]},
    {"extension": MARK},
    {"unknown": "x"},
    {"value": "x"},
    {},
    "x",
    None,
    [],
    [ABSENT],
    {"modifierExtension": [MARK]},
    {"fhir_comments": ["x"]},
]

CONTAINED_ID = "inside"
CONTAINED: list[Any] = [
    {"resourceType": "Organization", "id": CONTAINED_ID, "name": "x"},
    {"resourceType": "Organization", "name": "x"},
    {"resourceType": "Nonsense", "id": CONTAINED_ID},
    {"id": CONTAINED_ID, "name": "x"},
    {"resourceType": "Organization", "id": "#" + CONTAINED_ID, "name": "x"},
    {"resourceType": "Organization", "id": CONTAINED_ID, "name": "x", "meta": {"versionId": "1"}},
    {"resourceType": "Organization", "id": CONTAINED_ID, "name": "x", "meta": {"lastUpdated": "2021-06-15T10:00:00Z"}},
    {"resourceType": "Organization", "id": CONTAINED_ID, "name": "x", "meta": {"tag": [{"code": "x"}]}},
    {
        "resourceType": "Organization",
        "id": CONTAINED_ID,
        "name": "x",
        "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]},
    },
    {
        "resourceType": "Organization",
        "id": CONTAINED_ID,
        "contained": [{"resourceType": "Organization", "id": "deeper", "name": "y"}],
        "name": "x",
    },
    {"resourceType": "Organization", "id": CONTAINED_ID, "active": "true", "name": "x"},
    {"resourceType": "Organization", "id": CONTAINED_ID, "unknown": "x", "name": "x"},
    {"resourceType": "Organization", "id": CONTAINED_ID, "name": "x", "partOf": {"reference": "#nowhere"}},
    {
        "resourceType": "Organization",
        "id": CONTAINED_ID,
        "name": "x",
        "text": {"status": "generated", "div": _div("x")},
    },
    {"resourceType": "Basic", "id": CONTAINED_ID},
    {"resourceType": "Basic", "id": CONTAINED_ID, "code": {"text": "x"}, "subject": {"reference": "#"}},
]

METAS: list[Any] = [
    {"versionId": "1", "lastUpdated": "2021-06-15T10:00:00Z"},
    {"versionId": 1},
    {"versionId": "a_b"},
    {"lastUpdated": "2021-06-15"},
    {"lastUpdated": "2021-02-31T10:00:00Z"},
    {"tag": {"code": "x"}},
    {"tag": [{"system": "http://example.org", "code": "x"}]},
    {"tag": ["x"]},
    {"security": []},
    {"source": "a b"},
    {"source": "#a1"},
    {"project": "x"},
    {},
    [],
    "x",
    None,
]
