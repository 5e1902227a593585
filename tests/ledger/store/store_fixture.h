#pragma once
// A folder that goes away, and a log to fill stores with and to compare them against.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "ledger/crypto/sha256.h"
#include "ledger/ports/store.h"
#include "ledger/tree/frontier.h"
#include "ledger/tree/proof.h"
#include "ledger/tree/tile.h"
#include "tests/support/catch.h"

namespace witan::test {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "witan-store-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline PublishedHead published_head(std::uint64_t size) {
  PublishedHead out;
  out.head.head.size = TreeSize{size};
  out.head.head.root.fill(static_cast<std::uint8_t>(size));
  out.head.head.time_ms = 1'000 + size;
  out.head.note_signature.fill(3);
  out.head.cose_signature.fill(4);
  out.head.cose_protected = Bytes(size % 7, 5);
  out.checkpoint = "checkpoint of " + std::to_string(size) + "\n";
  return out;
}

// Statements 0, 1, 2, ... of differing lengths, decided batch by batch.
class LogWriter {
 public:
  explicit LogWriter(Store& store) : store_(store) {}

  std::size_t statement_bytes = 0;  // 0: varying and small
  std::vector<Bytes> statements;
  Frontier frontier;

  [[nodiscard]] Bytes make_statement(std::size_t number) const {
    const std::string text = "statement " + std::to_string(number) + " ";
    Bytes out = to_bytes(as_bytes(text));
    out.resize(statement_bytes != 0 ? statement_bytes : text.size() + number % 50, 0x2a);
    return out;
  }

  // The commit of the next `count` statements; they count as written from here on.
  StoreCommit prepare(std::size_t count) {
    StoreCommit commit;
    auto& decide = commit.decide.emplace();
    decide.expected = head_;
    const std::size_t from = statements.size();
    for (std::size_t i = 0; i < count; ++i) {
      statements.push_back(make_statement(from + i));
    }
    for (std::size_t i = from; i < statements.size(); ++i) {
      const Hash32 entry = sha256(statements[i]);
      decide.entries.push_back({entry, statements[i]});
      frontier.append(leaf_hash(entry));
    }
    decide.next = TreeHead{frontier.size(), frontier.root(), statements.size()};
    head_ = decide.next;
    return commit;
  }

  void decide(std::size_t count) {
    const auto result = store_.commit(prepare(count));
    if (!result) throw std::runtime_error(result.error().message);
  }

  [[nodiscard]] Bytes served(std::size_t from, std::size_t count) const {
    Bytes out;
    for (std::size_t i = from; i < from + count; ++i) {
      const std::size_t size = statements[i].size();
      for (const int shift : {24, 16, 8, 0})
        out.push_back(static_cast<std::uint8_t>(size >> shift));
      append(out, statements[i]);
    }
    return out;
  }

 private:
  Store& store_;
  std::optional<TreeHead> head_;
};

inline Bytes served(ReadView& view, std::uint64_t from, std::uint32_t count) {
  Bytes out;
  const auto pieces = view.statement_bundle(LeafIndex{from}, count).value();
  for (const BytesView piece : pieces) append(out, piece);
  return out;
}

// Everything that the log wrote can be read back, and the tiles lead to its root.
inline void check_log(Store& store, const LogWriter& log) {
  const auto view = store.read().value();
  const TreeSize size = log.frontier.size();
  REQUIRE(view->decided().value()->size == size);
  std::size_t wrong = 0;
  for (std::uint64_t i = 0; i < size.value; ++i) {
    const bool edge = i % 256 < 2 || i % 256 > 253 || i + 300 > size.value;
    if (!edge) continue;
    const Hash32 entry = sha256(log.statements[i]);
    if (view->find(entry).value() != LeafIndex{i}) ++wrong;
    if (view->entry(LeafIndex{i}).value() != entry) ++wrong;
    if (!equal(view->statement(LeafIndex{i}).value(), log.statements[i])) ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(view->entry(LeafIndex{size.value}).error().code == ErrorCode::kNotFound);
  const NodeReader nodes = nodes_from_tiles([&](TileId id) {
    const std::uint32_t width = tile_width(id, size);
    return view->tile(id, width).and_then(ExpandedTile::from).map([](ExpandedTile tile) {
      return std::make_shared<const ExpandedTile>(std::move(tile));
    });
  });
  CHECK(tree_root(size, nodes).value() == log.frontier.root());
}

}  // namespace witan::test
