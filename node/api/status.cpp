#include "node/api/status.h"

#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include "ledger/encoding.h"
#include "ledger/format/note.h"
#include "node/enclave_walls.h"

namespace witan::api {
namespace {

using Json = nlohmann::ordered_json;

// Why statements cannot be registered now; empty when they can.
std::string problem_of(const LogStatus& status) {
  if (!status.storing_problem.empty()) return "storing: " + status.storing_problem;
  if (!status.signing) return "signing: " + status.signing_problem;
  if (status.witnessing && !status.witnessing->waiting_for.empty()) {
    return "witnesses: " + status.witnessing->waiting_for;
  }
  return "";
}

Json witnessing_json(const WitnessingStatus& witnessing) {
  Json out;
  out["quorum"] = witnessing.quorum;
  out["without_quorum"] = witnessing.unwitnessed_after_ms ? "publish-unwitnessed" : "hold";
  out["published_witnessed"] = witnessing.published_witnessed;
  out["waiting_for"] = witnessing.waiting_for;
  out["lacking"] = witnessing.lacking;
  out["witnesses"] = Json::array();
  for (const WitnessState& witness : witnessing.witnesses) {
    out["witnesses"].push_back({{"name", witness.name},
                                {"url", witness.url},
                                {"asked", witness.asked},
                                {"size", witness.size.value},
                                {"time_s", witness.time_s},
                                {"last_answer", witness.last_answer},
                                {"problem", witness.problem},
                                {"failures", witness.failures}});
  }
  return out;
}

}  // namespace

http::Response get_status(const Context& context, const std::function<WallStates()>& walls,
                          WitnessHost* witness) {
  const LogStatus status = context.log.status();
  const SignerState& identity = context.log.identity();
  const StoreUsage usage = context.log.store().usage();
  const auto vkey = VerifierKey::make(identity.origin, NoteAlgorithm::kEd25519, identity.note_key);
  Json body;
  body["version"] = WITAN_VERSION;
  body["origin"] = identity.origin;
  body["issuer"] = identity.issuer;
  body["log_key"] = vkey ? vkey->text() : "";
  body["published_size"] = status.published.value;
  body["published_time_ms"] = status.published_time_ms;
  body["decided_size"] = status.decided.value;
  body["pooled"] = status.pooled;
  body["signing"] = status.signing;
  body["problem"] = problem_of(status);
  if (walls) body["walls"] = walls_json(walls());
  body["store_bytes"] = usage.bytes_used;
  body["max_statement_bytes"] = context.log.policy()->config().max_statement_bytes;
  if (status.witnessing) body["witnessing"] = witnessing_json(*status.witnessing);
  if (witness != nullptr) {
    body["witness"] = {{"name", witness->config().name},
                       {"url", witness->url()},
                       {"problem", witness->service().problem()}};
  }
  // Names of witnesses and what they answered may be any bytes.
  const std::string text = body.dump(2, ' ', false, Json::error_handler_t::replace);
  return http::Response::text(200, "application/json", text + "\n")
      .with("Cache-Control", "no-store");
}

http::Response get_health(const Context& context) {
  const std::string problem = problem_of(context.log.status());
  if (problem.empty()) return http::Response::text(200, "text/plain; charset=utf-8", "ok\n");
  return http::Response::text(503, "text/plain; charset=utf-8", problem + "\n");
}

void show_log(LogService& log, Metrics& metrics) {
  metrics.gauge_of("witan_log_published_size", "Leaves of the newest published tree",
                   [&log] { return static_cast<double>(log.status().published.value); });
  metrics.gauge_of("witan_log_decided_size", "Leaves that are durable, signed or not",
                   [&log] { return static_cast<double>(log.status().decided.value); });
  metrics.gauge_of("witan_log_published_time_seconds", "Time of the newest published head",
                   [&log] { return static_cast<double>(log.status().published_time_ms) / 1000; });
  metrics.gauge_of("witan_log_pooled", "Statements accepted and not yet in a batch",
                   [&log] { return static_cast<double>(log.status().pooled); });
  metrics.gauge_of("witan_log_signing", "1 while the enclave signs",
                   [&log] { return log.status().signing ? 1.0 : 0.0; });
  if (log.status().witnessing) {
    metrics.gauge_of("witan_log_published_witnessed", "1 when the newest head has its quorum",
                     [&log] { return log.status().witnessing->published_witnessed ? 1.0 : 0.0; });
  }
  metrics.gauge_of("witan_store_bytes", "Bytes of the store's pages in use",
                   [&log] { return static_cast<double>(log.store().usage().bytes_used); });
}

void show_server(std::function<http::ServerCounters()> counters, Metrics& metrics) {
  const auto shared = std::make_shared<std::function<http::ServerCounters()>>(std::move(counters));
  const auto show = [&metrics, shared](const char* name, const char* help, auto member) {
    metrics.counter_of(name, help,
                       [shared, member] { return static_cast<double>((*shared)().*member); });
  };
  using Counters = http::ServerCounters;
  show("witan_http_requests_total", "Requests read", &Counters::requests);
  show("witan_http_connections_total", "Connections accepted", &Counters::connections_accepted);
  show("witan_http_connections_refused_total", "Connections over the limit",
       &Counters::connections_refused);
  show("witan_http_timeouts_total", "Connections ended by a deadline", &Counters::timeouts);
  show("witan_http_bad_requests_total", "Requests that were not HTTP", &Counters::bad_requests);
  metrics.gauge_of("witan_http_connections_open", "Connections open",
                   [shared] { return static_cast<double>((*shared)().connections_open); });
}

}  // namespace witan::api
