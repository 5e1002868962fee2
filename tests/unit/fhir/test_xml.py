"""XML: lossless to and from JSON, and strict."""

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import BadRequest, NotAcceptable
from fhir_server.fhir import json, xml
from fhir_server.fhir.json import JsonObject, dump, parse_stored
from fhir_server.fhir.structures import Structures

XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'
DIV = f"<div {XHTML}>\r\n <p title='a>b'>&#160;<b/>x &lt; y</p><!-- c --><![CDATA[<]]>\n</div>"
FHIR = 'xmlns="http://hl7.org/fhir"'

SAMPLES = {
    "decimals": '{"resourceType":"Observation","valueQuantity":{"value":1.10},'
    '"component":[{"valueQuantity":{"value":1e5}},{"valueQuantity":{"value":-0.0}},{"valueInteger":-12}]}',
    "long numbers": '{"resourceType":"Observation","valueQuantity":{"value":123456789012345678901234567890.10}}',
    "primitive extensions": '{"resourceType":"Patient","active":true,"_active":{"id":"a"},'
    '"name":[{"given":["a",null,"c"],"_given":[null,{"id":"g","extension":[{"url":"u","valueCode":"c"}]},null],'
    '"_family":{"extension":[{"url":"u","_valueString":{"id":"v"}}]}}],"multipleBirthInteger":2}',
    "siblings only": '{"resourceType":"Patient","name":[{"_given":[{"id":"g"},{"id":"h"}]}]}',
    "white space": '{"resourceType":"Patient","name":[{"text":" a\\n\\tb\\r\\n  c "}]}',
    "special characters": '{"resourceType":"Patient","name":[{"text":"<a b=\\"x\\">&amp;\'\u0085\u2028\U0001f600"}]}',
    "narrative": dump({"resourceType": "Patient", "text": {"status": "generated", "div": DIV}}),
    "contained": '{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o"},'
    '{"resourceType":"Basic"}],"managingOrganization":{"reference":"#o"}}',
    "nested resources": '{"resourceType":"Bundle","entry":[{"fullUrl":"urn:a","resource":{"resourceType":"Bundle",'
    '"entry":[{"resource":{"resourceType":"Parameters","parameter":[{"name":"p","resource":'
    '{"resourceType":"Patient","id":"1"}},{"name":"q","part":[{"name":"r","valueDate":"2020"}]}]}}]}}]}',
    "element ids": '{"resourceType":"Patient","extension":[{"id":"e","url":"u","valueBoolean":false}],'
    '"name":[{"id":"n","family":"f"}]}',
    "content references": '{"resourceType":"Questionnaire","item":[{"linkId":"1","item":[{"linkId":"2"}]}]}',
    "empty resource": '{"resourceType":"Patient"}',
}


def sorted_members(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: sorted_members(value[name]) for name in sorted(value)}
    return [sorted_members(item) for item in value] if isinstance(value, list) else value


def same(one: Any, other: Any) -> bool:
    return dump(sorted_members(one)) == dump(sorted_members(other))


def read(text: str | bytes, structures: Structures, max_depth: int = 64) -> JsonObject:
    return xml.parse(text if isinstance(text, bytes) else text.encode(), structures, max_depth=max_depth)


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)
@pytest.mark.parametrize("pretty", [False, True])
def test_nothing_is_lost_there_and_back(structures: Structures, text: str, pretty: bool) -> None:
    resource = parse_stored(text)
    assert same(read(xml.dump(resource, structures, pretty=pretty), structures), resource)


def test_what_is_written(structures: Structures) -> None:
    resource = parse_stored(
        '{"birthDate":"2020","name":[{"_family":{"id":"f"},"family":"a\\nb\\"<"}],"id":"1","resourceType":"Patient",'
        '"extension":[{"valueCode":"c","url":"u","id":"e"}]}'
    )
    assert xml.dump(resource, structures).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?><Patient xmlns="http://hl7.org/fhir"><id value="1"/>'
        '<extension id="e" url="u"><valueCode value="c"/></extension>'
        '<name><family value="a&#10;b&quot;&lt;" id="f"/></name><birthDate value="2020"/></Patient>'
    )
    assert xml.dump(resource, structures, pretty=True).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Patient xmlns="http://hl7.org/fhir">\n  <id value="1"/>\n'
        '  <extension id="e" url="u">\n    <valueCode value="c"/>\n  </extension>\n'
        '  <name>\n    <family value="a&#10;b&quot;&lt;" id="f"/>\n  </name>\n  <birthDate value="2020"/>\n</Patient>'
    )


