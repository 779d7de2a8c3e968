"""What lambda-boto3.test.ts lets boto3 do: a function's life, then the errors it meets.

Prints one JSON object. The endpoint and the zip's path are the two arguments; credentials and
region are in the environment.
"""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, zip_path = sys.argv[1:]
config = Config(retries={"max_attempts": 0})
client = boto3.client("lambda", endpoint_url=endpoint, config=config)
sts = boto3.client("sts", endpoint_url=endpoint, config=config)
account = sts.get_caller_identity()["Account"]


def error_of(operation, **arguments):
    """The code, status and message that an operation is refused with."""
    try:
        operation(**arguments)
    except ClientError as error:
        response = error.response
        status = response["ResponseMetadata"]["HTTPStatusCode"]
        return [response["Error"]["Code"], status, response["Error"]["Message"]]
    return None


with open(zip_path, "rb") as file:
    package = file.read()
creation = {
    "FunctionName": "boto",
    "Runtime": "nodejs24.x",
    "Role": f"arn:aws:iam::{account}:role/r",
    "Handler": "index.handler",
    "Code": {"ZipFile": package},
}
client.create_function(**creation)
client.get_waiter("function_active_v2").wait(FunctionName="boto")
invoked = client.invoke(FunctionName="boto", Payload=json.dumps({"n": 1}), LogType="Tail")
client.update_function_configuration(FunctionName="boto", MemorySize=256)
client.get_waiter("function_updated_v2").wait(FunctionName="boto")
client.publish_version(FunctionName="boto")
client.create_alias(FunctionName="boto", Name="live", FunctionVersion="1")
arn = client.get_alias(FunctionName="boto", Name="live")["AliasArn"]
pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1})
result = {
    "account": account,
    "payload": json.loads(invoked["Payload"].read()),
    "status": invoked["StatusCode"],
    "version": client.invoke(FunctionName=arn)["ExecutedVersion"],
    "memory": client.get_function_configuration(FunctionName="boto")["MemorySize"],
    "names": [listed["FunctionName"] for page in pages for listed in page["Functions"]],
    "exists": error_of(client.create_function, **creation),
    "missing": error_of(client.invoke, FunctionName="nobody"),
    "no_json": error_of(client.invoke, FunctionName="boto", Payload="{"),
    "memory_size": error_of(
        client.update_function_configuration, FunctionName="boto", MemorySize=20000
    ),
    "layers": client.list_layers()["Layers"],
}
client.delete_function(FunctionName="boto")
result["deleted"] = error_of(client.get_function, FunctionName="boto")
print(json.dumps(result))
