"""What a laptop's broker can bear: few partitions, records and restarts."""

import schemathesis

LIMITS = {"partitions": (8, 10_000), "messages": (100, 2**63 - 1)}
RESTARTS = 2
restarts = 0


def few(value, most, allowed):
    """A number that is allowed stays one, but a small one; all else stays as it is."""
    try:
        number = int(str(value))
    except ValueError:
        return value
    return 1 + number % most if most < number <= allowed else value


@schemathesis.hook
def before_call(context, case, kwargs):
    global restarts
    query = case.query or {}
    for key in LIMITS.keys() & query.keys():
        value = query[key]
        query[key] = [few(one, *LIMITS[key]) for one in value] if isinstance(value, list) else few(value, *LIMITS[key])
    if case.method.upper() == "PUT" and case.operation.path == "/v1/brokers/{id}":
        if str((case.path_parameters or {}).get("id")) == "0":
            restarts += 1
            if restarts > RESTARTS:
                case.path_parameters["id"] = 7
