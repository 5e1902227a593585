#include "witness/log_list.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <unordered_map>
#include <utility>

#include "config/limits.h"
#include "ledger/crypto/ml_dsa.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

constexpr std::string_view kListHeader = "logs/v0";
constexpr std::string_view kListSpaces = " \t\r\v\f";
// In the order that the format gives them.
constexpr std::array<std::string_view, 4> kListKeywords = {"vkey", "origin", "qpd", "contact"};
constexpr std::uint64_t kQpdMax =
    static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max());

std::string_view trim_list_line(std::string_view line) {
  const std::size_t start = line.find_first_not_of(kListSpaces);
  if (start == std::string_view::npos) return {};
  return line.substr(start, line.find_last_not_of(kListSpaces) + 1 - start);
}

class LogListParser {
 public:
  explicit LogListParser(bool strict) : strict_(strict) {}

  Result<LogList> parse(std::string_view text) {
    if (text.size() > limits::kLogListBytesMax) {
      return fail(ErrorCode::kTooLarge, "log list: " + std::to_string(text.size()) +
                                            " bytes, the limit is " +
                                            std::to_string(limits::kLogListBytesMax));
    }
    while (!text.empty()) {
      ++line_;
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = trim_list_line(text.substr(0, end));
      if (!line.empty() && line.front() != '#') WITAN_TRY(take_line(line));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (!header_seen_) return bad("expected the header \"logs/v0\", found the end");
    WITAN_TRY(finish_log());
    return std::move(list_);
  }

 private:
  [[nodiscard]] tl::unexpected<Error> bad(std::string_view what,
                                          ErrorCode code = ErrorCode::kMalformed) const {
    return fail(code, "log list line " + std::to_string(line_) + ": " + std::string(what));
  }

  Result<void> warn(std::size_t line, const std::string& what) {
    std::string message = "log list line " + std::to_string(line) + ": " + what;
    if (strict_) return fail(ErrorCode::kMalformed, std::move(message));
    add_list_warning(list_.warnings, std::move(message));
    return {};
  }

  Result<void> take_line(std::string_view line) {
    const bool control = std::any_of(line.begin(), line.end(), [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return (byte < 0x20 && c != '\t') || byte == 0x7f;
    });
    if (control) return bad("control character");
    if (!is_utf8(as_bytes(line))) return bad("not UTF-8");
    if (!header_seen_) {
      if (line != kListHeader) return bad("expected the header \"logs/v0\"");
      header_seen_ = true;
      return {};
    }
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    return take_field(line.substr(0, end), trim_list_line(line.substr(end)));
  }

  Result<void> take_field(std::string_view word, std::string_view value) {
    const auto known = std::find(kListKeywords.begin(), kListKeywords.end(), word);
    if (known == kListKeywords.end()) {
      return warn(line_, "unknown keyword \"" + std::string(word.substr(0, 32)) + "\"");
    }
    const auto place = static_cast<std::size_t>(known - kListKeywords.begin());
    if (value.empty()) return bad("expected a value after " + std::string(word));
    if (place == 0) return start_log(value);
    if (log_line_ == 0) return bad(std::string(word) + " before the first vkey");
    if (seen_.at(place)) return bad("a second " + std::string(word) + " for one log");
    if (std::find(seen_.begin() + static_cast<std::ptrdiff_t>(place), seen_.end(), true) !=
        seen_.end()) {
      WITAN_TRY(warn(
          line_, std::string(word) + " comes late: the order is vkey, origin, qpd, " + "contact"));
    }
    seen_.at(place) = true;
    if (place == 1) return take_origin(value);
    return place == 2 ? take_qpd(value) : take_contact(value);
  }

  Result<void> start_log(std::string_view vkey) {
    WITAN_TRY(finish_log());
    log_ = {};
    seen_ = {true, false, false, false};
    log_line_ = line_;
    usable_ = false;
    auto key = VerifierKey::parse(vkey);
    if (!key && key.error().code == ErrorCode::kUnsupported) {
      return warn(line_, key.error().message + "; the log is left out");
    }
    if (!key) return bad(key.error().message);
    if (!signs_as_log(*key)) {
      return warn(line_, "key of type " + std::to_string(static_cast<int>(key->algorithm)) +
                             ", with which no log signs; the log is left out");
    }
    usable_ = true;
    log_.origin = key->name;
    log_.key = std::move(*key);
    return {};
  }

  Result<void> take_origin(std::string_view value) {
    // As long as a cosigned message can name it.
    if (value.size() > limits::kKeyNameCharsMax || value.find('\t') != std::string_view::npos) {
      return bad("the origin is not at most " + std::to_string(limits::kKeyNameCharsMax) +
                 " bytes without control characters");
    }
    log_.origin = value;
    return {};
  }

  Result<void> take_qpd(std::string_view value) {
    const auto number = decimal_decode(value);
    if (!number || *number < 1 || *number > kQpdMax) {
      return bad("expected a qpd from 1 to " + std::to_string(kQpdMax));
    }
    log_.qpd = static_cast<std::uint32_t>(*number);
    return {};
  }

  Result<void> take_contact(std::string_view value) {
    if (value.size() > limits::kLogContactCharsMax) {
      return bad("contact of " + std::to_string(value.size()) + " bytes, the limit is " +
                 std::to_string(limits::kLogContactCharsMax));
    }
    log_.contact = value;
    return {};
  }

  Result<void> finish_log() {
    if (log_line_ == 0) return {};
    for (std::size_t place = 2; place < seen_.size(); ++place) {
      if (seen_.at(place)) continue;
      WITAN_TRY(warn(log_line_, "a log without " + std::string(kListKeywords.at(place))));
    }
    if (!usable_) return {};
    if (list_.logs.size() == limits::kWitnessLogsMax) {
      return bad("more than " + std::to_string(limits::kWitnessLogsMax) + " logs",
                 ErrorCode::kTooLarge);
    }
    list_.logs.push_back(std::move(log_));
    return {};
  }

  bool strict_;
  LogList list_;
  std::size_t line_ = 0;
  bool header_seen_ = false;
  ListedLog log_;
  std::size_t log_line_ = 0;  // of its vkey; 0 before the first
  std::array<bool, 4> seen_{};
  bool usable_ = false;
};

bool has_key(const KnownLog& log, const VerifierKey& key) {
  return std::find(log.keys.begin(), log.keys.end(), key) != log.keys.end();
}

bool by_origin(const KnownLog& a, const KnownLog& b) {
  return a.origin < b.origin;
}

}  // namespace

