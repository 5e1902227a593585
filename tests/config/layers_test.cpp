// Includes point one way: config <- ledger <- witness <- enclave <- node. A layer that is only
// drawn in a document drifts, so the sources are read here.
#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/sources.h"

namespace witan::test {
namespace {

constexpr std::array<std::string_view, 5> kLayers = {"config", "ledger", "witness", "enclave",
                                                     "node"};
// What sees every layer and is seen by none of them.
constexpr std::array<std::string_view, 2> kAbove = {"tests", "simulations"};

// Position of a folder in the order; kLayers.size() for tests and simulations and anything unknown.
std::size_t layer_of(std::string_view path) {
  const std::string_view folder = path.substr(0, path.find('/'));
  return static_cast<std::size_t>(std::find(kLayers.begin(), kLayers.end(), folder) -
                                  kLayers.begin());
}

bool is_ours(std::string_view path) {
  const std::string_view folder = path.substr(0, path.find('/'));
  return layer_of(path) < kLayers.size() ||
         std::find(kAbove.begin(), kAbove.end(), folder) != kAbove.end();
}

// What an #include line names, with its bracket or quotation mark in front; empty for other lines.
std::string included(std::string_view line) {
  constexpr std::string_view kInclude = "#include ";
  if (!starts_with(line, kInclude) || line.size() == kInclude.size()) return {};
  line.remove_prefix(kInclude.size());
  const char closing = line.front() == '<' ? '>' : '"';
  return std::string(line.substr(0, line.find(closing, 1)));
}

// What is wrong with a line of a source file, or nothing.
std::string include_fault(std::string_view path, std::string_view line) {
  const std::string name = included(line);
  if (name.empty() || layer_of(path) == kLayers.size()) return {};
  const std::string_view target = std::string_view(name).substr(1);
  if (name.front() == '"') {
    if (!is_ours(target)) return "includes of ours are written \"folder/file.h\" from the root";
    if (layer_of(target) > layer_of(path)) {
      return "includes point config <- ledger <- witness <- enclave <- node; move what is shared "
             "down, or pass an interface from ledger/ports in";
    }
    return {};
  }
  const bool is_openssl = starts_with(target, "openssl/");
  const bool is_sodium = target == "sodium.h" || starts_with(target, "sodium/");
  if (!is_openssl && !is_sodium) return {};
  if (starts_with(path, "ledger/crypto/")) return {};
  if (is_sodium && path == "ledger/encoding.cpp") return {};     // hex and base64 of keys
  if (is_openssl && starts_with(path, "node/http/")) return {};  // TLS
  if (is_sodium && starts_with(path, "enclave/")) return {};     // sealing, secret memory
  return "OpenSSL and libsodium are called in ledger/crypto only (TLS: node/http, sealing: "
         "enclave); use a function there or add one";
}

TEST_CASE("layers: includes point down, and cryptography stays in its folder") {
  std::size_t files = 0;
  for (const SourceFile& file : read_sources({"config", "ledger", "witness", "enclave", "node"})) {
    ++files;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      const std::string fault = include_fault(file.path, file.lines[i]);
      if (!fault.empty()) {
        FAIL_CHECK(file.path << ":" << i + 1 << ": " << file.lines[i] << "\n  " << fault);
      }
    }
  }
  CHECK(files > 0);
  std::cout << "layers: files checked: " << files << "\n";
}

TEST_CASE("layers: a wrong include is found, a right one is not") {
  const auto is_fault = [](std::string_view path, std::string_view line) {
    return !include_fault(path, line).empty();
  };
  CHECK(is_fault("ledger/tree/proof.cpp", "#include \"node/http/server.h\""));
  CHECK(is_fault("config/file.cpp", "#include \"ledger/bytes.h\""));
  CHECK(is_fault("enclave/core.cpp", "#include \"tests/support/vectors.h\""));
  CHECK(is_fault("node/api/entries.cpp", "#include \"routes.h\""));
  CHECK(is_fault("node/api/entries.cpp", "#include <openssl/evp.h>"));
  CHECK(is_fault("witness/core.cpp", "#include <sodium.h>"));
  CHECK_FALSE(is_fault("node/api/entries.cpp", "#include \"ledger/bytes.h\""));
  CHECK_FALSE(is_fault("enclave/core.cpp", "#include <sodium.h>"));
  CHECK_FALSE(is_fault("node/http/tls.cpp", "#include <openssl/ssl.h>"));
  CHECK_FALSE(is_fault("ledger/crypto/sha256.cpp", "#include <openssl/evp.h>"));
  CHECK_FALSE(is_fault("tests/e2e/harness.cpp", "#include <openssl/evp.h>"));
  CHECK_FALSE(is_fault("ledger/tree/proof.cpp", "#include <vector>"));
}

}  // namespace
}  // namespace witan::test
