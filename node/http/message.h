#pragma once
// HTTP requests and responses as the APIs see them. Beast stays behind server.cpp and client.cpp.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan::http {

enum class Method { kGet, kHead, kPost, kOther };

struct Request {
  Method method = Method::kGet;
  std::string method_text;
  std::string path;                                          // percent-decoding is not applied
  std::string query;                                         // after '?', without it
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  Bytes body;
  std::string client;  // the peer's address without port (the rate limiter's key)

  [[nodiscard]] std::optional<std::string_view> header(std::string_view lower_case_name) const;
  // The percent-decoded value of a query parameter; nullopt when absent, kMalformed when given
  // twice or badly encoded.
  [[nodiscard]] Result<std::optional<std::string>> parameter(std::string_view name) const;
};

struct Response {
  unsigned status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  // Shared bodies are sent without a copy, to many clients at once.
  std::variant<std::string, Bytes, std::shared_ptr<const Bytes>> body;

  static Response text(unsigned status, std::string content_type, std::string body);
  static Response bytes(unsigned status, std::string content_type, Bytes body);
  Response& with(std::string name, std::string value) &;
  Response&& with(std::string name, std::string value) &&;
  [[nodiscard]] BytesView body_view() const;
};

// Called exactly once per request, from any thread; the server goes on with the connection on its
// own thread.
using Respond = std::function<void(Response)>;

// Handles one request. Runs on an I/O thread and must not block: what takes long is moved to other
// threads, which keep `respond`. An exception becomes a 500 and a log line.
using Handler = std::function<void(Request&&, Respond)>;

}  // namespace witan::http
