#include "enclave/walls_user.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <grp.h>
#include <optional>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace witan {
namespace {

struct Ids {
  uid_t user = 0;
  gid_t group = 0;
};

Result<Ids> ids_of(const std::string& user) {
  errno = 0;
  const struct passwd* const entry = ::getpwnam(user.c_str());
  if (entry != nullptr) return Ids{entry->pw_uid, entry->pw_gid};
  unsigned number = 0;
  const auto [end, error] = std::from_chars(user.data(), user.data() + user.size(), number);
  if (error == std::errc() && end == user.data() + user.size()) return Ids{number, number};
  return fail(ErrorCode::kUsage, "user in [enclave]: \"" + user +
                                     "\" is no user of this machine; make it (useradd --system), "
                                     "or give its number");
}

std::optional<Ids> owner_of(const std::filesystem::path& folder) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0 || status.st_uid == 0) return std::nullopt;
  // Not the folder's group, which may still be root's.
  const struct passwd* const entry = ::getpwuid(status.st_uid);
  return Ids{status.st_uid, entry != nullptr ? entry->pw_gid : status.st_uid};
}

Result<void> become(const Ids& ids, const std::filesystem::path& state_dir) {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(ids.group, ids.group, ids.group) != 0 ||
      ::setresuid(ids.user, ids.user, ids.user) != 0) {
    return fail(ErrorCode::kIo, "cannot become uid " + std::to_string(ids.user) + ": " +
                                    system_reason("setresuid"));
  }
  if (::access(state_dir.c_str(), X_OK) != 0) {
    return fail(ErrorCode::kIo, "uid " + std::to_string(ids.user) + " cannot reach " +
                                    state_dir.string() + ": " + system_reason("access") +
                                    "; it must be there, be that user's (chown -R), and the "
                                    "folders above it must let others through (chmod o+x)");
  }
  return {};
}

}  // namespace

Result<WhyNot> take_own_user(const std::string& user, const std::filesystem::path& state_dir) {
  const uid_t real = ::getuid(), effective = ::geteuid();
  if (effective == 0 && real != 0) {
    return fail(ErrorCode::kRefused,
                "witan-enclave is setuid root; give its file to a user of its own (chown, then "
                "chmod 4750)");
  }
  std::optional<Ids> wanted;
  if (!user.empty()) {
    WITAN_ASSIGN(wanted, ids_of(user));
  } else if (effective == 0) {
    wanted = owner_of(state_dir);
  }
  if (effective == 0) {
    if (!wanted || wanted->user == 0) {
      return WhyNot(
          "started as root, and the state folder is root's; give it to a user of its own "
          "(chown -R)");
    }
    WITAN_TRY(become(*wanted, state_dir));
    return WhyNot();
  }
  if (wanted && wanted->user != effective) {
    return fail(ErrorCode::kUsage,
                "user in [enclave] is \"" + user + "\", uid " + std::to_string(wanted->user) +
                    ", but the enclave was started as uid " + std::to_string(effective) +
                    "; only root may choose, or witan-enclave is made setuid for that user");
  }
  if (real == effective) {
    return WhyNot("it has the uid " + std::to_string(effective) +
                  " of the program that started it; start that as root, or make witan-enclave "
                  "setuid for a user of its own");
  }
  // The real uid stays, so that whoever started this process may still end it.
  if (::setresuid(real, effective, effective) != 0) {
    return fail(ErrorCode::kIo, system_reason("setresuid"));
  }
  return WhyNot();
}

}  // namespace witan
