# Every path is a worker of its own, loaded by the dynamic worker loader at its first call.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [ (name = "main", worker = .main) ],
  sockets = [ (name = "http", address = "127.0.0.1:0", http = (), service = "main") ],
);

const main :Workerd.Worker = (
  modules = [
    (name = "loader.js", esModule = embed "loader.js"),
    (name = "handler", text = embed "../function/handler.mjs"),
  ],
  compatibilityDate = "2026-07-01",
  bindings = [ (name = "LOADER", workerLoader = ()) ],
);
