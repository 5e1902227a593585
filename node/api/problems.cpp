#include "node/api/problems.h"

#include <nlohmann/json.hpp>

#include "ledger/format/problem_details.h"

namespace witan::api {
namespace {

std::string_view status_title(unsigned status) {
  switch (status) {
    case 400:
      return "Malformed request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return status >= 500 ? "Internal Server Error" : "Bad Request";
  }
}

}  // namespace

unsigned http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::kMalformed:
    case ErrorCode::kUnsupported:
    case ErrorCode::kBadSignature:
    case ErrorCode::kBadIdentity:
    case ErrorCode::kRefused:
    case ErrorCode::kBadProof:
    case ErrorCode::kUsage:
      return 400;
    case ErrorCode::kTooLarge:
      return 413;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kOverloaded:
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kStale:
    case ErrorCode::kIo:
      return 503;
  }
  return 500;
}

http::Response cbor_problem(unsigned status, std::string_view title, std::string_view detail) {
  return http::Response::bytes(status, "application/concise-problem-details+cbor",
                               encode_problem({std::string(title), std::string(detail)}));
}

http::Response json_problem(unsigned status, std::string_view title, std::string_view detail) {
  const nlohmann::json body = {{"title", title}, {"status", status}, {"detail", detail}};
  using Handler = nlohmann::json::error_handler_t;
  return http::Response::text(status, "application/problem+json",
                              body.dump(-1, ' ', false, Handler::replace) + "\n");
}

bool is_scitt_path(std::string_view path) {
  return path == "/entries" || path.starts_with("/entries/") ||
         path.starts_with("/.well-known/scitt-keys");
}

http::Response problem_for(std::string_view path, unsigned status, std::string_view title,
                           std::string_view detail) {
  if (title.empty()) title = status_title(status);
  return is_scitt_path(path) ? cbor_problem(status, title, detail)
                             : json_problem(status, title, detail);
}

http::Response problem_for(std::string_view path, const Error& error) {
  const unsigned status = http_status(error.code);
  http::Response response = problem_for(path, status, "", error.message);
  if (status == 503) response.with("Retry-After", "1");
  return response;
}

}  // namespace witan::api
