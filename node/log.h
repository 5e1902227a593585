#pragma once
// Log lines to standard error: time, level, a message and key=value fields. Values with spaces,
// quotes or control bytes are quoted and escaped, so that nothing from outside can forge a line.
// All functions may be called from any thread.

#include <concepts>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "config/result.h"

namespace witan {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

struct LogField {
  std::string_view key;
  std::string value;

  LogField(std::string_view name, std::string text) : key(name), value(std::move(text)) {}
  LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
  LogField(std::string_view name, const char* text) : key(name), value(text) {}
  LogField(std::string_view name, bool truth) : key(name), value(truth ? "true" : "false") {}
  template <typename Number>
  requires(std::integral<Number> || std::floating_point<Number>)
      LogField(std::string_view name, Number number)
      : key(name), value(std::to_string(number)) {}
};

using LogFields = std::initializer_list<LogField>;

void log_debug(std::string_view message, LogFields fields = {});
void log_info(std::string_view message, LogFields fields = {});
void log_warning(std::string_view message, LogFields fields = {});
void log_error(std::string_view message, LogFields fields = {});

// Lines below the level are dropped. The level at start is kInfo.
void set_log_level(LogLevel level);
// Whether lines of the level are written: asked before making fields that cost something.
[[nodiscard]] bool log_enabled(LogLevel of);
// "debug", "info", "warning", "error", "off"; kUsage for anything else.
[[nodiscard]] Result<LogLevel> parse_log_level(std::string_view name);
// Sends the lines (without time and level) elsewhere; an empty function brings standard error back.
void set_log_sink(std::function<void(LogLevel, std::string_view line)> function);

}  // namespace witan