def test_what_no_xml_can_hold_is_written_as_a_replacement(structures: Structures) -> None:
    written = xml.dump({"resourceType": "Patient", "name": [{"text": "a\x00\x1b\ufffeb"}]}, structures)
    assert read(written, structures)["name"] == [{"text": "a\ufffd\ufffd\ufffdb"}]


@pytest.mark.parametrize("div", ["<div>x", "<p>x</p>", "]]>", "<!DOCTYPE a><div/>", "&nbsp;"])
def test_a_narrative_that_is_no_xml_does_not_spoil_the_document(structures: Structures, div: str) -> None:
    written = xml.dump({"resourceType": "Patient", "text": {"status": "generated", "div": div}}, structures)
    assert "XHTML".lower() in read(written, structures)["text"]["div"].lower()


@pytest.mark.parametrize(
    "resource",
    [
        {},
        {"resourceType": "Nonsense"},
        {"resourceType": ["Patient"]},
        {"resourceType": "Patient", "nonsense": 1},
        {"resourceType": "Patient", "name": ["text"]},
        {"resourceType": "Patient", "birthDate": {"a": 1}},
        {"resourceType": "Patient", "_birthDate": "x"},
        {"resourceType": "Patient", "birthDate": 1.5},
        {"resourceType": "Patient", "contained": [{"id": "1"}]},
        {"resourceType": "Patient", "contained": ["x"]},
    ],
)
def test_what_has_no_xml_form(structures: Structures, resource: JsonObject) -> None:
    with pytest.raises(NotAcceptable):
        xml.dump(resource, structures)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('<active value="true"/>', {"active": True}),
        ('<active value="1"/>', {"active": "1"}),
        ('<multipleBirthInteger value="2"/>', {"multipleBirthInteger": 2}),
        ('<multipleBirthInteger value="+2"/>', {"multipleBirthInteger": 2}),
        ('<multipleBirthInteger value="2.0"/>', {"multipleBirthInteger": "2.0"}),
        ('<multipleBirthInteger value="02"/>', {"multipleBirthInteger": "02"}),
        ('<birthDate value="2020"/>', {"birthDate": "2020"}),
        ('<name/>', {"name": [{}]}),
        ('<communication><preferred value="no"/></communication>', {"communication": [{"preferred": "no"}]}),
        ('<!-- c --><?pi x?>\n <active value="true" />', {"active": True}),
        ('<h:active xmlns:h="http://hl7.org/fhir" value="true"/>', {"active": True}),
    ],
)  # fmt: skip
def test_values_are_typed_by_the_element_tables(structures: Structures, content: str, expected: JsonObject) -> None:
    assert read(f"<Patient {FHIR}>{content}</Patient>", structures) == {"resourceType": "Patient", **expected}


def test_an_integer_literal_in_a_decimal_is_an_int_and_others_keep_their_text(structures: Structures) -> None:
    text = f'<Basic {FHIR}><extension url="u"><valueDecimal value="%s"/></extension></Basic>'
    for literal, kind in (("7", int), ("7.00", Decimal), ("1e5", Decimal), ("-0", Decimal)):
        found = read(text % literal, structures)["extension"][0]["valueDecimal"]
        assert isinstance(found, kind)
        assert str(found) == literal


def test_a_root_may_carry_a_schema_location_and_a_declaration(structures: Structures) -> None:
    text = (
        '\ufeff<?xml version="1.0" encoding="utf-8" standalone="yes"?>'
        f'<Patient {FHIR} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b"/>'
    )
    assert read(text, structures) == {"resourceType": "Patient"}


