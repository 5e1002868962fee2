"""Resources as XML, lossless to and from their JSON form: https://hl7.org/fhir/R4/xml.html .

`parse` reads bytes into the same objects that JSON gives; `dump` writes them. The one rule: nothing is lost on the way
there and back but the order of members, which XML fixes.
"""

from fhir_server.fhir.xml_reading import parse
from fhir_server.fhir.xml_writing import dump

__all__ = ["dump", "parse"]
