#pragma once
// One bundle of a log, at most 256 entries: fetched and checked as far as it can be without what
// stands before it. The rest, whether the registration policy lets its statements in, is
// check_registrations().

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/statement.h"
#include "ledger/registration/policy.h"
#include "node/audit/identity.h"
#include "node/audit/log_reader.h"

namespace witan::audit {

struct Bundle {
  std::uint64_t start = 0;  // index of its first entry
  std::vector<Hash32> entries;
  std::vector<Hash32> leaves;
  std::vector<Statement> statements;  // none when too_large
  // The log does not serve its statements in one answer: they are at /entries/{id}/statement.
  bool too_large = false;
  std::size_t bytes = 0;  // of the statements
  // What the receipt of one of its entries shows, or why it shows nothing. Looked at last: the
  // receipt of an entry that stands twice, say, is that of another place.
  Result<ShownHead> head = ShownHead{};
  std::uint64_t head_of = 0;  // whose receipt that is
};

// Fetches bundle `number` of a tree of `size` leaves and checks that each statement is canonical,
// has the hash that the entry bundle says, and is the leaf that the level 0 tile has. Errors name
// resource and entry.
[[nodiscard]] Result<Bundle> read_bundle(LogReader& log, std::uint64_t number, TreeSize size);

// A statement of a log from its bytes: kMalformed and others when it is none or not canonical,
// kRefused when its hash is not the entry.
[[nodiscard]] Result<Statement> check_statement(BytesView bytes, const Hash32& entry);

// Fetches and checks the receipt of one of the bundle's entries; gives the head that it shows.
[[nodiscard]] Result<ShownHead> check_receipt(LogReader& log, const ReceiptCheck& check,
                                              std::uint64_t index, TreeSize size,
                                              const Bundle& bundle);

// From which entry on a policy is in force; the first is in force at the bundle's start.
using PolicySpans = std::vector<std::pair<std::uint64_t, RegistrationPolicy>>;
// Whether each ordinary statement of the bundle (from entry 2 to before `end`, and neither
// policy nor key set itself) passes the policy in force at its position. Any thread. Errors name
// the entry.
[[nodiscard]] Result<void> check_registrations(const Bundle& bundle, const PolicySpans& policies,
                                               std::uint64_t end);
[[nodiscard]] Result<void> check_registration(const Statement& statement, std::uint64_t index,
                                              const RegistrationPolicy& policy);

}  // namespace witan::audit
