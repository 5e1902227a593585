#pragma once
// The bytes of a response before its body.

#include <ctime>
#include <string>
#include <string_view>

#include "node/http/message.h"

namespace witan::http::detail {

struct HeadOptions {
  bool keep_alive = true;
  bool http_1_0 = false;
  std::string_view date;  // empty: no Date field
};

// Appends status line and fields. Content-Length is always that of the body (none for 1xx, 204 and
// 304); Connection, Date, Transfer-Encoding and Content-Length of `response` are left out. False
// when a field's name or value could split the header: `out` is then unusable.
[[nodiscard]] bool append_head(std::string& out, const Response& response,
                               const HeadOptions& options);

// Whether the body of such a response is sent to a request of that method.
[[nodiscard]] bool has_body(unsigned status, Method method);

// Whether `response` itself asks to close the connection.
[[nodiscard]] bool asks_to_close(const Response& response);

// The reason phrase of RFC 9110; "Unknown" where it has none.
[[nodiscard]] std::string_view reason_phrase(unsigned status);

// "Sun, 06 Nov 1994 08:49:37 GMT"; made anew once per second. One per thread.
class DateText {
 public:
  [[nodiscard]] std::string_view now();

 private:
  std::time_t second_ = 0;
  std::string text_;
};

}  // namespace witan::http::detail
