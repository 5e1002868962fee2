"""Log lines are one JSON object each; metrics of several processes add up."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fhir_server import telemetry


def test_a_request_is_one_json_line(capfd: pytest.CaptureFixture[str]) -> None:
    telemetry.configure_logging("info")
    telemetry.request_logger()(interaction="read", type="Patient", status=200, milliseconds=1.5)
    (line,) = capfd.readouterr().err.splitlines()
    told = json.loads(line)
    assert told.pop("time").endswith("Z")
    assert told == {
        "event": "request",
        "level": "info",
        "interaction": "read",
        "type": "Patient",
        "status": 200,
        "milliseconds": 1.5,
    }


def test_lines_below_the_level_are_not_written(capfd: pytest.CaptureFixture[str]) -> None:
    telemetry.configure_logging("warning")
    telemetry.request_logger()(status=200)
    telemetry.logger().info("started")
    telemetry.logger().warning("journal_torn")
    assert [json.loads(line)["event"] for line in capfd.readouterr().err.splitlines()] == ["journal_torn"]


def test_a_library_s_line_has_our_form_and_no_values_of_an_exception(capfd: pytest.CaptureFixture[str]) -> None:
    telemetry.configure_logging("info")
    try:
        raise ValueError("Jane Doe")
    except ValueError:
        logging.getLogger("alembic").exception("failed")
    (line,) = capfd.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["event"], told["message"], told["exception"]) == ("alembic", "failed", "ValueError")
    assert "Jane" not in line


def test_metrics_of_all_processes_add_up(tmp_path: Path) -> None:
    observe = "from fhir_server.telemetry import metrics; metrics().observe_request('read', 200, 0.002)"
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", observe], env=environment, cwd=Path.cwd(), check=True)
    render = "import sys; from fhir_server.telemetry import render_metrics; sys.stdout.buffer.write(render_metrics())"
    told = subprocess.run([sys.executable, "-c", render], env=environment, check=True, capture_output=True, text=True)
    samples = {
        (sample.name, sample.labels.get("status"), sample.labels.get("interaction")): sample.value
        for family in text_string_to_metric_families(told.stdout)
        for sample in family.samples
    }
    assert samples["fhir_requests_total", "2xx", "read"] == 2
    assert samples["fhir_request_seconds_count", None, "read"] == 2


def test_metrics_of_one_process() -> None:
    telemetry.metrics().observe_request("vread", 404, 0.01)
    telemetry.metrics().outbox_rows.set(7)
    text = telemetry.render_metrics().decode()
    assert 'fhir_requests_total{interaction="vread",status="4xx"}' in text
    assert "fhir_outbox_rows 7.0" in text
