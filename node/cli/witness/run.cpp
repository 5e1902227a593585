// witan witness run: runs the witness of a folder until it is told to stop.

#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "config/file.h"
#include "config/limits.h"
#include "enclave/client.h"
#include "ledger/ports/clock.h"
#include "ledger/store/folder_lock.h"
#include "node/cli/cli.h"
#include "node/cli/serving.h"
#include "node/cli/witness/verbs.h"
#include "node/http/server.h"
#include "node/log.h"
#include "node/metrics.h"
#include "node/witness/witness_api.h"
#include "node/witness/witness_service.h"

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
  const sigset_t signals = block_end_signals();
  // The store may be open in several processes; a witness runs in one.
  auto lock = FolderLock::take(paths.dir);
  if (!lock && lock.error().code == ErrorCode::kConflict) {
    return fail(lock.error().within("a witness runs there already"));
  }
  if (!lock) return fail(lock.error());
  WITAN_ASSIGN(const auto store, WitnessStore::open_existing(paths.data()));
  std::error_code error;
  if (!std::filesystem::is_directory(paths.enclave(), error)) {
    return fail(ErrorCode::kNotFound, paths.enclave().string() +
                                          ": no such folder, expected what `witan witness init` "
                                          "made; is it mounted, and was all of it restored?");
  }
  WITAN_ASSIGN(const auto signer, EnclaveProcess::start(default_enclave_binary(), paths.enclave()));
  // Before anything of it is stored: the enclave of another witness must leave no trace here.
  WITAN_ASSIGN(const CosignerState identity, signer->cosigner_state());
  if (identity.name != config.name) {
    return fail(ErrorCode::kUsage, paths.config().string() + ": name is '" + config.name +
                                       "', but the enclave holds the key of '" + identity.name +
                                       "'");
  }
  Metrics metrics;
  WitnessServiceOptions service_options;
  service_options.accept_old_data = options.accept_old_data;
  WITAN_ASSIGN(const auto service,
               WitnessService::open(*store, *signer, system_clock(), metrics, service_options));
  WitnessApi api(*service, config, metrics, system_clock());
  WITAN_ASSIGN(const auto server,
               http::Server::start(witness_server_options(paths, config),
                                   [&api](http::Request&& request, http::Respond respond) {
                                     api.handle(std::move(request), std::move(respond));
                                   }));
  const std::string url = (config.tls_key ? "https://" : "http://") + server->address();
  api.show_server([&server] { return server->counters(); }, url);
  WITAN_TRY(write_file_atomic(paths.address().string(), url + "\n", 0644));
  WITAN_ASSIGN(const auto counts, store->counts());
  log_info("serving", {{"url", url}, {"name", config.name}, {"logs", counts.logs}});

  int signal = 0;
  sigwait(&signals, &signal);
  log_info("stopping", {{"signal", strsignal(signal)}});
  server->shutdown(limits::kShutdownDeadline);
  std::filesystem::remove(paths.address(), error);
  return {};
}

}  // namespace

void add_witness_run(Verb& witness) {
  auto options = std::make_shared<WitnessRunArguments>();
  Verb& verb = witness.verb("run", "Run a witness");
  verb.footer("Example: witan witness run --dir ./witness --listen 127.0.0.1:8090");
  verb.option("--dir", options->dir, "The witness's folder, made by `witan witness init`")
      .required();
  verb.option("--listen", options->listen, "ADDRESS:PORT instead of the configured one");
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
}

}  // namespace witan::cli
