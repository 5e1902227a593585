#pragma once
// The HTTP surface of a node (see docs/http.md): SCRAPI, tiles, proofs, status.

#include <functional>
#include <memory>
#include <string_view>

#include "config/node_config.h"
#include "config/walls.h"
#include "node/http/rate_limiter.h"
#include "node/http/server.h"
#include "node/log_service.h"
#include "node/metrics.h"
#include "node/witness/witness_host.h"

namespace witan {

class NodeApi {
 public:
  // All must outlive it.
  NodeApi(LogService& log, const NodeConfig& config, Metrics& metrics, const Clock& clock);
  ~NodeApi();

  // Below this path is the node's witness, when it has one.
  static constexpr std::string_view kWitnessPrefix = "/witness";
  // Before the first request; must outlive it.
  void mount(WitnessHost& witness);

  // Answers one request; any thread.
  void handle(http::Request&& request, http::Respond respond);
  // For http::ServerOptions.
  [[nodiscard]] std::size_t body_bytes_max(const http::Request& request) const;
  [[nodiscard]] static http::Response server_error(unsigned status, std::string_view detail,
                                                   const http::Request* request);
  // For /status, before the first request: the walls around the log's enclave, asked from any
  // thread.
  void show_enclave(std::function<WallStates()> walls);
  // For /status and /metrics, once the server runs.
  void show_server(std::function<http::ServerCounters()> counters);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace witan
