#pragma once
// Beast's request parser behind a small interface: fills a Request as bytes arrive. One per request
// being read; reused for the next.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ledger/bytes.h"
#include "node/http/message.h"

namespace witan::http::detail {

class RequestParser {
 public:
  enum class Status {
    kNeedMore,  // all that could be parsed was; more bytes are needed
    kHead,      // the header is complete and checked; said once, before the body
    kDone,      // the request is complete
    kError,     // see error_status() and error_detail()
  };

  RequestParser();
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // Forgets everything, for the next request.
  void reset();
  // Parses a part of `bytes` and says in `consumed` how many of them it has used up; the others
  // must be given again, with more behind them.
  Status feed(BytesView bytes, std::size_t& consumed);

  // The body's bound from now on: said between kHead and the body.
  void set_body_bytes_max(std::size_t bytes);

  [[nodiscard]] Request& request();
  // The HTTP status that answers the error (400, 413, 414, 417, 431, 501, 505), and why.
  [[nodiscard]] unsigned error_status() const;
  [[nodiscard]] const std::string& error_detail() const;
  // Valid from kHead on.
  [[nodiscard]] bool has_body() const;
  [[nodiscard]] std::optional<std::uint64_t> content_length() const;
  [[nodiscard]] bool keep_alive() const;
  [[nodiscard]] bool expects_continue() const;
  [[nodiscard]] bool is_http_1_0() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace witan::http::detail
