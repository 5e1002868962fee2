"""One module a version, named after its number."""
