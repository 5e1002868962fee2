"""Made-up searches of made-up resources: every kind, modifier and prefix, chains, includes, orders, places to search.

https://hl7.org/fhir/R4/search.html  Hypothesis makes them, so that one that fails becomes small.
"""

from urllib.parse import quote

from hypothesis import strategies as st

from tests.contracts.made_up_resources import BASE, COUNTS, DATES, NUMBERS, SYSTEMS, UCUM

PARAMETERS: dict[str, dict[str, tuple[str, ...]]] = {
    "Location": {
        "_id": ("id",), "name": ("string",), "near": ("near",), "partof": ("reference", "Location"),
        "organization": ("reference", "Organization"),
    },
    "List": {
        "_id": ("id",), "title": ("string",), "item": ("reference", "Patient", "Task", "Organization"),
        "subject": ("reference", "Patient"),
    },
    "Organization": {
        "_id": ("id",), "_lastUpdated": ("date",), "name": ("string",), "active": ("flag",), "type": ("concept",),
        "identifier": ("identifier",), "partof": ("reference", "Organization"),
    },
    "Patient": {
        "_id": ("id",), "_tag": ("token",), "_profile": ("uri",), "_source": ("uri",), "name": ("string",),
        "family": ("string",), "active": ("flag",),
        "identifier": ("identifier",), "gender": ("gender",), "birthdate": ("date",),
        "organization": ("reference", "Organization"), "link": ("reference", "Patient"),
    },
    "ServiceRequest": {
        "_id": ("id",), "status": ("status",), "subject": ("reference", "Patient"), "category": ("concept",),
        "code": ("concept",), "performer": ("reference", "Organization", "Patient"), "authored": ("date",),
        "based-on": ("reference", "ServiceRequest"), "occurrence": ("date",), "patient": ("reference", "Patient"),
    },
    "Task": {
        "_id": ("id",), "status": ("status",), "subject": ("reference", "Patient"), "code": ("concept",),
        "patient": ("reference", "Patient"), "owner": ("reference", "Organization", "Patient"),
        "requester": ("reference", "Organization"), "focus": ("reference", "ServiceRequest"),
        "part-of": ("reference", "Task"), "authored-on": ("date",), "period": ("date",), "identifier": ("identifier",),
    },
    "Observation": {
        "_id": ("id",), "code": ("concept",), "combo-code": ("concept",), "component-code": ("concept",),
        "value-quantity": ("quantity",), "component-value-quantity": ("quantity",), "value-string": ("string",),
        "combo-value-quantity": ("quantity",), "value-concept": ("concept",), "value-date": ("date",),
        "date": ("date",), "has-member": ("reference", "Observation"),
        "subject": ("reference", "Patient"), "performer": ("reference", "Organization"),
        "derived-from": ("reference", "Observation"), "component-code-value-quantity": ("composite", "quantity"),
        "code-value-quantity": ("composite", "quantity"), "code-value-concept": ("composite", "token"),
    },
}  # fmt: skip
"""The kind of each parameter, and for references the types that they lead to here."""
MODIFIERS = {
    "near": ("", ":missing"),
    "uri": ("", ":below", ":above", ":missing"),
    "id": ("", ":not", ":missing"),
    "string": ("", "", ":exact", ":contains", ":missing"),
    "flag": ("", ":not", ":missing"),
    "gender": ("", ":not", ":missing"),
    "status": ("", ":not", ":missing"),
    "token": ("", ":not", ":missing"),
    "concept": ("", "", ":not", ":text", ":missing", ":in", ":not-in", ":below", ":above"),
    "identifier": ("", ":not", ":text", ":of-type", ":missing"),
    "date": ("", ":missing"),
    "quantity": ("", ":missing"),
    "composite": ("",),
}
_PREFIXES = st.sampled_from(["", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
_CODES = st.sampled_from(["a", "b", "c\\,1"])
_TOKENS = st.one_of(
    _CODES, st.builds("{}|{}".format, st.sampled_from(SYSTEMS), _CODES), st.sampled_from(["http://s|", "http://t|"])
)
_WORDS = st.sampled_from(["ann", "ánn", "Lee", "a", "bo%", "b_", "an\\,d\\|x", "STRASSE", "ann  lee", "Straße", "e"])
_DATES = st.builds(
    "{}{}".format, _PREFIXES, st.sampled_from([*DATES, "2020-01-15T10:00", "2019", "2023-11-14T22:13:40Z"])
)
_UNITS = st.sampled_from(
    ["", "||kg", "||x", f"|{UCUM}|kg", f"|{UCUM}|g", f"|{UCUM}|mm", f"|{UCUM}|{{x}}", "|http://u|kg"]
)
_QUANTITIES = st.builds("{}{}{}".format, _PREFIXES, st.sampled_from([*NUMBERS, "1e3", "1.5e0", "1000000"]), _UNITS)
_BOOLEANS = st.sampled_from(["true", "false"])
VALUES = {
    "near": st.builds(
        "{}|{}".format,
        st.sampled_from(["0|0", "1|1", "90|0", "0|180"]),
        st.sampled_from(["100", "112|km", "25", "80|mi"]),
    ),
    "uri": st.sampled_from(["http://p", "http://p/a", "http://p/a/b", "http://p/a/b/c", "http://p/ab"]),
    "id": st.sampled_from(["o1", "p1", "s1", "t1", "l1", "o2", "p2", "l2", "t3", "nobody"]),
    "string": _WORDS,
    "flag": _BOOLEANS,
    "gender": st.sampled_from(["male", "female", "http://hl7.org/fhir/administrative-gender|male", "|male"]),
    "status": st.sampled_from(
        ["requested", "accepted", "active", "draft", "http://hl7.org/fhir/task-status|requested"]
    ),
    "token": _TOKENS,
    "concept": _TOKENS,
    "identifier": _TOKENS,
    "date": _DATES,
    "quantity": _QUANTITIES,
}


COMPARTMENT = ("Observation", "ServiceRequest", "Patient", "List")


@st.composite
def searches(draw: st.DrawFn) -> str:
    """A search: of one type, within a compartment or of several types; criteria, order, includes."""
    where = draw(st.sampled_from(["type"] * 4 + ["compartment", "system"]))
    names = draw(st.lists(st.sampled_from(sorted(COUNTS)), min_size=2, max_size=2, unique=True))
    names = names if where == "system" else names[:1]
    place, parts = names[0], []
    if where == "compartment":
        names = [draw(st.sampled_from(COMPARTMENT))]
        place = f"Patient/p{draw(st.integers(0, 7))}/{names[0]}"
    elif where == "system":
        place, parts = "", [f"_type={','.join(names)}"]
    parts += [draw(criteria(names)) for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2, 3])))]
    keys = draw(st.lists(sort_keys(names), max_size=2))
    parts += [f"_sort={','.join(keys)}"] if keys else []
    parts += [draw(includes(names[0])) for _ in range(draw(st.sampled_from([0, 0, 1, 2])))]
    return f"{place}?{'&'.join(parts)}"


