// witan node: runs the node of a folder until it is told to stop.

#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "config/file.h"
#include "config/limits.h"
#include "config/node_config.h"
#include "enclave/client.h"
#include "ledger/ports/clock.h"
#include "ledger/store/lmdb_store.h"
#include "node/api/node_api.h"
#include "node/cli/cli.h"
#include "node/cli/options.h"
#include "node/cli/serving.h"
#include "node/cli/witness/verbs.h"
#include "node/enclave_walls.h"
#include "node/http/server.h"
#include "node/log.h"
#include "node/log_service.h"
#include "node/metrics.h"
#include "node/witness/witness_host.h"
#include "node/witnessing_options.h"

namespace witan::cli {
namespace {

struct NodeArguments {
  std::string dir, listen;
  bool check_only = false;
};

http::ServerOptions server_options(const NodePaths& paths, const NodeConfig& config,
                                   const NodeApi& api) {
  http::ServerOptions options;
  options.listen = config.listen;
  options.threads = config.io_threads;
  options.tls = tls_files(paths.dir, config.tls_certificate, config.tls_key);
  options.body_bytes_max = [&api](const http::Request& request) {
    return api.body_bytes_max(request);
  };
  options.error_response = NodeApi::server_error;
  return options;
}

Result<NodeConfig> read_config(const NodePaths& paths, const NodeArguments& options) {
  auto text = read_text_file(paths.config().string(), limits::kConfigFileBytesMax);
  if (!text && text.error().code == ErrorCode::kNotFound) {
    return fail(ErrorCode::kNotFound,
                paths.config().string() + ": no such file; `witan init --dir " +
                    paths.dir.string() + " --origin NAME` makes a node's folder");
  }
  if (!text) return fail(text.error());
  WITAN_ASSIGN(NodeConfig config, NodeConfig::parse(*text, paths.config().string()));
  if (!options.listen.empty()) config.listen = options.listen;
  return config;
}

// Without its store or its enclave's state a folder is damaged, or a part is not mounted: then
// nothing new is made in its place.
Result<void> check_whole(const NodePaths& paths) {
  for (const auto& file : {paths.data() / "data.mdb", paths.enclave() / "state"}) {
    std::error_code error;
    if (std::filesystem::exists(file, error) || error) continue;
    return fail(ErrorCode::kNotFound, file.string() +
                                          ": no such file, expected what `witan init` made; is the "
                                          "folder mounted, and was it restored as a whole?");
  }
  return {};
}

// The witness that the configuration names; null when it names none. It must not pass for the log,
// nor the log for it: a log's own voice counts for nothing among its witnesses.
Result<std::unique_ptr<WitnessHost>> open_witness(const NodePaths& paths, const NodeConfig& config,
                                                  const SignerState& log, Metrics& metrics) {
  if (!config.witness_dir) return std::unique_ptr<WitnessHost>();
  const WitnessPaths witness_paths{paths.dir / *config.witness_dir};
  WITAN_ASSIGN(const WitnessConfig witness_config, read_witness_config(witness_paths));
  WITAN_ASSIGN(auto witness,
               WitnessHost::open(witness_paths, witness_config, metrics, system_clock()));
  const CosignerState& identity = witness->service().identity();
  if (identity.name == log.origin) {
    return fail(ErrorCode::kUsage, "its name is this log's origin '" + log.origin +
                                       "', expected a name of its own; make it again with `witan "
                                       "witness init --name NAME`");
  }
  for (const VerifierKey& key : identity.keys) {
    if (key.key == log.note_key) {
      return fail(ErrorCode::kUsage, "its key is this log's; expected a key of its own");
    }
  }
  return witness;
}

Result<void> run_node(const NodeArguments& options) {
  const NodePaths paths{options.dir};
  WITAN_ASSIGN(const NodeConfig config, read_config(paths, options));
  WITAN_TRY(check_whole(paths));
  const sigset_t signals = block_end_signals();

  WITAN_ASSIGN(const auto store, open_lmdb_store(paths.data()));
  WITAN_ASSIGN(const auto signer, EnclaveProcess::start(default_enclave_binary(), paths.enclave(),
                                                        enclave_options(config.enclave)));
  log_walls("log", signer->walls());
  Metrics metrics;
  LogServiceOptions log_options;
  log_options.verify_threads = config.verify_threads;
  log_options.check_only = options.check_only;
  if (config.witnesses) {
    WITAN_ASSIGN(log_options.witnessing, read_witnessing_options(*config.witnesses, paths.dir));
  }
  WITAN_ASSIGN(const auto log,
               LogService::open(*store, *signer, system_clock(), metrics, log_options));
  if (log->identity().origin != config.origin) {
    return fail(ErrorCode::kUsage, paths.config().string() + ": origin is '" + config.origin +
                                       "', but the enclave holds the keys of '" +
                                       log->identity().origin + "'");
  }
  if (log->identity().issuer != config.issuer) {
    return fail(ErrorCode::kUsage, paths.config().string() + ": issuer is '" + config.issuer +
                                       "', but the enclave signs receipts as '" +
                                       log->identity().issuer + "'");
  }
  auto witness = open_witness(paths, config, log->identity(), metrics);
  if (!witness) {
    return fail(witness.error().within("[witness] " + *config.witness_dir));
  }
  NodeApi api(*log, config, metrics, system_clock());
  if (*witness) api.mount(**witness);
  api.show_enclave([&signer] { return signer->walls(); });
  WITAN_ASSIGN(const auto server,
               http::Server::start(server_options(paths, config, api),
                                   [&api](http::Request&& request, http::Respond respond) {
                                     api.handle(std::move(request), std::move(respond));
                                   }));
  api.show_server([&server] { return server->counters(); });
  const std::string url = (config.tls_key ? "https://" : "http://") + server->address();
  const std::string address_file = (paths.dir / "address").string();
  WITAN_TRY(write_file_atomic(address_file, url + "\n", 0644));
  if (*witness) {
    WITAN_TRY((*witness)->start(url + std::string(NodeApi::kWitnessPrefix), {}));
  }
  if (options.check_only) log_warning("statements are checked and then dropped (--check-only)");
  const LogStatus status = log->status();
  log_info(
      "serving",
      {{"url", url}, {"origin", config.origin}, {"size", std::to_string(status.published.value)}});

  int signal = 0;
  sigwait(&signals, &signal);
  log_info("stopping", {{"signal", strsignal(signal)}});
  server->shutdown(limits::kShutdownDeadline);
  if (*witness) (*witness)->stop();
  std::error_code ignored;
  std::filesystem::remove(address_file, ignored);
  return {};
}

}  // namespace

void add_node(Verb& top) {
  auto options = std::make_shared<NodeArguments>();
  Verb& verb = top.verb("node", "Run a node");
  verb.footer("Example: witan node --dir ./log --listen 127.0.0.1:8080");
  verb.option("--dir", options->dir, "The node's folder, made by `witan init`").required();
  verb.option("--listen", options->listen, "ADDRESS:PORT instead of the configured one");
  verb.flag("--check-only", options->check_only,
            "For benchmarks: check statements and answer 202 without registering them")
      .hidden();
  verb.runs([options] {
    const auto result = run_node(*options);
    return result ? kExitDone : report("node", result.error());
  });
}

}  // namespace witan::cli
