// Statements: what parses as canonical bytes must parse again to the same entry.

#include <cstdint>
#include <cstdlib>

#include "config/limits.h"
#include "ledger/format/statement.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const BytesView input(data, size);
  const auto foreign =
      Statement::parse(input, limits::kStatementBytesDefault, StatementProfile::kForeign);
  const auto statement = Statement::parse(input, limits::kStatementBytesDefault);
  if (statement && !foreign) std::abort();
  if (foreign) (void)foreign->receipts();
  if (!statement) return 0;
  const Bytes canonical = statement->canonical();
  const auto again = Statement::parse(canonical, limits::kStatementBytesDefault);
  if (!again || again->canonical() != canonical || again->issuer != statement->issuer ||
      again->entry() != statement->entry()) {
    std::abort();
  }
  return 0;
}
