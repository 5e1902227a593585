// A test file that nobody runs is worse than none.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/sources.h"

namespace witan::test {
namespace {

TEST_CASE("registered: every test file is a CTest entry, and the other way round") {
  std::set<std::string> registered;
  for (const std::string& line :
       read_source(std::filesystem::path(WITAN_BINARY_DIR) / "registered_tests.txt").lines) {
    registered.insert(line);
  }
  std::set<std::string> present;
  for (const SourceFile& file : read_sources({"tests", "simulations"})) {
    if (ends_with(file.path, "_test.cpp")) present.insert(file.path);
  }
  for (const std::string& path : present) {
    INFO(path << ": not registered; tests/CMakeLists.txt registers the folders that it lists");
    CHECK(registered.count(path) == 1);
  }
  for (const std::string& path : registered) {
    INFO(path << ": registered, but gone; run cmake again");
    CHECK(present.count(path) == 1);
  }
  CHECK(!present.empty());
  std::cout << "registered: test files checked: " << present.size() << "\n";
}

TEST_CASE("registered: file names are unique, for a CTest entry selects by file name alone") {
  std::map<std::string, std::string> by_stem;
  for (const SourceFile& file : read_sources({"tests"})) {
    if (!ends_with(file.path, "_test.cpp")) continue;
    const auto stem = std::filesystem::path(file.path).stem().string();
    const auto [other, is_new] = by_stem.emplace(stem, file.path);
    INFO(file.path << " has the same name as " << other->second);
    CHECK(is_new);
  }
}

TEST_CASE("registered: every test file has a test case") {
  for (const SourceFile& file : read_sources({"tests"})) {
    if (!ends_with(file.path, "_test.cpp")) continue;
    const bool has_case = std::any_of(file.lines.begin(), file.lines.end(), [](const auto& line) {
      return starts_with(line, "TEST_CASE") || starts_with(line, "TEMPLATE_TEST_CASE");
    });
    INFO(file.path << " has no TEST_CASE");
    CHECK(has_case);
  }
}

TEST_CASE("registered: every fuzz target has seeds, and all seeds have a target") {
  const auto fuzz = std::filesystem::path(WITAN_SOURCE_DIR) / "tests/fuzz";
  std::set<std::string> targets;
  for (const SourceFile& file : read_sources({"tests/fuzz"})) {
    if (!ends_with(file.path, "_fuzz.cpp")) continue;
    const std::string stem = std::filesystem::path(file.path).stem().string();
    const std::string name = stem.substr(0, stem.size() - std::string("_fuzz").size());
    targets.insert(name);
    const auto seeds = fuzz / "corpus" / name;
    INFO(file.path << ": put a few small inputs into tests/fuzz/corpus/" << name);
    CHECK((std::filesystem::is_directory(seeds) && !std::filesystem::is_empty(seeds)));
  }
  if (std::filesystem::exists(fuzz / "corpus")) {
    for (const auto& entry : std::filesystem::directory_iterator(fuzz / "corpus")) {
      const std::string name = entry.path().filename().string();
      INFO("tests/fuzz/corpus/" << name << ": tests/fuzz/" << name << "_fuzz.cpp is missing");
      CHECK(targets.count(name) == 1);
    }
  }
  std::cout << "registered: fuzz targets checked: " << targets.size() << "\n";
}

}  // namespace
}  // namespace witan::test
