#pragma once
// How `witan demo` tells its story: chapters, and verbs of this program typed as a person would.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "config/result.h"
#include "node/cli/child.h"

namespace witan::cli {

// A folder that is gone at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  // Empty when it could not be made.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class Story {
 public:
  explicit Story(std::filesystem::path dir) : dir_(std::move(dir)) {}

  void chapter(const std::string& text);
  static void say(const std::string& text);
  // Runs a verb, shows it and what it printed. kRefused when it ends with another exit code.
  Result<void> type(const std::vector<std::string>& words, int expected = 0) const;
  // Shows a verb that somebody else runs.
  void show(const std::vector<std::string>& words, const std::string& after) const;
  // The same as type, in silence; what it printed is in the error.
  static Result<void> type_unseen(const std::vector<std::string>& words);

 private:
  [[nodiscard]] std::string line_of(const std::vector<std::string>& words) const;
  [[nodiscard]] std::string shorten(const std::string& word) const;

  std::filesystem::path dir_;
  int chapter_ = 0;
};

// A `witan node` or `witan witness run` in the background, and where it serves.
struct Server {
  Child child;
  std::string url;
};
// Starts it and waits until its folder has the file `address`. kUnavailable with its log when it
// does not serve in time.
[[nodiscard]] Result<Server> start_server(const std::vector<std::string>& words,
                                          const std::filesystem::path& folder,
                                          const std::string& log_file);

}  // namespace witan::cli
