#pragma once
// Lines taken off the front of a text, one after the other, and counted for messages.

#include <cstddef>
#include <string>
#include <string_view>

#include "config/result.h"

namespace witan {

class TextLines {
 public:
  // `what` names the text in messages. Both must outlive the reader.
  TextLines(std::string_view what, std::string_view text) : what_(what), rest_(text) {}

  // The next line, without its newline. kMalformed when no newline is left.
  Result<std::string_view> next() {
    ++number_;
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) return bad("no newline at the end");
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return line;
  }
  // What was not taken yet.
  [[nodiscard]] std::string_view rest() const { return rest_; }
  // An error about the line that was taken last.
  [[nodiscard]] tl::unexpected<Error> bad(std::string_view message,
                                          ErrorCode code = ErrorCode::kMalformed) const {
    return fail(code, std::string(what_) + " line " + std::to_string(number_) + ": " +
                          std::string(message));
  }

 private:
  std::string_view what_;
  std::string_view rest_;
  std::size_t number_ = 0;
};

}  // namespace witan
