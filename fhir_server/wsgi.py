"""The WSGI application, made from the environment: for `gunicorn fhir_server.wsgi:application` and its like.

Such a server binds where its own options say, so nobody here could tell whether open access stays on this machine:
it is refused.
"""

from flask import Flask

from fhir_server.app import create_application
from fhir_server.settings import SettingsError, load
from fhir_server.store import schema
from fhir_server.telemetry import configure_logging


def _application() -> Flask:
    settings = load()
    if settings.access == "open":
        raise SettingsError("setting access: open is for `fhir-server serve`, which knows where it listens; use token")
    state = schema.state(settings.database)
    if state != "current":
        raise SettingsError(f"setting database: it is {state}, not at the version of this code; see `fhir-server db`")
    configure_logging(settings.log_level)
    made = create_application(settings)
    # The server may fork its workers from here, and no process may use a connection that another one opened.
    made.extensions["fhir_server"].database.close()
    return made


application = _application()
