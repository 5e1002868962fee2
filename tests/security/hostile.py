"""What a hostile or broken client may send: strategies for bodies, paths, queries and headers.

Random text alone is refused at the door; so each strategy starts from what is right and breaks it somewhere.
"""

import json
import re
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from hypothesis import strategies as st

from tests.builders import actors, referrals

TYPES = ("Patient", "Task", "ServiceRequest", "Observation", "Binary", "Questionnaire", "Bundle", "Consent", "Nonsense")
FORMATS = (
    "application/fhir+json",
    "application/fhir+xml",
    "application/json",
    "application/json-patch+json",
    "application/xml-patch+xml",
    "application/x-www-form-urlencoded",
    "text/html",
    "*/*",
)
_PARAMETERS = (
    "_id", "_lastUpdated", "_profile", "_tag", "_security", "_source", "_count", "_sort", "_summary",
    "_elements", "_include", "_revinclude", "_total", "_format", "_pretty", "_since", "_at",
    "_has:Task:patient:status", "_contained", "_text", "_filter", "_cursor", "_type", "name", "birthdate",
    "patient", "subject", "owner", "status", "code", "identifier", "authored-on", "based-on", "date",
    "value-quantity", "url", "performer.name", "owner:Organization",
)  # fmt: skip
_MODIFIERS = ("", "", "", ":exact", ":contains", ":missing", ":not", ":in", ":above", ":iterate", ":identifier", ":")
_VALUES = (
    "a", "", ",", "|", "a|b", "|b", "a|", "\\,", "\\", "a,b,c", "Patient/1", "Patient/", "/",
    "http://example.org/x", "true", "2021", "ge2021-02-31", "gt2021-13", "eq",
    "ne2021-06-15T10:00:00+14:00", "lt99999-01-01", "ap2021", "0", "-1", "1e999", "99999999999999999999",
    "NaN", "5.40e-3|http://unitsofmeasure.org|mg", "Task:owner", "Task:*", "*", "%", "_", "%00", "\x00",
    "\ud83d\ude00", "\u0130", "a" * 3000, "'; drop table resource; --", "$", "(", "_lastUpdated",
    "-_lastUpdated,status",
)  # fmt: skip
_DATES = (
    "",
    "2021-02-31",
    "2021-06-15T10:00:00Z",
    "9999-12-31T23:59:59Z",
    "0001-01-01",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "x",
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(_VALUES + _DATES),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                st.text(max_size=8),
                st.sampled_from(
                    (
                        "resourceType",
                        "id",
                        "meta",
                        "extension",
                        "url",
                        "contained",
                        "text",
                        "div",
                        "_id",
                        "entry",
                        "value",
                    )
                ),
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


def _resources() -> list[dict[str, Any]]:
    patient = actors.patient(
        "p1", text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
    )
    request = referrals.service_request("r1", subject=patient)
    task = referrals.task("t1", focus=request, subject=patient, requester="Organization/o1", owner="Organization/o2")
    batch = referrals.bundle("batch", referrals.post(patient, "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"))
    transaction = referrals.bundle(
        "transaction", referrals.put(task), {"request": {"method": "GET", "url": "Task?_id=t1"}}
    )
    binary = {"resourceType": "Binary", "id": "b1", "contentType": "text/plain", "data": "eHh4"}
    patch = {
        "resourceType": "Parameters",
        "parameter": [{
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "replace"},
                {"name": "path", "valueString": "Task.status"},
                {"name": "value", "valueCode": "accepted"},
            ],
        }],
    }  # fmt: skip
    json_patch = [
        {"op": "replace", "path": "/status", "value": "accepted"},
        {"op": "test", "path": "/id", "value": "t1"},
    ]
    return [patient, request, task, batch, transaction, binary, patch, json_patch]  # type: ignore[list-item]


RESOURCES = _resources()
PLACES = (
    ("PUT", "Patient/p1", "application/fhir+json"),
    ("PUT", "ServiceRequest/r1", "application/fhir+json"),
    ("PUT", "Task/t1", "application/fhir+json"),
    ("POST", "", "application/fhir+json"),
    ("POST", "", "application/fhir+json"),
    ("PUT", "Binary/b1", "application/fhir+json"),
    ("PATCH", "Task/t1", "application/fhir+json"),
    ("PATCH", "Task/t1", "application/json-patch+json"),
)
_token = st.text("abcxyz0123456789.+-", min_size=1, max_size=10)
media_types = st.one_of(
    st.builds(
        "{}/{}{}".format, _token, _token, st.sampled_from(("", "; charset=x", ";\n", '; a="\u0100"', "\r\nX: y"))
    ),
    st.text(st.characters(min_codepoint=9, max_codepoint=255), max_size=30),
)


