#include "node/log.h"

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace witan {

namespace {

struct Sink {
  std::mutex mutex;
  std::function<void(LogLevel, std::string_view)> function;  // under mutex
  std::atomic<bool> replaced{false};
};

// Both live until the process ends: threads may log while static objects are destroyed.
Sink& sink() {
  static Sink* const instance = new Sink;
  return *instance;
}

std::atomic<LogLevel>& level() {
  static std::atomic<LogLevel> instance{LogLevel::kInfo};
  return instance;
}

spdlog::logger& logger() {
  static std::shared_ptr<spdlog::logger>* const instance = [] {
    auto made = std::make_shared<spdlog::logger>(
        "witan", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    return new std::shared_ptr<spdlog::logger>(std::move(made));
  }();
  return **instance;
}

bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '"' || c == '\\' || c == '=') return false;
  }
  return true;
}

// Control characters, which a terminal might obey: C0, DEL, and C1 as UTF-8 has it (0xc2 first).
void put_escaped(std::string& out, std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  unsigned char before = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_c1 = std::exchange(before, byte) == 0xc2 && byte >= 0x80 && byte < 0xa0;
    if (is_c1) out.pop_back();
    if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f || is_c1) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      break;
  }
  return spdlog::level::off;
}

void write(LogLevel of, std::string_view message, LogFields fields) {
  if (!log_enabled(of)) return;
  std::string line;
  put_escaped(line, message);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    if (is_plain(field.value)) {
      line += field.value;
    } else {
      line += '"';
      put_escaped(line, field.value);
      line += '"';
    }
  }
  if (sink().replaced) {
    const std::lock_guard lock(sink().mutex);
    if (sink().function) {
      sink().function(of, line);
      return;
    }
  }
  logger().log(spdlog_level(of), spdlog::string_view_t(line.data(), line.size()));
}

constexpr std::array<std::pair<std::string_view, LogLevel>, 5> kLevels = {{
    {"debug", LogLevel::kDebug},
    {"info", LogLevel::kInfo},
    {"warning", LogLevel::kWarning},
    {"error", LogLevel::kError},
    {"off", LogLevel::kOff},
}};

}  // namespace

void log_debug(std::string_view message, LogFields fields) {
  write(LogLevel::kDebug, message, fields);
}
void log_info(std::string_view message, LogFields fields) {
  write(LogLevel::kInfo, message, fields);
}
void log_warning(std::string_view message, LogFields fields) {
  write(LogLevel::kWarning, message, fields);
}
void log_error(std::string_view message, LogFields fields) {
  write(LogLevel::kError, message, fields);
}

void set_log_level(LogLevel new_level) {
  level() = new_level;
}

bool log_enabled(LogLevel of) {
  return of != LogLevel::kOff && of >= level().load(std::memory_order_relaxed);
}

Result<LogLevel> parse_log_level(std::string_view name) {
  for (const auto& [text, value] : kLevels) {
    if (text == name) return value;
  }
  return fail(ErrorCode::kUsage, "log level: found \"" + std::string(name) +
                                     "\", expected debug, info, warning, error or off");
}

void set_log_sink(std::function<void(LogLevel, std::string_view)> function) {
  const std::lock_guard lock(sink().mutex);
  sink().replaced = static_cast<bool>(function);
  sink().function = std::move(function);
}

}  // namespace witan
