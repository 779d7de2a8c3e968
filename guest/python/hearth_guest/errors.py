"""Errors as AWS's Python runtime reports them."""

import json
import os
import traceback

# The host parses errors, so it takes no larger ones.
ERROR_BYTES_MAX = 1024 * 1024
OWN_FOLDER = os.path.dirname(__file__)


class RuntimeFault(Exception):
    """An error of the runtime itself; `kind` is AWS's errorType without its prefix."""

    def __init__(self, kind, message, trace=None):
        super().__init__(message)
        self.error_type = f"Runtime.{kind}"
        self.message = message
        self.trace = trace or []


def describe(error, request_id=""):
    """The payload of a failed call as a dictionary."""
    if isinstance(error, RuntimeFault):
        return _describe(error.message, error.error_type, request_id, error.trace)
    frames = traceback.extract_tb(error.__traceback__)
    while frames and frames[0].filename.startswith(OWN_FOLDER):
        del frames[0]
    trace = traceback.format_list(frames)
    return _describe(_text_of(error), type(error).__name__, request_id, trace)


def _describe(message, error_type, request_id, trace):
    return {
        "errorMessage": message,
        "errorType": error_type,
        "requestId": request_id,
        "stackTrace": trace,
    }


def _text_of(error):
    try:
        return str(error)
    except Exception:
        return ""


def encode(description):
    """JSON bytes of a description, cut short when the host would refuse its length."""
    data = json.dumps(description).encode()
    if len(data) <= ERROR_BYTES_MAX:
        return data
    message = description["errorMessage"][: ERROR_BYTES_MAX // 16]
    return json.dumps({**description, "errorMessage": message, "stackTrace": []}).encode()
