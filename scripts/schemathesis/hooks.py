"""What a laptop's broker can bear: few partitions, and few restarts."""

import schemathesis

PARTITIONS = 8
RESTARTS = 2
restarts = 0


def few(value):
    """A number that is allowed stays one, but a small one; all else stays as it is."""
    try:
        number = int(str(value))
    except ValueError:
        return value
    return 1 + number % PARTITIONS if PARTITIONS < number <= 10_000 else value


@schemathesis.hook
def before_call(context, case, kwargs):
    global restarts
    query = case.query or {}
    if "partitions" in query:
        value = query["partitions"]
        query["partitions"] = [few(one) for one in value] if isinstance(value, list) else few(value)
    if case.method.upper() == "PUT" and case.operation.path == "/v1/brokers/{id}":
        if str((case.path_parameters or {}).get("id")) == "0":
            restarts += 1
            if restarts > RESTARTS:
                case.path_parameters["id"] = 7
