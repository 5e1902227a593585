#pragma once
// Header fields between HTTP/2 and the messages of the APIs.

#include <cstddef>
#include <cstdint>
#include <nghttp2/nghttp2.h>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "node/http/message.h"

namespace witan::http::detail {

// A request's header as it arrives; the library has checked the syntax and the order of fields.
class H2Head {
 public:
  // One field; what is too much is counted and dropped.
  void add(Request& request, std::string_view name, std::string_view value);
  // The header is complete: fills in method, path and query. False when it is refused.
  [[nodiscard]] bool finish(Request& request);

  // 400, 414, 417 or 431, and why.
  [[nodiscard]] unsigned refusal_status() const { return status_; }
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  [[nodiscard]] std::optional<std::uint64_t> content_length() const { return content_length_; }
  [[nodiscard]] bool expects_continue() const { return expects_continue_; }
  [[nodiscard]] bool is_head() const { return is_head_; }

 private:
  bool refuse(unsigned status, std::string why);

  std::size_t bytes_ = 0;
  std::size_t fields_ = 0;
  std::string target_;
  std::string authority_;
  std::optional<std::uint64_t> content_length_;
  bool expects_continue_ = false;
  bool is_head_ = false;
  unsigned status_ = 0;
  std::string refusal_;
};

// A header to be sent, in the library's form.
class H2Fields {
 public:
  using Texts = std::vector<std::pair<std::string, std::string>>;
  explicit H2Fields(Texts fields);
  H2Fields(H2Fields&&) noexcept = default;
  H2Fields& operator=(H2Fields&&) noexcept = default;

  // A response's header, with its Content-Length; what belongs to a connection of HTTP/1.1 is left
  // out. Nothing when a field must not be sent as it is.
  static std::optional<H2Fields> of(const Response& response, std::string_view date);
  // Whether a response of that status has a body.
  [[nodiscard]] static bool has_body(unsigned status);

  [[nodiscard]] const nghttp2_nv* data() const { return views_.data(); }
  [[nodiscard]] std::size_t size() const { return views_.size(); }

 private:
  Texts fields_;
  std::vector<nghttp2_nv> views_;  // into fields_, whose texts stay where they are
};

}  // namespace witan::http::detail