def shared(type_names: list[str]) -> list[str]:
    """The parameters that types have in common."""
    first, *others = type_names
    own = PARAMETERS[first]
    return [
        code for code in sorted(own) if all(PARAMETERS[name].get(code, ("",))[0] == own[code][0] for name in others)
    ]


@st.composite
def criteria(draw: st.DrawFn, type_names: list[str]) -> str:
    """One pair of a query, encoded: of the types' own parameters, or at the end of up to three links."""
    if draw(st.sampled_from([False] * 12 + [True])):
        return f"_list={draw(st.sampled_from(['l0', 'List/l1', 'l2,l3', 'nobody']))}"
    name, end = "", type_names
    if len(type_names) == 1:
        for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2, 3]))):
            link, to = draw(links(end[0]))
            name, end = name + link, [to]
    code = draw(st.sampled_from(shared(end)))
    modifier, value = draw(tests(end[0], code))
    return f"{quote(name + code + modifier, safe=':.')}={quote(value, safe=':/,|$')}"


@st.composite
def links(draw: st.DrawFn, type_name: str) -> tuple[str, str]:
    """A link of a chain, forwards or backwards, and the type that it leads to."""
    forwards = [(code, to) for code, kind in PARAMETERS[type_name].items() for to in kind[1:] if kind[0] == "reference"]
    backwards = [
        (source, code) for source, own in PARAMETERS.items() for code, kind in own.items()
        if kind[0] == "reference" and type_name in kind[1:]
    ]  # fmt: skip
    if backwards and draw(st.booleans()):
        source, code = draw(st.sampled_from(backwards))
        return f"_has:{source}:{code}:", source
    if not forwards:
        return "", type_name
    code, to = draw(st.sampled_from(forwards))
    targets = PARAMETERS[type_name][code][1:]
    return (f"{code}." if len(targets) == 1 and draw(st.booleans()) else f"{code}:{to}."), to


