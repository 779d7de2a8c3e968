"""A profile of one call, in the format that Chrome DevTools opens (.cpuprofile).

A thread looks at the stack of the thread that runs the handler at even intervals.
"""

import json
import sys
import threading
import time

INTERVAL_MICROS = 1000
# One sample takes about this many bytes of the profile; a long call is sampled until it is full.
SAMPLES_MAX = 1_000_000


def begin(options, bring):
    return Profiler(options.get("intervalMicros", INTERVAL_MICROS) / 1e6, bring)


class Node:
    __slots__ = ("children", "frame", "hits", "number")

    def __init__(self, number, frame):
        self.number = number
        self.frame = frame
        self.hits = 0
        self.children = {}


class Profiler:
    def __init__(self, interval_seconds, bring):
        self._interval = interval_seconds
        self._bring = bring
        self._observed = threading.get_ident()
        self._root = Node(1, ("(root)", "", -1))
        self._nodes = [self._root]
        self._samples = []
        self._deltas = []
        self._started = self._last = time.perf_counter_ns()
        self._stop = threading.Event()
        # A thread that computes gives way this often; the default would be the finest interval.
        self._switch_interval = sys.getswitchinterval()
        sys.setswitchinterval(min(self._switch_interval, interval_seconds / 2))
        self._thread = threading.Thread(target=self._sample, name="hearth-profiler", daemon=True)
        self._thread.start()

    def end(self):
        self._stop.set()
        self._thread.join()
        sys.setswitchinterval(self._switch_interval)
        self._bring(json.dumps(self._profile()).encode())

    def _sample(self):
        while not self._stop.wait(self._interval) and len(self._samples) < SAMPLES_MAX:
            frame = sys._current_frames().get(self._observed)
            if frame is None:
                return
            node = self._node_of(frame)
            node.hits += 1
            now = time.perf_counter_ns()
            self._samples.append(node.number)
            self._deltas.append((now - self._last) // 1000)
            self._last = now

    def _node_of(self, frame):
        stack = []
        while frame is not None:
            code = frame.f_code
            name = getattr(code, "co_qualname", code.co_name)
            stack.append((name, code.co_filename, code.co_firstlineno - 1))
            frame = frame.f_back
        node = self._root
        for key in reversed(stack):
            child = node.children.get(key)
            if child is None:
                child = Node(len(self._nodes) + 1, key)
                self._nodes.append(child)
                node.children[key] = child
            node = child
        return node

    def _profile(self):
        scripts = {}
        return {
            "nodes": [_described(node, scripts) for node in self._nodes],
            "startTime": self._started // 1000,
            "endTime": time.perf_counter_ns() // 1000,
            "samples": self._samples,
            "timeDeltas": self._deltas,
        }


def _described(node, scripts):
    name, url, line = node.frame
    return {
        "id": node.number,
        "callFrame": {
            "functionName": name,
            "scriptId": str(scripts.setdefault(url, len(scripts))),
            "url": url,
            "lineNumber": line,
            "columnNumber": -1 if line < 0 else 0,
        },
        "hitCount": node.hits,
        "children": [child.number for child in node.children.values()],
    }