@pytest.mark.parametrize(
    "div",
    [
        '<div xmlns="http://www.w3.org/1999/xhtml"/>',
        '<div  xmlns="http://www.w3.org/1999/xhtml" title="a>b"  />',
        '<div xmlns="http://www.w3.org/1999/xhtml"><div>é</div></div >',
        DIV,
    ],
)
def test_a_narrative_is_kept_verbatim(structures: Structures, div: str) -> None:
    text = f"<Patient {FHIR}><text><status value='generated'/>{div}</text></Patient>"
    assert read(text, structures)["text"] == {"status": "generated", "div": div}


def test_a_narrative_whose_namespace_is_declared_further_up(structures: Structures) -> None:
    text = f'<f:Patient xmlns:f="http://hl7.org/fhir" {XHTML} {XHTML.replace("xmlns", "xmlns:h")}>%s</f:Patient>'
    text %= "<f:text>{}</f:text>"
    expected = '<div xmlns="http://www.w3.org/1999/xhtml" class="c"><p>x</p></div>'
    assert read(text.format('<div class="c"><p>x</p></div>'), structures)["text"]["div"] == expected
    expected = '<h:div xmlns:h="http://www.w3.org/1999/xhtml">x</h:div>'
    assert read(text.format("<h:div>x</h:div>"), structures)["text"]["div"] == expected
    with pytest.raises(BadRequest, match="namespace"):
        read(text.format("<div><h:p>x</h:p></div>"), structures)


BOMB = "<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "malformed"),
        ("x", "malformed"),
        (f"<Patient {FHIR}>", "malformed"),
        (f"<Patient {FHIR}/>x", "malformed"),
        (f"<Patient {FHIR}><name></Patient>", "malformed"),
        (f"<Patient {FHIR}><name value='&nbsp;'/></Patient>", "malformed"),
        (f"<Patient {FHIR}><name value='&#0;'/></Patient>", "malformed"),
        (f"<x:Patient {FHIR}/>", "malformed"),
        (BOMB + f"<Patient {FHIR}/>", "document type"),
        (f"<!DOCTYPE Patient SYSTEM 'file:///etc/passwd'><Patient {FHIR}/>", "document type"),
        (f"<?xml version='1.0' encoding='iso-8859-1'?><Patient {FHIR}/>", "UTF-8"),
        (f"<?xml version='1.1'?><Patient {FHIR}/>", "malformed|version 1.0"),
        ("<Patient/>", "namespace"),
        ("<Patient xmlns='http://hl7.org/fhir/'/>", "namespace"),
        (f"<Nonsense {FHIR}/>", "'Nonsense' is not a resource type"),
        (f"<HumanName {FHIR}/>", "'HumanName' is not a resource type"),
        (f"<Patient {FHIR}><nonsense value='1'/></Patient>", "no element 'nonsense'"),
        (f"<Patient {FHIR}><resourceType value='1'/></Patient>", "no element 'resourceType'"),
        (f"<Patient {FHIR}><value value='1'/></Patient>", "no element 'value'"),
        (f"<Patient {FHIR}><name><id value='1'/></name></Patient>", "no element 'id'"),
        (f"<Patient {FHIR}><extension><url value='1'/></extension></Patient>", "no element 'url'"),
        (f"<Patient {FHIR}><active value='true'><name/></active></Patient>", "no element 'name'"),
        (f"<Patient {FHIR}><name xmlns='urn:x'/></Patient>", "wrong namespace"),
        (f"<Patient {FHIR}><text><div>x</div></text></Patient>", "wrong namespace"),
        (f"<Patient {FHIR}><active value='true'/><active value='true'/></Patient>", "does not repeat"),
        (f"<Patient {FHIR}><text>{DIV}{DIV}</text></Patient>", "does not repeat"),
        (f"<Patient {FHIR}><active/></Patient>", "neither a value nor extensions"),
        (f"<Patient {FHIR} id='1'/>", "attribute 'id'"),
        (f"<Patient {FHIR}><name url='1'/></Patient>", "attribute 'url'"),
        (f"<Patient {FHIR}><name value='1'/></Patient>", "attribute 'value'"),
        (f"<Patient {FHIR}><active value='true' xml:id='a'/></Patient>", "attribute 'id'"),
        (f"<Patient {FHIR}>text</Patient>", "text between elements"),
        (f"<Patient {FHIR}><active>true</active></Patient>", "text between elements"),
        (f"<Patient {FHIR}><contained/></Patient>", "a resource is expected"),
        (f"<Patient {FHIR}><contained><name/></contained></Patient>", "'name' is not a resource type"),
        (f"<Patient {FHIR}><contained><Basic/><Basic/></contained></Patient>", "one resource"),
        (f"<Patient {FHIR}><extension url='u'><valueDecimal value='1e999'/></extension></Patient>", "exponent"),
        (f"<Patient {FHIR}>" + "<extension url='u'>" * 100_000, "nested deeper"),
        (f"<Patient {FHIR}><text><div xmlns='http://www.w3.org/1999/xhtml'>" + "<p>" * 100_000, "malformed"),
        (f"<Patient {FHIR}><{'x' * 100_000}/></Patient>", "no element"),
    ],
)
def test_what_is_refused_and_why(structures: Structures, text: str, said: str) -> None:
    with pytest.raises(BadRequest, match=said) as caught:
        read(text, structures)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe<\x00", b"<Patient xmlns='http://hl7.org/fhir'><id value='\xff'/></Patient>"]
)
def test_what_is_not_utf_8(structures: Structures, raw: bytes) -> None:
    with pytest.raises(BadRequest, match="malformed"):
        read(raw, structures)


