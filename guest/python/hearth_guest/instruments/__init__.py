"""What the runtime observes of itself for auxiliary functions, during one call."""

import sys
from importlib import import_module

from ..channel import EVIDENCE

# Evidence goes out in pieces: the host takes no frame longer than the longest response.
PIECE_BYTES = 1024 * 1024
# The host ends a runtime that brings more than 64 MiB for one call.
EVIDENCE_BYTES_MAX = 60 * 1024 * 1024
NAMES = ("profiler", "capture")


class Evidence:
    """What an instrument brings goes to the host through this, within bounds."""

    def __init__(self, channel, name):
        self._channel = channel
        self._prefix = bytes([len(name)]) + name.encode()
        self._left = EVIDENCE_BYTES_MAX // len(NAMES)

    def bring(self, data):
        if len(data) > self._left:
            return
        self._left -= len(data)
        for start in range(0, len(data), PIECE_BYTES):
            self._channel.send(EVIDENCE, self._prefix + data[start : start + PIECE_BYTES])


def begin_instruments(wanted, channel):
    """
    Begins each instrument; one that fails is left out, the call goes on. Returns what ends them,
    to be called once, before the call is answered.
    """
    running = []
    for instrument in wanted:
        name = instrument["name"]
        if name not in NAMES:
            continue
        try:
            module = import_module(f"{__name__}.{name}")
            evidence = Evidence(channel, name)
            running.append(module.begin(instrument.get("options") or {}, evidence.bring))
        except Exception as error:
            print(f"[hearth] Instrument {name} failed: {error}", file=sys.stderr)

    def end():
        for instrument in running:
            try:
                instrument.end()
            except Exception as error:
                print(f"[hearth] An instrument cannot end: {error}", file=sys.stderr)

    return end
