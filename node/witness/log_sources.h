#pragma once
// Lists of logs from files and URLs, in any of the forms that are in use.

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/feed_limits.h"
#include "config/limits.h"
#include "config/result.h"
#include "node/http/interrupt.h"
#include "witness/log_list.h"

namespace witan {

enum class LogListFormat {
  kAuto,         // told from its first line that is not empty or a comment
  kLogsV0,       // the witness network's
  kSigsum,       // a Sigsum policy
  kOmniwitness,  // omniwitness's YAML
};
// "auto", "logs/v0", "sigsum", "omniwitness"; kUsage for anything else.
[[nodiscard]] Result<LogListFormat> parse_log_list_format(std::string_view name);
// kMalformed also where the form is none of them. Others as the forms' own parsers.
[[nodiscard]] Result<LogList> parse_any_log_list(std::string_view text,
                                                 LogListFormat format = LogListFormat::kAuto);

// What tells a server what one has already.
struct ListValidators {
  std::string etag, last_modified;  // empty: unknown
};
struct FetchedList {
  std::optional<std::string> text;  // nullopt: unchanged since the validators
  ListValidators validators;        // of what is there now
};
struct ListFetchOptions {
  std::optional<std::string> ca_file;  // for https, besides the system's
  std::chrono::milliseconds deadline = limits::kLogListDeadline;
  std::size_t bytes_max = limits::kLogListBytesMax;
  std::shared_ptr<const http::Interrupt> interrupt;  // ends what is under way
};

[[nodiscard]] bool is_list_url(std::string_view source);
// Reads a file, or asks a URL (http or https; redirections are not followed). Errors name the
// source.
[[nodiscard]] Result<FetchedList> fetch_log_list(const std::string& source,
                                                 const ListValidators& known,
                                                 const ListFetchOptions& options);

}  // namespace witan
