#include "node/witness/witness_api.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "config/limits.h"
#include "config/witness_limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "node/api/routes.h"
#include "node/api/status.h"
#include "node/cli/printable.h"
#include "node/http/rate_limiter.h"
#include "node/witness/witness_page.h"
#include "node/witness/witness_rows.h"
#include "witness/add_checkpoint.h"

namespace witan {
namespace {

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
constexpr std::string_view kCheckpointSuffix = "/checkpoint";

// One line of text; anything from outside in it is made harmless.
http::Response plain(unsigned status, std::string_view message) {
  return http::Response::text(status, std::string(kPlainText), cli::printable(message) + "\n");
}

http::Response retry_after(http::Response response, std::chrono::seconds wait) {
  if (wait.count() > 0) response.with("Retry-After", std::to_string(wait.count()));
  return response;
}

http::Response answer_of(const CosignAnswer& answer) {
  if (answer) {
    return http::Response::text(200, std::string(kPlainText),
                                encode_signature_lines(answer->lines));
  }
  const CosignError& error = answer.error().error;
  if (error.refusal == CosignRefusal::kConflict) {
    return http::Response::text(409, std::string(kTlogSizeContentType),
                                encode_tlog_size(error.size));
  }
  return retry_after(plain(http_status(error.refusal), error.message), answer.error().retry_after);
}

http::Response subtree_answer(const SubtreeResult& result) {
  if (result) {
    return http::Response::text(200, std::string(kPlainText), encode_signature_lines(*result));
  }
  const unsigned status = http_status(result.error().refusal);
  return retry_after(plain(status, result.error().message),
                     std::chrono::seconds(status == 503 ? 1 : 0));
}

http::Response read_failed(const Error& error) {
  return retry_after(plain(503, error.message), std::chrono::seconds(1));
}

http::Response no_store(http::Response response) {
  return std::move(response).with("Cache-Control", "no-store");
}

bool takes_post(std::string_view path) {
  return path == "/add-checkpoint" || path == "/sign-subtree";
}

}  // namespace

struct WitnessApi::Impl {
  Impl(WitnessService& the_witness, const WitnessConfig& the_config, Metrics& the_metrics,
       const Clock& the_clock)
      : witness(the_witness),
        config(the_config),
        metrics(the_metrics),
        clock(the_clock),
        limiter(std::max(the_config.rate_per_s, 1.0), the_config.burst),
        rows(the_witness.store(), the_clock),
        url(the_config.url.value_or("")) {}

  void sign_subtree(std::string_view body, http::Respond respond) {
    SubtreeSigning& subtrees = witness.subtrees();
    if (!subtrees.offered()) {
      return respond(plain(501,
                           "this witness has no key that can sign subtrees: its cosignatures are "
                           "Ed25519, and subtrees need ML-DSA-44"));
    }
    subtrees.sign(body, [respond = std::move(respond)](const SubtreeResult& result) {
      respond(subtree_answer(result));
    });
  }

  // The answer that refuses a submission before it is read, if any.
  std::optional<http::Response> over_rate(const http::Request& request) {
    if (config.rate_per_s <= 0) return std::nullopt;
    const auto wait = limiter.take(request.client, clock.steady_ms());
    if (wait.count() == 0) return std::nullopt;
    witness.metrics().count(WitnessMetrics::kClientRate);
    return retry_after(
        plain(429, "client rate: a client may send " +
                       std::to_string(static_cast<std::uint64_t>(config.rate_per_s)) +
                       " checkpoints a second here; try again in " + std::to_string(wait.count()) +
                       " s"),
        wait);
  }

