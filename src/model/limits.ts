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
/** Initialisation of provisioned concurrency, or the function's time-out if longer. AWS: 130 s. */
export const PROVISIONED_INIT_MS_MAX: number = 130_000;
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
/** Layers of one function. AWS: 5. */
export const LAYERS_PER_FUNCTION_MAX: number = 5;
/** Signing profile versions that one code signing configuration allows. AWS: 20. */
export const SIGNING_PROFILES_PER_CONFIG_MAX: number = 20;
/** Keys that one signing profile has had and still honours. Ours: a document, not a history. */
export const SIGNING_PROFILE_VERSIONS_MAX: number = 20;
/** The document in a package that says who signed it; ours: 50,000 paths and their digests. */
export const SIGNATURE_BYTES_MAX: number = 16 * 1024 * 1024;
/** Resource-based policy of a function, version or alias. AWS: 20 KB. */
export const POLICY_BYTES_MAX: number = 20 * 1024;
/** Functions whose URLs, and URLs whose functions, are held in memory; ours: about 1 KB each. */
export const FUNCTION_URLS_CACHED_MAX: number = 10_000;
/** Status, headers and cookies before the body of a streamed HTTP response. Ours. */
export const STREAM_PRELUDE_BYTES_MAX: number = 256 * 1024;
/** Functions whose policies are held in memory; ours: mostly about 1 KB each. */
export const POLICIES_CACHED_MAX: number = 2_000;
/** Capacity providers of an account; ours: AWS has a quota without telling it. */
export const CAPACITY_PROVIDERS_MAX: number = 1_000;
/** Runs of a function in one chain of calls before the next is refused. AWS: 16. */
export const RECURSION_MAX: number = 16;
/** Functions that one chain of calls remembers. Ours: bounds a header that callers send. */
export const LINEAGE_FUNCTIONS_MAX: number = 32;
/** Tags of one function. AWS: 50. */
export const TAGS_MAX: number = 50;
/** Signed requests may be this far from our clock. AWS: 15 minutes. */
export const CLOCK_SKEW_MS_MAX: number = 15 * 60 * 1000;
/** One log line or burst of a function between two reads; ours: a flood is cut, not stored. */
export const LOG_BYTES_PER_CALL_MAX: number = 1024 * 1024;
/** A log group on disk; its oldest events go first. Ours. */
export const LOG_BYTES_PER_GROUP_MAX: number = 16 * 1024 * 1024;
/** All log groups of an owner on disk; the oldest events go first. Ours. */
export const LOG_BYTES_PER_OWNER_MAX: number = 1024 * 1024 * 1024;
/** Log groups of one owner; ours: each is a directory and a document. AWS: 1,000,000. */
export const LOG_GROUPS_PER_OWNER_MAX: number = 10_000;
/** Log streams that a client created in one group; ours: they are listed in memory. */
export const LOG_STREAMS_PER_GROUP_MAX: number = 10_000;
/** Log events that wait for the disk, of one function; ours: more is dropped and said. */
export const LOG_PENDING_BYTES_PER_FUNCTION_MAX: number = 4 * 1024 * 1024;
/** Log events that wait for the disk, of all functions; ours. */
export const LOG_PENDING_BYTES_MAX: number = 64 * 1024 * 1024;
/** Log bytes held for one that follows a function's log and reads slowly; ours. */
export const LOG_FOLLOWER_BYTES_MAX: number = 4 * 1024 * 1024;
/** Decision records kept in memory; ours: about 1 KB each. */
export const DECISION_RECORDS_MAX: number = 10_000;
/** Decision records kept for one owner, so that one owner's load cannot evict all others'. Ours. */
export const DECISION_RECORDS_PER_OWNER_MAX: number = 2_000;
/** Resolved versions held in memory; ours: about 2 KB each. */
export const RESOLVED_VERSIONS_MAX: number = 20_000;
/** Telemetry of one environment that its subscribers have not taken. Ours: the host's memory. */
export const TELEMETRY_HELD_BYTES_MAX: number = 8 * 1024 * 1024;
/** Part of a machine's environments that may be provisioned. Ours: the rest is for calls. */
export const PROVISIONED_SHARE_MAX: number = 0.75;
/** Calls that wait for an environment; ours: the account limit of several owners. */
export const ACQUISITIONS_WAITING_MAX: number = 10_000;
/**
 * One durable execution from start to end. AWS: 1 s to 366 days.
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_DurableConfig.html
 */
