#pragma once
// The tree's own source files, for the tests that read them.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace witan::test {

struct SourceFile {
  std::string path;  // from the root of the repository, with '/'
  std::vector<std::string> lines;
};

inline bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

inline bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

inline SourceFile read_source(const std::filesystem::path& path) {
  SourceFile file{std::filesystem::relative(path, WITAN_SOURCE_DIR).generic_string(), {}};
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) file.lines.push_back(line);
  return file;
}

// Every *.h and *.cpp file below these folders of the repository, ordered by path.
inline std::vector<SourceFile> read_sources(std::initializer_list<std::string_view> folders) {
  std::vector<SourceFile> files;
  for (const std::string_view folder : folders) {
    const auto root = std::filesystem::path(WITAN_SOURCE_DIR) / folder;
    if (!std::filesystem::exists(root)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      const std::string name = entry.path().filename().string();
      if (!entry.is_regular_file() || !(ends_with(name, ".h") || ends_with(name, ".cpp"))) continue;
      files.push_back(read_source(entry.path()));
    }
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

}  // namespace witan::test
