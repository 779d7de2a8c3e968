import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { InvokeCommand } from "@aws-sdk/client-lambda";
import { createFunction } from "../support/functions.ts";
import { startHearth, type TestHearth } from "../support/hearth.ts";