@st.composite
def tests(draw: st.DrawFn, type_name: str, code: str) -> tuple[str, str]:
    """A modifier and the values that go with it, alternatives joined."""
    kind, *targets = PARAMETERS[type_name][code]
    if kind == "reference":
        modifier, values = draw(reference_tests(tuple(targets)))
    else:
        modifier = draw(st.sampled_from(MODIFIERS[kind]))
        values = VALUES.get(kind, _TOKENS)
    if kind == "composite":
        values = st.builds("{}${}".format, _TOKENS, VALUES[targets[0]])
    if modifier == ":missing":
        return modifier, draw(_BOOLEANS)
    if modifier == ":text":
        values = _WORDS
    if modifier in {":in", ":not-in"}:
        values = st.sampled_from(["http://vs/listed", "http://vs/tree", "ValueSet/tree"])
    if modifier in {":below", ":above"} and kind == "concept":
        values = st.builds("http://s|{}".format, _CODES)
    if modifier == ":of-type":
        values = st.builds("http://s|{}|{}".format, st.sampled_from("ab"), _CODES)
    return modifier, ",".join(draw(st.lists(values, min_size=1, max_size=3)))


@st.composite
def reference_tests(draw: st.DrawFn, targets: tuple[str, ...]) -> tuple[str, st.SearchStrategy[str]]:
    """The same of a reference."""
    kind = draw(st.sampled_from(targets))
    ids = st.builds("{}{}".format, st.just(kind[0].lower()), st.integers(0, 4))
    names = st.builds("{}/{}".format, st.just(kind), ids)
    modifier = draw(st.sampled_from(["", "", "", ":missing", f":{kind}", ":identifier", ":below", ":above"]))
    if modifier == ":identifier":
        return modifier, _TOKENS
    if modifier in {":below", ":above"}:
        return (modifier, names) if kind in {"Organization", "Task", "Location"} else ("", names)
    everywhere = st.sampled_from(["", "", f"{BASE}/", "https://elsewhere.org/"])
    return modifier, st.one_of(ids, st.builds("{}{}".format, everywhere, names))


def sort_keys(type_names: list[str]) -> st.SearchStrategy[str]:
    """A key of the order."""
    own = PARAMETERS[type_names[0]]
    codes = [code for code in shared(type_names) if own[code][0] not in {"composite", "near"}]
    return st.builds("{}{}".format, st.sampled_from(["", "-"]), st.sampled_from([*codes, "_lastUpdated"]))


@st.composite
def includes(draw: st.DrawFn, type_name: str) -> str:
    """An _include or _revinclude."""
    own = [code for code, kind in PARAMETERS[type_name].items() if kind[0] == "reference"]
    back = [
        f"{source}:{code}" for source, parameters in PARAMETERS.items() for code, kind in parameters.items()
        if type_name in kind[1:] and kind[0] == "reference"
    ]  # fmt: skip
    everything = [
        f"{source}:{code}" for source, parameters in PARAMETERS.items() for code, kind in parameters.items()
        if kind[0] == "reference"
    ]  # fmt: skip
    forwards = st.one_of(
        st.sampled_from([f"{type_name}:{code}" for code in own]),
        st.sampled_from([f"{type_name}:*", "*"]),
        st.sampled_from([f"{type_name}:{own[-1]}:{PARAMETERS[type_name][own[-1]][1]}"]),
    )
    backwards = st.sampled_from([*back, "*", "Task:*"]) if back else st.just("*")
    chosen = draw(st.sampled_from(["_include", "_revinclude", "_include:iterate", "_revinclude:iterate"]))
    if chosen.endswith("iterate"):
        return f"{chosen}={draw(st.sampled_from(everything))}"
    return f"{chosen}={draw(forwards if chosen == '_include' else backwards)}"
