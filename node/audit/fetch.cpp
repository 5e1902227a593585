#include "node/audit/fetch.h"

#include <algorithm>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"

namespace witan::audit {
namespace {

std::string count_of(std::size_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what);
}

}  // namespace

Error finding(const Error& error, std::string_view where) {
  Error out = error.within(where);
  switch (error.code) {
    case ErrorCode::kNotFound:
    case ErrorCode::kConflict:
    case ErrorCode::kStale:
    case ErrorCode::kOverloaded:
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kIo:
    case ErrorCode::kUsage:
      out.code = ErrorCode::kRefused;
      break;
    default:
      break;
  }
  return out;
}

std::string entry_name(std::uint64_t index) {
  return "entry " + std::to_string(index);
}

Result<std::vector<Hash32>> parse_entry_bundle(BytesView bundle, std::uint32_t width) {
  constexpr std::size_t kRow = 2 + 32;
  if (bundle.size() != kRow * width) {
    return fail(ErrorCode::kMalformed, "expected " + count_of(kRow * width, "bytes for ") +
                                           count_of(width, "entries") + ", found " +
                                           std::to_string(bundle.size()));
  }
  std::vector<Hash32> out(width);
  for (std::size_t i = 0; i < width; ++i) {
    const BytesView row = bundle.subspan(kRow * i, kRow);
    if (row[0] != 0 || row[1] != 32) {
      return fail(ErrorCode::kMalformed, "entry " + std::to_string(i) +
                                             " of the bundle: expected the length 32, found " +
                                             std::to_string(row[0] * 256 + row[1]));
    }
    std::copy_n(row.begin() + 2, 32, out[i].begin());
  }
  return out;
}

Result<std::vector<BytesView>> parse_statement_bundle(BytesView bundle, std::uint32_t width) {
  std::vector<BytesView> out;
  std::size_t at = 0;
  for (std::uint32_t i = 0; i < width; ++i) {
    const auto cut = [&](const std::string& found) {
      return fail(ErrorCode::kMalformed, "statement " + std::to_string(i) + " of " +
                                             std::to_string(width) + " in the bundle: " + found);
    };
    if (bundle.size() - at < 4) {
      return cut("expected its length, found the end after " + count_of(at, "bytes"));
    }
    std::size_t length = 0;
    for (int byte = 0; byte < 4; ++byte) length = length << 8 | bundle[at++];
    if (length == 0 || length > limits::kStatementBytesMax) {
      return cut("expected 1 to " + count_of(limits::kStatementBytesMax, "bytes") + ", found " +
                 std::to_string(length));
    }
    if (length > bundle.size() - at) {
      return cut("expected " + count_of(length, "bytes") + ", found the end after " +
                 std::to_string(bundle.size() - at));
    }
    out.push_back(bundle.subspan(at, length));
    at += length;
  }
  if (at != bundle.size()) {
    return fail(ErrorCode::kMalformed, "expected the end after " + count_of(width, "statements") +
                                           ", found " + count_of(bundle.size() - at, "more bytes"));
  }
  return out;
}

Result<std::vector<Hash32>> parse_hash_tile(BytesView tile, std::uint32_t width) {
  if (tile.size() != std::size_t{32} * width) {
    return fail(ErrorCode::kMalformed, "expected " + count_of(std::size_t{32} * width, "bytes") +
                                           ", found " + std::to_string(tile.size()));
  }
  std::vector<Hash32> out(width);
  for (std::size_t i = 0; i < width; ++i) std::copy_n(tile.begin() + 32 * i, 32, out[i].begin());
  return out;
}

Result<Bytes> fetch(LogReader& log, const std::string& path, std::size_t bytes_max) {
  auto body = log.get(path, bytes_max);
  if (body) {
    if (body->size() <= bytes_max) return body;
    return fail(ErrorCode::kMalformed, path + ": expected at most " + count_of(bytes_max, "bytes") +
                                           ", found " + std::to_string(body->size()));
  }
  if (body.error().code == ErrorCode::kNotFound) {
    return fail(ErrorCode::kRefused, path + ": the log withholds what its checkpoint commits to: " +
                                         body.error().message);
  }
  return fail(body.error().within(path));
}

Result<std::vector<Hash32>> fetch_tile(LogReader& log, TileId tile, std::uint32_t width) {
  const std::string path = "/" + tile_path({TileKind::kHashes, tile, width});
  WITAN_ASSIGN(const Bytes body, fetch(log, path, std::size_t{32} * kTileWidth));
  auto hashes = parse_hash_tile(body, width);
  if (!hashes) return fail(hashes.error().within(path));
  return hashes;
}

Result<Statement> fetch_statement(LogReader& log, const Hash32& entry) {
  // With the receipts of this log and of others embedded.
  constexpr std::size_t kBytesMax = limits::kStatementBytesMax + 4 * limits::kReceiptBytesMax;
  const std::string path = "/entries/" + hex_encode(entry) + "/statement";
  WITAN_ASSIGN(const Bytes body, fetch(log, path, kBytesMax));
  const auto embedded = Statement::parse(body, body.size());
  if (!embedded) return fail(finding(embedded.error(), path));
  const Bytes canonical = embedded->canonical();
  if (const Hash32 found = sha256(canonical); found != entry) {
    return fail(ErrorCode::kRefused, path + ": the statement has the hash " + hex_encode(found) +
                                         ", expected " + hex_encode(entry));
  }
  auto statement = Statement::parse(canonical, canonical.size());
  if (!statement) return fail(finding(statement.error(), path));
  return std::move(*statement);
}

}  // namespace witan::audit
