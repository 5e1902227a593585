#include "node/witness/omniwitness_logs.h"

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <yaml.h>

#include "config/feed_limits.h"
#include "config/limits.h"
#include "ledger/encoding.h"
#include "node/http/url.h"

namespace witan {
namespace {

constexpr std::array<std::string_view, 5> kOmniwitnessKeys = {"Origin", "URL", "PublicKey",
                                                              "PublicKeyType", "Feeder"};

// One event, which libyaml wants back.
class YamlEvent {
 public:
  YamlEvent() = default;
  YamlEvent(const YamlEvent&) = delete;
  YamlEvent& operator=(const YamlEvent&) = delete;
  ~YamlEvent() { yaml_event_delete(&raw); }

  [[nodiscard]] yaml_event_type_t type() const { return raw.type; }
  [[nodiscard]] std::size_t line() const { return raw.start_mark.line + 1; }
  [[nodiscard]] std::string_view scalar() const {
    return {reinterpret_cast<const char*>(raw.data.scalar.value), raw.data.scalar.length};
  }

  yaml_event_t raw{};
};

bool has_properties(const yaml_event_t& event) {
  switch (event.type) {
    case YAML_SCALAR_EVENT:
      return event.data.scalar.anchor != nullptr || event.data.scalar.tag != nullptr;
    case YAML_SEQUENCE_START_EVENT:
      return event.data.sequence_start.anchor != nullptr ||
             event.data.sequence_start.tag != nullptr;
    case YAML_MAPPING_START_EVENT:
      return event.data.mapping_start.anchor != nullptr || event.data.mapping_start.tag != nullptr;
    default:
      return false;
  }
}

class OmniwitnessParser {
 public:
  explicit OmniwitnessParser(std::string_view text) : good_(yaml_parser_initialize(&parser_) != 0) {
    if (!good_) return;
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  OmniwitnessParser(const OmniwitnessParser&) = delete;
  OmniwitnessParser& operator=(const OmniwitnessParser&) = delete;
  ~OmniwitnessParser() {
    if (good_) yaml_parser_delete(&parser_);
  }

  Result<LogList> parse() {
    if (!good_) return fail(ErrorCode::kIo, "libyaml has no memory");
    WITAN_TRY(expect(YAML_STREAM_START_EVENT, "a document"));
    WITAN_TRY(expect(YAML_DOCUMENT_START_EVENT, "a document"));
    WITAN_TRY(expect(YAML_MAPPING_START_EVENT, "a mapping with \"Logs\""));
    bool logs_seen = false;
    for (;;) {
      WITAN_ASSIGN(const auto key, next_key());
      if (!key) break;
      if (*key != "Logs") {
        WITAN_TRY(skip_unknown(*key));
        continue;
      }
      if (std::exchange(logs_seen, true)) return bad("a second \"Logs\"");
      WITAN_TRY(take_logs());
    }
    if (!logs_seen) return bad("expected \"Logs\", found none");
    WITAN_TRY(expect(YAML_DOCUMENT_END_EVENT, "the end of the document"));
    WITAN_TRY(expect(YAML_STREAM_END_EVENT, "one document, and its end"));
    return std::move(list_);
  }

 private:
  using Fields = std::map<std::string, std::string, std::less<>>;

  [[nodiscard]] tl::unexpected<Error> bad(std::string_view what,
                                          ErrorCode code = ErrorCode::kMalformed) const {
    return fail(code, "YAML line " + std::to_string(line_) + ": " + std::string(what));
  }

  void warn(std::size_t line, const std::string& what) {
    add_list_warning(list_.warnings, "YAML line " + std::to_string(line) + ": " + what);
  }

  Result<void> next(YamlEvent& event) {
    if (yaml_parser_parse(&parser_, &event.raw) == 0) {
      line_ = parser_.problem_mark.line + 1;
      return bad(parser_.problem == nullptr ? "not YAML" : parser_.problem);
    }
    line_ = event.line();
    if (event.type() == YAML_ALIAS_EVENT) return bad("an alias, which is not accepted");
    if (has_properties(event.raw)) return bad("an anchor or a tag, which is not accepted");
    if (event.type() == YAML_SCALAR_EVENT) {
      if (event.scalar().size() > limits::kYamlScalarBytesMax) {
        return bad("a value of " + std::to_string(event.scalar().size()) + " bytes, the limit is " +
                       std::to_string(limits::kYamlScalarBytesMax),
                   ErrorCode::kTooLarge);
      }
    } else if (event.type() == YAML_MAPPING_START_EVENT ||
               event.type() == YAML_SEQUENCE_START_EVENT) {
      if (++depth_ > limits::kYamlDepthMax) {
        return bad("nested deeper than " + std::to_string(limits::kYamlDepthMax),
                   ErrorCode::kTooLarge);
      }
    } else if (event.type() == YAML_MAPPING_END_EVENT || event.type() == YAML_SEQUENCE_END_EVENT) {
      --depth_;
    }
    return {};
  }

  Result<void> expect(yaml_event_type_t type, std::string_view what) {
    YamlEvent event;
    WITAN_TRY(next(event));
    if (event.type() != type) return bad("expected " + std::string(what));
    return {};
  }

  // Nothing at the mapping's end.
  Result<std::optional<std::string>> next_key() {
    YamlEvent event;
    WITAN_TRY(next(event));
    if (event.type() == YAML_MAPPING_END_EVENT) return std::optional<std::string>{};
    if (event.type() != YAML_SCALAR_EVENT) return bad("expected a key that is text");
    return std::optional<std::string>(std::string(event.scalar()));
  }

  Result<void> skip_unknown(const std::string& key) {
    warn(line_, "unknown key \"" + key.substr(0, 32) + "\"");
    const std::size_t depth = depth_;
    do {
      YamlEvent event;
      WITAN_TRY(next(event));
    } while (depth_ > depth);
    return {};
  }

  Result<void> take_logs() {
    WITAN_TRY(expect(YAML_SEQUENCE_START_EVENT, "a list of logs"));
    for (;;) {
      YamlEvent event;
      WITAN_TRY(next(event));
      if (event.type() == YAML_SEQUENCE_END_EVENT) return {};
      if (event.type() != YAML_MAPPING_START_EVENT) return bad("expected a log's mapping");
      WITAN_TRY(take_log(event.line()));
    }
  }

  Result<void> take_log(std::size_t line) {
    Fields fields;
    for (;;) {
      WITAN_ASSIGN(const auto key, next_key());
      if (!key) break;
      bool known = false;
      for (const std::string_view name : kOmniwitnessKeys) known = known || name == *key;
      if (!known) {
        WITAN_TRY(skip_unknown(*key));
        continue;
      }
      YamlEvent event;
      WITAN_TRY(next(event));
      if (event.type() != YAML_SCALAR_EVENT) return bad(*key + ": expected text");
      if (!fields.emplace(*key, event.scalar()).second) return bad("a second " + *key);
    }
    line_ = line;
    return add_log(fields, line);
  }

  Result<void> add_log(const Fields& fields, std::size_t line) {
    const auto text_of = [&fields](std::string_view name) {
      const auto found = fields.find(name);
      return found == fields.end() ? std::string() : found->second;
    };
    const std::string origin = text_of("Origin");
    if (origin.empty()) return bad("a log without Origin");
    if (text_of("PublicKey").empty()) return bad("a log without PublicKey");
    bool control = false;
    for (const char c : origin) control = control || static_cast<unsigned char>(c) < 0x20;
    control = control || origin.find('\x7f') != std::string::npos;
    if (control || origin.size() > limits::kKeyNameCharsMax || !is_utf8(as_bytes(origin))) {
      return bad("the origin is not at most " + std::to_string(limits::kKeyNameCharsMax) +
                 " bytes without control characters");
    }
    auto key = VerifierKey::parse(text_of("PublicKey"));
    if (!key && key.error().code == ErrorCode::kUnsupported) {
      warn(line, key.error().message + "; the log is left out");
      return {};
    }
    if (!key) return bad(key.error().message);
    if (!signs_as_log(*key)) {
      warn(line, "a key with which no log signs; the log is left out");
      return {};
    }
    if (list_.logs.size() == limits::kWitnessLogsMax) {
      return bad("more than " + std::to_string(limits::kWitnessLogsMax) + " logs",
                 ErrorCode::kTooLarge);
    }
    list_.logs.push_back({std::move(*key), origin, {}, "", feed_of(fields, line)});
    return {};
  }

  std::optional<LogFeed> feed_of(const Fields& fields, std::size_t line) {
    const auto feeder = fields.find("Feeder");
    const auto url = fields.find("URL");
    if (feeder == fields.end() || url == fields.end()) return std::nullopt;
    if (feeder->second != "tiles" && feeder->second != "sumdb") return std::nullopt;
    const auto parsed = http::parse_url(url->second);
    if (!parsed) {
      warn(line, "the log is taken, but cannot be fed: " + parsed.error().message);
      return std::nullopt;
    }
    return LogFeed{parsed->to_string(),
                   feeder->second == "sumdb" ? FeedLayout::kSumdb : FeedLayout::kTiles, 0};
  }

  yaml_parser_t parser_{};
  bool good_ = false;
  LogList list_;
  std::size_t line_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace

Result<LogList> parse_omniwitness_logs(std::string_view text) {
  if (text.size() > limits::kYamlBytesMax) {
    return fail(ErrorCode::kTooLarge, "YAML: " + std::to_string(text.size()) +
                                          " bytes, the limit is " +
                                          std::to_string(limits::kYamlBytesMax));
  }
  return OmniwitnessParser(text).parse();
}

}  // namespace witan
