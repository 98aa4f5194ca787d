"""The least the app needs, in the spelling that the server supports (SMART v2 ``.rs``, else v1 ``.read``)."""

from __future__ import annotations

from smart_app.smart.discovery import Endpoints
from smart_app.smart.issuers import Issuer

READ = (
    "Patient",
    "Observation",
    "DiagnosticReport",
    "DocumentReference",
    "Binary",
    "Specimen",
    "Condition",
    "Procedure",
    "Medication",
    "MedicationRequest",
    "MedicationStatement",
    "MedicationAdministration",
    "MedicationDispense",
    "ServiceRequest",
    "Appointment",
    "Encounter",
    "ImagingStudy",
    "CarePlan",
)
WRITE = (("CarePlan", "cu"),)  # where the server's statement is not known; else what a rung of it could use


def scopes_for(
    issuer: Issuer, endpoints: Endpoints, *, ehr_launch: bool, writes: tuple[tuple[str, str], ...] = WRITE
) -> tuple[str, ...]:
    """What to ask for; ``writes``: type and letters of "crus".

    A registration's own list wins; ``launch`` and ``launch/patient`` follow the kind of launch.
    """
    context = "launch" if ehr_launch else "launch/patient"
    if issuer.scopes is not None:
        rest = [s for s in issuer.scopes if s not in ("launch", "launch/patient")]
        return tuple(dict.fromkeys([context, *rest]))
    second = "permission-v2" in endpoints.capabilities
    if "permission-v1" not in endpoints.capabilities and not second:
        # neither is announced: look at how the server spells its own scopes, else take the current spelling
        second = not any(s.endswith((".read", ".write", ".*")) for s in endpoints.scopes) or any(
            s.endswith((".rs", ".cruds")) for s in endpoints.scopes
        )
    read = "rs" if second else "read"
    # a server that lists what it can do, and among it no patient for a standalone launch: the app's own picker asks
    listed = endpoints.capabilities
    picks = not ehr_launch and "permission-user" in listed and "context-standalone-patient" not in listed
    whose = "user" if picks else "patient"
    found = [context, "openid", "fhirUser"]
    if issuer.offline:
        found.append("offline_access")
    elif "permission-online" in endpoints.capabilities:
        found.append("online_access")  # a visit outlasts the token of some EHRs (570 s), and this ends with the EHR's
    found += [f"{whose}/{kind}.{read}" for kind in READ]
    for kind, letters in writes:
        if second:
            found.append(f"{whose}/{kind}.{letters}")
        else:
            words = {"read": "r" in letters, "write": bool({"c", "u"} & {*letters})}
            found += [f"{whose}/{kind}.{word}" for word, needed in words.items() if needed]
    if any(scope.partition("/")[2].startswith("Provenance.") for scope in endpoints.scopes):
        # beside the plan, and searched first so that it is never written twice; only where the server knows it
        found += [f"{whose}/Provenance.{access}" for access in (("crs",) if second else ("read", "write"))]
    return tuple(found)


def may_write(scopes: tuple[str, ...] | None, kind: str, access: str) -> bool:
    """Whether granted scopes allow ``access`` ("c" or "u") on this type; None (no token, open server) allows."""
    if scopes is None:
        return True
    for scope in scopes:
        context, _, rest = scope.partition("/")
        name, _, letters = rest.partition("?")[0].partition(".")
        covers = context in ("patient", "user", "system") and name in (kind, "*")
        if covers and (letters in ("write", "*") or (access in letters and set(letters) <= set("cruds"))):
            return True
    return False


def may_search(scopes: tuple[str, ...]) -> bool:
    """Whether a token that names no patient may look for one: SMART's ``patient/`` scopes mean nothing without one."""
    for scope in scopes:
        context, _, rest = scope.partition("/")
        name, _, letters = rest.partition("?")[0].partition(".")
        old = letters in ("read", "*")
        if (
            context in ("user", "system")
            and name in ("Patient", "*")
            and (old or {"r", "s"} <= set(letters) <= set("cruds"))
        ):
            return True
    return False
