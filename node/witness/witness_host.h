#pragma once
// A running witness, put together from its folder: store, signer process, service, HTTP paths. What
// works beside them in the background is started and stopped here too. Used by `witan witness run`,
// and by a node that has a witness under its prefix.

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "config/result.h"
#include "config/witness_config.h"
#include "enclave/client.h"
#include "ledger/ports/clock.h"
#include "ledger/store/folder_lock.h"
#include "node/http/server.h"
#include "node/metrics.h"
#include "node/witness/bastion_tunnel.h"
#include "node/witness/feeder.h"
#include "node/witness/housekeeping.h"
#include "node/witness/list_refresh.h"
#include "node/witness/witness_api.h"
#include "node/witness/witness_service.h"
#include "node/witness/witness_store.h"

namespace witan {

struct WitnessHostOptions {
  std::filesystem::path enclave_binary;  // empty: the one beside this program
  // Goes on with an old copy of data/, once; see WitnessServiceOptions.
  bool accept_old_data = false;
};

class WitnessHost {
 public:
  using Options = WitnessHostOptions;
  // Takes the folder, opens its store, starts its signer, compares the two and begins to take
  // requests at api(). kConflict: a witness runs there already. kNotFound: a part of the folder is
  // missing. kUsage: the signer has another name's key. kStale and others as WitnessService::open
  // and EnclaveProcess::start. `metrics` and `clock` must outlive it.
  static Result<std::unique_ptr<WitnessHost>> open(const WitnessPaths& paths,
                                                   const WitnessConfig& config, Metrics& metrics,
                                                   const Clock& clock, const Options& options = {});
  // Stops, then ends service, signer and store. No request may be in api() any more.
  ~WitnessHost();
  WitnessHost(const WitnessHost&) = delete;
  WitnessHost& operator=(const WitnessHost&) = delete;

  // Once the server listens: `url` is where api() is reached, with its prefix and without a slash
  // at the end; it goes into the file `address`. Empty when there is no server: then only bastions
  // lead here. Starts what works in the background, the bastions' connections among it. `counters`
  // are the server's, for /metrics; empty where somebody else shows them. kIo; and as
  // BastionTunnels::start.
  Result<void> start(const std::string& url, std::function<http::ServerCounters()> counters);
  // Ends what works in the background and removes `address`. The server may still run, and api()
  // answers on. Safe to call twice, and without start.
  void stop();

  [[nodiscard]] WitnessApi& api() { return *api_; }
  [[nodiscard]] WitnessService& service() { return *service_; }
  [[nodiscard]] WitnessStore& store() { return *store_; }
  [[nodiscard]] const WitnessConfig& config() const { return config_; }
  // Where the world reaches it: as configured, through its first bastion, or else where it was
  // started; empty before.
  [[nodiscard]] std::string url() const;

 private:
  WitnessHost(const WitnessPaths& paths, const WitnessConfig& config, FolderLock lock,
              Metrics& metrics, const Clock& clock);
  // Gives the witness's URL behind the first bastion; empty when there is none.
  Result<std::string> start_tunnels();

  const WitnessPaths paths_;
  const WitnessConfig config_;
  Metrics& metrics_;
  const Clock& clock_;
  // In the order in which they are made; each needs the ones above it.
  FolderLock lock_;
  std::unique_ptr<WitnessStore> store_;
  std::unique_ptr<EnclaveProcess> signer_;
  std::unique_ptr<WitnessService> service_;
  std::unique_ptr<WitnessApi> api_;
  std::unique_ptr<BastionTunnels> tunnels_;
  std::unique_ptr<ListRefresher> lists_;
  std::unique_ptr<Feeder> feeder_;
  std::unique_ptr<WitnessHousekeeping> housekeeping_;
  mutable std::mutex mutex_;
  std::string url_;  // under mutex_; empty: not started, or stopped
};

}  // namespace witan
