import { PlatformError } from "../../base/mod.ts";

/**
 * The system call filter of a sandbox, as the classic BPF program that seccomp(2) takes. A deny
 * list: user code is arbitrary, so what is refused is what reaches for kernel interfaces that no
 * function needs and that have a record of escapes, or that capabilities already forbid.
 *
 * `clone3` hides its flags behind a pointer and so answers ENOSYS: the C libraries then fall back
 * to `clone`, whose flags are checked.
 * Sources: linux/seccomp.h, linux/audit.h, asm/unistd.h of each architecture.
 */
export type SeccompArchitecture = "x64" | "arm64";

/** Call numbers on x86-64 and arm64; -1 where the architecture lacks the call. */
type Numbers = readonly [x64: number, arm64: number];

const REFUSED: Readonly<Record<string, Numbers>> = {
  // io_uring bypasses this very filter for the operations it queues.
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  userfaultfd: [323, 282],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
  statmount: [457, 457],
  listmount: [458, 458],
  open_tree_attr: [467, 467],
  setns: [308, 268],
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  kcmp: [312, 272],
  pidfd_getfd: [438, 438],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  personality: [135, 92],
  swapon: [167, 224],
  swapoff: [168, 225],
  reboot: [169, 142],
  open_by_handle_at: [304, 265],
  name_to_handle_at: [303, 264],
  acct: [163, 89],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  syslog: [103, 116],
  vhangup: [153, 58],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  fanotify_init: [300, 262],
  lookup_dcookie: [212, 18],
  migrate_pages: [256, 238],
  move_pages: [279, 239],
  iopl: [172, -1],
  ioperm: [173, -1],
  modify_ldt: [154, -1],
  uselib: [134, -1],
};

const CLONE: Numbers = [56, 220];
const CLONE3: Numbers = [435, 435];
const UNSHARE: Numbers = [272, 97];
const SOCKET: Numbers = [41, 198];
const SOCKETPAIR: Numbers = [53, 199];
const IOCTL: Numbers = [16, 29];

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET; unshare also knows NEWTIME. */
const NEW_NAMESPACES = 0x7e020000;
const NEW_TIME_NAMESPACE = 0x80;
/** AF_UNIX, AF_INET, AF_INET6, and AF_NETLINK for getifaddrs. */
const ADDRESS_FAMILIES = [1, 2, 10];
const AF_NETLINK = 16;
/** Put a character into, or paste into, a terminal that others read. */
const TERMINAL_INJECTIONS = [0x5412, 0x541c];

const AUDIT_ARCHITECTURE: Readonly<Record<SeccompArchitecture, number>> = {
  x64: 0xc000003e,
  arm64: 0xc00000b7,
};
/** x32 calls on an x86-64 kernel carry this bit. */
const X32_BIT = 0x40000000;

const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const ERRNO = 0x00050000;
const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

/** Offsets in struct seccomp_data; arguments are 64 bits wide, the low half first. */
const NUMBER_OFFSET = 0;
const ARCHITECTURE_OFFSET = 4;
const argumentOffset = (index: number): number => 16 + 8 * index;

const LOAD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER_OR_EQUAL = 0x35;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;

interface Instruction {
  readonly code: number;
  readonly operand: number;
  /** Labels; absent means the next instruction. */
  readonly whenTrue?: string;
  readonly whenFalse?: string;
}

/** Collects instructions and resolves labels; BPF jumps forward only, by at most 255. */
class Assembler {
  readonly #instructions: Instruction[] = [];
  readonly #labels = new Map<string, number>();

  label(name: string): void {
    this.#labels.set(name, this.#instructions.length);
  }

  load(offset: number): void {
    this.#instructions.push({ code: LOAD, operand: offset });
  }

