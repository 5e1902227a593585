#include "node/audit/bundle.h"

#include <algorithm>
#include <string>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/tree/tile.h"
#include "node/audit/fetch.h"

namespace witan::audit {
namespace {

Result<void> read_leaves(LogReader& log, TileId tile, std::uint32_t width, Bundle& out) {
  const std::string path = "/" + tile_path({TileKind::kEntries, tile, width});
  WITAN_ASSIGN(const Bytes body, fetch(log, path, std::size_t{34} * kTileWidth));
  auto entries = parse_entry_bundle(body, width);
  if (!entries) return fail(entries.error().within(path));
  WITAN_ASSIGN(const auto served, fetch_tile(log, tile, width));
  out.entries = std::move(*entries);
  out.leaves.reserve(width);
  for (const Hash32& entry : out.entries) out.leaves.push_back(leaf_hash(entry));
  // Compared after the statements, which say which of the two is wrong.
  const auto different = std::mismatch(served.begin(), served.end(), out.leaves.begin());
  if (different.first == served.end()) return {};
  const auto offset = static_cast<std::uint64_t>(different.first - served.begin());
  return fail(ErrorCode::kBadProof, entry_name(out.start + offset) + ": /" +
                                        tile_path({TileKind::kHashes, tile, width}) +
                                        " has the leaf hash " + hex_encode(*different.first) +
                                        ", expected " + hex_encode(*different.second) +
                                        " from its entry " + hex_encode(out.entries[offset]));
}

Result<void> read_statements(LogReader& log, TileId tile, std::uint32_t width, Bundle& out) {
  const std::string path = "/" + tile_path({TileKind::kStatements, tile, width});
  auto body = fetch(log, path, limits::kBundleBytesServedMax);
  if (!body && body.error().code == ErrorCode::kTooLarge) {
    out.too_large = true;
    return {};
  }
  if (!body) return fail(body.error());
  auto statements = parse_statement_bundle(*body, width);
  if (!statements) return fail(statements.error().within(path));
  out.bytes = body->size();
  out.statements.reserve(width);
  for (std::size_t i = 0; i < width; ++i) {
    auto statement = check_statement((*statements)[i], out.entries[i]);
    if (!statement) {
      return fail(finding(statement.error(), entry_name(out.start + i) + " (" + path + ")"));
    }
    out.statements.push_back(std::move(*statement));
  }
  return {};
}

}  // namespace

Result<Statement> check_statement(BytesView bytes, const Hash32& entry) {
  if (const Hash32 found = sha256(bytes); found != entry) {
    return fail(ErrorCode::kRefused, "the statement has the hash " + hex_encode(found) +
                                         ", expected the entry " + hex_encode(entry));
  }
  auto statement = Statement::parse(bytes, bytes.size());
  if (!statement) return fail(statement.error());
  if (!equal(statement->canonical(), bytes)) {
    return fail(ErrorCode::kMalformed, "the statement is not in its canonical form");
  }
  return std::move(*statement);
}

Result<Bundle> read_bundle(LogReader& log, std::uint64_t number, TreeSize size) {
  const TileId tile{0, number};
  const std::uint32_t width = tile_width(tile, size);
  Bundle out;
  out.start = number * kTileWidth;
  auto leaves = read_leaves(log, tile, width, out);
  if (!leaves && out.leaves.empty()) return fail(leaves.error());
  WITAN_TRY(read_statements(log, tile, width, out));
  if (!leaves) return fail(leaves.error());
  return out;
}

Result<ShownHead> check_receipt(LogReader& log, const ReceiptCheck& check, std::uint64_t index,
                                TreeSize size, const Bundle& bundle) {
  const Hash32& entry = bundle.entries.at(index - bundle.start);
  const std::string path = "/entries/" + hex_encode(entry);
  const std::string where = "the receipt of " + entry_name(index) + " (" + path + ")";
  auto body = fetch(log, path, limits::kReceiptBytesMax);
  if (!body) return fail(body.error().within("the receipt of " + entry_name(index)));
  auto head = check.check(*body, LeafIndex{index}, entry, size);
  if (!head) return fail(finding(head.error(), where));
  return head;
}

Result<void> check_registration(const Statement& statement, std::uint64_t index,
                                const RegistrationPolicy& policy) {
  if (auto passed = policy.check(statement); !passed) {
    return fail(finding(passed.error(), entry_name(index) + " (" + hex_encode(statement.entry()) +
                                            ") is not what the policy in force lets in"));
  }
  return {};
}

Result<void> check_registrations(const Bundle& bundle, const PolicySpans& policies,
                                 std::uint64_t end) {
  auto in_force = policies.begin();
  for (std::size_t i = 0; i < bundle.statements.size(); ++i) {
    const std::uint64_t index = bundle.start + i;
    if (index >= end) break;
    while (in_force + 1 != policies.end() && (in_force + 1)->first <= index) ++in_force;
    if (index < 2 || is_own_statement(bundle.statements[i])) continue;
    WITAN_TRY(check_registration(bundle.statements[i], index, in_force->second));
  }
  return {};
}

}  // namespace witan::audit