void add_list_warning(std::vector<std::string>& warnings, std::string warning) {
  if (warnings.size() < limits::kLogListWarningsMax) {
    warnings.push_back(std::move(warning));
  } else if (warnings.size() == limits::kLogListWarningsMax) {
    warnings.emplace_back("more warnings, left out");
  }
}

bool signs_as_log(const VerifierKey& key) {
  return key.algorithm == NoteAlgorithm::kEd25519 || key.algorithm == NoteAlgorithm::kEcdsa ||
         key.algorithm == NoteAlgorithm::kMlDsa44;
}

std::string why_unusable(const std::vector<VerifierKey>& keys) {
  if (keys.empty()) return "no key of it is known";
  for (const VerifierKey& key : keys) {
    const bool checked = key.algorithm != NoteAlgorithm::kMlDsa44 || ml_dsa_available();
    if (signs_as_log(key) && checked) return "";
  }
  return "this build cannot check its signatures: its only key is ML-DSA-44, which needs OpenSSL "
         "3.5";
}

Result<LogList> LogList::parse(std::string_view text, bool strict) {
  return LogListParser(strict).parse(text);
}

std::string LogList::encode() const {
  std::string out = std::string(kListHeader) + "\n";
  for (const ListedLog& log : logs) {
    out += "\nvkey " + log.key.text() + "\n";
    if (log.origin != log.key.name) out += "origin " + log.origin + "\n";
    if (log.qpd) out += "qpd " + std::to_string(*log.qpd) + "\n";
    if (!log.contact.empty()) out += "contact " + log.contact + "\n";
  }
  return out;
}

MergeOutcome merge_log_list(std::vector<KnownLog>& known, const LogList& list,
                            std::string_view own_name, std::size_t unlisted) {
  MergeOutcome out;
  std::vector<KnownLog> fresh;
  std::unordered_map<std::string_view, std::size_t> fresh_place;  // names are the list's
  std::size_t beyond_limit = 0;
  for (const ListedLog& log : list.logs) {
    if (log.origin == own_name || log.key.name == own_name) {
      add_list_warning(out.warnings, "log \"" + log.origin +
                                         "\": not taken, its origin or its key " +
                                         "has the witness's own name");
      continue;
    }
    const auto place = std::lower_bound(
        known.begin(), known.end(), log.origin,
        [](const KnownLog& a, const std::string& origin) { return a.origin < origin; });
    const bool is_known = place != known.end() && place->origin == log.origin;
    const auto listed = fresh_place.find(log.origin);
    if (is_known || listed != fresh_place.end()) {
      const KnownLog& before = is_known ? *place : fresh[listed->second];
      if (has_key(before, log.key)) continue;
      std::string change =
          "log \"" + log.origin + "\": another key, not taken: " + log.key.text() +
          (before.keys.empty() ? ", none is known" : ", known is " + before.keys.front().text());
      add_list_warning(out.key_changes, change);
      add_list_warning(out.warnings, std::move(change));
      continue;
    }
    if (unlisted + known.size() + fresh.size() >= limits::kWitnessLogsMax) {
      ++beyond_limit;
      continue;
    }
    fresh_place.emplace(log.origin, fresh.size());
    fresh.push_back({log.origin, {log.key}, log.qpd, log.contact, false});
    out.added.push_back(log.origin);
    if (const std::string why = why_unusable({log.key}); !why.empty()) {
      add_list_warning(out.warnings,
                       "log \"" + log.origin + "\": added, but never cosigned: " + why);
    }
  }
  if (beyond_limit > 0) {
    add_list_warning(out.warnings, std::to_string(beyond_limit) +
                                       " new logs not taken: a witness knows at most " +
                                       std::to_string(limits::kWitnessLogsMax));
  }
  std::sort(fresh.begin(), fresh.end(), by_origin);
  const auto middle = static_cast<std::ptrdiff_t>(known.size());
  known.insert(known.end(), std::make_move_iterator(fresh.begin()),
               std::make_move_iterator(fresh.end()));
  std::inplace_merge(known.begin(), known.begin() + middle, known.end(), by_origin);
  return out;
}

}  // namespace witan
