#include "config/file.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/catch.h"

namespace witan {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "witan-file-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] std::size_t files() const {
    std::size_t n = 0;
    for (const auto& entry : fs::directory_iterator(path_)) n += entry.exists() ? 1 : 0;
    return n;
  }

 private:
  std::string path_;
};

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

TEST_CASE("file: what was written is read again, and the mode is the one asked for") {
  const Folder folder;
  const std::string path = folder / "a.txt";
  REQUIRE(write_file_atomic(path, "first\n", 0644));
  CHECK(mode_of(path) == 0644);
  CHECK(read_text_file(path, 6).value() == "first\n");
  const std::string binary(100'000, '\0');
  REQUIRE(write_file_atomic(path, binary, 0600));
  CHECK(mode_of(path) == 0600);
  CHECK(read_text_file(path, 100'000).value() == binary);
  REQUIRE(write_file_atomic(path, "", 0600));
  CHECK(read_text_file(path, 0).value().empty());
  CHECK(folder.files() == 1);
}

TEST_CASE("file: a file above the limit is refused, at the limit read") {
  const Folder folder;
  REQUIRE(write_file_atomic(folder / "a", "12345", 0644));
  CHECK(read_text_file(folder / "a", 5));
  const auto large = read_text_file(folder / "a", 4);
  REQUIRE_FALSE(large);
  CHECK(large.error().code == ErrorCode::kTooLarge);
  CHECK_THAT(large.error().message, ContainsSubstring(folder / "a"));
  CHECK_THAT(large.error().message, ContainsSubstring("4 bytes"));
}

TEST_CASE("file: a regular file that reports no size is bounded all the same") {
  if (!fs::exists("/proc/self/status")) return;
  CHECK(read_text_file("/proc/self/status", 1 << 20).value().size() > 100);
  CHECK(read_text_file("/proc/self/status", 100).error().code == ErrorCode::kTooLarge);
}

TEST_CASE("file: what is no regular file is refused without waiting") {
  const Folder folder;
  CHECK(read_text_file(folder / "none", 10).error().code == ErrorCode::kNotFound);
  CHECK_THAT(read_text_file(folder / "none", 10).error().message,
             ContainsSubstring(folder / "none"));
  REQUIRE(fs::create_directory(folder / "dir"));
  const auto directory = read_text_file(folder / "dir", 10);
  CHECK(directory.error().code == ErrorCode::kIo);
  CHECK_THAT(directory.error().message, ContainsSubstring("found a folder"));
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK_THAT(read_text_file(folder / "pipe", 10).error().message,
             ContainsSubstring("found a pipe"));
  CHECK_THAT(read_secret_file("/dev/null", 10).error().message, ContainsSubstring("a device"));
  fs::create_symlink(folder / "loop", folder / "loop");
  CHECK(read_text_file(folder / "loop", 10).error().code == ErrorCode::kIo);
}

TEST_CASE("file: a secret that others may read is refused, with the command that repairs it") {
  const Folder folder;
  const std::string path = folder / "my key.pem";
  for (const mode_t mode : {0644, 0640, 0604, 0660, 0610, 0601}) {
    REQUIRE(write_file_atomic(path, "secret", mode));
    const auto read = read_secret_file(path, 10);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == ErrorCode::kIo);
    CHECK_THAT(read.error().message, ContainsSubstring("0600 expected"));
    CHECK_THAT(read.error().message, ContainsSubstring("chmod 0600 '" + path + "'"));
  }
  REQUIRE(write_file_atomic(path, "secret", 0640));
  CHECK_THAT(read_secret_file(path, 10).error().message, ContainsSubstring("mode 0640"));
  for (const mode_t mode : {0600, 0400, 0700}) {
    REQUIRE(write_file_atomic(path, "secret", mode));
    CHECK(read_secret_file(path, 10).value() == "secret");
  }
}

TEST_CASE("file: a secret is created once, with mode 0600 whatever the umask") {
  const Folder folder;
  const mode_t before = ::umask(0);
  const auto created = create_secret_file(folder / "key", "one");
  ::umask(before);
  REQUIRE(created);
  CHECK(mode_of(folder / "key") == 0600);
  const auto again = create_secret_file(folder / "key", "two");
  REQUIRE_FALSE(again);
  CHECK(again.error().code == ErrorCode::kConflict);
  CHECK(read_secret_file(folder / "key", 10).value() == "one");
  // Not through a link either, not even one that leads nowhere.
  fs::create_symlink(folder / "elsewhere", folder / "link");
  CHECK(create_secret_file(folder / "link", "x").error().code == ErrorCode::kConflict);
  CHECK_FALSE(fs::exists(folder / "elsewhere"));
  CHECK(create_secret_file(folder / "no/key", "x").error().code == ErrorCode::kNotFound);
  CHECK(fs::remove(folder / "link"));
  CHECK(folder.files() == 1);
}

TEST_CASE("file: a write that fails leaves the old file and nothing beside it") {
  const Folder folder;
  REQUIRE(write_file_atomic(folder / "a", "old", 0600));
  REQUIRE(fs::create_directory(folder / "dir"));
  REQUIRE(write_file_atomic(folder / "dir/inner", "x", 0600));
  CHECK(write_file_atomic(folder / "none/a", "x", 0600).error().code == ErrorCode::kNotFound);
  CHECK(write_file_atomic(folder / "dir", "x", 0600).error().code == ErrorCode::kIo);

  // A full disk, played by the limit on the size of a file.
  struct rlimit limit {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  const struct rlimit small { 4'096, limit.rlim_max };
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto atomic = write_file_atomic(folder / "a", std::string(10'000, 'x'), 0600);
  const auto secret = create_secret_file(folder / "b", std::string(10'000, 'x'));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  std::signal(SIGXFSZ, handler);

  REQUIRE_FALSE(atomic);
  CHECK(atomic.error().code == ErrorCode::kIo);
  CHECK_THAT(atomic.error().message, ContainsSubstring(folder / "a: cannot write"));
  REQUIRE_FALSE(secret);
  CHECK(read_text_file(folder / "a", 10).value() == "old");
  CHECK_FALSE(fs::exists(folder / "b"));
  CHECK(folder.files() == 2);
}

}  // namespace
}  // namespace witan
