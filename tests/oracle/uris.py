"""URIs and canonicals: https://hl7.org/fhir/R4/search.html#uri .

A canonical with a version is that version only, without one any; its fragment does not count.
"""

from tests.oracle.references import canonical


def compares(type_name: str, stored: str, asked: str, modifier: str) -> bool:
    """Equal, or one continues the other after a slash."""
    if type_name != "canonical" and modifier == "":
        return stored == asked
    url, version = canonical(stored) if type_name == "canonical" else (stored, "")
    asked_url, asked_version = canonical(asked) if type_name == "canonical" else (asked, "")
    if asked_version and version != asked_version:
        return False
    if modifier == "below":
        return url == asked_url or url.startswith(asked_url.rstrip("/") + "/")
    if modifier == "above":
        return url == asked_url or asked_url.startswith(url.rstrip("/") + "/")
    return url == asked_url
