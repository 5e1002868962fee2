"""Values that mutations put in place of good ones, by primitive type: legal and illegal, mixed.

Nobody says here which are legal: the HL7 validator does, and its verdicts are recorded.
https://hl7.org/fhir/R4/datatypes.html
"""

from typing import Any

_DATES = [
    "2021-02-31",
    "2021-13-01",
    "2021-00-10",
    "2021-1-5",
    "20210105",
    "2021/01/05",
    "2020-02-29",
    "2021-02-29",
    "21",
    "0000",
]

VALUES: dict[str, list[Any]] = {
    "id": ["a" * 64, "a" * 65, "a_b", "a b", "a/b", "é", "A-1.b", "#a"],
    "date": [*_DATES, "2021", "2021-06", "2021-06-31", "2021-06-15T10:00:00Z", "June 2021", "2021-06-15 "],
    "dateTime": [
        *_DATES,
        "2021",
        "2021-06",
        "2021-06-15T10:00:00Z",
        "2021-06-15T10:00:00.123456789+02:00",
        "2021-06-15T10:00:00",
        "2021-06-15T10:00Z",
        "2021-06-15T24:00:00Z",
        "2021-06-15T25:00:00Z",
        "2021-06-15T10:60:00Z",
        "2016-12-31T23:59:60Z",
        "2021-06-15T10:00:00+14:00",
        "2021-06-15T10:00:00+15:00",
        "2021-06-15 10:00:00Z",
        "2021-06-15t10:00:00z",
        "2021-06T10:00:00Z",
        "2021-02-31T10:00:00Z",
        "2021-06-15T10:00:00-00:00",
        "2021-06-15T10:00:00.Z",
    ],
    "instant": [
        "2021-06-15T10:00:00Z",
        "2021-06-15T10:00:00.123Z",
        "2021-06-15T10:00:00",
        "2021-06-15",
        "2021-02-31T10:00:00Z",
        "2021-06-15T10:00Z",
        "2016-12-31T23:59:60Z",
        "2021-06-15T24:00:00Z",
    ],
    "time": [
        "10:00:00",
        "10:00:00.5",
        "10:00",
        "24:00:00",
        "25:00:00",
        "10:60:00",
        "23:59:60",
        "10:00:00Z",
        "T10:00:00",
        "1:00:00",
    ],
    "code": ["a b", " active", "active ", "a  b", "a\tb", "a\nb", "not-a-code"],
    "string": [" ", "\t\n", " padded ", "a\u0007b", "a\u0000b", "line\nline", "\u00a0", "é\U0001f600", "a\u007fb"],
    "markdown": [" ", "\n", "# head\n\n* item\n", "a\u0001b", "<script>alert(1)</script>", " padded "],
    "uri": [
        "urn:oid:1.2.3",
        "urn:oid:01.2",
        "urn:uuid:0",
        "a b",
        " http://example.org",
        "http://example.org/ä",
        "x",
        "http://",
        "urn:oid:3.1",
        "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
        "URN:UUID:C757873D-EC9A-4326-A141-556F43239520",
    ],
    "url": [
        "http://example.org",
        "example.org",
        "a b",
        "mailto:a@example.org",
        "javascript:alert(1)",
        "ftp://example.org/a",
    ],
    "canonical": [
        "http://example.org/x|1.0",
        "http://example.org/x|1.0|2",
        "a b",
        "#x",
        "http://example.org/x#y",
        "x y|1",
    ],
    "oid": ["urn:oid:1.2.3", "1.2.3", "urn:oid:3.1", "urn:oid:1.02"],
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:zz"],
    "base64Binary": ["AAAA", "AAA=", "AAA", "AA A A", "A?==", "====", "AAAA\nAAAA", "AA==AA=="],
}

RAW_NUMBERS: dict[str, list[str]] = {
    "integer": ["2147483647", "2147483648", "-2147483648", "-2147483649", "1.5", "1.0", "1e2", "-0", "0"],
    "positiveInt": ["1", "0", "-1", "2147483647", "2147483648", "1.0", "99999999999999999999"],
    "unsignedInt": ["0", "-1", "2147483647", "2147483648", "-0", "0.5"],
    "decimal": [
        "1.0", "1.10", "1e3", "1E+3", "1.5e-7", "-0", "-0.0", "0.00000000000000000001",
        "1e400", "123456789012345678901234567890", "0.1234567890123456789012345", "01",
        ".5", "1.", "+1", "0x10", "NaN", "Infinity", "--1", "1e",
    ],
}  # fmt: skip

WRONG_JSON_TYPES: dict[str, list[Any]] = {
    "boolean": ["true", "yes", 1, 0, [], "TRUE"],
    "integer": ["5", True, "five", {"value": 5}],
    "positiveInt": ["5", True, "", {"value": 5}],
    "unsignedInt": ["5", False, {"value": 5}],
    "decimal": ["1.5", True, "1,5", {"value": 1}],
    "string": [5, True, {"value": "x"}, 0],
    "other": [5, True, {"value": "x"}, {"extension": [{"url": "http://example.org/x", "valueBoolean": True}]}],
}
