#pragma once
// The parts of NodeApi: one function a group of paths. Each gets the request and answers it whole.

#include <optional>
#include <string_view>

#include "config/node_config.h"
#include "node/http/message.h"
#include "node/log_service.h"

namespace witan::api {

// What every handler may use.
struct Context {
  LogService& log;
  const NodeConfig& config;
};

// 64 lowercase hex characters; kMalformed.
[[nodiscard]] Result<Hash32> parse_locator(std::string_view text);

// GET /entries/{id}, /entries/{id}/statement, /entries/{id}.tlog-proof,
// /.well-known/scitt-keys[/{kid}].
[[nodiscard]] http::Response get_entry(const Context& context, const http::Request& request);
[[nodiscard]] http::Response get_keys(const Context& context, const http::Request& request);
// POST /entries, after the rate limit and the token.
void post_entry(const Context& context, http::Request&& request, http::Respond respond);

// GET /checkpoint and /tile/...
[[nodiscard]] http::Response get_checkpoint(const Context& context);
[[nodiscard]] http::Response get_tile(const Context& context, const http::Request& request);

// GET /proof/inclusion and /proof/consistency.
[[nodiscard]] http::Response get_inclusion_proof(const Context& context,
                                                 const http::Request& request);
[[nodiscard]] http::Response get_consistency_proof(const Context& context,
                                                   const http::Request& request);

// Whether the request's If-None-Match names the tag (quotes included).
[[nodiscard]] bool matches_etag(const http::Request& request, std::string_view etag);
// 200 with the tag and a year of caching, or 304.
[[nodiscard]] http::Response immutable(const http::Request& request, std::string_view etag,
                                       http::Response response);

}  // namespace witan::api
