#include "node/audit/log_reader.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "ledger/encoding.h"
#include "node/http/client.h"

namespace witan {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kSmallBytesMax = std::size_t{1} << 20;
constexpr unsigned kTries = 5;
constexpr std::uint64_t kPauseSecondsMax = 10;

class HttpLogReader final : public LogReader {
 public:
  HttpLogReader(std::string url, std::optional<std::string> ca_file)
      : url_(std::move(url)), ca_file_(std::move(ca_file)) {}

  Result<void> connect() {
    WITAN_ASSIGN(small_, client_for(kSmallBytesMax, 30s));
    return {};
  }

  Result<Bytes> get(std::string_view path, std::size_t bytes_max) override {
    if (bytes_max > kSmallBytesMax && (!large_ || large_bytes_max_ < bytes_max)) {
      WITAN_ASSIGN(large_, client_for(bytes_max, 300s));
      large_bytes_max_ = bytes_max;
    }
    http::Client& client = bytes_max > kSmallBytesMax ? *large_ : *small_;
    for (unsigned attempt = 1;; ++attempt) {
      auto response = client.get(path);
      const bool last = attempt == kTries;
      if (!response) {
        const ErrorCode code = response.error().code;
        // A node that was never reached is probably a wrong address.
        if (last || !reached_ || code != ErrorCode::kUnavailable) return failure(response.error());
        std::this_thread::sleep_for(200ms * attempt);
        continue;
      }
      reached_ = true;
      const bool again = response->status == 204 || response->status == 429 ||
                         (response->status >= 500 && response->status != 501);
      if (!again || last) return body_of(std::move(*response), path, bytes_max);
      std::this_thread::sleep_for(pause(*response));
    }
  }

 private:
  Result<std::unique_ptr<http::Client>> client_for(std::size_t bytes_max,
                                                   std::chrono::milliseconds deadline) const {
    http::ClientOptions options;
    options.body_bytes_max = bytes_max;
    options.deadline = deadline;
    options.ca_file = ca_file_;
    return http::Client::make(url_, options);
  }

  // kTooLarge is kept for the log's own word.
  static tl::unexpected<Error> failure(Error error) {
    if (error.code == ErrorCode::kTooLarge) error.code = ErrorCode::kMalformed;
    return fail(std::move(error));
  }

  static std::chrono::milliseconds pause(const http::ClientResponse& response) {
    const auto header = response.header("retry-after");
    if (!header) return 500ms;
    const auto seconds = decimal_decode(*header);
    return std::chrono::seconds(seconds ? std::min(*seconds, kPauseSecondsMax) : 1);
  }

  static Result<Bytes> body_of(http::ClientResponse response, std::string_view path,
                               std::size_t bytes_max) {
    if (response.status == 200) {
      if (response.body.size() <= bytes_max) return std::move(response.body);
      return fail(ErrorCode::kMalformed, "the answer has " + std::to_string(response.body.size()) +
                                             " bytes, expected at most " +
                                             std::to_string(bytes_max));
    }
    const std::string found = "expected HTTP status 200, found " + std::to_string(response.status);
    switch (response.status) {
      case 404:
        return fail(ErrorCode::kNotFound, found);
      case 413:
        return fail(ErrorCode::kTooLarge, found);
      case 204:
      case 429:
      case 503:
        return fail(ErrorCode::kOverloaded, std::string(path) + ": " + found);
      default:
        return fail(ErrorCode::kUnavailable, std::string(path) + ": " + found);
    }
  }

  const std::string url_;
  const std::optional<std::string> ca_file_;
  std::unique_ptr<http::Client> small_, large_;
  std::size_t large_bytes_max_ = 0;
  bool reached_ = false;
};

}  // namespace

MakeLogReader http_log_readers(std::string node_url, std::optional<std::string> ca_file) {
  return
      [url = std::move(node_url), ca = std::move(ca_file)]() -> Result<std::unique_ptr<LogReader>> {
        auto reader = std::make_unique<HttpLogReader>(url, ca);
        WITAN_TRY(reader->connect());
        return reader;
      };
}

}  // namespace witan
