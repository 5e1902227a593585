#pragma once
// Lists of logs that a witness may cosign, as the witness network publishes them.
// Source: the witness network's log list format, "logs/v0".

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/format/note.h"

namespace witan {

// How a log lays its checkpoint and tiles out below a URL.
enum class FeedLayout : std::uint8_t {
  kTiles = 0,  // C2SP tlog-tiles: /checkpoint, /tile/L/N
  kSumdb = 1,  // Go's checksum database: /latest, /tile/8/L/N
};

// Where a witness reads a log that does not push its checkpoints.
struct LogFeed {
  std::string url;  // http(s), the part before "/checkpoint"
  FeedLayout layout = FeedLayout::kTiles;
  std::uint32_t every_s = 0;  // 0: as often as the witness reads others
  friend bool operator==(const LogFeed&, const LogFeed&) = default;
};

struct ListedLog {
  VerifierKey key;
  std::string origin;                // the key's name unless the list says otherwise
  std::optional<std::uint32_t> qpd;  // requests a day, 1 to 2^31 - 1
  std::string contact;               // may be empty
  std::optional<LogFeed> feed = {};  // logs/v0 never says
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
  // The list in one form, which parse takes, and strictly where each log has qpd and contact. What
  // logs/v0 has no word for, feeds, is left out.
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
  // Of the warnings, those of another key for a log that is known.
  std::vector<std::string> key_changes;
};
// `unlisted`: logs that are known besides `known`, none of which the list names.
MergeOutcome merge_log_list(std::vector<KnownLog>& known, const LogList& list,
                            std::string_view own_name, std::size_t unlisted = 0);

// Whether a log may sign with such a key: types 1, 2 and 6.
[[nodiscard]] bool signs_as_log(const VerifierKey& key);
// Whether this build can check signatures of one of the keys at least. A log of which it cannot is
// never cosigned; why_unusable says why, and is empty for the others.
[[nodiscard]] std::string why_unusable(const std::vector<VerifierKey>& keys);
// Puts a warning to the others, up to limits::kLogListWarningsMax and one that says so.
void add_list_warning(std::vector<std::string>& warnings, std::string warning);

}  // namespace witan
