"""Greets, from Python."""


def lambda_handler(event, context):
    return {"greeting": f"Hello {event['name']} from Python"}
