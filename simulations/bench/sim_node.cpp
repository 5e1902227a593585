#include "simulations/bench/sim_node.h"

#include <csignal>
#include <string>

#include "config/file.h"
#include "config/limits.h"
#include "config/node_config.h"
#include "enclave/in_process.h"
#include "ledger/crypto/private_key.h"
#include "ledger/crypto/public_key.h"
#include "ledger/ports/clock.h"
#include "ledger/ports/random.h"
#include "ledger/store/lmdb_store.h"
#include "node/api/node_api.h"
#include "node/cli/serving.h"
#include "node/genesis.h"
#include "node/http/server.h"
#include "node/log_service.h"
#include "node/metrics.h"

namespace witan::bench {

Result<void> run_sim_node(const std::filesystem::path& dir) {
  const NodePaths paths{dir};
  WITAN_ASSIGN(const std::string text,
               read_text_file(paths.config().string(), limits::kConfigFileBytesMax));
  WITAN_ASSIGN(const NodeConfig config, NodeConfig::parse(text, paths.config().string()));
  WITAN_ASSIGN(const std::string policy,
               read_text_file(paths.policy().string(), limits::kConfigFileBytesMax));
  WITAN_ASSIGN(const std::string pem,
               read_text_file(paths.operator_key().string(), limits::kPemFileBytesMax));
  WITAN_ASSIGN(const PrivateKey operator_key, PrivateKey::from_pem(pem));
  const sigset_t signals = cli::block_end_signals();

  WITAN_ASSIGN(const auto store, open_lmdb_store(paths.dir / "sim"));
  WITAN_ASSIGN(const auto signer, InProcessSigner::make(system_random()));
  WITAN_ASSIGN(const SignerState log, signer->init(config.origin, config.issuer));
  WITAN_TRY(begin_log(*store, *signer, operator_key, Genesis{policy, system_clock().unix_ms()}));
  const BytesView xy(log.cose_key);
  WITAN_ASSIGN(const PublicKey receipt_key,
               PublicKey::from_ec(KeyKind::kP256, xy.first(32), xy.subspan(32)));
  WITAN_TRY(write_file_atomic(paths.receipt_key().string(), receipt_key.pem(), 0644));

  Metrics metrics;
  LogServiceOptions options;
  options.verify_threads = config.verify_threads;
  WITAN_ASSIGN(const auto service,
               LogService::open(*store, *signer, system_clock(), metrics, options));
  NodeApi api(*service, config, metrics, system_clock());
  http::ServerOptions server_options;
  server_options.listen = config.listen;
  server_options.threads = config.io_threads;
  server_options.body_bytes_max = [&api](const http::Request& request) {
    return api.body_bytes_max(request);
  };
  server_options.error_response = NodeApi::server_error;
  WITAN_ASSIGN(
      const auto server,
      http::Server::start(server_options, [&api](http::Request&& request, http::Respond respond) {
        api.handle(std::move(request), std::move(respond));
      }));
  WITAN_TRY(
      write_file_atomic((dir / "address").string(), "http://" + server->address() + "\n", 0644));
  int signal = 0;
  sigwait(&signals, &signal);
  server->shutdown(limits::kShutdownDeadline);
  return {};
}

}  // namespace witan::bench
