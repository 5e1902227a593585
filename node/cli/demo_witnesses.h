#pragma once
// The three independent witnesses of `witan demo`, each a process of its own.

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "config/result.h"
#include "node/cli/demo_story.h"

namespace witan::cli {

class DemoWitnesses {
 public:
  static constexpr std::size_t kCount = 3;

  DemoWitnesses(std::filesystem::path dir, Story& story) : dir_(std::move(dir)), story_(story) {}

  // Makes them and runs them. The first is shown, the others go the same way.
  Result<void> make();
  // Tells each of them a log's key.
  Result<void> add_log(const std::string& vkey);
  // A tlog-policy for the log that asks for two of the three.
  [[nodiscard]] Result<std::string> policy(const std::string& log_vkey) const;

  // kill -9.
  void kill(std::size_t number);
  // At the address that it had before.
  Result<void> start(std::size_t number);
  // As its cosignatures name it.
  [[nodiscard]] static std::string name(std::size_t number);

 private:
  [[nodiscard]] std::string folder(std::size_t number) const;
  Result<void> run(std::size_t number, bool shown);

  std::filesystem::path dir_;
  Story& story_;
  std::array<std::optional<Server>, kCount> running_;
  std::array<std::string, kCount> urls_;
};

}  // namespace witan::cli
