#pragma once
// A blocking HTTP/1.1 client for the command line, with keep-alive, deadlines and size limits;
// http:// and https://.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/result.h"
#include "node/http/interrupt.h"
#include "node/http/message.h"

namespace witan::http {

struct ClientOptions {
  std::chrono::milliseconds deadline = std::chrono::seconds(30);  // per request, connect included
  std::size_t body_bytes_max = std::size_t{64} << 20;
  std::optional<std::string> ca_file;          // besides the system's, for https
  std::shared_ptr<const Interrupt> interrupt;  // while it is set, requests fail: kUnavailable
};

struct ClientResponse {
  unsigned status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  Bytes body;
  [[nodiscard]] std::optional<std::string_view> header(std::string_view lower_case_name) const;
};

class Client {
 public:
  // kUsage when the URL is not http(s)://host[:port][/prefix].
  static Result<std::unique_ptr<Client>> make(std::string_view url, ClientOptions options = {});
  virtual ~Client() = default;
  // `target` is put after the URL's prefix and begins with '/'. Reconnects when the kept connection
  // was closed. kUnavailable, kTimeout, kTooLarge, kMalformed (not HTTP).
  virtual Result<ClientResponse> get(
      std::string_view target, std::vector<std::pair<std::string, std::string>> headers = {}) = 0;
  virtual Result<ClientResponse> post(
      std::string_view target, BytesView body, std::string_view content_type,
      std::vector<std::pair<std::string, std::string>> headers = {}) = 0;
};

}  // namespace witan::http
