"use strict";
/**
 * Stands between a user's debugger and the function's: messages of the Chrome DevTools Protocol go
 * through, and what was asked for stays as the artifact `debug.json`.
 */
const COMMANDS_MAX = 10_000;

const sessions = new Map();

function start(_call, context) {
  sessions.set(context, { commands: [], pauses: 0 });
}

function fromUser(message, context) {
  const session = sessions.get(context);
  const { method } = JSON.parse(message.toString());
  if (session.commands.length < COMMANDS_MAX) session.commands.push(String(method));
  context.toFunction(message);
}

function fromFunction(message, context) {
  if (message.includes('"method":"Debugger.paused"')) sessions.get(context).pauses++;
  context.toUser(message);
}

function end(_result, context) {
  const session = sessions.get(context);
  sessions.delete(context);
  context.artifact("debug.json", "application/json", JSON.stringify(session));
}

module.exports = { start, fromUser, fromFunction, end };
