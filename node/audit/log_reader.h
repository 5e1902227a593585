#pragma once
// Where an audit gets a log from: one resource after the other, each with the most bytes that it
// may have.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

// Used by one thread at a time.
class LogReader {
 public:
  virtual ~LogReader() = default;

  // `path` begins with '/' (docs/http.md). kNotFound (404), kTooLarge (413: the log does not serve
  // it whole), kMalformed (more than bytes_max, or no HTTP), kUnavailable, kOverloaded and kTimeout
  // (nothing is said about the log).
  [[nodiscard]] virtual Result<Bytes> get(std::string_view path, std::size_t bytes_max) = 0;
};

// One reader for each connection.
using MakeLogReader = std::function<Result<std::unique_ptr<LogReader>>()>;

// Readers of a node. What is overloaded or gone for a moment is asked again a few times. kUsage for
// a bad URL, when a reader is made.
[[nodiscard]] MakeLogReader http_log_readers(std::string node_url,
                                             std::optional<std::string> ca_file);

}  // namespace witan