export const DURABLE_TIMEOUT_SECONDS_MAX: number = 31_622_400;
/** Days that an ended execution is kept. AWS: 1 to 90, 14 unless told. */
export const DURABLE_RETENTION_DAYS_MAX: number = 90;
export const DURABLE_RETENTION_DAYS_DEFAULT: number = 14;
/** A synchronous call of a durable function. AWS: executions of at most 15 minutes. */
export const DURABLE_SYNCHRONOUS_SECONDS_MAX: number = 900;
/** Operations of one execution. AWS: 3,000. */
export const DURABLE_OPERATIONS_MAX: number = 3000;
/** What an execution writes in all. AWS: 100 MB. */
export const DURABLE_STORED_BYTES_MAX: number = 100 * 1024 * 1024;
/** Events of one execution's history. Ours: a step that is retried for ever ends here. */
export const DURABLE_EVENTS_MAX: number = 25_000;
/**
 * Payload or error of one operation, and input and result of an asynchronous execution. AWS: 1 MB.
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_OperationUpdate.html
 */
export const DURABLE_PAYLOAD_BYTES_MAX: number = 1024 * 1024;
/** Updates of one checkpoint. Ours: the most that AWS's SDK sends, and what one commit holds. */
export const DURABLE_UPDATES_MAX: number = 250;
/** Operations that fall due in one commit; what is more follows in the next. Ours. */
export const DURABLE_DUE_MAX: number = 200;
/** State that travels inside the event; the SDK fetches the rest. Ours, below a call's 6 MB. */
export const DURABLE_EVENT_STATE_BYTES_MAX: number = 4 * 1024 * 1024;
/** Bytes after which a page of state or history ends. Ours: AWS's responses end at 6 MB. */
export const DURABLE_PAGE_BYTES_MAX: number = 6 * 1024 * 1024;
/** Unfinished executions of one owner. Ours: each costs memory for its timer, about 1 KB. */
export const DURABLE_RUNNING_PER_OWNER_MAX: number = 10_000;
/** Invocations in a row that may crash before the execution fails. Ours; AWS names no number. */
export const DURABLE_CRASHES_MAX: number = 5;
/** Payload of an asynchronous call. AWS: 1 MB. */
export const EVENT_PAYLOAD_BYTES_MAX: number = 1024 * 1024;
/** The same for the deprecated InvokeAsync. AWS: 256 KB. */
export const INVOKE_ASYNC_PAYLOAD_BYTES_MAX: number = 256 * 1024;
/** Attempts after the first when a function fails on an event; the default too. AWS: 2. */
export const EVENT_RETRY_ATTEMPTS_MAX: number = 2;
/** An event not run for so long is dropped; the longest is the default. AWS: 1 min to 6 h. */
export const EVENT_AGE_SECONDS_MIN: number = 60;
export const EVENT_AGE_SECONDS_MAX: number = 21_600;
/** Waits of a function's events that the platform could not run. AWS: 1 s to 5 min. */
export const EVENT_BACKOFF_MS_MIN: number = 1000;
export const EVENT_BACKOFF_MS_MAX: number = 5 * 60 * 1000;
/** Events of one owner in the queue, and of all; ours: about 500 bytes of memory each. */
export const EVENTS_PER_OWNER_MAX: number = 100_000;
export const EVENTS_MAX: number = 400_000;
/** Payloads of one owner in the queue; ours: they lie on the server's disk. */
export const EVENT_BYTES_PER_OWNER_MAX: number = 1024 * 1024 * 1024;
/** Events run at the same time, and for one owner; ours: the rest of a host is for callers. */
export const EVENTS_RUNNING_MAX: number = 400;
export const EVENTS_RUNNING_PER_OWNER_MAX: number = 100;
/** Wishes of one policy, and sidecars of one call. Ours. */
export const SIDECARS_PER_CALL_MAX: number = 8;
/** Sidecars that one owner has registered. Ours. */
export const SIDECAR_PACKAGES_MAX: number = 20;
/** A sidecar's zip: a program, not a data set. Ours. */
export const SIDECAR_ZIP_BYTES_MAX: number = 10 * 1024 * 1024;
/** Options of one wish as JSON. Ours. */
export const SIDECAR_OPTIONS_BYTES_MAX: number = 4096;
/** Idle time of sidecars that outlive a call. Ours; the default spares calls in a row a boot. */
export const SIDECAR_IDLE_SECONDS_MAX: number = 900;
export const SIDECAR_IDLE_SECONDS_DEFAULT: number = 10;
/** Sidecars of one owner that run at once, and of all owners. Ours: each takes a Node process. */
export const SIDECARS_PER_OWNER_MAX: number = 32;
export const SIDECARS_MAX: number = 256;
/** Memory of one sidecar's sandbox: evidence of one call, twice, and Node. Ours. */
export const SIDECAR_MEMORY_MIB: number = 256;
/** Processes and threads of one sidecar. Ours: Node has about a dozen threads. */
export const SIDECAR_PROCESSES_MAX: number = 64;
/** From the end of a call until its sidecars have flushed. AWS gives extensions as long. */
export const SIDECAR_FLUSH_MS: number = 2000;
/** What waits for a slow sidecar to read it; then log lines are dropped and counted. Ours. */
export const SIDECAR_QUEUE_BYTES_MAX: number = 4 * 1024 * 1024;
/** One artefact; all artefacts of a call; how many. Ours. */
export const ARTEFACT_BYTES_MAX: number = 64 * 1024 * 1024;
export const ARTEFACTS_PER_CALL_MAX: number = 32;
/** Artefacts of one owner on disk, and the calls they belong to: the oldest go first. Ours. */
export const ARTEFACT_BYTES_PER_OWNER_MAX: number = 512 * 1024 * 1024;
export const ARTEFACT_CALLS_PER_OWNER_MAX: number = 500;
/** Artefacts are gone after a day. Ours. */
export const ARTEFACT_AGE_MS_MAX: number = 24 * 3600 * 1000;
/** Files that sidecars of one owner write to, and the size of each, kept as two halves. Ours. */
export const SINK_FILES_PER_OWNER_MAX: number = 32;
export const SINK_FILE_BYTES_MAX: number = 16 * 1024 * 1024;
/** One HTTP delivery for a sidecar, deliveries of one owner at once, and their time. Ours. */
export const DELIVERY_BYTES_MAX: number = 2 * 1024 * 1024;
export const DELIVERIES_PER_OWNER_MAX: number = 16;
export const DELIVERY_MS_MAX: number = 5000;
/** Sets of dimensions that metrics of one owner have. Ours: each costs storage every minute. */
export const METRIC_SETS_PER_OWNER_MAX: number = 10_000;
/**
 * Sets of dimensions with values in memory, of all owners; ours: about 2 KB each. No owner has more
 * than a quarter of what the others leave.
 */
export const METRIC_SETS_OPEN_MAX: number = 50_000;
/** Names of metrics in one set. Ours: a set is written whole. */
export const METRIC_NAMES_PER_SET_MAX: number = 500;
/** Numbers that are held of one set, beyond which percentiles are no longer; ours. */
export const METRIC_NUMBERS_PER_SET_MAX: number = 100_000;
/** Functions whose counters are shown to Prometheus, of all owners, shared likewise; ours. */
export const FUNCTION_COUNTERS_MAX: number = 50_000;