  jump(code: number, operand: number, whenTrue?: string, whenFalse?: string): void {
    this.#instructions.push({
      code,
      operand,
      ...(whenTrue === undefined ? {} : { whenTrue }),
      ...(whenFalse === undefined ? {} : { whenFalse }),
    });
  }

  answer(value: number): void {
    this.#instructions.push({ code: RETURN, operand: value });
  }

  /** An array of struct sock_filter: u16 code, u8 jt, u8 jf, u32 k. */
  bytes(): Buffer {
    const program = Buffer.alloc(this.#instructions.length * 8);
    for (const [index, instruction] of this.#instructions.entries()) {
      program.writeUInt16LE(instruction.code, index * 8);
      program.writeUInt8(this.#distance(index, instruction.whenTrue), index * 8 + 2);
      program.writeUInt8(this.#distance(index, instruction.whenFalse), index * 8 + 3);
      program.writeUInt32LE(instruction.operand >>> 0, index * 8 + 4);
    }
    return program;
  }

  #distance(from: number, label: string | undefined): number {
    if (label === undefined) return 0;
    const to = this.#labels.get(label);
    if (to === undefined) throw new Error(`Unknown label ${label}`);
    return to - from - 1;
  }
}

/**
 * The filter for `architecture`, ready for bwrap's --seccomp.
 * @throws PlatformError kind "unsupported" on any other architecture
 */
export function seccompProgram(architecture: string): Buffer {
  if (architecture !== "x64" && architecture !== "arm64") {
    throw new PlatformError(
      {
        kind: "unsupported",
        feature: "process sandbox",
        remedy: "Run Hearth on an x86-64 or arm64 machine",
      },
      `No system call filter is known for architecture ${architecture}`,
    );
  }
  return assemble(architecture);
}

function assemble(architecture: SeccompArchitecture): Buffer {
  const numberOf = (numbers: Numbers): number => numbers[architecture === "x64" ? 0 : 1];
  const program = new Assembler();
  program.load(ARCHITECTURE_OFFSET);
  program.jump(JUMP_EQUAL, AUDIT_ARCHITECTURE[architecture], undefined, "kill");
  program.load(NUMBER_OFFSET);
  if (architecture === "x64") program.jump(JUMP_GREATER_OR_EQUAL, X32_BIT, "unknown");
  program.jump(JUMP_EQUAL, numberOf(IOCTL), "ioctl");
  program.jump(JUMP_EQUAL, numberOf(CLONE), "clone");
  program.jump(JUMP_EQUAL, numberOf(SOCKET), "socket");
  program.jump(JUMP_EQUAL, numberOf(SOCKETPAIR), "socket");
  program.jump(JUMP_EQUAL, numberOf(UNSHARE), "unshare");
  program.jump(JUMP_EQUAL, numberOf(CLONE3), "unknown");
  for (const numbers of Object.values(REFUSED)) {
    if (numberOf(numbers) >= 0) program.jump(JUMP_EQUAL, numberOf(numbers), "refuse");
  }
  program.answer(ALLOW);
  addArgumentChecks(program);
  addAnswers(program);
  return program.bytes();
}

function addArgumentChecks(program: Assembler): void {
  program.label("ioctl");
  program.load(argumentOffset(1));
  for (const request of TERMINAL_INJECTIONS) program.jump(JUMP_EQUAL, request, "refuse");
  program.answer(ALLOW);

  program.label("clone");
  program.load(argumentOffset(0));
  program.jump(JUMP_ANY_BIT, NEW_NAMESPACES, "refuse", "allow");

  program.label("unshare");
  program.load(argumentOffset(0));
  program.jump(JUMP_ANY_BIT, NEW_NAMESPACES | NEW_TIME_NAMESPACE, "refuse", "allow");

  program.label("socket");
  program.load(argumentOffset(0));
  for (const family of ADDRESS_FAMILIES) program.jump(JUMP_EQUAL, family, "allow");
  program.jump(JUMP_EQUAL, AF_NETLINK, undefined, "no family");
  program.load(argumentOffset(2)); // protocol: NETLINK_ROUTE is 0
  program.jump(JUMP_EQUAL, 0, "allow", "refuse");
}

function addAnswers(program: Assembler): void {
  program.label("allow");
  program.answer(ALLOW);
  program.label("refuse");
  program.answer(ERRNO | EPERM);
  program.label("unknown");
  program.answer(ERRNO | ENOSYS);
  program.label("no family");
  program.answer(ERRNO | EAFNOSUPPORT);
  program.label("kill");
  program.answer(KILL_PROCESS);
}
