"""One Direct Referral Light: the clinic hosts everything, the food bank has only a client.

http://hl7.org/fhir/us/sdoh-clinicalcare (Direct Referral Light). Requester sets requested, owner sets accepted,
in-progress and completed; the Procedure is there before the Task is completed; the clinic closes its own request.
"""

from typing import Any

from fhir_server.cli.demo.http import Caller, JsonObject, Reply
from fhir_server.cli.demo.stage import Stage

_GUIDE = "http://hl7.org/fhir/us/sdoh-clinicalcare"
_CODES = f"{_GUIDE}/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
_SNOMED = "http://snomed.info/sct"
_ANA = {"reference": "Patient/demo-ana", "display": "Ana Testperson"}
_ROLE = {"reference": "PractitionerRole/demo-dr-mock-at-clinic", "display": "Dr Jan Mockdoctor"}
_FOOD_BANK = {"reference": "Organization/demo-food-bank", "display": "Sampleville Food Bank"}
_CATEGORY = [
    {"coding": [{"system": _SNOMED, "code": "410606002", "display": "Social service procedure"}]},
    {"coding": [{"system": _CODES, "code": "food-insecurity", "display": "Food Insecurity"}]},
]
_FINAL_TRAIL = ["completed", "in-progress", "accepted", "requested"]


def walk(stage: Stage, clinic: Caller, food_bank: Caller, stranger: Caller, now: str) -> None:
    """Play the referral; raises Differs where an answer is not as the guide says. `now` is an instant before it."""
    task = _send(stage, clinic, now)
    stage.step(stranger, "tries to read it without a token", f"GET Task/{task['id']}", expect=401)
    found = _find(stage, food_bank, task, now)
    accepted = _accept(stage, clinic, food_bank, found)
    started = _set_status(stage, food_bank, accepted, "in-progress", "starts the work")
    done = _deliver(stage, food_bank, started, now)
    _close(stage, clinic, task, done)


def _send(stage: Stage, clinic: Caller, now: str) -> JsonObject:
    consent = stage.step(clinic, "records Ana's consent to share", "POST Consent", _consent(now), expect=201).body
    request = stage.step(
        clinic, "asks for help with food", "POST ServiceRequest", _service_request(consent, now), expect=201
    ).body
    reply = stage.step(clinic, "sends the referral to the food bank", "POST Task", _task(request, now), expect=201)
    task = reply.body
    stage.check(
        ("the request is active, and an order", (request["status"], request["intent"]) == ("active", "order")),
        ("the Task is requested", task["status"] == "requested"),
        ("the answer says where the Task is", f"/Task/{task['id']}" in reply.headers.get("Location", "")),
        ("the answer carries the version as ETag", reply.etag == 'W/"1"'),
    )
    return task


def _find(stage: Stage, food_bank: Caller, sent: JsonObject, since: str) -> Reply:
    query = f"owner=Organization/demo-food-bank&status=requested&_lastUpdated=gt{since}&_include=Task:focus"
    polled = stage.step(food_bank, "polls for referrals", f"GET Task?{query}")
    waiting = [r for r in polled.resources if r["resourceType"] == "Task"]
    stage.check(
        ("the new Task is found", sent["id"] in [t["id"] for t in waiting]),
        ("its request comes along", _ids(polled, "ServiceRequest") >= {_target(sent["focus"])}),
    )
    focus = _target(sent["focus"])
    asked = stage.step(
        food_bank,
        "reads the request and who it is for",
        f"GET ServiceRequest?_id={focus}&_include=ServiceRequest:subject",
    )
    stage.check(("the person comes along", _ids(asked, "Patient") == {"demo-ana"}))
    request = next(r for r in asked.resources if r["resourceType"] == "ServiceRequest")
    stage.told(f"Ana Testperson: {request['code']['coding'][0]['display']}")
    consent = request["supportingInfo"][0]["reference"]
    shown = stage.step(food_bank, "reads the consent it rests on", f"GET {consent}")
    stage.check(("the consent is active", shown.body["status"] == "active"))
    return stage.step(food_bank, "opens the Task", f"GET Task/{sent['id']}")


def _accept(stage: Stage, clinic: Caller, food_bank: Caller, found: Reply) -> Reply:
    accepted = _set_status(stage, food_bank, found, "accepted", "accepts it")
    stage.step(
        clinic,
        "cancels what it read: too late",
        f"PUT Task/{found.body['id']}",
        found.body | {"status": "cancelled"},
        headers={"If-Match": found.etag},
        expect=412,
    )
    again = stage.step(clinic, "reads it again and lets it be", f"GET Task/{found.body['id']}")
    stage.check(("the refused update changed nothing", again.body == accepted.body))
    return accepted


def _set_status(stage: Stage, who: Caller, read: Reply, status: str, says: str, **changes: Any) -> Reply:
    body = read.body | {"status": status} | changes
    reply = stage.step(who, says, f"PUT Task/{body['id']}", body, headers={"If-Match": read.etag})
    stage.check(
        (f"the Task is {status}", reply.body["status"] == status),
        ("each update makes the next version", _version(reply.body) == _version(read.body) + 1),
    )
    return reply


