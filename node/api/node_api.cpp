#include "node/api/node_api.h"

#include <algorithm>
#include <string>
#include <utility>

#include "ledger/crypto/secret.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "node/api/attestation.h"
#include "node/api/problems.h"
#include "node/api/routes.h"
#include "node/api/status.h"

namespace witan {
namespace {

bool is_below_witness(std::string_view path) {
  return path.starts_with(NodeApi::kWitnessPrefix) &&
         path.substr(NodeApi::kWitnessPrefix.size()).starts_with('/');
}

// As the witness has it, which knows of no prefix.
std::string witness_path(std::string_view path) {
  return std::string(path.substr(NodeApi::kWitnessPrefix.size()));
}

}  // namespace

struct NodeApi::Impl {
  Impl(LogService& log_service, const NodeConfig& node_config, Metrics& node_metrics,
       const Clock& node_clock)
      : context{log_service, node_config},
        config(node_config),
        metrics(node_metrics),
        clock(node_clock),
        limiter(std::max(node_config.rate_per_s, 1.0), node_config.burst),
        attestation(log_service.signer(), node_clock) {}

  // The answer that refuses a registration before it is read, if any.
  std::optional<http::Response> refuse(const http::Request& request) {
    if (!config.tokens.empty() && !has_token(request)) {
      return api::cbor_problem(401, "Unauthorized",
                               request.header("authorization")
                                   ? "the Authorization header carries no token that is known here"
                                   : "registration here needs a token: Authorization: Bearer ...")
          .with("WWW-Authenticate", "Bearer");
    }
    if (config.rate_per_s <= 0) return std::nullopt;
    const auto wait = limiter.take(request.client, clock.steady_ms());
    if (wait.count() == 0) return std::nullopt;
    const std::string seconds = std::to_string(wait.count());
    const auto rate = static_cast<std::uint64_t>(config.rate_per_s);
    return api::cbor_problem(429, "Too Many Requests",
                             "a client may register " + std::to_string(rate) +
                                 " statements a second here; try again in " + seconds + " s")
        .with("Retry-After", seconds);
  }

  bool has_token(const http::Request& request) const {
    constexpr std::string_view kScheme = "Bearer ";
    const auto header = request.header("authorization");
    if (!header || !header->starts_with(kScheme)) return false;
    const std::string hash = hex_encode(sha256(as_bytes(header->substr(kScheme.size()))));
    bool found = false;
    for (const TokenConfig& token : config.tokens) {
      found |= equal_secret(as_bytes(token.sha256_hex), as_bytes(hash));
    }
    return found;
  }

  std::optional<http::Response> get(const http::Request& request) {
    const std::string& path = request.path;
    if (path.starts_with("/entries/")) return api::get_entry(context, request);
    if (path.starts_with("/tile/")) return api::get_tile(context, request);
    if (path == "/checkpoint") return api::get_checkpoint(context);
    if (path == "/.well-known/scitt-keys" || path.starts_with("/.well-known/scitt-keys/")) {
      return api::get_keys(context, request);
    }
    if (path == "/proof/inclusion") return api::get_inclusion_proof(context, request);
    if (path == kWitnessPrefix && witness != nullptr) {
      // Its page's links are relative.
      return http::Response::text(308, "text/plain; charset=utf-8", "see /witness/\n")
          .with("Location", std::string(kWitnessPrefix) + "/");
    }
    if (path == "/proof/consistency") return api::get_consistency_proof(context, request);
    if (path == "/status") return api::get_status(context, walls, witness);
    if (path == "/healthz") return api::get_health(context);
    if (path == "/metrics") {
      return http::Response::text(200, std::string(Metrics::kContentType), metrics.text());
    }
    return std::nullopt;
  }

  api::Context context;
  const NodeConfig& config;
  Metrics& metrics;
  const Clock& clock;
  http::RateLimiter limiter;
  api::AttestationApi attestation;
  WitnessHost* witness = nullptr;
  std::function<WallStates()> walls;
};

NodeApi::NodeApi(LogService& log, const NodeConfig& config, Metrics& metrics, const Clock& clock)
    : impl_(std::make_unique<Impl>(log, config, metrics, clock)) {
  api::show_log(log, metrics);
}

NodeApi::~NodeApi() = default;

void NodeApi::mount(WitnessHost& witness) {
  impl_->witness = &witness;
}

void NodeApi::handle(http::Request&& request, http::Respond respond) {
  if (impl_->witness != nullptr && is_below_witness(request.path)) {
    request.path = witness_path(request.path);
    return impl_->witness->api().handle(std::move(request), std::move(respond));
  }
  if (request.method == http::Method::kPost && request.path == "/entries") {
    if (auto refusal = impl_->refuse(request)) return respond(std::move(*refusal));
    return api::post_entry(impl_->context, std::move(request), std::move(respond));
  }
  const bool reads = request.method == http::Method::kGet || request.method == http::Method::kHead;
  const bool attests = request.path == api::AttestationApi::kPath;
  if (reads && attests) return impl_->attestation.get(request, std::move(respond));
  if (reads) {
    if (auto response = impl_->get(request)) return respond(std::move(*response));
  }
  if (request.path == "/entries" || (!reads && (attests || impl_->get(request)))) {
    const std::string allowed = request.path == "/entries" ? "POST" : "GET, HEAD";
    return respond(api::problem_for(request.path, 405, "",
                                    "this path takes " + allowed + ", not " + request.method_text)
                       .with("Allow", allowed));
  }
  respond(api::problem_for(request.path, 404, "",
                           "this node has nothing at " + request.path.substr(0, 200)));
}

std::size_t NodeApi::body_bytes_max(const http::Request& request) const {
  if (impl_->witness != nullptr && is_below_witness(request.path)) {
    http::Request inner;
    inner.method = request.method;
    inner.path = witness_path(request.path);
    return WitnessApi::body_bytes_max(inner);
  }
  if (request.method != http::Method::kPost || request.path != "/entries") return 0;
  // Unprotected headers (receipts of other logs, say) are dropped later, so a body may be larger
  // than what is registered.
  constexpr std::size_t kUnprotected = 64u << 10;
  return impl_->context.log.policy()->config().max_statement_bytes + kUnprotected;
}

http::Response NodeApi::server_error(unsigned status, std::string_view detail,
                                     const http::Request* request) {
  if (request != nullptr && is_below_witness(request->path)) {
    return WitnessApi::server_error(status, detail, request);
  }
  http::Response response =
      api::problem_for(request == nullptr ? std::string_view("/") : std::string_view(request->path),
                       status, "", detail);
  if (status == 503) response.with("Retry-After", "1");
  return response;
}

void NodeApi::show_enclave(std::function<WallStates()> walls) {
  impl_->walls = std::move(walls);
}

void NodeApi::show_server(std::function<http::ServerCounters()> counters) {
  api::show_server(std::move(counters), impl_->metrics);
}

}  // namespace witan
