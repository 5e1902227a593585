#include <fstream>

#include "node/audit/audit_state.h"
#include "node/audit/seen_entries.h"
#include "tests/node/audit/audit_fixture.h"
#include "tests/support/vectors.h"

using namespace witan;
using namespace witan::test;

namespace {

AuditOptions keeping(const AuditFolder& folder) {
  AuditOptions options;
  options.state_file = folder.state();
  return options;
}

std::size_t conflicts_kept(const AuditFolder& folder) {
  std::size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder.path)) {
    count += file.path().filename().string().find(".conflict-") != std::string::npos;
  }
  return count;
}

}  // namespace

TEST_CASE("audit: goes on where it stopped") {
  const AuditFolder folder;
  TestLog log;
  log.grow(600);
  auto second = log.policy;
  second.subjects = {"pkg:*"};
  log.add({log.policy_statement(second, *log.operator_key)});
  const auto next = InProcessSigner::make(system_random()).value();
  REQUIRE(next->init(kAuditOrigin, "https://" + kAuditOrigin));
  const SignerState keys = next->attest(log.entries[0]).value();
  log.add({key_set_statement(keys, *log.operator_key, 1'000).value().canonical()});
  REQUIRE(audit_of(log, keeping(folder)));
  auto again = audit_of(log, keeping(folder));
  REQUIRE(again);
  CHECK(again->resumed_from == TreeSize{512});
  log.grow(700);
  again = audit_of(log, keeping(folder));
  if (!again) FAIL(again.error().message);
  CHECK(again->resumed_from == TreeSize{512});
  CHECK(again->signatures == 1304 - 512);
  CHECK(again->policies == 2);
  CHECK(again->key_sets == 2);
  CHECK(again->key_source == LogKeySource::kEarlierRun);
  again = audit_of(log, keeping(folder));
  REQUIRE(again);
  CHECK(again->resumed_from == TreeSize{1280});
  // What an earlier run has seen still counts.
  log.add({log.statements[17]});
  CHECK_THAT(finding_of(log, keeping(folder)), ContainsSubstring("it is also entry 17"));
}

TEST_CASE("audit: what was checked before an error or an interruption is kept") {
  const AuditFolder folder;
  TestLog log;
  log.grow(1000);
  log.add({Bytes{1}});
  CHECK_THAT(finding_of(log, keeping(folder)), ContainsSubstring("entry 1002"));
  CHECK(audit::load_state(folder.state()).value().size == TreeSize{768});

  TestLog good;
  good.grow(8000);
  const AuditFolder other;
  AuditOptions options = keeping(other);
  std::atomic<bool> stop = false;
  options.stop = &stop;
  options.save_every_bundles = 1;
  options.progress = [&stop](const AuditProgress&) { stop = true; };
  const auto stopped = audit_of(good, options);
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::kUnavailable);
  const auto rest = audit_of(good, keeping(other));
  REQUIRE(rest);
  CHECK(rest->resumed_from.value >= 256);
  CHECK(rest->resumed_from.value + rest->signatures == 8002);
}

TEST_CASE("audit: without the file of entries it begins again") {
  const AuditFolder folder;
  TestLog log;
  log.grow(600);
  REQUIRE(audit_of(log, keeping(folder)));
  std::filesystem::resize_file(folder.state() + ".entries", 100);
  const auto report = audit_of(log, keeping(folder));
  REQUIRE(report);
  CHECK(report->resumed_from == TreeSize{0});
  CHECK(audit_of(log, keeping(folder)).value().resumed_from == TreeSize{512});
}

TEST_CASE("audit: a roll-back is found and both checkpoints are kept") {
  const AuditFolder folder;
  TestLog log;
  log.grow(300);
  const TestLog old = log.fork();
  log.grow(300);
  REQUIRE(audit_of(log, keeping(folder)));
  const auto report = audit_of(old, keeping(folder));
  REQUIRE_FALSE(report);
  CHECK(report.error().code == ErrorCode::kConflict);
  CHECK_THAT(report.error().message, ContainsSubstring("roll-back") &&
                                         ContainsSubstring("302 entries") &&
                                         ContainsSubstring("602"));
  REQUIRE(conflicts_kept(folder) == 1);
  for (const auto& file : std::filesystem::directory_iterator(folder.path)) {
    if (file.path().filename().string().find(".conflict-") == std::string::npos) continue;
    const std::string kept = read_file(file.path());
    CHECK_THAT(kept, ContainsSubstring(old.heads.back().checkpoint) &&
                         ContainsSubstring(log.heads.back().checkpoint));
  }
  // The state still stands for the log that was seen first.
  CHECK(audit_of(log, keeping(folder)));
}

TEST_CASE("audit: a fork is found wherever it begins") {
  TestLog log;
  log.grow(300);
  TestLog fork = log.fork();
  log.grow(400);
  SECTION("at the same size") {
    fork.grow(400, "fork:");
    const AuditFolder folder;
    REQUIRE(audit_of(log, keeping(folder)));
    CHECK_THAT(finding_of(fork, keeping(folder)), ContainsSubstring("split view"));
    CHECK(conflicts_kept(folder) == 1);
  }
  SECTION("below what was audited") {
    fork.grow(900, "fork:");
    const AuditFolder folder;
    REQUIRE(audit_of(log, keeping(folder)));
    const auto report = audit_of(fork, keeping(folder));
    REQUIRE_FALSE(report);
    CHECK(report.error().code == ErrorCode::kConflict);
    CHECK_THAT(report.error().message, ContainsSubstring("another history"));
    CHECK(conflicts_kept(folder) == 1);
  }
  SECTION("between the last full bundle and the last checkpoint") {
    log.grow(10);
    TestLog late = log.fork();
    log.grow(10);
    late.grow(900, "fork:");
    const AuditFolder folder;
    REQUIRE(audit_of(log, keeping(folder)));
    const auto report = audit_of(late, keeping(folder));
    REQUIRE_FALSE(report);
    CHECK(report.error().code == ErrorCode::kConflict);
    CHECK_THAT(report.error().message, ContainsSubstring("the tree of 722 entries"));
  }
}

TEST_CASE("audit: a state file of another log, or none at all, is not used") {
  const AuditFolder folder;
  const TestLog log, other;
  REQUIRE(audit_of(log, keeping(folder)));
  AuditOptions options = keeping(folder);
  options.log_keys = {VerifierKey::parse(other.vkey()).value()};
  CHECK_THAT(finding_of(other, options), ContainsSubstring("is of a log with the key"));
  CHECK_THAT(finding_of(other, keeping(folder)), ContainsSubstring("/checkpoint"));
  std::ofstream(folder.state()) << "{}";
  const auto report = audit_of(log, keeping(folder));
  REQUIRE_FALSE(report);
  CHECK(report.error().code == ErrorCode::kIo);
  CHECK_THAT(report.error().message, ContainsSubstring("\"version\""));
}

TEST_CASE("audit: state files of the wrong shape are refused") {
  audit::AuditState state;
  state.origin = "a";
  state.vkey = "b";
  state.checkpoints = {"c"};
  state.size = TreeSize{512};
  state.frontier = {Hash32{1}};
  state.levels[1] = {Hash32{2}, Hash32{3}};
  state.policies = {{0, Hash32{4}}, {300, Hash32{5}}};
  const std::string text = audit::encode_state(state);
  CHECK(audit::parse_state(text).value() == state);
  const auto changed = [&text](const std::string& from, const std::string& to) {
    std::string copy = text;
    copy.replace(copy.find(from), from.size(), to);
    return audit::parse_state(copy);
  };
  CHECK_FALSE(changed("512", "511"));
  CHECK_FALSE(changed("512", "768"));
  CHECK_FALSE(changed("512", "-512"));
  CHECK_FALSE(changed("\"index\": 300", "\"index\": 0"));
  CHECK_FALSE(changed("\"index\": 300", "\"index\": 512"));
  CHECK_FALSE(changed("\"policies\"", "\"police\""));
  CHECK_FALSE(changed("\"version\": 1", "\"version\": 2"));
  for (std::size_t cut = 0; cut + 2 < text.size(); cut += 7) {
    CHECK_FALSE(audit::parse_state(text.substr(0, cut)));
  }
}

TEST_CASE("audit: seen entries are found again, from memory and from their file") {
  const AuditFolder folder;
  const std::string file = folder.state();
  audit::SeenEntries seen;
  const auto entry = [](std::uint32_t i) {
    return sha256(BytesView(reinterpret_cast<const std::uint8_t*>(&i), sizeof i));
  };
  for (std::uint32_t i = 0; i < 10'000; ++i) REQUIRE_FALSE(seen.add(entry(i)).value());
  for (std::uint32_t i = 0; i < 10'000; ++i) REQUIRE(seen.add(entry(i)).value() == i);
  REQUIRE(seen.append_to(file, 0, 4'000));
  REQUIRE(seen.append_to(file, 4'000, 9'000));
  auto loaded = audit::SeenEntries::load(file, 8'999).value();
  CHECK(loaded.size() == 8'999);
  CHECK(loaded.add(entry(8'998)).value() == 8'998);
  CHECK_FALSE(loaded.add(entry(8'999)).value());
  CHECK_FALSE(audit::SeenEntries::load(file, 9'001));
  CHECK(audit::SeenEntries::load(file + "x", 1).error().code == ErrorCode::kNotFound);
}

TEST_CASE("audit: tiles of higher levels are compared when they are full") {
  // Leaves without statements: 65536 + 256 of them.
  struct Tiles final : LogReader {
    Result<Bytes> get(std::string_view path, std::size_t) override {
      asked.emplace_back(path);
      const TilePath tile = parse_tile_path(path.substr(1)).value();
      Bytes out;
      for (std::uint64_t i = 0; i < tile.width; ++i) {
        const std::uint64_t at = tile.tile.index * kTileWidth + i;
        const std::size_t count = std::size_t{1} << (kTileHeight * tile.tile.level);
        append(out, audit::root_of(std::span(leaves).subspan(at * count, count)));
      }
      if (path == wrong) out[5] ^= 1;
      return out;
    }
    std::vector<Hash32> leaves;
    std::vector<std::string> asked;
    std::string wrong;
  } log;
  for (std::uint32_t i = 0; i < 65'536 + 256; ++i) {
    log.leaves.push_back(leaf_hash(BytesView(reinterpret_cast<const std::uint8_t*>(&i), sizeof i)));
  }
  const auto run = [&log]() -> Result<void> {
    audit::TreeAudit tree(log, TreeSize{log.leaves.size()});
    for (std::size_t at = 0; at < log.leaves.size(); at += 256) {
      WITAN_TRY(tree.append(std::span(log.leaves).subspan(at, 256)));
    }
    WITAN_TRY(tree.check_partial_tiles());
    CHECK(tree.root() == audit::root_of(log.leaves));
    return {};
  };
  REQUIRE(run());
  CHECK(log.asked == std::vector<std::string>{"/tile/1/000", "/tile/1/001.p/1", "/tile/2/000.p/1"});
  for (const char* path : {"/tile/1/000", "/tile/1/001.p/1", "/tile/2/000.p/1"}) {
    log.wrong = path;
    const auto found = run();
    REQUIRE_FALSE(found);
    CHECK_THAT(found.error().message, ContainsSubstring(path) && ContainsSubstring("hash 0"));
  }
}
