"""The outbound HTTP of one call, as far as it goes through http.client (urllib, requests, boto3).

One JSON line an exchange; the capture sidecar makes a HAR of the lines. Bodies are cut.
"""

import base64
import http.client
import json
import time

BODY_BYTES = 64 * 1024
EXCHANGES_MAX = 1000

Connection = http.client.HTTPConnection


def begin(options, bring):
    return Capture(options.get("bodyBytes", BODY_BYTES), bring)


class Body:
    """The beginning of a body, and how long it was."""

    def __init__(self, limit):
        self._limit = limit
        self.kept = bytearray()
        self.bytes = 0

    def add(self, data):
        self.bytes += len(data)
        self.kept += data[: self._limit - len(self.kept)]

    def facts(self):
        return {"bytes": self.bytes, "base64": base64.b64encode(bytes(self.kept)).decode()}


class Exchange:
    def __init__(self, connection, method, url, limit):
        scheme = "https" if hasattr(connection, "_context") else "http"
        host = connection.host if ":" not in connection.host else f"[{connection.host}]"
        default = connection.default_port == connection.port
        port = "" if default else f":{connection.port}"
        self.facts = {"method": method, "requestHeaders": []}
        self.facts["url"] = url if "://" in url else f"{scheme}://{host}{port}{url}"
        self.facts["startedAt"] = int(time.time() * 1000)
        self.begun = time.perf_counter()
        self.sent = Body(limit)
        self.received = Body(limit)
        self.is_chunked = False
        self.in_headers = True

    def elapsed_ms(self):
        return (time.perf_counter() - self.begun) * 1000


class Capture:
    """Stands in for methods of HTTPConnection until it is ended."""

    METHODS = ("putrequest", "putheader", "endheaders", "send", "getresponse")

    def __init__(self, limit, bring):
        self._limit = limit
        self._bring = bring
        self._open = {}
        self._count = 0
        self._is_over = False
        self._originals = {name: getattr(Connection, name) for name in self.METHODS}
        self._stand_ins = {
            name: self._stand_in(name, getattr(self, "_" + name)) for name in self.METHODS
        }
        for name, stand_in in self._stand_ins.items():
            setattr(Connection, name, stand_in)

    def end(self):
        self._is_over = True
        for name, original in self._originals.items():
            # What the function has put there meanwhile stays, and stands on ours.
            if getattr(Connection, name) is self._stand_ins[name]:
                setattr(Connection, name, original)
        for exchange in list(self._open.values()):
            self._finish(exchange)

    def _stand_in(self, name, observe):
        original = self._originals[name]

        def method(connection, *values, **named):
            if self._is_over:
                return original(connection, *values, **named)
            return observe(original, connection, *values, **named)

        return method

    def _putrequest(self, original, connection, method, url, *values, **named):
        self._count += 1
        if self._count <= EXCHANGES_MAX:
            self._open[id(connection)] = Exchange(connection, method, url, self._limit)
        return original(connection, method, url, *values, **named)

    def _putheader(self, original, connection, header, *values):
        exchange = self._open.get(id(connection))
        if exchange is not None:
            text = ", ".join(_text(value) for value in values)
            exchange.facts["requestHeaders"].append([_text(header), text])
        return original(connection, header, *values)

    def _endheaders(self, original, connection, *values, **named):
        result = original(connection, *values, **named)
        exchange = self._open.get(id(connection))
        if exchange is not None:
            exchange.in_headers = False
        return result

    def _send(self, original, connection, data):
        exchange = self._open.get(id(connection))
        if exchange is not None and isinstance(data, (bytes, bytearray)):
            is_head = exchange.in_headers and data[:5].isascii() and b" HTTP/1." in data[:8192]
            if not is_head:
                exchange.sent.add(data)
        return original(connection, data)

    def _getresponse(self, original, connection, *values, **named):
        exchange = self._open.get(id(connection))
        try:
            response = original(connection, *values, **named)
        except Exception as error:
            if exchange is not None:
                exchange.facts["error"] = str(error)
                self._finish(exchange)
            raise
        if exchange is not None:
            facts = exchange.facts
            facts["headersAfter"] = exchange.elapsed_ms()
            facts["status"] = response.status
            facts["statusText"] = response.reason
            facts["responseHeaders"] = [[name, value] for name, value in response.getheaders()]
            facts["httpVersion"] = "HTTP/1.1" if response.version == 11 else "HTTP/1.0"
            exchange.is_chunked = bool(response.chunked)
            if response.fp is not None:
                response.fp = Tee(response.fp, exchange, self._finish)
            else:
                self._finish(exchange)
        return response

    def _finish(self, exchange):
        for key, other in list(self._open.items()):
            if other is exchange:
                del self._open[key]
                break
        else:
            return
        received = exchange.received
        if exchange.is_chunked:
            received = _dechunked(received, self._limit)
        line = {
            **exchange.facts,
            "durationMs": exchange.elapsed_ms(),
            "sent": exchange.sent.facts(),
            "received": received.facts(),
        }
        self._bring(json.dumps(line).encode() + b"\n")


class Tee:
    """The file that a response is read from; remembers what comes out of it."""

    def __init__(self, file, exchange, finish):
        self._file = file
        self._exchange = exchange
        self._finish = finish

    def __getattr__(self, name):
        return getattr(self._file, name)

    def read(self, *values):
        return self._seen(self._file.read(*values))

    def read1(self, *values):
        return self._seen(self._file.read1(*values))

    def readline(self, *values):
        return self._seen(self._file.readline(*values))

    def readinto(self, buffer):
        count = self._file.readinto(buffer)
        self._seen(bytes(memoryview(buffer)[: count or 0]))
        return count

    def close(self):
        self._finish(self._exchange)
        return self._file.close()

    def _seen(self, data):
        self._exchange.received.add(data)
        return data


def _dechunked(body, limit):
    """A body without the framing of chunks; what was cut off stays away."""
    plain = Body(limit)
    data = bytes(body.kept)
    at = 0
    while True:
        line_end = data.find(b"\r\n", at)
        if line_end < 0:
            return plain
        try:
            size = int(data[at:line_end].split(b";")[0], 16)
        except ValueError:
            return plain
        if size == 0:
            return plain
        plain.add(data[line_end + 2 : line_end + 2 + size])
        at = line_end + 4 + size


def _text(value):
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
