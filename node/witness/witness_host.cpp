#include "node/witness/witness_host.h"

#include <chrono>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "config/file.h"
#include "config/limits.h"
#include "ledger/ports/random.h"
#include "node/enclave_walls.h"
#include "node/log.h"
#include "node/witness/peer_check.h"

namespace witan {
namespace {

// The store may be open in several processes; a witness runs in one.
Result<FolderLock> take_folder(const WitnessPaths& paths) {
  auto lock = FolderLock::take(paths.dir);
  if (!lock && lock.error().code == ErrorCode::kConflict) {
    return fail(lock.error().within("a witness runs there already"));
  }
  return lock;
}

Result<std::unique_ptr<EnclaveProcess>> start_signer(const WitnessPaths& paths,
                                                     const WitnessConfig& config,
                                                     const std::filesystem::path& binary) {
  std::error_code error;
  if (!std::filesystem::is_directory(paths.enclave(), error)) {
    return fail(ErrorCode::kNotFound, paths.enclave().string() +
                                          ": no such folder, expected what `witan witness init` "
                                          "made; is it mounted, and was all of it restored?");
  }
  WITAN_ASSIGN(auto signer,
               EnclaveProcess::start(binary.empty() ? default_enclave_binary() : binary,
                                     paths.enclave(), enclave_options(config.enclave)));
  // Before anything of it is stored: the enclave of another witness must leave no trace here.
  WITAN_ASSIGN(const CosignerState identity, signer->cosigner_state());
  if (identity.name != config.name) {
    return fail(ErrorCode::kUsage, paths.config().string() + ": name is '" + config.name +
                                       "', but the enclave holds the key of '" + identity.name +
                                       "'");
  }
  return signer;
}

// A file as the configuration names it: relative to the folder.
std::optional<std::string> in_folder(const WitnessPaths& paths,
                                     const std::optional<std::string>& file) {
  if (!file) return std::nullopt;
  return (paths.dir / *file).string();
}

ListRefreshOptions list_options(const WitnessPaths& paths, const WitnessConfig& config) {
  ListRefreshOptions options;
  options.sources = config.list_sources;
  options.folder = paths.dir;
  options.refresh = std::chrono::seconds(config.list_refresh_s);
  options.own_name = config.name;
  options.fetch.ca_file = in_folder(paths, config.list_ca);
  return options;
}

FeederOptions feeder_options(const WitnessPaths& paths, const WitnessConfig& config) {
  FeederOptions options;
  options.threads = config.feed_threads;
  options.every = std::chrono::seconds(config.feed_every_s);
  options.ca_file = in_folder(paths, config.feed_ca);
  return options;
}

}  // namespace

Result<std::unique_ptr<WitnessHost>> WitnessHost::open(const WitnessPaths& paths,
                                                       const WitnessConfig& config,
                                                       Metrics& metrics, const Clock& clock,
                                                       const Options& options) {
  WITAN_ASSIGN(FolderLock lock, take_folder(paths));
  std::unique_ptr<WitnessHost> host(
      new WitnessHost(paths, config, std::move(lock), metrics, clock));
  WITAN_ASSIGN(host->store_, WitnessStore::open_existing(paths.data()));
  WITAN_ASSIGN(host->signer_, start_signer(paths, config, options.enclave_binary));
  log_walls("witness", host->signer_->walls());
  std::optional<std::string> ca_file;
  if (config.peers_ca) ca_file = (paths.dir / *config.peers_ca).string();
  WITAN_TRY(check_with_peers(*host->store_, *host->signer_, *host->signer_, config.peers, ca_file));
  WitnessServiceOptions service_options;
  service_options.metric_logs = config.metric_logs;
  service_options.accept_old_data = options.accept_old_data;
  WITAN_ASSIGN(host->service_, WitnessService::open(*host->store_, *host->signer_, clock, metrics,
                                                    service_options));
  host->api_ = std::make_unique<WitnessApi>(*host->service_, host->config_, metrics, clock);
  host->lists_ =
      std::make_unique<ListRefresher>(*host->store_, clock, metrics, list_options(paths, config));
  host->feeder_ =
      std::make_unique<Feeder>(*host->service_, clock, metrics, feeder_options(paths, config));
  host->api_->show_enclave([signer = host->signer_.get()] { return signer->walls(); });
  host->api_->show_feeding([feeder = host->feeder_.get()] { return feeder->status(); });
  host->housekeeping_ = std::make_unique<WitnessHousekeeping>(*host->service_, clock);
  return host;
}

WitnessHost::WitnessHost(const WitnessPaths& paths, const WitnessConfig& config, FolderLock lock,
                         Metrics& metrics, const Clock& clock)
    : paths_(paths), config_(config), metrics_(metrics), clock_(clock), lock_(std::move(lock)) {}

WitnessHost::~WitnessHost() {
  stop();
}

Result<void> WitnessHost::start(const std::string& url,
                                std::function<http::ServerCounters()> counters) {
  WITAN_ASSIGN(const std::string behind, start_tunnels());
  const std::string reached = behind.empty() ? url : behind;
  api_->show_server(std::move(counters), reached);
  {
    const std::lock_guard lock(mutex_);
    url_ = reached;
  }
  if (!url.empty()) WITAN_TRY(write_file_atomic(paths_.address().string(), url + "\n", 0644));
  WITAN_TRY(lists_->start());
  feeder_->start();
  WITAN_ASSIGN(const auto counts, store_->counts());
  log_info("witness serving", {{"url", reached}, {"name", config_.name}, {"logs", counts.logs}});
  return {};
}

void WitnessHost::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(url_, "").empty()) return;
  }
  feeder_->stop();
  lists_->stop();
  if (tunnels_) {
    tunnels_->shutdown(limits::kShutdownDeadline);
    api_->show_bastions({});
    tunnels_.reset();
  }
  std::error_code ignored;
  std::filesystem::remove(paths_.address(), ignored);
}

Result<std::string> WitnessHost::start_tunnels() {
  if (config_.bastions.empty()) return std::string();
  BastionTunnelsOptions options;
  options.bastions = config_.bastions;
  options.folder = paths_.dir;
  options.state_file = paths_.bastions();
  WITAN_ASSIGN(options.key, BastionKey::open_or_make(paths_.bastion_key()));
  std::string behind = bastion_public_url(config_.bastions.front().url, options.key.hash);
  options.handler = [this](http::Request&& request, http::Respond respond) {
    api_->handle(std::move(request), std::move(respond));
  };
  options.server.body_bytes_max = WitnessApi::body_bytes_max;
  options.server.error_response = WitnessApi::server_error;
  WITAN_ASSIGN(tunnels_,
               BastionTunnels::start(std::move(options), metrics_, clock_, system_random()));
  api_->show_bastions([this] { return tunnels_->status(); });
  return behind;
}

std::string WitnessHost::url() const {
  const std::lock_guard lock(mutex_);
  return config_.url.value_or(url_);
}

}  // namespace witan
