/**
 * Every bound of the system, with its source. AWS figures come from the Lambda quotas page
 * (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html); "ours" means chosen
 * here, for the reason given.
 */

/** Synchronous request and response. AWS: 6 MB each. */
export const INVOKE_PAYLOAD_BYTES_MAX: number = 6 * 1024 * 1024;
/** What AWS reports for a synchronous payload in its messages: 6,291,556 bytes. */
export const INVOKE_RESPONSE_BYTES_MAX: number = 6_291_556;
/** A streamed response. AWS: 200 MB. */
export const STREAM_RESPONSE_BYTES_MAX: number = 200 * 1024 * 1024;
/** Bytes of a streamed response between the function and its caller. Ours: hides a round trip. */
export const STREAM_WINDOW_BYTES: number = 256 * 1024;
/** What the instruments of one call (profiles, captures) may bring to the host. Ours. */
export const EVIDENCE_BYTES_PER_CALL_MAX: number = 64 * 1024 * 1024;
/** Any other API request. A 50 MB zip in base64 plus the rest of CreateFunction. Ours. */
export const REQUEST_BODY_BYTES_MAX: number = 72 * 1024 * 1024;
/** Zip given in the request. AWS: 50 MB. */
export const PACKAGE_ZIP_BYTES_MAX: number = 50 * 1024 * 1024;
/** Unpacked function with its layers. AWS: 250 MB. */
export const PACKAGE_UNPACKED_BYTES_MAX: number = 262_144_000;
/** Entries of one zip; ours: a bomb of empty files exhausts inodes, not bytes. */
export const PACKAGE_ENTRIES_MAX: number = 50_000;
/** AWS: 128 MB to 10,240 MB in 1 MB steps. */
export const MEMORY_MIB_MIN: number = 128;
export const MEMORY_MIB_MAX: number = 10_240;
export const MEMORY_MIB_DEFAULT: number = 128;
/** One whole vCPU's worth of memory on Lambda: 1,769 MB. */
export const MEMORY_MIB_PER_CPU: number = 1769;
/** AWS: 1 s to 900 s, 3 s unless told. */
export const TIMEOUT_SECONDS_MIN: number = 1;
export const TIMEOUT_SECONDS_MAX: number = 900;
export const TIMEOUT_SECONDS_DEFAULT: number = 3;
/** /tmp. AWS: 512 MB to 10,240 MB. */
export const EPHEMERAL_STORAGE_MIB_MIN: number = 512;
export const EPHEMERAL_STORAGE_MIB_MAX: number = 10_240;
/** All environment variables of a function together. AWS: 4 KB. */
export const ENVIRONMENT_BYTES_MAX: number = 4096;
/** Initialisation outside a call. AWS: 10 s; then it is tried again inside the call. */
export const INIT_MS_MAX: number = 10_000;
/** Tail of the log in an Invoke response. AWS: last 4 KB. */
export const LOG_TAIL_BYTES_MAX: number = 4096;
/** ClientContext, base64 encoded. AWS: 3,583 bytes. */
export const CLIENT_CONTEXT_BYTES_MAX: number = 3583;
/** Concurrent calls of an account. AWS: 1,000. */
export const ACCOUNT_CONCURRENCY: number = 1000;
/** What reserved concurrency must leave to functions without it. AWS: 100. */
export const UNRESERVED_CONCURRENCY_MIN: number = 100;
/** All code of an account. AWS: 75 GB. */
export const ACCOUNT_CODE_BYTES_MAX: number = 75 * 1024 * 1024 * 1024;
/** Processes and threads of one environment. AWS: 1,024. */
export const PROCESSES_MAX: number = 1024;
/** Open files of one process. AWS: 1,024. */
export const OPEN_FILES_MAX: number = 1024;
/** Tags of one function. AWS: 50. */
export const TAGS_MAX: number = 50;
/** Signed requests may be this far from our clock. AWS: 15 minutes. */
export const CLOCK_SKEW_MS_MAX: number = 15 * 60 * 1000;
/** One log line or burst of a function between two reads; ours: a flood is cut, not stored. */
export const LOG_BYTES_PER_CALL_MAX: number = 1024 * 1024;
/** A function's log on disk, kept as two halves; ours. */
export const LOG_BYTES_PER_FUNCTION_MAX: number = 16 * 1024 * 1024;
/** Decision records kept in memory; ours: about 1 KB each. */
export const DECISION_RECORDS_MAX: number = 10_000;
/** Decision records kept for one owner, so that one owner's load cannot evict all others'. Ours. */
export const DECISION_RECORDS_PER_OWNER_MAX: number = 2_000;
/** Resolved versions held in memory; ours: about 2 KB each. */
export const RESOLVED_VERSIONS_MAX: number = 20_000;
/** Calls that wait for an environment; ours: the account limit of several owners. */
export const ACQUISITIONS_WAITING_MAX: number = 10_000;
