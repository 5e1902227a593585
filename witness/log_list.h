#pragma once
// Lists of logs that a witness may cosign, as the witness network publishes them.
// Source: the witness network's log list format, "logs/v0".

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/format/note.h"

namespace witan {

struct ListedLog {
  VerifierKey key;
  std::string origin;                // the key's name unless the list says otherwise
  std::optional<std::uint32_t> qpd;  // requests a day, 1 to 2^31 - 1
  std::string contact;               // may be empty
  friend bool operator==(const ListedLog&, const ListedLog&) = default;
};

struct LogList {
  std::vector<ListedLog> logs;
  // What a strict reader would refuse and this one passed over, each with its line: unknown
  // keywords, keys of types that no log signs with, lines of a log in another order than the
  // format's, logs without qpd or contact. What `witan witness lint` prints. At most
  // limits::kLogListWarningsMax, and one that says so.
  std::vector<std::string> warnings;

  // Lenient: these become warnings; a log with such a key is left out. Blanks around lines and a
  // missing last newline are fine for both.
  // kMalformed with the line for everything else; kTooLarge above limits::kLogListBytesMax or
  // kWitnessLogsMax. `strict`: warnings are kMalformed too.
  static Result<LogList> parse(std::string_view text, bool strict = false);
  // The list in one form, which parse takes, and strictly where each log has qpd and contact.
  [[nodiscard]] std::string encode() const;
};

// What a witness knows of a log, from lists and from its operator.
struct KnownLog {
  std::string origin;
  std::vector<VerifierKey> keys;
  std::optional<std::uint32_t> qpd;
  std::string contact;
  bool disabled = false;
  friend bool operator==(const KnownLog&, const KnownLog&) = default;
};

// Takes lists in, add only: a log that is new is added; one that is known stays as it is, and
// another key for it is a warning and not taken. A log that a list no longer has stays. `known`
// is sorted by origin and stays so; `own_name`, the witness's, is refused as origin and as a key's
// name (a warning). Logs past limits::kWitnessLogsMax are a warning and not taken.
struct MergeOutcome {
  std::vector<std::string> added;  // origins
  std::vector<std::string> warnings;
};
MergeOutcome merge_log_list(std::vector<KnownLog>& known, const LogList& list,
                            std::string_view own_name);

}  // namespace witan
