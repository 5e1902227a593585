#include "ledger/store/folder_lock.h"

#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace witan::test {
namespace {

TEST_CASE("folder lock: one at a time, and the second is told who holds it") {
  const TempDir dir;
  {
    const auto first = FolderLock::take(dir.path());
    REQUIRE(first);
    const auto second = FolderLock::take(dir.path());
    REQUIRE_FALSE(second);
    CHECK(second.error().code == ErrorCode::kConflict);
    CHECK_THAT(second.error().message, ContainsSubstring(std::to_string(::getpid())));
  }
  CHECK(FolderLock::take(dir.path()));
}

TEST_CASE("folder lock: root leaves no file that keeps the folder's owner out") {
  constexpr uid_t kOther = 65'534;
  const TempDir dir;
  const bool given = ::chown(dir.path().c_str(), kOther, kOther) == 0;
  REQUIRE(FolderLock::take(dir.path()));
  struct stat lock {};
  REQUIRE(::stat((dir.path() / "LOCK").c_str(), &lock) == 0);
  CHECK(lock.st_uid == (given ? kOther : ::geteuid()));
}

}  // namespace
}  // namespace witan::test
