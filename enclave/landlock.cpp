#include "enclave/landlock.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>

namespace witan {
namespace {

#ifdef SYS_landlock_create_ruleset

// As linux/landlock.h has them; the headers of older kernels lack the later ones.
constexpr std::uint64_t kWriteFile = 1u << 1, kReadFile = 1u << 2, kReadDir = 1u << 3,
                        kRemoveFile = 1u << 5, kMakeReg = 1u << 8, kRefer = 1u << 13,
                        kTruncate = 1u << 14, kIoctlDev = 1u << 15;
constexpr std::uint64_t kFirstVersion = kRefer - 1;
constexpr std::uint64_t kTcp = 3;     // bind, connect
constexpr std::uint64_t kScopes = 3;  // abstract sockets, signals
constexpr unsigned kAskForVersion = 1;
constexpr unsigned kPathBeneath = 1;

struct Ruleset {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
  std::uint64_t scopes = 0;
};
struct __attribute__((packed)) PathRule {
  std::uint64_t allowed = 0;
  std::int32_t folder = -1;
};

class OpenFile {
 public:
  explicit OpenFile(int number) : number_(number) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

#endif

}  // namespace

#ifdef SYS_landlock_create_ruleset

WhyNot raise_landlock(const std::filesystem::path& folder) {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskForVersion);
  if (version < 0 && errno == ENOSYS) return "the kernel has no Landlock, Linux 5.13 or later has";
  if (version < 0 && errno == EOPNOTSUPP) {
    return "Landlock is off: add landlock to lsm= on the kernel's command line";
  }
  if (version < 1) return system_reason("landlock_create_ruleset");
  Ruleset ruleset;
  std::size_t size = sizeof ruleset.files;
  ruleset.files = kFirstVersion;
  if (version >= 2) ruleset.files |= kRefer;
  if (version >= 3) ruleset.files |= kTruncate;
  if (version >= 5) ruleset.files |= kIoctlDev;
  if (version >= 4) {
    ruleset.network = kTcp;
    size = offsetof(Ruleset, scopes);
  }
  if (version >= 6) {
    ruleset.scopes = kScopes;
    size = sizeof ruleset;
  }
  const OpenFile rules(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &ruleset, size, 0)));
  if (rules.get() < 0) return system_reason("landlock_create_ruleset");
  const OpenFile inside(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (inside.get() < 0) return system_reason("open " + folder.string());
  PathRule rule;
  rule.allowed =
      ruleset.files & (kWriteFile | kReadFile | kReadDir | kRemoveFile | kMakeReg | kTruncate);
  rule.folder = inside.get();
  if (::syscall(SYS_landlock_add_rule, rules.get(), kPathBeneath, &rule, 0) != 0) {
    return system_reason("landlock_add_rule");
  }
  if (::syscall(SYS_landlock_restrict_self, rules.get(), 0) != 0) {
    return system_reason("landlock_restrict_self");
  }
  return std::nullopt;
}

#else

WhyNot raise_landlock(const std::filesystem::path& /*folder*/) {
  return "built without the kernel's headers for Landlock";
}

#endif

}  // namespace witan
