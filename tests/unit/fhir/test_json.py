"""JSON: strict in, exact out."""

import contextlib
import copy
import pickle
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import BadRequest
from fhir_server.fhir.json import DecimalText, dump, dump_pretty, is_deeper, number, parse, parse_stored, plain

LITERALS = ["1.10", "0.0", "-0", "-0.0", "1e5", "1E+2", "1e-7", "0.00000001", "1.000000000000000000000000000000000001"]
LARGE_INTEGERS = ["999999999999999999", "9999999999999999999", "-123456789012345678901234567890"]


def refusal(raw: bytes, max_depth: int = 16) -> str:
    with pytest.raises(BadRequest) as caught:
        parse(raw, max_depth=max_depth)
    return caught.value.issues[0].diagnostics


@pytest.mark.parametrize("literal", LITERALS + LARGE_INTEGERS)
def test_a_number_keeps_its_literal(literal: str) -> None:
    raw = f'{{"value":{literal}}}'
    value = parse(raw.encode(), max_depth=4)
    assert dump(value) == raw
    assert dump(parse_stored(raw)) == raw
    assert str(value["value"]) == literal
    assert dump(copy.deepcopy(value)) == raw
    assert dump(pickle.loads(pickle.dumps(value))) == raw
    assert literal in dump_pretty(value)


def test_an_integer_is_an_int() -> None:
    value = parse(b"[0, 7, -12, 999999999999999999]", max_depth=4)
    assert [type(item) for item in value] == [int] * 4


def test_plain_gives_decimals_only() -> None:
    value = plain({"a": [DecimalText("1e5"), 1, "x"], "b": Decimal("1.0")})
    assert value == {"a": [Decimal(100000), 1, "x"], "b": Decimal("1.0")}
    assert type(value["a"][0]) is Decimal


def test_member_order_is_kept() -> None:
    raw = '{"z":1,"a":{"y":[],"b":{}},"é":"\\u0007ü"}'
    assert dump(parse(raw.encode(), max_depth=4)) == raw


def test_a_byte_order_mark_is_tolerated() -> None:
    assert parse(b'\xef\xbb\xbf{"a":1}', max_depth=4) == {"a": 1}


@pytest.mark.parametrize("raw", [b"1", b'"x"', b"[]", b"null", b"true"])
def test_a_top_level_value_need_not_be_an_object(raw: bytes) -> None:
    assert dump(parse(raw, max_depth=4)) == raw.decode()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"a":{"status":1,"id":2,"status":3}}', "'status' appears twice"),
        (b'{"a":1,"\\u0061":2}', "'a' appears twice"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\udc00x":1}', "surrogate"),
        (b'"a\\u0000b"', "U+0000"),
        (b'"a\x00b"', "Invalid control character"),
        (b'"a\nb"', "Invalid control character"),
        (b"[NaN]", "NaN"),
        (b"-Infinity", "-Infinity"),
        (b"1e129", "exponent"),
        (b"1E-999999999", "exponent"),
        (b"1" * 129, "128 characters"),
        (b"0." + b"1" * 128, "128 characters"),
        (b"\xff", "not UTF-8"),
        (b"\xed\xa0\x80", "not UTF-8"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8"),
        (b"", "malformed"),
        (b'{"a":1,}', "malformed"),
        (b"{'a':1}", "malformed"),
        (b'{"a":1}x', "malformed"),
        (b"[01]", "malformed"),
        (b"[" * 1_000_000, "nested"),
        (b'{"a":' * 200_000, "nested"),
        (b"[" * 17 + b"]" * 17, "deeper than 16"),
        (b'["]",' * 17 + b"1" + b',"["]' * 17, "deeper than 16"),
        (b'["\\"]",' * 17 + b"1" + b',"["]' * 17, "deeper than 16"),
        (b'["\\\\",' * 17 + b"1" + b"]" * 17, "deeper than 16"),
    ],
)
def test_what_is_refused_and_why(raw: bytes, said: str) -> None:
    assert said in refusal(raw)


def test_a_long_repeated_name_is_cut_in_the_message() -> None:
    name = b'"' + b"x" * 10_000 + b'":1'
    assert len(refusal(b"{" + name + b"," + name + b"}")) < 200


def test_brackets_inside_strings_are_no_depth() -> None:
    value = ["[[[[{{{{", '"[[[[', "\\", "[[[["] * 5
    assert parse(dump(value).encode(), max_depth=1) == value


def test_an_escaped_backslash_is_no_escape() -> None:
    assert parse(b'["\\\\u0000", "\\\\ud800"]', max_depth=2) == ["\\u0000", "\\ud800"]


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse(b'"\\ud83d\\ude00"', max_depth=1) == "\U0001f600"


def test_floats_are_never_made() -> None:
    assert isinstance(number("1.5"), Decimal)
    assert isinstance(number("-3"), int)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
numbers = st.one_of(
    st.integers(-(10**30), 10**30).map(lambda i: number(str(i))),
    st.from_regex(r"-?(0|[1-9][0-9]{0,9})(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?", fullmatch=True).map(number),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=20,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(values)
def test_text_survives_any_number_of_readings(value: Any) -> None:
    text = dump(value)
    assert dump(parse(text.encode(), max_depth=64)) == text
    assert dump(parse_stored(text)) == text
    assert dump(parse(dump_pretty(value).encode(), max_depth=64)) == text


@given(values, st.integers(0, 6))
def test_depth_is_counted_exactly(value: Any, limit: int) -> None:
    assert is_deeper(dump(value).encode(), limit) == (depth(value) > limit)


@given(st.binary(max_size=60))
def test_any_bytes_are_parsed_or_refused(raw: bytes) -> None:
    with contextlib.suppress(BadRequest):
        parse(raw, max_depth=8)


@given(st.text(alphabet='{}[]",:\\u0d8e1.-tfn ', max_size=60))
def test_almost_json_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(BadRequest):
        parse(text.encode(), max_depth=8)
