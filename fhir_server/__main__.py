"""`python -m fhir_server` is `fhir-server`."""

from fhir_server.cli.main import main

main(prog_name="fhir-server")