@st.composite
def broken_resources(draw: st.DrawFn) -> tuple[int, Any]:
    """Which of RESOURCES, and it with up to three changes: odd text in it, another value, a member more or less."""
    number = draw(st.integers(0, len(RESOURCES) - 1))
    resource = json.loads(json.dumps(RESOURCES[number]))
    for _ in range(draw(st.integers(0, 3))):
        container, key = _somewhere(draw, resource)
        action = draw(st.sampled_from(("text", "text", "text", "set", "add", "remove", "nest")))
        if action == "text" and isinstance(container[key], str):
            container[key] = draw(st.one_of(st.text(max_size=20), st.sampled_from(_VALUES + _DATES)))
        elif action == "set":
            container[key] = draw(values)
        elif action == "remove":
            del container[key]
        elif action == "nest":
            container[key] = [container[key]] if draw(st.booleans()) else {"value": container[key]}
        elif isinstance(container, dict):
            container[draw(st.sampled_from(("_status", "contained", "extension", "", "x", "_id")))] = draw(values)
        else:
            container.append(draw(values))
        if not resource:
            return number, resource
    return number, resource


def _somewhere(draw: st.DrawFn, root: Any) -> tuple[Any, Any]:
    container = root
    while True:
        key = draw(st.sampled_from(sorted(container) if isinstance(container, dict) else range(len(container))))
        below = container[key]
        if not isinstance(below, dict | list) or not below or draw(st.booleans()):
            return container, key
        container = below


@st.composite
def json_requests(draw: st.DrawFn) -> tuple[str, str, str, bytes]:
    """Method, path, content type and body: mostly where such a body belongs; sometimes the text itself is torn."""
    number, resource = draw(broken_resources())
    text = json.dumps(resource, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    method, path, kind = PLACES[number]
    if draw(st.integers(0, 4)) == 0:
        method = draw(st.sampled_from(("POST", "PUT", "PATCH")))
        path = draw(st.sampled_from(("", "Patient", "Patient/p1", "Task?_id=t1", "ServiceRequest/r1", "Binary/b1")))
        kind = draw(st.sampled_from(FORMATS[:4]))
    return method, path, kind, draw(_torn(text))


_XML_PATIENT = (
    '<Patient xmlns="http://hl7.org/fhir"><id value="p1"/><text><status value="generated"/>'
    '<div xmlns="http://www.w3.org/1999/xhtml"><p>a &amp; b</p></div></text><extension url="http://example.org/x">'
    '<valueDecimal value="1.50"/></extension><active value="true"/><name id="n"><family value="Testperson">'
    '<extension url="http://example.org/y"><valueString value="z"/></extension></family><given value="Ana"/></name>'
    '<birthDate value="1980-02-29"/></Patient>'
)
_XML_BUNDLE = (
    '<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/><entry><resource><Task><id value="t1"/><contained>'
    '<Basic><id value="b"/><code><text value="x"/></code></Basic></contained><status value="requested"/>'
    '<intent value="order"/><focus><reference value="#b"/></focus></Task></resource><request><method value="PUT"/>'
    '<url value="Task/t1"/></request></entry></Bundle>'
)
_XML = (_XML_PATIENT, _XML_BUNDLE)
_XML_NOISE = (
    "<!-- c -->", "<?pi x?>", "<![CDATA[x]]>", "&amp;", "&lol;", "&#0;", "&#x1F600;", "text", "<x/>",
    '<x:y xmlns:x="u"/>', '<id value="a"/>', '<active value="TRUE"/>', '<extension url=""/>', "<div/>", "<", ">", '"',
    "]]>", "<valueString/>",
)  # fmt: skip
_XML_HEADS = (
    "",
    "",
    "",
    "<?xml version='1.0' encoding='UTF-8'?>",
    "<?xml version='1.0' encoding='UTF-16'?>",
    "<!DOCTYPE Patient [<!ENTITY lol 'x'>]>",
    "<!DOCTYPE Patient SYSTEM 'file:///etc/passwd'>",
)


@st.composite
def xml_requests(draw: st.DrawFn) -> tuple[str, bytes]:
    """Path and body: a resource or Bundle in XML with odd values, tags taken out or put twice, and things put in."""
    number = draw(st.integers(0, len(_XML) - 1))
    tokens = re.findall(r"<[^>]*>|[^<]+", _XML[number])
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(tokens) - 1))
        action = draw(st.sampled_from(("value", "value", "noise", "remove", "twice", "swap")))
        if action == "value":
            text = quoteattr(draw(st.one_of(st.sampled_from(_VALUES + _DATES), st.text(max_size=20))))
            tokens[place] = re.sub(r'"[^"]*"', lambda _, text=text: text, tokens[place], count=1)
        elif action == "noise":
            tokens.insert(place, draw(st.sampled_from(_XML_NOISE)))
        elif action == "remove":
            tokens[place] = ""
        elif action == "twice":
            tokens.insert(place, tokens[place])
        else:
            other = draw(st.integers(0, len(tokens) - 1))
            tokens[place], tokens[other] = tokens[other], tokens[place]
    text = draw(st.sampled_from(_XML_HEADS)) + "".join(tokens)
    return ("Patient/p1", "")[number], draw(_torn(text.encode("utf-8", "surrogatepass")))


