"""Reads and writes metrics through boto3; prints what it saw as JSON. Arguments: URL."""

import datetime
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

metrics = boto3.client(
    "cloudwatch", endpoint_url=sys.argv[1], config=Config(retries={"max_attempts": 0})
)
now = datetime.datetime.now(datetime.timezone.utc)
span = {
    "StartTime": now - datetime.timedelta(minutes=10),
    "EndTime": now + datetime.timedelta(minutes=1),
}
named = {"Name": "FunctionName", "Value": "counted"}


def refused(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        answer = error.response
        return [answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]]
    return None


data = metrics.get_metric_data(
    MetricDataQueries=[
        {
            "Id": f"m{at}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Lambda",
                    "MetricName": name,
                    "Dimensions": [named],
                },
                "Period": 3600,
                "Stat": stat,
            },
        }
        for at, (name, stat) in enumerate(
            [("Invocations", "Sum"), ("Errors", "Sum"), ("Duration", "p90")]
        )
    ],
    **span,
)
metrics.put_metric_data(
    Namespace="Shop",
    MetricData=[
        {
            "MetricName": "Orders",
            "Dimensions": [{"Name": "Region", "Value": "a<b&c"}],
            "Values": [1, 5],
            "Counts": [2, 1],
            "Unit": "Count",
        }
    ]
    + [{"MetricName": f"Padding{at}", "Value": at} for at in range(300)],
)
orders = metrics.get_metric_statistics(
    Namespace="Shop",
    MetricName="Orders",
    Dimensions=[{"Name": "Region", "Value": "a<b&c"}],
    Period=3600,
    Statistics=["Sum", "SampleCount", "Maximum"],
    ExtendedStatistics=["p50"],
    **span,
)
listed = metrics.get_paginator("list_metrics").paginate(
    Namespace="AWS/Lambda", Dimensions=[{"Name": "FunctionName"}]
)
names = sorted(
    {metric["MetricName"] for page in listed for metric in page["Metrics"]}
)
result = {
    "sums": [sum(each["Values"]) for each in data["MetricDataResults"][:2]],
    "duration": sum(data["MetricDataResults"][2]["Values"]) > 0,
    "statuses": [each["StatusCode"] for each in data["MetricDataResults"]],
    "orders": [
        {key: value for key, value in each.items() if key != "Timestamp"}
        for each in orders["Datapoints"]
    ],
    "names": names,
    "reserved": refused(
        metrics.put_metric_data,
        Namespace="AWS/Lambda",
        MetricData=[{"MetricName": "x", "Value": 1}],
    ),
    "combination": refused(
        metrics.get_metric_statistics,
        Namespace="Shop",
        MetricName="Orders",
        Period=60,
        Statistics=["Sum"],
        StartTime=span["EndTime"],
        EndTime=span["StartTime"],
    ),
    "unknown": refused(metrics.describe_alarms),
}
print(json.dumps(result))
