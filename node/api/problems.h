#pragma once
// Errors as HTTP answers: the one place where an ErrorCode becomes a status.

#include <string>
#include <string_view>

#include "config/result.h"
#include "node/http/message.h"

namespace witan::api {

// The status for an error that a client caused or may see: 400, 401, 404, 409, 413, 415, 429, 503,
// ...
[[nodiscard]] unsigned http_status(ErrorCode code);

// RFC 9290 concise problem details (CBOR), for SCITT paths.
[[nodiscard]] http::Response cbor_problem(unsigned status, std::string_view title,
                                          std::string_view detail);
// RFC 9457 problem details (JSON), elsewhere.
[[nodiscard]] http::Response json_problem(unsigned status, std::string_view title,
                                          std::string_view detail);

// Whether a path is one of SCRAPI's, whose errors are CBOR.
[[nodiscard]] bool is_scitt_path(std::string_view path);
// In the format of the path.
[[nodiscard]] http::Response problem_for(std::string_view path, unsigned status,
                                         std::string_view title, std::string_view detail);
[[nodiscard]] http::Response problem_for(std::string_view path, const Error& error);

}  // namespace witan::api
