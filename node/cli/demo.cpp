// witan demo: the main job, end to end, in a temporary folder: sign, register, verify offline, see
// forgeries refused, survive kill -9.

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <unistd.h>

#include "config/file.h"
#include "node/cli/child.h"
#include "node/cli/cli.h"
#include "node/cli/demo_burst.h"
#include "node/cli/options.h"
#include "node/cli/sbom.h"

namespace witan::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIssuer = "https://build.example";
constexpr const char* kSubject = "witan " WITAN_VERSION;

// A folder that is gone at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "witan-demo-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Runs verbs of this program as a person would type them, and tells what happens.
class Story {
 public:
  explicit Story(const fs::path& dir) : dir_(dir) {}

  void chapter(const char* text) { std::printf("\n%d. %s\n", ++chapter_, text); }
  static void say(const std::string& text) { std::printf("   %s\n", text.c_str()); }

  // A verb that must succeed (or, with expected 1, must refuse).
  Result<void> type(const std::vector<std::string>& words, int expected = 0) {
    std::string line = "   $ witan";
    std::vector<std::string> command{this_program()};
    for (const std::string& word : words) {
      line += " " + shorten(word);
      command.push_back(word);
    }
    std::printf("%s\n", line.c_str());
    WITAN_ASSIGN(const ChildResult result, run_child(command));
    std::string said = result.out + result.err;
    for (std::size_t at; (at = said.find(dir_.string() + "/")) != std::string::npos;) {
      said.erase(at, dir_.string().size() + 1);
    }
    print_indented(said);
    if (result.exit_code != expected) {
      return fail(ErrorCode::kRefused, "`witan " + words.front() + "` ended with exit code " +
                                           std::to_string(result.exit_code) + ", expected " +
                                           std::to_string(expected));
    }
    return {};
  }

 private:
  // Paths in the demo's folder without the folder.
  [[nodiscard]] std::string shorten(const std::string& word) const {
    const std::string prefix = dir_.string() + "/";
    const std::size_t at = word.find(prefix);
    if (at == std::string::npos)
      return word.find(' ') == std::string::npos ? word : "'" + word + "'";
    return word.substr(0, at) + word.substr(at + prefix.size());
  }

  static void print_indented(const std::string& text) {
    std::size_t start = 0;
    while (start < text.size()) {
      const std::size_t end = std::min(text.find('\n', start), text.size());
      std::printf("     %s\n", text.substr(start, end - start).c_str());
      start = end + 1;
    }
  }

  fs::path dir_;
  int chapter_ = 0;
};

class Demo {
 public:
  explicit Demo(const fs::path& dir) : dir_(dir), story_(dir) {}

  Result<void> run() {
    WITAN_TRY(make_keys());
    WITAN_TRY(start_log());
    WITAN_TRY(register_artifact());
    WITAN_TRY(verify_offline());
    WITAN_TRY(show_refusals());
    WITAN_TRY(survive_kill());
    node_->send(SIGTERM);
    node_->wait();
    std::printf(
        "\nThat is Witan: signed, logged, proven, and checked without trusting the node.\n");
    return {};
  }

 private:
  [[nodiscard]] std::string at(const char* name) const { return (dir_ / name).string(); }

  Result<void> make_keys() {
    story_.chapter("A build farm makes its signing key");
    return story_.type({"keygen", "--out", at("build.pem"), "--alg", "es256"});
  }

  Result<void> start_log() {
    story_.chapter(
        "An operator begins a log. Its key is made inside witan-enclave, another process");
    WITAN_TRY(
        story_.type({"init", "--dir", at("log"), "--origin", "log.example/demo", "--issuer",
                     std::string(kIssuer) + "=" + at("build.pem.pub"), "--listen", "127.0.0.1:0"}));
    std::printf("   $ witan node --dir log &\n");
    WITAN_TRY(start_node());
    Story::say("  serving at " + url_);
    return {};
  }

  Result<void> start_node() {
    std::error_code ignored;
    fs::remove(dir_ / "log" / "address", ignored);
    WITAN_ASSIGN(Child child,
                 Child::start({this_program(), "node", "--dir", at("log")}, at("node.log")));
    node_ = std::make_unique<Child>(std::move(child));
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < end && node_->running()) {
      if (auto text = read_text_file(at("log/address"), 4096)) {
        url_ = text->substr(0, text->find('\n'));
        return {};
      }
      usleep(5'000);
    }
    const auto log = read_text_file(at("node.log"), std::size_t{1} << 20);
    return fail(ErrorCode::kUnavailable, "the node did not start: " + (log ? *log : ""));
  }

