"""From boot through initialisation to the loop of calls."""

import decimal
import json
import os
import struct
import sys
import time

from . import channel as frames
from . import errors, logs
from .channel import Channel
from .context import LambdaContext
from .errors import RuntimeFault
from .handler import load_handler

# AWS: 6 MB and 100 bytes. The host enforces the same.
RESPONSE_BYTES_MAX = 6_291_556
LENGTH = struct.Struct(">I")


def main():
    run_directory = os.environ.get("HEARTH_RUN_DIRECTORY", "/run/hearth")
    task_root = os.environ.get("HEARTH_TASK_ROOT", "/var/task")
    opt_root = os.environ.get("HEARTH_OPT_ROOT", "/opt")
    channel = Channel(frames.meet_host(os.path.join(run_directory, "guest.sock")))
    version = "{}.{}.{}".format(*sys.version_info)
    channel.send(frames.READY, json.dumps({"runtimeVersion": version}).encode())
    kind, payload = channel.receive()
    if kind != frames.INIT:
        sys.exit(f"Frame {kind} came before INIT")
    init = json.loads(payload)
    log, handler = _initialise(channel, init, task_root, opt_root)
    channel.send(frames.INIT_DONE)
    process_id = os.getpid()
    while True:
        kind, payload = channel.receive()
        if kind != frames.INVOKE:
            sys.exit(f"Unknown frame type {kind} from the host")
        answer = _call(channel, handler, init, log, payload)
        if os.getpid() != process_id:
            # Forked by the handler and come back from it: its answer would be the next call's.
            os._exit(0)
        channel.send(*answer)


def _initialise(channel, init, task_root, opt_root):
    _apply_environment(init["environment"])
    time.tzset()
    _set_path(task_root, opt_root)
    log = logs.Log(channel, init["logFormat"] == "JSON", os.environ.get("AWS_LAMBDA_LOG_LEVEL"))
    try:
        os.chdir(task_root)
        return log, load_handler(init["handler"])
    except Exception as error:
        description = errors.describe(error)
        log.error(description)
        channel.send(frames.INIT_ERROR, errors.encode(description))
        channel.linger()
        sys.exit(1)


def _apply_environment(variables):
    """A wrapper had the variables already, and what it made of them stays."""
    if "HEARTH_KEEP_ENVIRONMENT" not in os.environ:
        os.environ.clear()
        os.environ.update(variables)
        return
    for name in [name for name in os.environ if name.startswith("HEARTH_")]:
        if name not in variables:
            del os.environ[name]


def _set_path(task_root, opt_root):
    """The first entry is this program's folder, which is none of the user's business."""
    version = "python{}.{}".format(*sys.version_info)
    layers = f"{opt_root}/python"
    sys.path[:1] = [task_root, f"{layers}/lib/{version}/site-packages", layers]


def _call(channel, handler, init, log, payload):
    """Runs one call; returns type and payload of the frame that answers it."""
    event_start = LENGTH.size + LENGTH.unpack_from(payload)[0]
    header = json.loads(payload[LENGTH.size : event_start])
    logs.request_id = header["requestId"]
    os.environ["_X_AMZN_TRACE_ID"] = header["traceId"]
    try:
        context = LambdaContext(init, header)
        event = _decode(payload[event_start:])
        if "instruments" in header:
            run = _instrumented(handler, header["instruments"], channel)
        else:
            run = handler
        answer = frames.RESPONSE, _encode(run(event, context))
    except Exception as error:
        description = errors.describe(error, header["requestId"])
        log.error(description)
        answer = frames.ERROR, errors.encode(description)
    log.flush()
    return answer


def _instrumented(handler, wanted, channel):
    """The handler, observed by the instruments that auxiliary functions want."""

    def run(event, context):
        from .instruments import begin_instruments

        end = begin_instruments(wanted, channel)
        try:
            return handler(event, context)
        finally:
            end()

    return run


def _decode(data):
    try:
        return json.loads(data)
    except ValueError as error:
        raise RuntimeFault("UnmarshalError", f"Unable to unmarshal input: {error}") from None


def _encode(response):
    data = response if isinstance(response, bytes) else _to_json(response)
    if len(data) > RESPONSE_BYTES_MAX:
        raise _TooLarge()
    return data


class _TooLarge(RuntimeFault):
    def __init__(self):
        limit = f"maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."
        super().__init__("", f"Response payload size exceeded {limit}")
        self.error_type = "Function.ResponseSizeTooLarge"


def _to_json(response):
    try:
        return _encoder.encode(response).encode()
    except Exception as error:
        raise RuntimeFault("MarshalError", f"Unable to marshal response: {error}") from None


class _Encoder(json.JSONEncoder):
    def default(self, value):
        if isinstance(value, decimal.Decimal):
            is_integer = value.is_finite() and value == value.to_integral_value()
            return int(value) if is_integer else float(value)
        return super().default(value)


# AWS writes characters instead of escapes from Python 3.12 on.
_encoder = _Encoder(ensure_ascii=sys.version_info < (3, 12))
