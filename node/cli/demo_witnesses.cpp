#include "node/cli/demo_witnesses.h"

#include <csignal>
#include <utility>
#include <vector>

#include "config/file.h"
#include "config/witness_config.h"

namespace witan::cli {
namespace {

constexpr std::array<const char*, DemoWitnesses::kCount> kNames = {"north", "south", "east"};

Result<std::string> first_line_of(const std::string& file) {
  WITAN_ASSIGN(const std::string text, read_text_file(file, 4096));
  return text.substr(0, text.find('\n'));
}

}  // namespace

std::string DemoWitnesses::name(std::size_t number) {
  return std::string("witness.") + kNames.at(number) + ".example";
}

std::string DemoWitnesses::folder(std::size_t number) const {
  return (dir_ / kNames.at(number)).string();
}

Result<void> DemoWitnesses::make() {
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::vector<std::string> init = {"witness", "init",    "--name",   name(i),
                                           "--dir",   folder(i), "--listen", "127.0.0.1:0"};
    if (i == 0) WITAN_TRY(story_.type(init));
    if (i > 0) WITAN_TRY(Story::type_unseen(init));
    if (i == 0) {
      WITAN_TRY(start(i));
      Story::say("  serving at " + urls_[i]);
    } else {
      WITAN_TRY(run(i, false));
    }
  }
  Story::say("and so do the other two: " + name(1) + " and " + name(2));
  return {};
}

Result<void> DemoWitnesses::add_log(const std::string& vkey) {
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::vector<std::string> add = {"witness", "add-log", "--dir", folder(i), vkey};
    if (i == 0) WITAN_TRY(story_.type(add));
    if (i > 0) WITAN_TRY(Story::type_unseen(add));
  }
  Story::say("and so do the other two");
  return {};
}

Result<std::string> DemoWitnesses::policy(const std::string& log_vkey) const {
  std::string text = "log " + log_vkey + "\n", group = "group two 2";
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::string short_name = kNames.at(i);
    WITAN_ASSIGN(const std::string key, first_line_of(WitnessPaths{folder(i)}.vkey().string()));
    text.append("witness ").append(short_name).append(" ").append(key).append(" ");
    text.append(urls_.at(i)).append("\n");
    group.append(" ").append(short_name);
  }
  return text + group + "\nquorum two\n";
}

void DemoWitnesses::kill(std::size_t number) {
  auto& server = running_.at(number);
  if (!server) return;
  server->child.send(SIGKILL);
  server->child.wait();
  server.reset();
  Story::say(name(number) + " is gone (kill -9)");
}

Result<void> DemoWitnesses::start(std::size_t number) {
  return run(number, true);
}

Result<void> DemoWitnesses::run(std::size_t number, bool shown) {
  constexpr std::string_view kScheme = "http://";
  std::string& url = urls_.at(number);
  std::vector<std::string> words = {"witness", "run", "--dir", folder(number)};
  if (!url.empty()) words.insert(words.end(), {"--listen", url.substr(kScheme.size())});
  if (shown) story_.show(words, " &");
  WITAN_ASSIGN(Server server, start_server(words, folder(number), folder(number) + ".log"));
  url = server.url;
  running_.at(number).emplace(std::move(server));
  return {};
}

}  // namespace witan::cli