  // What reads many rows: within a rate, since anybody may ask.
  http::Response get_logs(const http::Request& request) {
    const std::uint64_t now_ms = clock.steady_ms();
    auto wait = page_limiter.take(request.client, now_ms);
    std::string_view whose = "client";
    if (wait.count() == 0) {
      wait = all_pages_limiter.take("", now_ms);
      whose = "witness";
    }
    if (wait.count() > 0) {
      return no_store(retry_after(
          plain(429, "page rate of this " + std::string(whose) + ": too many pages; try again in " +
                         std::to_string(wait.count()) + " s"),
          wait));
    }
    const auto query = query_of(request);
    if (!query) return no_store(plain(400, query.error().message));
    if (request.path == "/logs") {
      return text_or_error(witness_logs_json(witness, rows, *query), "application/json");
    }
    return text_or_error(
               witness_page(witness, rows, clock, *query, known_bastions(), feeding_status()),
               "text/html; charset=utf-8")
        .with("Content-Security-Policy",
              "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
        .with("X-Content-Type-Options", "nosniff");
  }

  static Result<WitnessQuery> query_of(const http::Request& request) {
    WitnessQuery out;
    WITAN_ASSIGN(auto part, request.parameter("q"));
    if (part) out.part = std::move(*part);
    if (out.part.size() > limits::kWitnessSearchCharsMax) {
      return fail(
          ErrorCode::kTooLarge,
          "q: expected at most " + std::to_string(limits::kWitnessSearchCharsMax) + " bytes");
    }
    WITAN_ASSIGN(const auto from, request.parameter("from"));
    if (from && !from->empty()) {
      WITAN_ASSIGN(out.from, decimal_decode(*from));
    }
    return out;
  }

  [[nodiscard]] http::Response get_health() const {
    const WitnessTrouble trouble = witness_trouble(witness, clock);
    if (!trouble.problem.empty()) return no_store(plain(503, trouble.problem));
    const std::string& warning = trouble.warning;
    return no_store(plain(200, warning.empty() ? "ok" : "ok, with a warning: " + warning));
  }

  // <origin hash>/checkpoint, the hash as 64 lowercase hex characters.
  http::Response get_checkpoint(const http::Request& request, const Hash32& hash) const {
    auto found = witness.store().find_checkpoint(hash);
    if (!found) return read_failed(found.error());
    const std::string caching =
        "public, max-age=" + std::to_string(limits::kWitnessCheckpointMaxAge.count());
    if (!*found || (*found)->note.empty()) {
      return plain(404, "no checkpoint of such a log was cosigned here")
          .with("Cache-Control", caching);
    }
    const std::string& note = (*found)->note;
    const std::string etag = "\"" + hex_encode(sha256(as_bytes(note))) + "\"";
    http::Response response;
    if (api::matches_etag(request, etag)) {
      response.status = 304;
    } else {
      response = http::Response::text(200, std::string(kPlainText), note);
    }
    return std::move(response).with("ETag", etag).with("Cache-Control", caching);
  }

  FeedingStatus feeding_status() const {
    const std::lock_guard lock(mutex);
    return feeding ? feeding() : FeedingStatus();
  }

  static http::Response text_or_error(const Result<std::string>& text, std::string_view type) {
    if (!text) return read_failed(text.error());
    return no_store(http::Response::text(200, std::string(type), *text));
  }

  std::vector<BastionStatus> known_bastions() const {
    const std::lock_guard lock(mutex);
    return bastions ? bastions() : std::vector<BastionStatus>();
  }

  WallStates known_walls() const {
    const std::lock_guard lock(mutex);
    return walls ? walls() : WallStates();
  }

  std::optional<http::Response> get(const http::Request& request) {
    const std::string& path = request.path;
    if (path.size() == 1 + 64 + kCheckpointSuffix.size() && path.ends_with(kCheckpointSuffix)) {
      const auto hash = hash_from_hex(std::string_view(path).substr(1, 64));
      if (hash) return get_checkpoint(request, *hash);
    }
    if (path == "/" || path == "/logs") return get_logs(request);
    if (path == "/witness.v0.json") {
      const std::lock_guard lock(mutex);
      return http::Response::text(200, "application/json", witness_v0_json(witness.identity(), url))
          .with("Cache-Control", "public, max-age=300");
    }
    if (path == "/status") {
      return text_or_error(
          witness_status_json(witness, clock, known_bastions(), feeding_status(), known_walls()),
          "application/json");
    }
    if (path == "/healthz") {
      return get_health();
    }
    if (path == "/metrics") {
      return no_store(
          http::Response::text(200, std::string(Metrics::kContentType), metrics.text()));
    }
    return std::nullopt;
  }

  WitnessService& witness;
  const WitnessConfig& config;
  Metrics& metrics;
  const Clock& clock;
  http::RateLimiter limiter;
  http::RateLimiter page_limiter{limits::kWitnessPagesPerS, limits::kWitnessPagesBurst};
  http::RateLimiter all_pages_limiter{limits::kWitnessAllPagesPerS, limits::kWitnessAllPagesBurst,
                                      1};
  WitnessRows rows;
  mutable std::mutex mutex;
  std::string url;                                       // under mutex
  std::function<std::vector<BastionStatus>()> bastions;  // under mutex
  std::function<FeedingStatus()> feeding;                // under mutex
  std::function<WallStates()> walls;                     // under mutex
};

WitnessApi::WitnessApi(WitnessService& witness, const WitnessConfig& config, Metrics& metrics,
                       const Clock& clock)
    : impl_(std::make_unique<Impl>(witness, config, metrics, clock)) {}

WitnessApi::~WitnessApi() = default;

void WitnessApi::handle(http::Request&& request, http::Respond respond) {
  const bool posts = takes_post(request.path);
  if (request.method == http::Method::kPost && posts) {
    if (auto refusal = impl_->over_rate(request)) return respond(std::move(*refusal));
    if (request.path == "/sign-subtree") {
      return impl_->sign_subtree(as_text(request.body), std::move(respond));
    }
    return impl_->witness.add_checkpoint(
        as_text(request.body),
        [respond = std::move(respond)](const CosignAnswer& answer) { respond(answer_of(answer)); });
  }
  const bool reads = request.method == http::Method::kGet || request.method == http::Method::kHead;
  auto response = posts ? std::nullopt : impl_->get(request);
  if (reads && response) return respond(std::move(*response));
  if (posts || response) {
    const std::string allowed = posts ? "POST" : "GET, HEAD";
    return respond(plain(405, "this path takes " + allowed + ", not " + request.method_text)
                       .with("Allow", allowed));
  }
  respond(plain(404, "this witness has nothing at " + request.path.substr(0, 200)));
}

std::size_t WitnessApi::body_bytes_max(const http::Request& request) {
  const bool post = request.method == http::Method::kPost && takes_post(request.path);
  return post ? limits::kAddCheckpointBytesMax : 0;
}

http::Response WitnessApi::server_error(unsigned status, std::string_view detail,
                                        const http::Request* /*request*/) {
  http::Response response = plain(status, detail);
  if (status == 503) response.with("Retry-After", "1");
  return response;
}

void WitnessApi::show_server(std::function<http::ServerCounters()> counters, std::string url) {
  if (counters) api::show_server(std::move(counters), impl_->metrics);
  const std::lock_guard lock(impl_->mutex);
  if (!impl_->config.url) impl_->url = std::move(url);
}

void WitnessApi::show_bastions(std::function<std::vector<BastionStatus>()> bastions) {
  const std::lock_guard lock(impl_->mutex);
  impl_->bastions = std::move(bastions);
}

void WitnessApi::show_enclave(std::function<WallStates()> walls) {
  const std::lock_guard lock(impl_->mutex);
  impl_->walls = std::move(walls);
}

void WitnessApi::show_feeding(std::function<FeedingStatus()> feeding) {
  const std::lock_guard lock(impl_->mutex);
  impl_->feeding = std::move(feeding);
}

}  // namespace witan
