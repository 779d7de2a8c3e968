import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../base/mod.ts";
import { Paces } from "./pace.ts";

/** Runs calls of these lengths one after another, then as many at once as are asked for. */
function paced(durationsMs: readonly number[], running: number): Paces {
  const paces = new Paces(4);
  for (const durationMs of durationsMs) {
    paces.began("v");
    paces.ended("v", durationMs, 0);
  }
  for (let i = 0; i < running; i++) paces.began("v");
  return paces;
}

test("Paces: short calls are a crowd when as many run as keep the processors busy", () => {
  assert.equal(paced([0.3, 0.4], 3).isCrowded("v"), false);
  assert.equal(paced([0.3, 0.4], 4).isCrowded("v"), true);
  assert.equal(paced([], 4).isCrowded("v"), false, "nothing is known of a version's first calls");
  assert.equal(paced([0.3], 4).isCrowded("other"), false);
});

test("Paces: long calls are never a crowd, however many run", () => {
  assert.equal(paced([30, 25, 40], 100).isCrowded("v"), false);
});

test("Paces: short calls are known as such even when most are held up by others", () => {
  const random = seededRandom(7);
  const durations = Array.from({ length: 500 }, () => (random.next() < 0.2 ? 0.4 : 6));
  assert.equal(paced([8, ...durations], 4).isCrowded("v"), true);
});

test("Paces: calls that have become long are soon known as such", () => {
  const durations = [...new Array(100).fill(0.4), ...new Array(400).fill(50)];
  assert.equal(paced(durations, 4).isCrowded("v"), false);
});

test("Paces: a version that is not called for long is forgotten", () => {
  const paces = paced([0.3], 0);
  paces.prune(599_000);
  for (let i = 0; i < 4; i++) paces.began("v");
  assert.equal(paces.isCrowded("v"), true);
  for (let i = 0; i < 4; i++) paces.ended("v", 0.3, 0);
  paces.prune(601_000);
  for (let i = 0; i < 4; i++) paces.began("v");
  assert.equal(paces.isCrowded("v"), false);
});
