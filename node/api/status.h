#pragma once
// GET /status, /healthz, and the figures of /metrics that are read when asked for.

#include <functional>

#include "config/walls.h"
#include "node/api/routes.h"
#include "node/http/server.h"
#include "node/metrics.h"
#include "node/witness/witness_host.h"

namespace witan::api {

// `witness` may be null, `walls` empty: then nothing is said of them.
[[nodiscard]] http::Response get_status(const Context& context,
                                        const std::function<WallStates()>& walls,
                                        WitnessHost* witness);
// 200 "ok" while statements can be registered; 503 naming what is wrong.
[[nodiscard]] http::Response get_health(const Context& context);
// The log's and the server's figures, read when /metrics is asked for. What is given must outlive
// the metrics' last text().
void show_log(LogService& log, Metrics& metrics);
void show_server(std::function<http::ServerCounters()> counters, Metrics& metrics);

}  // namespace witan::api
