#include "tests/support/log_observer.h"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/receipt.h"
#include "ledger/tree/frontier.h"
#include "ledger/tree/proof.h"
#include "ledger/tree/tile.h"
#include "node/audit/fetch.h"
#include "tests/support/test_node.h"

namespace witan::test {
namespace {

template <typename T>
T value_of(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

Result<Bytes> fetch(http::Client& client, const std::string& target) {
  WITAN_ASSIGN(auto response, client.get(target));
  if (response.status != 200) {
    return fail(ErrorCode::kNotFound, target + ": HTTP status " + std::to_string(response.status) +
                                          ": " + std::string(as_text(response.body)));
  }
  return std::move(response.body);
}

Result<std::vector<Hash32>> fetch_path(http::Client& client, const std::string& target) {
  WITAN_ASSIGN(const Bytes body, fetch(client, target));
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object()) return fail(ErrorCode::kMalformed, target + ": no JSON object");
  std::vector<Hash32> path;
  for (const auto& hash : json.at("path")) {
    WITAN_ASSIGN(path.emplace_back(), hash_from_base64(hash.get<std::string>()));
  }
  return path;
}

}  // namespace

LogObserver::LogObserver(const NodePaths& paths)
    : log_key_(value_of(VerifierKey::parse(first_line(read_text(paths.log_key()))))),
      receipt_key_(value_of(PublicKey::from_pem(read_text(paths.receipt_key())))) {}

Result<Checkpoint> LogObserver::look(http::Client& client) {
  WITAN_ASSIGN(const Bytes body, fetch(client, "/checkpoint"));
  WITAN_ASSIGN(const Note note, Note::parse(as_text(body)));
  WITAN_TRY(verify_note(note, log_key_));
  WITAN_ASSIGN(Checkpoint now, Checkpoint::parse(note.text));
  if (seen_) {
    if (now.size < seen_->size) {
      return fail(ErrorCode::kStale, "the checkpoint went back from " +
                                         std::to_string(seen_->size.value) + " to " +
                                         std::to_string(now.size.value));
    }
    const std::string target = "/proof/consistency?from=" + std::to_string(seen_->size.value) +
                               "&to=" + std::to_string(now.size.value);
    WITAN_ASSIGN(const auto path, fetch_path(client, target));
    WITAN_TRY(verify_consistency(seen_->size, now.size, path, seen_->root, now.root));
  }
  seen_ = now;
  return now;
}

Result<void> LogObserver::check_receipt(BytesView bytes, const std::string& id) const {
  WITAN_ASSIGN(const Hash32 entry, hash_from_hex(id));
  WITAN_ASSIGN(const Receipt receipt, Receipt::parse(bytes));
  WITAN_ASSIGN(const Hash32 root, verify_inclusion_receipt(receipt, entry, receipt_key_));
  if (!receipt.checkpoint) return fail(ErrorCode::kMalformed, "a receipt without checkpoint");
  WITAN_ASSIGN(const Note note, Note::parse(*receipt.checkpoint));
  WITAN_TRY(verify_note(note, log_key_));
  WITAN_ASSIGN(const Checkpoint checkpoint, Checkpoint::parse(note.text));
  if (checkpoint.root != root || checkpoint.size != receipt.inclusion.front().size) {
    return fail(ErrorCode::kBadProof, "a receipt's checkpoint is of another head");
  }
  return {};
}

Result<Bytes> LogObserver::receipt(http::Client& client, const std::string& id) const {
  WITAN_ASSIGN(Bytes bytes, fetch(client, "/entries/" + id));
  WITAN_TRY(check_receipt(bytes, id));
  return bytes;
}

Result<std::set<std::string>> LogObserver::audit(http::Client& client) {
  WITAN_ASSIGN(const Checkpoint checkpoint, look(client));
  std::set<std::string> ids;
  Frontier tree;
  for (std::uint64_t at = 0; at < checkpoint.size.value; at += kTileWidth) {
    const std::uint32_t width = tile_width(TileId{0, at / kTileWidth}, checkpoint.size);
    const TilePath entries_path{TileKind::kEntries, TileId{0, at / kTileWidth}, width};
    const TilePath statements_path{TileKind::kStatements, TileId{0, at / kTileWidth}, width};
    WITAN_ASSIGN(const Bytes entry_bundle, fetch(client, "/" + tile_path(entries_path)));
    WITAN_ASSIGN(const Bytes statement_bundle, fetch(client, "/" + tile_path(statements_path)));
    WITAN_ASSIGN(const auto entries, audit::parse_entry_bundle(entry_bundle, width));
    WITAN_ASSIGN(const auto statements, audit::parse_statement_bundle(statement_bundle, width));
    for (std::uint32_t i = 0; i < width; ++i) {
      const std::string id = hex_encode(entries[i]);
      if (sha256(statements[i]) != entries[i]) {
        return fail(ErrorCode::kBadProof, "entry " + id + " has another statement");
      }
      if (!ids.insert(id).second) return fail(ErrorCode::kConflict, id + " stands twice");
      tree.append(leaf_hash(entries[i]));
    }
  }
  if (tree.root() != checkpoint.root) {
    return fail(ErrorCode::kBadProof, "the entries do not lead to the checkpoint's root");
  }
  return ids;
}

}  // namespace witan::test
