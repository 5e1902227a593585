#include "witness/feeding.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "config/feed_limits.h"
#include "config/limits.h"
#include "ledger/encoding.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"
#include "tests/witness/tiled_log.h"

namespace witan::test {
namespace {

constexpr std::size_t kLargest = 66'100;  // has tiles on three levels

const TiledLog& tiled_log() {
  static const TiledLog log(kLargest);
  return log;
}

ServeFeed honest(const TiledLog& log, std::size_t size) {
  return [&log, size](const std::string& target) { return log.get(target, size); };
}

// Whether a witness at that mark cosigns it.
bool cosignable(const AddCheckpointRequest& request, const TiledLog& log, const CosignMark& mark) {
  return check_cosignable(request, std::span(&log.key.vkey, 1), mark, "witness.example/w")
      .has_value();
}

// The tiles that the proof is made of.
std::set<std::string> tiles_of_proof(std::size_t from, std::size_t to) {
  std::set<std::string> out;
  const NodeReader reader = [&](NodeId node) -> Result<Hash32> {
    const TileId tile{node.level / kTileHeight, node.index >> (kTileHeight - node.level % 8)};
    out.insert("/" + tile_path({TileKind::kHashes, tile, tile_width(tile, TreeSize{to})}));
    return Hash32{};
  };
  CHECK(consistency_proof(TreeSize{from}, TreeSize{to}, reader));
  return out;
}

TEST_CASE("feeding: a log that was never cosigned is submitted as it stands, without tiles") {
  const TiledLog& log = tiled_log();
  for (const std::size_t size : {0, 1, 300}) {
    const ReadingResult result = read_log(log.target({}), honest(log, size));
    REQUIRE(result.request() != nullptr);
    CHECK(result.asked == std::vector<std::string>{"/checkpoint"});
    CHECK(*result.request() == AddCheckpointRequest{0, {}, log.checkpoint(size)});
    CHECK(cosignable(*result.request(), log, {TreeSize{0}, empty_root()}));
  }
}

TEST_CASE("feeding: the proof comes from exactly the tiles that it needs, and is cosigned") {
  const TiledLog& log = tiled_log();
  std::vector<std::pair<std::size_t, std::size_t>> sizes = {
      {1, 2},      {255, 256},       {256, 257},       {256, 512},         {300, 65'536},
      {1, 66'000}, {65'535, 65'536}, {65'536, 65'537}, {65'536, kLargest}, {65'900, kLargest}};
  std::mt19937 random(7);
  for (int i = 0; i < 40; ++i) {
    std::size_t from = 1 + random() % (kLargest - 1);
    std::size_t to = 1 + random() % (kLargest - 1);
    if (from > to) std::swap(from, to);
    if (from < to) sizes.emplace_back(from, to);
  }
  for (const auto& [from, to] : sizes) {
    INFO(from << " to " << to);
    const ReadingResult result = read_log(log.target(log.mark(from)), honest(log, to));
    INFO(result.message());
    REQUIRE(result.request() != nullptr);
    CHECK(cosignable(*result.request(), log, log.mark(from)));
    const std::set<std::string> tiles(result.asked.begin() + 1, result.asked.end());
    CHECK(tiles.size() == result.asked.size() - 1);
    CHECK(tiles == tiles_of_proof(from, to));
    CHECK(tiles.size() <= limits::kFeedTilesMax / 2);
  }
}

TEST_CASE("feeding: where a partial tile is gone, the full one serves") {
  const TiledLog& log = tiled_log();
  const ReadingResult result = read_log(log.target(log.mark(10)), [&](const std::string& target) {
    if (target == "/checkpoint") return log.get(target, 300);
    if (target.find(".p/") != std::string::npos) return FeedBody{404, {}, {}};
    return log.get(target, kLargest);  // has grown meanwhile
  });
  REQUIRE(result.request() != nullptr);
  CHECK(cosignable(*result.request(), log, log.mark(10)));
  CHECK(std::count(result.asked.begin(), result.asked.end(), "/tile/0/001") == 1);
  const ReadingResult gone = read_log(log.target(log.mark(10)), [&](const std::string& target) {
    if (target == "/checkpoint") return log.get(target, 300);
    return FeedBody{404, {}, {}};
  });
  CHECK(gone.outcome() == "unreachable");
  CHECK_THAT(gone.message(), ContainsSubstring("tile/0/000: expected HTTP status 200, found 404"));
}

TEST_CASE("feeding: the paths of Go's checksum database") {
  const TiledLog& log = tiled_log();
  const ReadingResult result =
      read_log(log.target(log.mark(256), FeedLayout::kSumdb), honest(log, 300));
  REQUIRE(result.request() != nullptr);
  CHECK(result.asked == std::vector<std::string>{"/latest", "/tile/8/0/001.p/44"});
  CHECK(cosignable(*result.request(), log, log.mark(256)));
}

TEST_CASE("feeding: a log that did not move is left alone, one that went back is reported") {
  const TiledLog& log = tiled_log();
  CHECK(read_log(log.target(log.mark(300)), honest(log, 300)).outcome() == "unchanged");
  const ReadingResult back = read_log(log.target(log.mark(300)), honest(log, 299));
  CHECK(back.outcome() == "shrunk");
  CHECK_THAT(back.message(), ContainsSubstring("size 299") && ContainsSubstring("300"));
  CHECK(back.asked.size() == 1);
}

TEST_CASE("feeding: a log that rewrote its history is found out by its own tiles") {
  const TiledLog& log = tiled_log();
  for (const std::size_t same : {0, 255, 299}) {
    TiledLog fork(1'000, same, 1);
    fork.key = make_cosign_key(log.origin);
    const auto target = [&](std::size_t size) {
      return FeedTarget{log.origin, {fork.key.vkey}, FeedLayout::kTiles, log.mark(size)};
    };
    const ReadingResult equal = read_log(target(300), honest(fork, 300));
    CHECK(equal.outcome() == "forked");
    CHECK_THAT(equal.message(), ContainsSubstring(base64_encode(fork.root(300))));
    const ReadingResult larger = read_log(target(300), honest(fork, 1'000));
    CHECK(larger.outcome() == "forked");
    CHECK_THAT(larger.message(), ContainsSubstring("first 300 entries"));
    CHECK_THAT(larger.message(), ContainsSubstring(base64_encode(fork.root(300))));
    CHECK_THAT(larger.message(), ContainsSubstring(base64_encode(log.root(300))));
  }
}

TEST_CASE("feeding: a wrong tile is no fork, and is named") {
  const TiledLog& log = tiled_log();
  const std::size_t from = 65'900;
  const std::size_t to = kLargest;
  const std::set<std::string> tiles = tiles_of_proof(from, to);
  std::size_t named = 0;
  for (const std::string& lying : tiles) {
    // Whichever of its hashes the proof takes, changed ones must not go unnoticed.
    const ReadingResult result = read_log(log.target(log.mark(from)), [&](const std::string& at) {
      FeedBody body = log.get(at, to);
      if (at == lying) {
        for (std::size_t i = 0; i < body.body.size(); i += 32) body.body[i] ^= 1;
      }
      return body;
    });
    INFO(lying << ": " << result.message());
    CHECK(result.outcome() == "bad-tile");
    if (result.message().find(lying.substr(1)) != std::string::npos) ++named;
  }
  CHECK(named > 0);
  // A full tile is told from the one above it.
  const ReadingResult full = read_log(log.target(log.mark(100)), [&](const std::string& at) {
    FeedBody body = log.get(at, 600);
    if (at == "/tile/0/000") body.body[32 * 100] ^= 1;
    return body;
  });
  CHECK(full.outcome() == "bad-tile");
  CHECK(full.message() == "tile/0/000 does not have the hash that tile/1/000.p/2 gives it");
}

TEST_CASE("feeding: bodies that are not the tile are refused by name") {
  const TiledLog& log = tiled_log();
  const auto lie = [&](Result<FeedBody> tile) {
    return read_log(log.target(log.mark(256)), [&](const std::string& target) -> Result<FeedBody> {
      if (target == "/checkpoint") return log.get(target, 300);
      return tile;
    });
  };
  CHECK_THAT(lie(FeedBody{200, Bytes(31), {}}).message(),
             ContainsSubstring("tile/0/001.p/44 has 31 bytes, expected 1408"));
  CHECK(lie(FeedBody{200, {}, {}}).outcome() == "bad-tile");
  CHECK(lie(FeedBody{200, Bytes(1'409), {}}).outcome() == "bad-tile");
  CHECK(lie(FeedBody{200, Bytes(1'408), {}}).outcome() == "bad-tile");
  CHECK(lie(FeedBody{500, {}, {}}).outcome() == "unreachable");
  CHECK(lie(fail(ErrorCode::kTooLarge, "big")).outcome() == "malformed");
  CHECK(lie(fail(ErrorCode::kTimeout, "slow")).outcome() == "unreachable");
}

TEST_CASE("feeding: what is no signed checkpoint of the log says nothing about the log") {
  const TiledLog& log = tiled_log();
  const auto serve = [&](const FeedTarget& target, const Result<FeedBody>& body) {
    return read_log(target, [&](const std::string&) { return body; });
  };
  const FeedTarget target = log.target(log.mark(300));
  CHECK(serve(target, TiledLog::body("")).outcome() == "malformed");
  CHECK(serve(target, TiledLog::body("<html>\n\nno\n")).outcome() == "malformed");
  CHECK(serve(target, TiledLog::body(std::string(limits::kNoteBytesMax + 1, 'a'))).outcome() ==
        "malformed");
  TiledLog other(10);
  other.origin = "other.example/log";
  CHECK_THAT(serve(target, TiledLog::body(other.checkpoint(5))).message(),
             ContainsSubstring("found one of \"other.example/log\""));
  // Smaller and of another root, but not signed by the log: nobody's doing.
  TiledLog stranger(400, 0, 9);
  CHECK(serve(target, TiledLog::body(stranger.checkpoint(5))).outcome() == "bad-signature");
  CHECK(serve(target, TiledLog::body(stranger.checkpoint(300))).outcome() == "bad-signature");
  FeedTarget keyless = target;
  keyless.keys.clear();
  CHECK_THAT(serve(keyless, TiledLog::body(log.checkpoint(400))).message(),
             ContainsSubstring("no key of it is known"));
  const std::string huge =
      Checkpoint{log.origin, TreeSize{(std::uint64_t{1} << 62) + 1}, Hash32{}, {}}.text();
  CHECK_THAT(
      serve(target, TiledLog::body(Note{huge, {sign_as_log(log.key, huge)}}.encode())).message(),
      ContainsSubstring("above 2^62"));
}

TEST_CASE("feeding: servers that fail are told from those that answer") {
  const TiledLog& log = tiled_log();
  const auto serve = [&](const Result<FeedBody>& body) {
    const ReadingResult result =
        read_log(log.target(log.mark(300)), [&](const std::string&) { return body; });
    return std::get<FeedDone>(result.step);
  };
  CHECK(serve(fail(ErrorCode::kUnavailable, "away")).host_fails);
  CHECK_FALSE(serve(FeedBody{404, {}, {}}).host_fails);
  const FeedDone moved = serve(FeedBody{302, {}, {}});
  CHECK(moved.outcome == FeedOutcome::kUnreachable);
  CHECK_THAT(moved.message, ContainsSubstring("redirections are not followed"));
  const FeedDone busy = serve(FeedBody{429, {}, std::chrono::seconds(77)});
  CHECK(busy.host_fails);
  CHECK(busy.retry_after == std::chrono::seconds(77));
  CHECK(serve(FeedBody{503, {}, {}}).host_fails);
}

TEST_CASE("feeding: what the witness answered is what became of it") {
  const TiledLog& log = tiled_log();
  const auto answered = [&](const std::optional<CosignError>& refusal) {
    FeedReading reading(log.target({}));
    REQUIRE(read_log(reading, honest(log, 300)).request() != nullptr);
    const FeedStep step = reading.answered(refusal, std::chrono::seconds(5));
    return std::string(to_string(std::get<FeedDone>(step).outcome));
  };
  CHECK(answered({}) == "cosigned");
  CHECK(answered(CosignError{CosignRefusal::kConflict, "", 300}) == "unchanged");
  CHECK(answered(CosignError{CosignRefusal::kConflict, "", 299}) == "refused");
  CHECK(answered(CosignError{CosignRefusal::kOverQuota, "", 0}) == "over-quota");
  CHECK(answered(CosignError{CosignRefusal::kUnavailable, "", 0}) == "unavailable");
  CHECK(answered(CosignError{CosignRefusal::kUnknownLog, "", 0}) == "unknown-log");
  CHECK(answered(CosignError{CosignRefusal::kUnprocessable, "", 0}) == "refused");
}

TEST_CASE("feeding: Tessera's checkpoints and tiles, each size from each", "[vectors]") {
  const auto dir = vectors_dir();
  if (!dir) {
    std::cout << "outside vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  const auto key = VerifierKey::parse(
      "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx");
  REQUIRE(key);
  std::vector<std::string> notes;
  std::vector<CosignMark> marks;
  for (std::size_t i = 0; i <= 15; ++i) {
    const std::string number = (i < 10 ? "0" : "") + std::to_string(i);
    notes.push_back(read_file(*dir / ("tlog/checkpoints/tessera-testdata-" + number + ".txt")));
    const auto checkpoint = Checkpoint::parse(Note::parse(notes.back())->text);
    marks.push_back({checkpoint->size, checkpoint->root});
  }
  for (std::size_t from = 0; from <= 15; ++from) {
    for (std::size_t to = from + 1; to <= 15; ++to) {
      INFO(from << " to " << to);
      const FeedTarget target{"example.com/log/testdata", {*key}, FeedLayout::kTiles, marks[from]};
      const ReadingResult result = read_log(target, [&](const std::string& at) {
        if (at == "/checkpoint") return TiledLog::body(notes[to]);
        return TiledLog::body(read_file(*dir / "tlog/tiles/tessera-testdata" / at.substr(1)));
      });
      INFO(result.message());
      REQUIRE(result.request() != nullptr);
      CHECK(check_cosignable(*result.request(), std::span(&*key, 1), marks[from], "w"));
    }
  }
}

TEST_CASE("feeding: the tiles of Sunlight's mirror, from each smaller size", "[vectors]") {
  const auto dir = vectors_dir();
  if (!dir) {
    std::cout << "outside vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  const auto rome = *dir / "tlog/tiles/skylight-mirror-rome";
  // Its checkpoint has a mirror's signature only: the same tree, signed with a key of ours.
  const auto checkpoint = Checkpoint::parse(Note::parse(read_file(rome / "checkpoint"))->text);
  REQUIRE(checkpoint);
  CHECK(checkpoint->size.value == 300);
  const TiledLog& log = tiled_log();
  const std::string text = Checkpoint{log.origin, checkpoint->size, checkpoint->root, {}}.text();
  const std::string note = Note{text, {sign_as_log(log.key, text)}}.encode();
  const NodeReader nodes =
      nodes_from_tiles([&](TileId tile) -> Result<std::shared_ptr<const ExpandedTile>> {
        const TilePath path{TileKind::kHashes, tile, tile_width(tile, TreeSize{300})};
        const std::string bytes = read_file(rome / tile_path(path));
        return std::make_shared<const ExpandedTile>(ExpandedTile::from(as_bytes(bytes)).value());
      });
  for (std::uint64_t from = 1; from < 300; from += from < 250 ? 31 : 3) {
    INFO(from);
    const CosignMark mark{TreeSize{from}, tree_root(TreeSize{from}, nodes).value()};
    const ReadingResult result = read_log(log.target(mark), [&](const std::string& at) {
      if (at == "/checkpoint") return TiledLog::body(note);
      return TiledLog::body(read_file(rome / at.substr(1)));
    });
    INFO(result.message());
    REQUIRE(result.request() != nullptr);
    CHECK(cosignable(*result.request(), log, mark));
  }
}

}  // namespace
}  // namespace witan::test
