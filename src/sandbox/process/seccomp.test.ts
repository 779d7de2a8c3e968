import assert from "node:assert/strict";
import { test } from "node:test";
import { isPlatformError } from "../../base/mod.ts";
import { seccompProgram } from "./seccomp.ts";

interface Call {
  readonly architecture: number;
  readonly number: number;
  readonly arguments?: readonly number[];
}

const X64 = 0xc000003e;
const ARM64 = 0xc00000b7;
const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const ERRNO = 0x00050000;
const [EPERM, ENOSYS, EAFNOSUPPORT] = [1, 38, 97];

/** What the kernel's interpreter would return: the opcodes that the program uses, no others. */
function evaluate(program: Buffer, call: Call): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.number >>> 0, 0);
  data.writeUInt32LE(call.architecture, 4);
  for (const [index, value] of (call.arguments ?? []).entries()) {
    data.writeUInt32LE(value >>> 0, 16 + 8 * index);
  }
  let accumulator = 0;
  for (let at = 0; at * 8 < program.length; at++) {
    const code = program.readUInt16LE(at * 8);
    const operand = program.readUInt32LE(at * 8 + 4);
    const jump = (taken: boolean): number => program.readUInt8(at * 8 + (taken ? 2 : 3));
    if (code === 0x06) return operand;
    if (code === 0x20) accumulator = data.readUInt32LE(operand);
    else if (code === 0x15) at += jump(accumulator === operand);
    else if (code === 0x35) at += jump(accumulator >= operand);
    else if (code === 0x45) at += jump((accumulator & operand) !== 0);
    else assert.fail(`Unknown opcode ${code}`);
  }
  return assert.fail("The program ends without an answer");
}

const x64 = seccompProgram("x64");
const arm64 = seccompProgram("arm64");

test("seccompProgram: allows ordinary calls", () => {
  for (const number of [0, 1, 2, 9, 12, 39, 59, 60, 202, 231, 318]) {
    assert.equal(evaluate(x64, { architecture: X64, number }), ALLOW, `call ${number}`);
  }
  for (const number of [56, 63, 64, 93, 98, 221, 222]) {
    assert.equal(evaluate(arm64, { architecture: ARM64, number }), ALLOW, `call ${number}`);
  }
});

test("seccompProgram: refuses io_uring, mounts, keys, tracing, modules on both architectures", () => {
  const refused: ReadonlyArray<readonly [Buffer, number, readonly number[]]> = [
    [x64, X64, [425, 426, 427, 165, 166, 250, 101, 321, 298, 323, 308, 313, 304]],
    [arm64, ARM64, [425, 426, 427, 40, 39, 219, 117, 280, 241, 282, 268, 273, 265]],
  ];
  for (const [program, architecture, numbers] of refused) {
    for (const number of numbers) {
      assert.equal(evaluate(program, { architecture, number }), ERRNO | EPERM, `call ${number}`);
    }
  }
});

test("seccompProgram: a foreign architecture is killed, the x32 variant unknown", () => {
  const i386 = 0x40000003;
  assert.equal(evaluate(x64, { architecture: i386, number: 1 }), KILL);
  assert.equal(evaluate(arm64, { architecture: X64, number: 1 }), KILL);
  const x32Write = 0x40000001;
  assert.equal(evaluate(x64, { architecture: X64, number: x32Write }), ERRNO | ENOSYS);
});

test("seccompProgram: threads and forks pass, new namespaces do not", () => {
  const [clone, clone3, unshare] = [56, 435, 272];
  const call = (number: number, flags: number): number =>
    evaluate(x64, { architecture: X64, number, arguments: [flags] });
  const threadFlags = 0x003d0f00; // what glibc passes for a thread
  assert.equal(call(clone, threadFlags), ALLOW);
  assert.equal(call(clone, 17), ALLOW);
  for (const flag of [
    0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
  ]) {
    assert.equal(call(clone, flag | 17), ERRNO | EPERM, flag.toString(16));
    assert.equal(call(unshare, flag), ERRNO | EPERM, flag.toString(16));
  }
  assert.equal(call(clone3, 0), ERRNO | ENOSYS);
  assert.equal(call(unshare, 0x400), ALLOW); // CLONE_FILES
});

test("seccompProgram: only local, internet and route sockets", () => {
  const [socket, datagram] = [41, 2];
  const open = (family: number, protocol = 0): number =>
    evaluate(x64, { architecture: X64, number: socket, arguments: [family, datagram, protocol] });
  for (const family of [1, 2, 10, 16]) assert.equal(open(family), ALLOW, `family ${family}`);
  for (const family of [17, 38, 40, 44]) {
    assert.equal(open(family), ERRNO | EAFNOSUPPORT, `family ${family}`);
  }
  const netfilter = 12;
  assert.equal(open(16, netfilter), ERRNO | EPERM);
});

test("seccompProgram: terminals cannot be typed into", () => {
  const ioctl = (request: number): number =>
    evaluate(x64, { architecture: X64, number: 16, arguments: [0, request] });
  assert.equal(ioctl(0x5412), ERRNO | EPERM);
  assert.equal(ioctl(0x5401), ALLOW);
});

test("seccompProgram: an unknown architecture is unsupported", () => {
  assert.throws(
    () => seccompProgram("mips"),
    (error) => isPlatformError(error, "unsupported"),
  );
});
