// witan witness run: runs the witness of a folder until it is told to stop.

#include <csignal>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "config/limits.h"
#include "ledger/ports/clock.h"
#include "node/cli/cli.h"
#include "node/cli/serving.h"
#include "node/cli/witness/verbs.h"
#include "node/http/server.h"
#include "node/log.h"
#include "node/metrics.h"
#include "node/witness/witness_api.h"
#include "node/witness/witness_host.h"

namespace witan::cli {
namespace {

struct WitnessRunArguments {
  std::string dir, listen;
  bool accept_old_data = false;
};

http::ServerOptions witness_server_options(const WitnessPaths& paths, const WitnessConfig& config) {
  http::ServerOptions options;
  options.listen = config.listen;
  options.threads = config.io_threads;
  options.tls = tls_files(paths.dir, config.tls_certificate, config.tls_key);
  options.body_bytes_max = WitnessApi::body_bytes_max;
  options.error_response = WitnessApi::server_error;
  return options;
}

Result<void> run_witness(const WitnessRunArguments& options) {
  const WitnessPaths paths{options.dir};
  WITAN_ASSIGN(WitnessConfig config, read_witness_config(paths));
  if (!options.listen.empty()) config.listen = options.listen;
  if (!config.listens() && config.bastions.empty()) {
    return fail(ErrorCode::kUsage, "--listen none: nothing could reach the witness; " +
                                       paths.config().string() + " has no [[bastion]]");
  }
  const sigset_t signals = block_end_signals();
  Metrics metrics;
  WitnessHostOptions host_options;
  host_options.accept_old_data = options.accept_old_data;
  WITAN_ASSIGN(const auto host,
               WitnessHost::open(paths, config, metrics, system_clock(), host_options));
  std::unique_ptr<http::Server> server;
  if (config.listens()) {
    WITAN_ASSIGN(server,
                 http::Server::start(witness_server_options(paths, config),
                                     [&host](http::Request&& request, http::Respond respond) {
                                       host->api().handle(std::move(request), std::move(respond));
                                     }));
    const std::string url = (config.tls_key ? "https://" : "http://") + server->address();
    WITAN_TRY(host->start(url, [&server] { return server->counters(); }));
  } else {
    WITAN_TRY(host->start("", {}));
  }

  int signal = 0;
  sigwait(&signals, &signal);
  log_info("stopping", {{"signal", strsignal(signal)}});
  if (server) server->shutdown(limits::kShutdownDeadline);
  host->stop();
  return {};
}

}  // namespace

void add_witness_run(Verb& witness) {
  auto options = std::make_shared<WitnessRunArguments>();
  Verb& verb = witness.verb("run", "Run a witness");
  verb.footer("Example: witan witness run --dir ./witness --listen 127.0.0.1:8090");
  verb.option("--dir", options->dir, "The witness's folder, made by `witan witness init`")
      .required();
  verb.option("--listen", options->listen,
              "ADDRESS:PORT instead of the configured one; none: bastions only");
  verb.flag("--accept-old-data", options->accept_old_data,
            "Go on with an old copy of data/, once, without what it has lost");
  verb.runs([options] {
    const auto result = run_witness(*options);
    return result ? kExitDone : report("witness run", result.error());
  });
}

void add_witness(Verb& top) {
  Verb& witness = top.verb("witness", "Run a witness, which cosigns other people's logs");
  witness.footer("Example: witan witness init --name witness.example.com/w1 --dir ./witness");
  add_witness_init(witness);
  add_witness_run(witness);
  add_witness_logs(witness);
  add_witness_lists(witness);
  add_witness_show(witness);
  add_witness_backup(witness);
  add_witness_confirm(witness);
}

}  // namespace witan::cli