@st.composite
def _torn(draw: st.DrawFn, text: bytes) -> bytes:
    """The text as it is, mostly; cut, with bytes in it, doubled, or deep."""
    how = draw(st.sampled_from(("whole",) * 16 + ("cut", "noise", "twice", "deep")))
    place = draw(st.integers(0, len(text)))
    if how == "cut":
        return text[:place]
    if how == "noise":
        return text[:place] + draw(st.binary(max_size=4)) + text[place:]
    if how == "twice":
        return text + text
    if how == "deep":
        return b"[" * 5_000 + text
    return text


segments = st.one_of(
    st.sampled_from(
        (
            *TYPES,
            "p1",
            "t1",
            "_history",
            "_search",
            "metadata",
            "1",
            "0",
            "99999999999",
            "$validate",
            "..",
            ".",
            "",
            "%00",
        )
    ),
    st.text(max_size=10),
)
paths = st.lists(segments, max_size=5).map("/".join)


@st.composite
def queries(draw: st.DrawFn) -> bytes:
    """A query string, percent-encoded mostly and badly at times."""
    pairs = []
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from(_PARAMETERS)) + draw(st.sampled_from(_MODIFIERS))
        value = draw(st.one_of(st.sampled_from(_VALUES + _DATES), st.text(max_size=20)))
        encoded = quote(value.encode("utf-8", "surrogatepass")) if draw(st.booleans()) else value
        pairs.append(f"{name}={encoded}")
    text = "&".join(pairs).encode("utf-8", "surrogatepass")
    return text + draw(st.sampled_from((b"", b"", b"", b"%ff=%fe", b"&&==", b"%", b"\xff")))


_SEARCHED = {
    "Task": (
        "_id",
        "_lastUpdated",
        "status",
        "owner",
        "patient",
        "code",
        "authored-on",
        "identifier",
        "focus",
        "requester",
    ),
    "Patient": (
        "_id",
        "_lastUpdated",
        "name",
        "family",
        "birthdate",
        "identifier",
        "gender",
        "_tag",
        "_profile",
        "active",
    ),
    "ServiceRequest": ("_id", "status", "patient", "code", "authored", "category", "requester", "subject"),
}
_RESULTS = (
    "_count=2", "_count=0", "_count=-1", "_count=1001", "_sort=_lastUpdated", "_sort=-_id", "_sort=status",
    "_total=accurate",
    "_summary=true", "_summary=count", "_elements=id,status", "_include=Task:owner", "_include=*",
    "_revinclude=Task:patient",
    "_format=xml", "_cursor=abc", "_pretty=true",
)  # fmt: skip


@st.composite
def searches(draw: st.DrawFn) -> tuple[str, bytes]:
    """Type and query: parameters that the type has, with odd values, sometimes with modifiers and more."""
    type_name = draw(st.sampled_from(sorted(_SEARCHED)))
    pairs = []
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(_SEARCHED[type_name]))
        if draw(st.integers(0, 3)) == 0:
            name += draw(st.sampled_from(_MODIFIERS))
        value = draw(st.one_of(st.sampled_from(_VALUES + _DATES), st.text(max_size=20)))
        pairs.append(f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}")
    pairs += draw(st.lists(st.sampled_from(_RESULTS), max_size=2))
    return type_name, "&".join(pairs).encode()


_header_text = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
_quality = st.sampled_from(
    ("", ";q=0.5", ";q=nan", ";q=1e400", ";q=x", "; charset=utf-16", "; fhirVersion=5.0", ";;=,")
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "Accept": st.one_of(st.builds(lambda f, q: f + q, st.sampled_from(FORMATS), _quality), _header_text),
        "Accept-Encoding": st.one_of(st.sampled_from(("gzip", "gzip;q=0", "br, *")), _header_text),
        "Content-Encoding": st.sampled_from(("gzip", "identity", "deflate", "x")),
        "If-Match": st.one_of(
            st.sampled_from(('W/"1"', '"1"', "1", "*", 'W/"99999999999999999999"', 'W/"1", W/"2"')), _header_text
        ),
        "If-None-Match": st.one_of(st.sampled_from(('W/"1"', "*", "")), _header_text),
        "If-Modified-Since": st.one_of(st.sampled_from(_DATES), _header_text),
        "If-None-Exist": st.one_of(st.sampled_from(("identifier=a|b", "_id=p1", "?name=", "x=y", "")), _header_text),
        "Prefer": st.one_of(
            st.sampled_from(("return=minimal", "handling=lenient", "return=x", ";;", "respond-async")), _header_text
        ),
        "X-Request-Id": _header_text,
        "Authorization": st.one_of(st.sampled_from(("Bearer x", "bearer", "Basic eDp4", "Bearer  ")), _header_text),
        "Host": st.sampled_from(("example.org", "x:y", "[::1", "a b", "")),
        "X-Forwarded-For": _header_text,
        "X-Forwarded-Proto": _header_text,
    },
)
