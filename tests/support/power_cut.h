#pragma once
// Cuts the power, after the fact: brings a folder whose processes were killed into a state that its
// disk may have been in, from what tests/e2e/preload/powerloss.cpp wrote down.

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace witan::test {

class PowerCut {
 public:
  // `folder` is what is watched; `journal` is an empty folder beside it, on the same file system.
  PowerCut(std::filesystem::path folder, std::filesystem::path journal);

  // For the processes to be watched. `left_out` names a kind of sync that is not made. After
  // `enclave_syncs` syncs of its state (0: never) the enclave kills the node and itself.
  [[nodiscard]] std::map<std::string, std::string> environment(const std::string& left_out = "",
                                                               unsigned enclave_syncs = 0) const;
  // Once all of them are dead: takes back everything that was not synced; with a seed, only a part
  // of it, by sectors, since a disk may have written any. Gives the number of changes that were not
  // synced.
  std::size_t cut(std::optional<unsigned> seed = std::nullopt);

 private:
  std::filesystem::path folder_, journal_;
};

}  // namespace witan::test
