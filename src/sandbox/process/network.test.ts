import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseBlock } from "./network.ts";

const HEADER =
  "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
const route = (name: string, destination: string, mask: string): string =>
  `${name}\t${destination}\t00000000\t0001\t0\t0\t0\t${mask}\t0\t0\t0\n`;
const DEFAULT = route("eth0", "00000000", "00000000");
const address = (text: string): number =>
  text.split(".").reduce((number, part) => number * 256 + Number(part), 0);

test("chooseBlock: each lease has addresses of its own in the first free range", () => {
  assert.equal(chooseBlock(0, HEADER + DEFAULT), address("10.213.0.0"));
  assert.equal(chooseBlock(1, HEADER + DEFAULT), address("10.213.8.0"));
});

test("chooseBlock: avoids ranges that the host routes", () => {
  const lan = route("eth1", "0005D50A", "00FFFFFF"); // 10.213.5.0/24
  assert.equal(chooseBlock(0, HEADER + DEFAULT + lan), address("10.197.0.0"));
  const wide = route("tun0", "0000000A", "000000FF"); // 10.0.0.0/8
  assert.equal(chooseBlock(0, HEADER + DEFAULT + wide), address("172.29.0.0"));
});

test("chooseBlock: wires of other servers are no obstacle", () => {
  const wire = route("h0123abcd-1", "0000D50A", "FEFFFFFF");
  assert.equal(chooseBlock(0, HEADER + DEFAULT + wire), address("10.213.0.0"));
});