def test_a_refusal_says_where(structures: Structures) -> None:
    patient = "<Patient><name/><name><x/></name></Patient>"
    text = f"<Bundle {FHIR}><entry/><entry><resource>{patient}</resource></entry></Bundle>"
    with pytest.raises(BadRequest) as caught:
        read(text, structures)
    assert caught.value.issues[0].expression == ("Bundle.entry[1].resource.name[1]",)


def test_the_depth_is_that_of_the_json_form(structures: Structures) -> None:
    for text in SAMPLES.values():
        resource = parse_stored(text)
        written = xml.dump(resource, structures)
        depth = next(limit for limit in range(64) if not json.is_deeper(text.encode(), limit))
        read(written, structures, max_depth=depth)
        if depth > 1:
            with pytest.raises(BadRequest, match="nested deeper"):
                read(written, structures, max_depth=depth - 1)


texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=9
).filter(lambda text: not any(c < " " and c not in "\t\r\n" for c in text))
primitives = st.lists(st.tuples(st.none() | texts, st.none() | st.fixed_dictionaries({"id": texts})), max_size=4)


@given(primitives)
def test_any_array_of_primitives_survives(structures: Structures, pairs: list[tuple[Any, Any]]) -> None:
    pairs = [pair for pair in pairs if pair != (None, None)]
    name: JsonObject = {}
    if any(value for value, _ in pairs):
        name["given"] = [value for value, _ in pairs]
    if any(sibling for _, sibling in pairs):
        name["_given"] = [sibling for _, sibling in pairs]
    resource = {"resourceType": "Patient", "name": [name]}
    assert same(read(xml.dump(resource, structures), structures), resource)


fragments = st.lists(
    st.sampled_from(
        ["<Patient>", "</Patient>", f"<Patient {FHIR}>", "<name>", "</name>", "<given value='x'/>", "<text>", "</text>",
         f"<div {XHTML}>", "</div>", "<contained>", "</contained>", "x", " ", "&amp;", "&x;",
         "<!--", "-->", "<![CDATA[", "]]>", "<?x", "?>", "<!DOCTYPE", ">", "\x00", "'", "<id value='1'/>", "<Basic/>"]
    ),
    max_size=14,
)  # fmt: skip


@given(fragments, st.booleans())
def test_almost_xml_is_read_or_refused(structures: Structures, pieces: list[str], wrapped: bool) -> None:
    text = "".join(pieces)
    with contextlib.suppress(BadRequest):
        read(f"<Patient {FHIR}>{text}</Patient>" if wrapped else text, structures)
