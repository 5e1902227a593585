#include "node/cli/demo_story.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "config/file.h"

namespace witan::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kStartPatience{10};

void print_indented(const std::string& text) {
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    std::printf("     %s\n", text.substr(start, end - start).c_str());
    start = end + 1;
  }
}

std::vector<std::string> command_of(const std::vector<std::string>& words) {
  std::vector<std::string> command{this_program()};
  command.insert(command.end(), words.begin(), words.end());
  return command;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "witan-demo-XXXXXX").string();
  if (mkdtemp(name.data()) != nullptr) path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

void Story::chapter(const std::string& text) {
  std::printf("\n%d. %s\n", ++chapter_, text.c_str());
}

void Story::say(const std::string& text) {
  std::printf("   %s\n", text.c_str());
}

// Paths in the demo's folder without the folder.
std::string Story::shorten(const std::string& word) const {
  const std::string prefix = dir_.string() + "/";
  std::string out = word;
  for (std::size_t at; (at = out.find(prefix)) != std::string::npos;) out.erase(at, prefix.size());
  return out.find(' ') == std::string::npos ? out : "'" + out + "'";
}

std::string Story::line_of(const std::vector<std::string>& words) const {
  std::string line = "   $ witan";
  for (const std::string& word : words) line += " " + shorten(word);
  return line;
}

void Story::show(const std::vector<std::string>& words, const std::string& after) const {
  std::printf("%s%s\n", line_of(words).c_str(), after.c_str());
}

Result<void> Story::type(const std::vector<std::string>& words, int expected) const {
  show(words, "");
  WITAN_ASSIGN(const ChildResult result, run_child(command_of(words)));
  std::string said = result.out + result.err;
  const std::string prefix = dir_.string() + "/";
  for (std::size_t at; (at = said.find(prefix)) != std::string::npos;)
    said.erase(at, prefix.size());
  print_indented(said);
  if (result.exit_code == expected) return {};
  return fail(ErrorCode::kRefused, "`witan " + words.front() + "` ended with exit code " +
                                       std::to_string(result.exit_code) + ", expected " +
                                       std::to_string(expected));
}

Result<void> Story::type_unseen(const std::vector<std::string>& words) {
  WITAN_ASSIGN(const ChildResult result, run_child(command_of(words)));
  if (result.exit_code == 0) return {};
  return fail(ErrorCode::kRefused, "`witan " + words.front() + "`: " + result.out + result.err);
}

Result<Server> start_server(const std::vector<std::string>& words, const fs::path& folder,
                            const std::string& log_file) {
  const std::string address = (folder / "address").string();
  std::error_code ignored;
  fs::remove(address, ignored);
  WITAN_ASSIGN(Child child, Child::start(command_of(words), log_file));
  const auto end = std::chrono::steady_clock::now() + kStartPatience;
  while (std::chrono::steady_clock::now() < end && child.running()) {
    if (const auto text = read_text_file(address, 4096)) {
      return Server{std::move(child), text->substr(0, text->find('\n'))};
    }
    usleep(5'000);
  }
  const auto log = read_text_file(log_file, std::size_t{1} << 20);
  return fail(ErrorCode::kUnavailable,
              "`witan " + words.front() + "` does not serve: " + (log ? *log : ""));
}

}  // namespace witan::cli