  Result<void> register_artifact() {
    story_.chapter(
        "The farm signs an artifact (this very program) and its SBOM, and registers both");
    WITAN_TRY(write_file_atomic(at("witan.spdx.json"), sbom_of_this_program(), 0644));
    std::error_code error;
    fs::copy_file(this_program(), dir_ / "witan", error);
    if (error) return fail(ErrorCode::kIo, at("witan") + ": " + error.message());
    WITAN_TRY(story_.type({"sign", "--key", at("build.pem"), "--issuer", kIssuer, "--subject",
                           kSubject, "--hash-envelope", at("witan"), "-o", at("witan.statement")}));
    WITAN_TRY(story_.type({"sign", "--key", at("build.pem"), "--issuer", kIssuer, "--subject",
                           kSubject, "--content-type", "application/spdx+json",
                           at("witan.spdx.json"), "-o", at("sbom.statement")}));
    WITAN_TRY(
        story_.type({"submit", "--node", url_, at("witan.statement"), "-o", at("witan.receipt")}));
    return story_.type({"submit", "--node", url_, at("sbom.statement"), "-o", at("sbom.receipt")});
  }

  std::vector<std::string> verify(const std::string& receipt, const std::string& artifact,
                                  const std::string& issuer_key) {
    return {"verify",
            "--statement",
            at("witan.statement"),
            "--receipt",
            receipt,
            "--log-key",
            at("log/log.vkey"),
            "--log-key",
            at("log/receipt-key.pem"),
            "--issuer-key",
            issuer_key,
            "--artifact",
            artifact};
  }

  Result<void> verify_offline() {
    story_.chapter("Anybody verifies offline: statement, receipt, two keys, no node");
    return story_.type(verify(at("witan.receipt"), at("witan"), at("build.pem.pub")));
  }

  Result<void> show_refusals() {
    story_.chapter(
        "What is forged is refused: a changed artifact, a changed receipt, an unknown issuer");
    fs::copy_file(dir_ / "witan", dir_ / "witan.changed");
    std::ofstream(dir_ / "witan.changed", std::ios::app | std::ios::binary) << "x";
    WITAN_TRY(
        story_.type(verify(at("witan.receipt"), at("witan.changed"), at("build.pem.pub")), 1));

    WITAN_ASSIGN(std::string receipt, read_text_file(at("witan.receipt"), std::size_t{1} << 20));
    receipt.back() = static_cast<char>(receipt.back() ^ 1);
    WITAN_TRY(write_file_atomic(at("changed.receipt"), receipt, 0644));
    WITAN_TRY(story_.type(verify(at("changed.receipt"), at("witan"), at("build.pem.pub")), 1));

    WITAN_TRY(story_.type({"keygen", "--out", at("mallory.pem")}));
    WITAN_TRY(story_.type({"sign", "--key", at("mallory.pem"), "--issuer",
                           "https://mallory.example", "--subject", kSubject, "--hash-envelope",
                           at("witan"), "-o", at("mallory.statement")}));
    return story_.type(
        {"submit", "--node", url_, at("mallory.statement"), "-o", at("mallory.receipt")}, 1);
  }

  Result<void> survive_kill() {
    story_.chapter("The node is killed with kill -9 in the middle of a burst, and started again");
    Burst burst{url_, at("build.pem"), kIssuer};
    WITAN_ASSIGN(const BurstResult acknowledged, burst.run([this] { node_->send(SIGKILL); }));
    node_->wait();
    Story::say(std::to_string(acknowledged.ids.size()) +
               " statements were answered with 201 before it died");
    WITAN_TRY(start_node());
    Story::say("started again at " + url_);
    WITAN_TRY(story_.type(
        {"audit", "--node", url_, "--log-key", at("log/log.vkey"), "--state", at("audit")}));
    WITAN_ASSIGN(const std::size_t found, burst.count_registered(url_, acknowledged));
    Story::say("of the " + std::to_string(acknowledged.ids.size()) + " acknowledged statements, " +
               std::to_string(found) + " have their receipt");
    if (found != acknowledged.ids.size()) {
      return fail(ErrorCode::kConflict, "an acknowledged statement was lost");
    }
    return {};
  }

  fs::path dir_;
  Story story_;
  std::unique_ptr<Child> node_;
  std::string url_;
};

Result<void> run() {
  const TemporaryFolder folder;
  if (folder.path().empty()) return fail(ErrorCode::kIo, "cannot make a temporary folder");
  std::printf("Witan demo, in %s (removed at the end)\n", folder.path().c_str());
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  return Demo(folder.path()).run();
}

}  // namespace

void add_demo(Verb& top) {
  Verb& verb = top.verb("demo", "See the whole thing work, in a temporary folder");
  verb.footer("Example: witan demo");
  verb.runs([] {
    const auto result = run();
    return result ? kExitDone : report("demo", result.error());
  });
}

}  // namespace witan::cli
