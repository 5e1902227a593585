#include "config/enclave_config.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "config/walls.h"

namespace witan {
namespace {

// A user's name or number; whether there is such a user is found at the start.
bool is_user(const std::string& text) {
  constexpr std::size_t kUserCharsMax = 64;
  return !text.empty() && text.size() <= kUserCharsMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

}  // namespace

Result<EnclaveConfig> read_enclave_config(TomlTable& table) {
  EnclaveConfig config;
  WITAN_ASSIGN(config.require, table.strings("require"));
  for (std::size_t i = 0; i < config.require.size(); ++i) {
    const std::string& wall = config.require[i];
    if (!is_wall_name(wall)) {
      return fail(table.error("require", "\"" + wall + "\" is no wall; they are " + wall_names()));
    }
    const auto* const begin = config.require.data();
    if (std::find(begin, begin + i, wall) != begin + i) {
      return fail(table.error("require", "\"" + wall + "\" is there twice"));
    }
  }
  WITAN_ASSIGN(const auto user, table.string("user"));
  if (user && !is_user(*user)) {
    return fail(table.error("user", "expected the name or number of a user of this machine"));
  }
  config.user = user.value_or("");
  WITAN_TRY(table.no_other_keys());
  return config;
}

void write_enclave_config(std::ostream& out, const EnclaveConfig& config) {
  out << "\n# The signer's process. Without the walls in `require` it does not start; those that "
         "it "
         "cannot\n# raise here and that are not required are named in the log and in /status "
         "(docs/\n# enclave-protocol.md, section \"Walls\"). Started as root it becomes `user`, or "
         "without one\n# the owner of its folder.\n";
  if (config.require.empty() && config.user.empty()) {
    out << "# [enclave]\n# require = [\"landlock\", \"seccomp\"]\n# user = \"witan-signer\"\n";
    return;
  }
  out << "[enclave]\nrequire = [";
  for (std::size_t i = 0; i < config.require.size(); ++i) {
    out << (i == 0 ? "" : ", ") << '"' << config.require[i] << '"';
  }
  out << "]\n";
  if (!config.user.empty()) out << "user = \"" << config.user << "\"\n";
}

}  // namespace witan
