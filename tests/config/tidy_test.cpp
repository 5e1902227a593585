// House rules that a machine can check. Each finding names what to write instead.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/sources.h"

namespace witan::test {
namespace {

constexpr std::size_t kColumnsMax = 100;
constexpr std::size_t kFileLinesMax = 400;
constexpr std::size_t kFunctionLinesMax = 70;

enum class Scope { kEverywhere, kTests, kProduct };

struct BannedWord {
  std::string_view word;
  Scope scope;
  std::string_view instead;
};

constexpr std::string_view kRandom =
    "take a Random (ledger/ports/random.h); in tests a seeded engine";
constexpr std::string_view kWait =
    "wait for what has to happen, with a deadline: a condition variable, a pipe, a child's exit";
constexpr std::string_view kFinish = "finish it, or open an issue and leave no mark in the code";
constexpr std::string_view kCompare =
    "equal_secret (ledger/crypto/secret.h) for secrets, std::equal or == for public bytes";
constexpr std::string_view kHost = "the machine's own package sources; name no host";

constexpr std::array kBannedWords = {
    BannedWord{"rand", Scope::kEverywhere, kRandom},
    BannedWord{"srand", Scope::kEverywhere, kRandom},
    BannedWord{"random_device", Scope::kProduct, kRandom},
    BannedWord{"sleep_for", Scope::kTests, kWait},
    BannedWord{"sleep_until", Scope::kTests, kWait},
    BannedWord{"usleep", Scope::kTests, kWait},
    BannedWord{"nanosleep", Scope::kTests, kWait},
    BannedWord{"memcmp", Scope::kEverywhere, kCompare},
    BannedWord{"FIXME", Scope::kEverywhere, kFinish},
    BannedWord{"TODO", Scope::kEverywhere, kFinish},
    BannedWord{"XXX", Scope::kEverywhere, kFinish},
    BannedWord{"HACK", Scope::kEverywhere, kFinish},
};

// Compared with == or != they would tell by the time how many bytes are right.
constexpr std::array<std::string_view, 4> kSecretNames = {"secret", "bearer", "password",
                                                          "private_key"};

bool is_word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool has_word(std::string_view line, std::string_view word) {
  for (auto at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    const auto end = at + word.size();
    if ((at == 0 || !is_word_character(line[at - 1])) &&
        (end == line.size() || !is_word_character(line[end]))) {
      return true;
    }
  }
  return false;
}

std::string_view without_comment(std::string_view line) {
  return line.substr(0, line.find("//"));
}

// Whether a name is of a secret's own bytes, and not of its length or a function on it.
bool names_secret(std::string_view operand) {
  return std::any_of(kSecretNames.begin(), kSecretNames.end(), [&](std::string_view name) {
    return ends_with(operand, name) || ends_with(operand, std::string(name) + "()");
  });
}

bool compares_secret(std::string_view line) {
  line = without_comment(line);
  for (const std::string_view comparison : {" == ", " != "}) {
    const auto at = line.find(comparison);
    if (at == std::string_view::npos) continue;
    std::string_view right = line.substr(at + comparison.size());
    if (starts_with(right, "nullptr") || starts_with(right, "std::nullopt")) continue;
    right = right.substr(0, right.find_first_of(" ;,)"));
    if (names_secret(line.substr(0, at)) || names_secret(right)) return true;
  }
  return false;
}

// Characters, not bytes, of UTF-8 text.
std::size_t columns(std::string_view line) {
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

bool is_test(std::string_view path) {
  return starts_with(path, "tests/");
}

// What is wrong with a line, or nothing.
std::string line_fault(std::string_view path, std::string_view line) {
  for (const BannedWord& banned : kBannedWords) {
    if (banned.scope == Scope::kTests && !is_test(path)) continue;
    if (banned.scope == Scope::kProduct && is_test(path)) continue;
    if (has_word(line, banned.word)) {
      return std::string(banned.word) + " is banned; instead: " + std::string(banned.instead);
    }
  }
  if (!is_test(path) && compares_secret(line)) {
    return "a secret is compared; instead: " + std::string(kCompare);
  }
  if (columns(line) > kColumnsMax) return "over 100 columns; break the line";
  return {};
}

// Hosts of package registries and paths of one machine: true in no other place. The words are put
// together here, so that this file passes its own test.
std::string place_fault(std::string_view path, std::string_view line) {
  for (const auto& [name, domain] :
       {std::pair{"debian", "org"}, std::pair{"pypi", "org"}, std::pair{"npmjs", "org"},
        std::pair{"golang", "org"}, std::pair{"crates", "io"}, std::pair{"docker", "io"}}) {
    if (has_word(line, std::string(name) + "." + domain)) {
      return "a registry's host is named; instead: " + std::string(kHost);
    }
  }
  const std::string root = std::string("/wo") + "rk/";
  const auto at = line.find(root);
  if (at != std::string_view::npos && (at == 0 || !is_word_character(line[at - 1]))) {
    return "an absolute path of one machine; instead: a path from the repository's root";
  }
  if (path != ".ci/run" && line.find(std::string("../sha") + "red") != std::string_view::npos) {
    return "a path outside the repository; instead: the environment variable WITAN_VECTORS";
  }
  return {};
}

// Line numbers of functions over the limit. By the format of the tree, a body that is closed by "}"
// at some depth began with the nearest line above of no greater depth.
std::vector<std::size_t> long_functions(const std::vector<std::string>& lines) {
  constexpr std::array<std::string_view, 6> kNoFunction = {"namespace", "class",  "struct",
                                                           "enum",      "extern", "union"};
  std::vector<std::size_t> found;
  for (std::size_t end = 1; end < lines.size(); ++end) {
    const auto depth = lines[end].find_first_not_of(' ');
    if (depth > 2 || std::string_view(lines[end]).substr(depth) != "}") continue;
    auto begin = end - 1;
    while (begin > 0 && lines[begin].find_first_not_of(' ') > depth) --begin;
    const std::string_view head = std::string_view(lines[begin]).substr(depth);
    const bool is_other = std::any_of(kNoFunction.begin(), kNoFunction.end(),
                                      [&](auto word) { return starts_with(head, word); });
    if (!is_other && end - begin > kFunctionLinesMax) found.push_back(begin + 1);
  }
  return found;
}

bool is_this_file(std::string_view path) {
  return path == "tests/config/tidy_test.cpp";
}

TEST_CASE("tidy: sources keep the house rules") {
  const auto files =
      read_sources({"config", "ledger", "witness", "enclave", "node", "simulations", "tests"});
  for (const SourceFile& file : files) {
    for (std::size_t i = 0; i < file.lines.size() && !is_this_file(file.path); ++i) {
      const std::string fault = line_fault(file.path, file.lines[i]);
      if (!fault.empty()) FAIL_CHECK(file.path << ":" << i + 1 << ": " << fault);
    }
    if (file.lines.size() > kFileLinesMax) {
      FAIL_CHECK(file.path << ": " << file.lines.size()
                           << " lines, at most 400; split it: one concept a file");
    }
    for (const std::size_t line : long_functions(file.lines)) {
      FAIL_CHECK(file.path << ":" << line << ": a function over 70 lines; name its parts");
    }
    if (ends_with(file.path, ".h") &&
        std::find(file.lines.begin(), file.lines.end(), "#pragma once") == file.lines.end()) {
      FAIL_CHECK(file.path << ": a header without #pragma once");
    }
  }
  CHECK(files.size() > 10);
  std::cout << "tidy: files checked: " << files.size() << "\n";
}

TEST_CASE("tidy: no file names a registry's host or a place outside the repository") {
  const std::filesystem::path root = WITAN_SOURCE_DIR;
  constexpr std::array<std::string_view, 9> kTexts = {".h",    ".cpp", ".md", ".txt", ".json",
                                                      ".toml", ".yml", ".sh", ".html"};
  std::size_t files = 0;
  for (auto at = std::filesystem::recursive_directory_iterator(root);
       at != std::filesystem::recursive_directory_iterator(); ++at) {
    const std::string name = at->path().filename().string();
    if (at->is_directory()) {
      const bool skip = name == ".git" || name == ".cache" || (at.depth() == 0 && name == "build");
      if (skip) at.disable_recursion_pending();
      continue;
    }
    const bool is_text =
        name == "dev" || name == "run" ||
        std::any_of(kTexts.begin(), kTexts.end(), [&](auto end) { return ends_with(name, end); });
    if (!is_text) continue;
    ++files;
    const SourceFile file = read_source(at->path());
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      const std::string fault = place_fault(file.path, file.lines[i]);
      if (!fault.empty()) FAIL_CHECK(file.path << ":" << i + 1 << ": " << fault);
    }
  }
  CHECK(files > 10);
}

TEST_CASE("tidy: the rules find what they ban and leave the rest alone") {
  const auto is_fault = [](std::string_view path, std::string_view line) {
    return !line_fault(path, line).empty();
  };
  CHECK(is_fault("node/a.cpp", "int x = std::rand();"));
  CHECK(is_fault("tests/a.cpp", "std::this_thread::sleep_for(1s);"));
  CHECK(is_fault("ledger/a.cpp", "// TODO later"));
  CHECK(is_fault("ledger/a.cpp", "if (memcmp(a, b, 32) == 0) {"));
  CHECK(is_fault("node/a.cpp", "if (request.bearer == expected) {"));
  CHECK(is_fault("node/a.cpp", "return expected != shared_secret;"));
  CHECK(is_fault("node/a.cpp", std::string(101, 'x')));
  CHECK_FALSE(is_fault("node/a.cpp", std::string(99, 'x') + "\xc3\xa4"));
  CHECK_FALSE(is_fault("node/a.cpp", "std::this_thread::sleep_for(1s);"));
  CHECK_FALSE(is_fault("node/a.cpp", "operand(random); \"/tmp/file-XXXXXX\""));
  CHECK_FALSE(is_fault("node/a.cpp", "if (secret.size() == 32) {"));
  CHECK_FALSE(is_fault("node/a.cpp", "if (private_key == nullptr) {"));
  CHECK_FALSE(place_fault("docs/a.md", std::string("see /wo") + "rk/a").empty());
  CHECK_FALSE(place_fault("docs/a.md", std::string("from py") + "pi.org").empty());
  CHECK(place_fault("docs/a.md", "framework/a and network/b").empty());

  std::vector<std::string> lines = {"int f(int a) {"};
  lines.insert(lines.end(), 69, "  ++a;");
  lines.emplace_back("}");
  CHECK(long_functions(lines).empty());
  lines.insert(lines.begin() + 1, "");
  CHECK(long_functions(lines) == std::vector<std::size_t>{1});
}

}  // namespace
}  // namespace witan::test
