#pragma once
// The HTTP surface of a witness (see docs/witness.md): C2SP tlog-witness, and what operators read.
// Paths are relative to the witness's prefix, which a stand-alone witness has not.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/walls.h"
#include "config/witness_config.h"
#include "ledger/ports/clock.h"
#include "node/http/server.h"
#include "node/metrics.h"
#include "node/witness/bastion_status.h"
#include "node/witness/feeder.h"
#include "node/witness/witness_service.h"

namespace witan {

class WitnessApi {
 public:
  // All must outlive it.
  WitnessApi(WitnessService& witness, const WitnessConfig& config, Metrics& metrics,
             const Clock& clock);
  ~WitnessApi();

  // Answers one request; any thread.
  void handle(http::Request&& request, http::Respond respond);
  // For http::ServerOptions.
  [[nodiscard]] static std::size_t body_bytes_max(const http::Request& request);
  [[nodiscard]] static http::Response server_error(unsigned status, std::string_view detail,
                                                   const http::Request* request);
  // For /metrics, once the server runs (empty where somebody else shows them); and where
  // witness.v0.json says that the witness is when the configuration does not.
  void show_server(std::function<http::ServerCounters()> counters, std::string url);
  // For the page and /status: how the witness stands with its bastions; asked from any thread.
  void show_bastions(std::function<std::vector<BastionStatus>()> bastions);

  // What the page and /status say of logs that the witness reads by itself; an empty function, as
  // before the first call, says that it reads none. Any thread.
  void show_feeding(std::function<FeedingStatus()> feeding);

  // For /status: the walls around the signer. As show_feeding.
  void show_enclave(std::function<WallStates()> walls);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace witan
