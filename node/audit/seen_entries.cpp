#include "node/audit/seen_entries.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <span>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/ports/random.h"

namespace witan::audit {
namespace {

constexpr std::size_t kSlotsAtFirst = 1024;

class File {
 public:
  File(const std::string& name, int flags) : fd_(::open(name.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Error> io_error(const std::string& file, std::string_view doing) {
  const int error = errno;
  return fail(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
              file + ": cannot " + std::string(doing) + ": " + std::strerror(error));
}

Result<void> write_all(int fd, const std::string& file, const std::uint8_t* data, std::size_t size,
                       std::uint64_t at) {
  while (size > 0) {
    const ssize_t wrote = ::pwrite(fd, data, size, static_cast<off_t>(at));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return io_error(file, "write");
    data += wrote;
    size -= static_cast<std::size_t>(wrote);
    at += static_cast<std::uint64_t>(wrote);
  }
  return {};
}

}  // namespace

SeenEntries::SeenEntries() : salt_(0), slots_(kSlotsAtFirst) {
  system_random().fill({reinterpret_cast<std::uint8_t*>(&salt_), sizeof salt_});
}

std::size_t SeenEntries::slot_of(const Prefix& prefix) const {
  std::uint64_t low = 0, high = 0;
  std::memcpy(&low, prefix.data(), 8);
  std::memcpy(&high, prefix.data() + 8, 8);
  std::uint64_t mixed = (low ^ salt_) * 0x9e3779b97f4a7c15u;
  mixed ^= mixed >> 32;
  mixed = (mixed + (high ^ (salt_ >> 7))) * 0xd6e8feb86659fd93u;
  mixed ^= mixed >> 29;
  return static_cast<std::size_t>(mixed) & (slots_.size() - 1);
}

void SeenEntries::grow() {
  std::vector<std::uint32_t>(slots_.size() * 2).swap(slots_);
  for (std::size_t i = 0; i < order_.size(); ++i) {
    std::size_t slot = slot_of(order_[i]);
    while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = static_cast<std::uint32_t>(i + 1);
  }
}

Result<std::optional<std::uint64_t>> SeenEntries::add(const Hash32& entry) {
  Prefix prefix;
  std::copy_n(entry.begin(), prefix.size(), prefix.begin());
  return add(prefix);
}

Result<std::optional<std::uint64_t>> SeenEntries::add(const Prefix& prefix) {
  if (order_.size() >= std::numeric_limits<std::uint32_t>::max() - 1) {
    return fail(ErrorCode::kTooLarge, "more entries than can be searched for duplicates");
  }
  if ((order_.size() + 1) * 3 > slots_.size() * 2) grow();
  std::size_t slot = slot_of(prefix);
  for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
    const std::uint64_t index = slots_[slot] - 1;
    if (order_[index] == prefix) return index;
  }
  order_.push_back(prefix);
  slots_[slot] = static_cast<std::uint32_t>(order_.size());
  return std::optional<std::uint64_t>();
}

Result<SeenEntries> SeenEntries::load(const std::string& file, std::uint64_t count) {
  const File in(file, O_RDONLY);
  struct stat info {};
  if (in.fd() < 0 || ::fstat(in.fd(), &info) != 0) return io_error(file, "open");
  if (static_cast<std::uint64_t>(info.st_size) / sizeof(Prefix) < count) {
    return fail(ErrorCode::kMalformed, file + ": expected " + std::to_string(count) +
                                           " entries of 16 bytes, found " +
                                           std::to_string(info.st_size) + " bytes");
  }
  SeenEntries out;
  out.order_.reserve(count);
  std::vector<Prefix> part(4096);
  for (std::uint64_t at = 0; at < count;) {
    const std::size_t wanted = std::min<std::uint64_t>(part.size(), count - at);
    std::size_t got = 0;
    while (got < wanted * sizeof(Prefix)) {
      const ssize_t n = ::read(in.fd(), reinterpret_cast<char*>(part.data()) + got,
                               wanted * sizeof(Prefix) - got);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return io_error(file, "read");
      got += static_cast<std::size_t>(n);
    }
    for (std::size_t i = 0; i < wanted; ++i) {
      WITAN_ASSIGN(const auto twice, out.add(part[i]));
      if (twice) return fail(ErrorCode::kMalformed, file + ": an entry stands twice");
    }
    at += wanted;
  }
  return out;
}

Result<void> SeenEntries::append_to(const std::string& file, std::uint64_t kept,
                                    std::uint64_t count) const {
  const File out(file, O_WRONLY | O_CREAT);
  if (out.fd() < 0) return io_error(file, "open");
  if (::ftruncate(out.fd(), static_cast<off_t>(kept * sizeof(Prefix))) != 0) {
    return io_error(file, "truncate");
  }
  WITAN_TRY(write_all(out.fd(), file, reinterpret_cast<const std::uint8_t*>(order_.data() + kept),
                      (count - kept) * sizeof(Prefix), kept * sizeof(Prefix)));
  if (::fdatasync(out.fd()) != 0) return io_error(file, "sync");
  return {};
}

}  // namespace witan::audit
