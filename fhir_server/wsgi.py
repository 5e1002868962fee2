"""The WSGI application, made from the environment: for `gunicorn fhir_server.wsgi:application` and its like."""

from fhir_server.app import create_application
from fhir_server.settings import load

application = create_application(load())
