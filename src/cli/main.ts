import process from "node:process";
import { runCommandLine } from "./run.ts";

// `hearth ls | head` closes the pipe early: that ends the output, not the world.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

process.exitCode = await runCommandLine(process.argv.slice(2), {
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
});
