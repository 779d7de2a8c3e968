"""The context object of a call, with AWS's names."""

import json
import time

from .errors import RuntimeFault


class LambdaContext:
    def __init__(self, init, header):
        self.aws_request_id = header["requestId"]
        self.log_group_name = init["logGroup"]
        self.log_stream_name = init["logStream"]
        self.function_name = init["functionName"]
        self.memory_limit_in_mb = str(init["memoryMiB"])
        self.function_version = init["functionVersion"]
        self.invoked_function_arn = header["functionArn"]
        self.tenant_id = None
        self.client_context = _client_context(header.get("clientContext"))
        self.identity = CognitoIdentity()
        self._deadline_ms = int(time.time() * 1000) + header["timeoutMs"]

    def get_remaining_time_in_millis(self):
        return max(0, int(self._deadline_ms - time.time() * 1000))

    def log(self, message):
        print(message, end="")

    def __repr__(self):
        shown = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        fields = ",".join(f"{name}={value}" for name, value in shown.items())
        return f"LambdaContext([{fields}])"


class _Record:
    """Attributes from a dictionary; those it lacks are None."""

    __slots__ = ()

    def __init__(self, values=None):
        for name in self.__slots__:
            setattr(self, name, (values or {}).get(name))

    def __repr__(self):
        fields = ",".join(f"{name}={getattr(self, name)}" for name in self.__slots__)
        return f"{type(self).__name__}([{fields}])"


class CognitoIdentity(_Record):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(_Record):
    __slots__ = (
        "installation_id",
        "app_title",
        "app_version_name",
        "app_version_code",
        "app_package_name",
    )


class ClientContext(_Record):
    __slots__ = ("custom", "env", "client")


def _client_context(text):
    if not text:
        return None
    try:
        values = json.loads(text)
        context = ClientContext(values)
        if context.client is not None:
            context.client = Client(context.client)
        return context
    except (ValueError, AttributeError) as error:
        message = f"Unable to parse Client Context JSON: {error}"
        raise RuntimeFault("LambdaContextUnmarshalError", message) from None
