#pragma once
// Where other systems' data is. WITAN_VECTORS names the folder; with it set, a vector that is
// missing is a failure, without it the tests run on what they make themselves.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

namespace witan::test {

inline std::optional<std::filesystem::path> vectors_dir() {
  const char* path = std::getenv("WITAN_VECTORS");
  if (path == nullptr || *path == '\0') return std::nullopt;
  return std::filesystem::path(path);
}

// The whole file; throws when it cannot be read, which fails the test.
inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace witan::test
