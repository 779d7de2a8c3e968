import assert from "node:assert/strict";
import { test } from "node:test";
import { isPlatformError } from "../base/mod.ts";
import { VersionLimiter } from "./version-limit.ts";

test("VersionLimiter: admits as many calls of a version as it may have environments", () => {
  const limiter = new VersionLimiter();
  assert.equal(limiter.admit("f:1", undefined), undefined);
  const isThrottled = (error: unknown): boolean => isPlatformError(error, "throttled");
  {
    using _first = limiter.admit("f:1", 2);
    using _second = limiter.admit("f:1", 2);
    using _other = limiter.admit("f:2", 1);
    assert.throws(() => limiter.admit("f:1", 2), isThrottled);
  }
  using _again = limiter.admit("f:1", 1);
  assert.throws(() => limiter.admit("f:1", 0), isThrottled);
});