def _deliver(stage: Stage, food_bank: Caller, started: Reply, now: str) -> JsonObject:
    body = _procedure(started.body["focus"]["reference"], now)
    made = stage.step(food_bank, "records what it did", "POST Procedure", body, expect=201).body
    kind = {"coding": [{"system": _CODES, "code": "resulting-activity", "display": "Resulting Activity"}]}
    output = [{"type": kind, "valueReference": {"reference": f"Procedure/{made['id']}"}}]
    return _set_status(stage, food_bank, started, "completed", "completes the Task, pointing there", output=output).body


def _close(stage: Stage, clinic: Caller, sent: JsonObject, done: JsonObject) -> None:
    since = sent["meta"]["lastUpdated"]
    query = f"requester={_ROLE['reference']}&_lastUpdated=gt{since}"
    polled = stage.step(clinic, "polls for what changed since it sent", f"GET Task?{query}")
    mine = [t for t in polled.resources if t["id"] == sent["id"]]
    stage.check(
        ("the Task is found", len(mine) == 1), ("it is completed", [t["status"] for t in mine] == ["completed"])
    )
    outcome = stage.step(clinic, "reads the outcome", f"GET {done['output'][0]['valueReference']['reference']}").body
    stage.check(
        ("the outcome is of this request", outcome["basedOn"] == [sent["focus"]]),
        ("it was done", outcome["status"] == "completed"),
    )
    stage.told(f"{outcome['code']['coding'][0]['display']} on {outcome['performedDateTime'][:10]}")
    request = stage.step(clinic, "reads its request", f"GET {sent['focus']['reference']}")
    closed = stage.step(
        clinic,
        "closes its request: loop closed",
        f"PUT {sent['focus']['reference']}",
        request.body | {"status": "completed"},
        headers={"If-Match": request.etag},
    )
    history = stage.step(clinic, "looks back", f"GET Task/{sent['id']}/_history")
    stage.check(
        ("the request is completed", closed.body["status"] == "completed"),
        ("history has each status, the newest first", [t["status"] for t in history.resources] == _FINAL_TRAIL),
    )
    stage.told(" < ".join(t["status"] for t in history.resources))


def _consent(now: str) -> JsonObject:
    terms = "http://terminology.hl7.org/CodeSystem"
    return _resource("Consent", "Consent") | {
        "status": "active",
        "scope": {"coding": [{"system": f"{terms}/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": f"{terms}/v3-ActCode", "code": "IDSCL"}]}],
        "patient": _ANA,
        "dateTime": now,
        "organization": [{"reference": "Organization/demo-clinic"}],
        "sourceAttachment": {"contentType": "text/plain", "language": "es", "title": "Acuerdo para compartir"},
        "policyRule": {"coding": [{"system": f"{terms}/consentpolicycodes", "code": "hipaa-auth"}]},
    }


def _service_request(consent: JsonObject, now: str) -> JsonObject:
    code = {
        "system": _SNOMED,
        "code": "467771000124109",
        "display": "Assistance with application for food pantry program",
    }
    return _resource("ServiceRequest", "ServiceRequest") | {
        "status": "active",
        "intent": "order",
        "category": _CATEGORY,
        "priority": "routine",
        "code": {"coding": [code]},
        "subject": _ANA,
        "authoredOn": now,
        "requester": _ROLE,
        "performer": [_FOOD_BANK],
        "reasonReference": [{"reference": "Condition/demo-ana-need"}],
        "supportingInfo": [{"reference": f"Consent/{consent['id']}"}],
    }


def _task(request: JsonObject, now: str) -> JsonObject:
    code = {
        "system": "http://hl7.org/fhir/CodeSystem/task-code",
        "code": "fulfill",
        "display": "Fulfill the focal request",
    }
    return _resource("Task", "TaskForReferralManagement") | {
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": {"coding": [code]},
        "focus": {"reference": f"ServiceRequest/{request['id']}"},
        "for": _ANA,
        "authoredOn": now,
        "requester": _ROLE,
        "owner": _FOOD_BANK,
    }


def _procedure(request: str, now: str) -> JsonObject:
    return _resource("Procedure", "Procedure") | {
        "basedOn": [{"reference": request}],
        "status": "completed",
        "category": {"coding": [c for concept in _CATEGORY for c in concept["coding"]]},
        "code": {"coding": [{"system": _SNOMED, "code": "710925007", "display": "Provision of food"}]},
        "subject": _ANA,
        "performedDateTime": now,
    }


def _resource(type_name: str, profile: str) -> JsonObject:
    return {"resourceType": type_name, "meta": {"profile": [f"{_GUIDE}/StructureDefinition/SDOHCC-{profile}"]}}


def _ids(reply: Reply, type_name: str) -> set[str]:
    return {r["id"] for r in reply.resources if r["resourceType"] == type_name}


def _target(reference: JsonObject) -> str:
    return str(reference["reference"]).rpartition("/")[2]


def _version(resource: JsonObject) -> int:
    return int(resource["meta"]["versionId"])
