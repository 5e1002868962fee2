"""The version of this software, from the installed package."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("fhir-server")
except PackageNotFoundError:
    VERSION = "0"
