"""
The program that the tests run in sandboxes: executes the Python that each line asks for.

A line is {"code": text}; the answer is {"result": value of the variable `result`} or {"error"}.
"""

import json
import os
import socket
import threading

scope = {"threading": threading, "os": os}


def answer(line):
    scope["result"] = None
    try:
        exec(json.loads(line)["code"], scope)
        return {"result": scope["result"]}
    except Exception as error:
        return {"error": "%s: %s" % (type(error).__name__, error)}


def serve(connection):
    with connection.makefile("rw", encoding="utf-8") as stream:
        for line in stream:
            stream.write(json.dumps(answer(line)) + "\n")
            stream.flush()


server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(os.environ.get("HEARTH_RUN_DIRECTORY", "/run/hearth") + "/guest.sock")
server.listen(1)
serve(server.accept()[0])
