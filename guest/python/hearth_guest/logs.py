"""Logs as AWS's Python runtime writes them: print, sys.stdout, sys.stderr and logging."""

import io
import json
import logging
import sys
import time
import traceback
from datetime import datetime, timezone

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"
TEXT_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
NO_BREAK_SPACE = "\u00a0"

# What a LogRecord has by itself; anything else was passed as `extra`.
RECORD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"aws_request_id", "taskName"}

request_id = ""


class _LogFile(io.RawIOBase):
    def __init__(self, channel, descriptor):
        super().__init__()
        self._channel = channel
        self._descriptor = descriptor

    def writable(self):
        return True

    def write(self, data):
        self._channel.log(bytes(data))
        return len(data)

    def fileno(self):
        return self._descriptor


def _text_stream(channel, descriptor):
    buffer = io.BufferedWriter(_LogFile(channel, descriptor))
    return io.TextIOWrapper(buffer, "utf-8", "backslashreplace", line_buffering=True)


class _RequestFilter(logging.Filter):
    def filter(self, record):
        record.aws_request_id = request_id
        return True


class _ChannelHandler(logging.Handler):
    def __init__(self, log):
        super().__init__()
        self._log = log

    def emit(self, record):
        try:
            text = self.format(record)
        except Exception:
            self.handleError(record)
            return
        # A traceback, or a format of the user's, ends without one; the next must not join it.
        self._log.write(text if text.endswith("\n") else text + "\n")


class _JsonFormatter(logging.Formatter):
    def format(self, record):
        error = record.exc_info if record.exc_info and record.exc_info[0] else None
        moment = datetime.fromtimestamp(record.created, tz=timezone.utc)
        fields = {
            "timestamp": moment.strftime(TIME_FORMAT + ".%f")[:-3] + "Z",
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "stackTrace": traceback.format_tb(error[2]) if error else None,
            "errorType": error[0].__name__ if error else None,
            "errorMessage": str(error[1]) if error else None,
            "requestId": record.aws_request_id,
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}" if error else None,
        }
        for name, value in record.__dict__.items():
            if name not in RECORD_FIELDS:
                fields.setdefault(name, value)
        present = {name: value for name, value in fields.items() if value is not None}
        return json.dumps(present, ensure_ascii=False, default=str) + "\n"


class Log:
    """The function's log. Replaces the standard streams and sets up the root logger."""

    def __init__(self, channel, json_format, level):
        self._channel = channel
        self._json_format = json_format
        self._streams = (_text_stream(channel, 1), _text_stream(channel, 2))
        sys.stdout, sys.stderr = self._streams
        logging.Formatter.converter = time.gmtime
        handler = _ChannelHandler(self)
        formatter = _JsonFormatter() if json_format else logging.Formatter(TEXT_FORMAT, TIME_FORMAT)
        handler.setFormatter(formatter)
        handler.addFilter(_RequestFilter())
        root = logging.getLogger()
        root.addHandler(handler)
        level = "DEBUG" if level == "TRACE" else level
        if level in ("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"):
            root.setLevel(level)

    def write(self, text):
        """Writes text after everything that was printed before."""
        self.flush()
        self._channel.log(text.encode("utf-8", "backslashreplace"))

    def flush(self):
        """Sends what was printed without an end of line."""
        for stream in self._streams:
            try:
                stream.flush()
            except ValueError:
                pass  # closed by the user

    def error(self, description):
        """Logs a failed call or initialisation."""
        if self._json_format:
            now = time.strftime(TIME_FORMAT, time.gmtime()) + "Z"
            self.write(json.dumps({"timestamp": now, "level": "ERROR", **description}) + "\n")
            return
        lines = [f"[ERROR] {description['errorType']}: {description['errorMessage']}"]
        lines.append("Traceback (most recent call last):")
        for element in description["stackTrace"]:
            lines.extend(_keep_indentation(line) for line in element.splitlines())
        self.write("\n".join(lines) + "\n")


def _keep_indentation(line):
    text = line.lstrip(" ")
    return NO_BREAK_SPACE * (len(line) - len(text)) + text
