#include "node/witness/log_sources.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "config/file.h"
#include "ledger/bytes.h"
#include "node/http/client.h"
#include "node/witness/omniwitness_logs.h"
#include "witness/sigsum_policy.h"

namespace witan {
namespace {

constexpr std::string_view kSourceSpaces = " \t\r\v\f";
constexpr std::size_t kValidatorCharsMax = 512;

// The first line that says something, without blanks around it.
std::string_view first_line(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    line.remove_prefix(std::min(line.find_first_not_of(kSourceSpaces), line.size()));
    if (!line.empty() && line.front() != '#') {
      return line.substr(0, line.find_last_not_of(kSourceSpaces) + 1);
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

LogListFormat format_of(std::string_view text) {
  const std::string_view line = first_line(text);
  const std::string_view word = line.substr(0, line.find_first_of(kSourceSpaces));
  if (word == "log" || word == "witness" || word == "group" || word == "quorum") {
    return LogListFormat::kSigsum;
  }
  const bool yaml = word == "Logs:" || word == "---" || word == "%YAML" || word.starts_with('{');
  return yaml ? LogListFormat::kOmniwitness : LogListFormat::kLogsV0;
}

// A header's value that can be sent back.
std::string validator(const http::ClientResponse& response, std::string_view name) {
  const auto value = response.header(name);
  if (!value || value->size() > kValidatorCharsMax) return "";
  return std::string(*value);
}

Result<FetchedList> download_list(const std::string& url, const ListValidators& known,
                                  const ListFetchOptions& options) {
  // The client takes the part up to the last '/' and the rest by themselves.
  const std::size_t host = url.find("//") + 2;
  const std::size_t slash = url.substr(0, url.find('?')).rfind('/');
  const std::string base = slash > host ? url.substr(0, slash) : url;
  const std::string target = slash > host ? url.substr(slash) : "/";
  http::ClientOptions client_options;
  client_options.body_bytes_max = options.bytes_max;
  client_options.deadline = options.deadline;
  client_options.ca_file = options.ca_file;
  client_options.interrupt = options.interrupt;
  WITAN_ASSIGN(const auto client, http::Client::make(base, client_options));
  std::vector<std::pair<std::string, std::string>> headers;
  if (!known.etag.empty()) headers.emplace_back("If-None-Match", known.etag);
  if (!known.last_modified.empty()) headers.emplace_back("If-Modified-Since", known.last_modified);
  const bool asks_for_changes = !headers.empty();
  WITAN_ASSIGN(const auto response, client->get(target, std::move(headers)));
  if (response.status == 304 && asks_for_changes) return FetchedList{std::nullopt, known};
  if (response.status != 200) {
    return fail(ErrorCode::kUnavailable,
                "expected HTTP status 200, found " + std::to_string(response.status) +
                    (response.status / 100 == 3 ? " (redirections are not followed: give the "
                                                  "address it leads to)"
                                                : ""));
  }
  return FetchedList{std::string(as_text(response.body)),
                     {validator(response, "etag"), validator(response, "last-modified")}};
}

}  // namespace

Result<LogListFormat> parse_log_list_format(std::string_view name) {
  if (name == "auto") return LogListFormat::kAuto;
  if (name == "logs/v0") return LogListFormat::kLogsV0;
  if (name == "sigsum") return LogListFormat::kSigsum;
  if (name == "omniwitness") return LogListFormat::kOmniwitness;
  return fail(ErrorCode::kUsage, "expected auto, logs/v0, sigsum or omniwitness, found \"" +
                                     std::string(name.substr(0, 32)) + "\"");
}

Result<LogList> parse_any_log_list(std::string_view text, LogListFormat format) {
  if (format == LogListFormat::kAuto) format = format_of(text);
  if (format == LogListFormat::kSigsum) return parse_sigsum_logs(text);
  if (format == LogListFormat::kOmniwitness) return parse_omniwitness_logs(text);
  return LogList::parse(text);
}

bool is_list_url(std::string_view source) {
  return source.starts_with("https://") || source.starts_with("http://");
}

Result<FetchedList> fetch_log_list(const std::string& source, const ListValidators& known,
                                   const ListFetchOptions& options) {
  if (!is_list_url(source)) {
    WITAN_ASSIGN(std::string text, read_text_file(source, options.bytes_max));
    return FetchedList{std::move(text), {}};
  }
  auto fetched = download_list(source, known, options);
  if (!fetched) return fail(fetched.error().within(source));
  return fetched;
}

}  // namespace witan
